"""A chat with an exported folder: prompt in, streamed text out, and the self-test an app runs at start."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .bundle import Bundle
from .errors import ContextFullError, ModelError
from .model import Logits, Model
from .prompt import Message, PromptTokenizer
from .sampler import Sampler


class Chat:
    """An exported folder (`mobile/` of a run), loaded.

    Args:
        folder: holds bundle.json, tokenizer.json and the .tflite files.
        variant: "int8", "fp32"; None takes int8 where there is one.
        threads: CPU threads.

    Example:
        chat = Chat(Path("mobile"))
        chat.self_test()
        for piece in chat.stream("turn on the kitchen lights"):
            print(piece, end="", flush=True)
    """

    def __init__(self, folder: Path, variant: str | None = None, threads: int = 1) -> None:
        self.bundle = Bundle(folder)
        self.variant = variant or self.bundle.default_variant()
        self.model = Model(self.bundle.model_path(self.variant), threads)
        if (self.model.window, self.model.vocab_size) != (self.bundle.window, self.bundle.vocab_size):
            raise ModelError(
                f"{self.model.path} has the window {self.model.window} and the vocabulary {self.model.vocab_size}, "
                f"bundle.json says {self.bundle.window} and {self.bundle.vocab_size}. Copy the whole folder again."
            )
        self.tokenizer = PromptTokenizer(folder / "tokenizer.json", self.bundle.start_id, self.bundle.stop_ids[0])

    def prompt_ids(self, messages: str | Sequence[Message]) -> list[int]:
        """Ids of one user text, or of a list of {"role", "content"} messages, up to the assistant's answer."""
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        return self.tokenizer.prompt(messages)

    def stream_ids(
        self,
        messages: str | Sequence[Message],
        max_new_tokens: int | None = None,
        sampler: Callable[[Logits], int] | None = None,
    ) -> Iterator[int]:
        """The answer's ids as they come. Each call starts with an empty cache; None: up to the window's end."""
        ids = self.prompt_ids(messages)
        free = self.model.window - len(ids)
        if free <= 0:
            raise ContextFullError(
                f"The prompt has {len(ids)} tokens and the window holds {self.model.window}: there is no room for an "
                "answer. Shorten the text, or export with a larger window."
            )
        self.model.reset()
        limit = free if max_new_tokens is None else max_new_tokens
        return self.model.generate(ids, limit, self.bundle.stop_ids, sampler or Sampler())

    def stream(
        self,
        messages: str | Sequence[Message],
        max_new_tokens: int | None = None,
        sampler: Callable[[Logits], int] | None = None,
    ) -> Iterator[str]:
        """The answer's text, piece by piece."""
        return self.tokenizer.stream(self.stream_ids(messages, max_new_tokens, sampler))

    def self_test(self) -> dict[str, Any]:
        """Runs the golden prompt of bundle.json; ModelError where this machine computes something else.

        Some runtimes load an operator version they do not know and give all-zero logits without an
        error. The first ids recorded at export end before the first near tie, so that another CPU's
        rounding cannot change them.
        """
        golden = self.bundle.golden
        expected = [int(token) for token in golden["first_ids"][self.variant]]
        for name in (self.model.path.name, "tokenizer.json"):
            self.bundle.check_hash(name)
        self.model.reset()
        self.model.prefill(golden["prompt_ids"][:-1])
        logits = self.model.decode(golden["prompt_ids"][-1])
        if not np.isfinite(logits).all() or float(np.ptp(logits)) == 0.0:
            raise ModelError(
                f"Self-test of {self.model.path} failed: the logits are all {float(logits[0])} or not finite. "
                "This runtime does not compute the file's operators; use ai-edge-litert 2.3 or newer, or the fp32 file."
            )
        got: list[int] = []
        for token in expected:
            if got:
                logits = self.model.decode(got[-1])
            got.append(int(np.argmax(logits)))
            if got[-1] != token:
                raise ModelError(
                    f"Self-test of {self.model.path} failed: the golden prompt gives the ids {got}, "
                    f"bundle.json says {expected}. This runtime computes something else than the one of the export."
                )
        ids = golden["prompt_ids"]
        if self.tokenizer.prompt(golden["messages"])[: len(ids)] != ids:
            raise ModelError(
                "Self-test failed: the tokenizer gives other ids for the golden prompt than at export. "
                "Check the version of tokenizers."
            )
        self.model.reset()
        return {"variant": self.variant, "ids_checked": len(expected)}
