"""A chat with an exported folder: prompt in, streamed text out, and the self-test an app runs at start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .answer import Answer
from .bundle import Bundle
from .call_grammar import read_tools
from .constraint import CONSTRAINTS, CallConstraint, Constrain, ConstrainedSampler
from .drafter import Drafter
from .errors import ContextFullError, ModelError
from .model import Logits, Model
from .prompt import Message, PromptTokenizer, content_of
from .runner import RunnerKind
from .sampler import Sampler

Choose = Callable[[Logits], int]


class Chat:
    """An exported folder (`mobile/` of a run), loaded.

    Args:
        folder: holds bundle.json, tokenizer.json and the .tflite files.
        variant: "int8", "fp32"; None takes int8 where there is one.
        threads: CPU threads.
        runner: "compiled", "interpreter", or "auto": the first where it is installed.
        constrain: what answers may be, where a call does not say: "off", "schema" (valid calls only), "substrings"
            (and open strings cut from the user's text). None: what bundle.json recommends.
            "substrings" suits commands whose values are said as they are meant, as in the default smart-home job;
            functions whose values are computed or reworded need "schema".
        reuse_prefix: an answer keeps what the cache holds of its prompt's beginning (a fixed system message, a
            conversation), instead of starting empty. The last digits of logits then depend on what was asked before.
        speculative: speculative decoding, where the file has a signature for it (export.verify): answers take several
            tokens per call. Draft tokens, learned from the answers of this chat, are accepted where they are chosen.

    Raises ModelError where a file is missing or damaged, SchemaError where tools.json cannot be guaranteed.

    Example:
        chat = Chat(Path("mobile"))
        chat.self_test()
        for piece in chat.stream("turn on the kitchen lights"):
            print(piece, end="", flush=True)
    """

    def __init__(
        self,
        folder: Path | str,
        variant: str | None = None,
        threads: int = 1,
        runner: RunnerKind = "auto",
        constrain: Constrain | None = None,
        reuse_prefix: bool = False,
        speculative: bool = True,
    ) -> None:
        self.bundle = Bundle(folder)
        self.variant = variant or self.bundle.default_variant()
        path = self.bundle.model_path(self.variant)
        tools = [self.bundle.tools_file] if self.bundle.tools_file else []
        for name in (path.name, "tokenizer.json", *tools):
            self.bundle.check_hash(name)
        self.model = Model(path, threads, runner)
        if (self.model.window, self.model.vocab_size) != (self.bundle.window, self.bundle.vocab_size):
            raise ModelError(
                f"{self.model.path} has the window {self.model.window} and the vocabulary {self.model.vocab_size}, "
                f"bundle.json says {self.bundle.window} and {self.bundle.vocab_size}. Copy the whole folder again."
            )
        self.tokenizer = PromptTokenizer(
            self.bundle.folder / "tokenizer.json", self.bundle.start_id, self.bundle.stop_ids[0]
        )
        self._reuse_prefix = reuse_prefix
        self._lock = threading.RLock()  # one cache: two answers at once would read each other's prompt
        drafts = speculative and self.model.verify_size > 0
        self._drafter = Drafter(self.tokenizer.contents) if drafts else None
        self._constraints: dict[str, CallConstraint] = {}
        self.constrain: Constrain = constrain or self.bundle.constrain
        if self.constrain != "off":
            self.constraint(self.constrain)

    def constraint(self, kind: Constrain) -> CallConstraint:
        """The constraint of the folder's tools.json, made once; SchemaError or ModelError where it cannot be."""
        if kind not in CONSTRAINTS[1:]:
            raise ModelError(f"constrain is {kind!r}; known are {', '.join(CONSTRAINTS)}.")
        if self.bundle.tools_file is None:
            raise ModelError(f"{self.bundle.folder} has no tools.json to constrain answers by. Use constrain='off'.")
        if kind not in self._constraints:
            self._constraints[kind] = CallConstraint(
                read_tools(self.bundle.folder / self.bundle.tools_file),
                self.tokenizer.contents,
                self.model.vocab_size,
                self.bundle.stop_ids,
                substrings=kind == "substrings",
            )
        return self._constraints[kind]

    def prompt_ids(self, messages: str | Sequence[Message]) -> list[int]:
        """Ids of one user text, or of a list of {"role", "content"} messages, up to the assistant's answer."""
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        return self.tokenizer.prompt(messages)

    def stream_ids(
        self,
        messages: str | Sequence[Message],
        max_new_tokens: int | None = None,
        sampler: Choose | None = None,
        constrain: Constrain | None = None,
    ) -> Iterator[int]:
        """The answer's ids as they come. Each call is a conversation of its own; None: up to the window's end.

        One answer at a time, and from one thread: one that goes on after another began raises ModelError.
        """
        ids, limit = self._prompt(messages, max_new_tokens)
        if (kind := constrain or self.constrain) != "off":
            self.constraint(kind)
        return self._generate(ids, limit, lambda: self._sampler(messages, limit, sampler, constrain))

    def stream(
        self,
        messages: str | Sequence[Message],
        max_new_tokens: int | None = None,
        sampler: Choose | None = None,
        constrain: Constrain | None = None,
    ) -> Iterator[str]:
        """The answer's text, piece by piece. Whether it was cut off is told by answer() alone."""
        return self.tokenizer.stream(self.stream_ids(messages, max_new_tokens, sampler, constrain))

    def answer(
        self,
        messages: str | Sequence[Message],
        max_new_tokens: int | None = None,
        sampler: Choose | None = None,
        constrain: Constrain | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Answer:
        """The whole answer with its times; `on_text` gets the pieces as they come. Threads that share a chat wait for
        each other here."""
        with self._lock:
            return self._answer(messages, max_new_tokens, sampler, constrain, on_text)

    def _answer(
        self,
        messages: str | Sequence[Message],
        max_new_tokens: int | None,
        sampler: Choose | None,
        constrain: Constrain | None,
        on_text: Callable[[str], None] | None,
    ) -> Answer:
        start = time.perf_counter()
        ids, limit = self._prompt(messages, max_new_tokens)
        choose = self._sampler(messages, limit, sampler, constrain)
        got: list[int] = []
        times: list[float] = []
        pieces: list[str] = []
        for piece in self.tokenizer.stream(_noted(self._generate(ids, limit, lambda: choose), got, times)):
            pieces.append(piece)
            if on_text is not None:
                on_text(piece)
        end = time.perf_counter()
        constrained = choose if isinstance(choose, ConstrainedSampler) else None
        return Answer(
            text="".join(pieces),
            ids=got,
            stopped=len(got) < limit and not (constrained and constrained.squeezed),
            prompt_tokens=len(ids),
            first=(times[0] if times else end) - start,
            seconds=end - start,
            refused=constrained.refused if constrained else 0,
        )

    def score(self, messages: str | Sequence[Message], answer: str) -> float:
        """Mean natural log-probability of the answer's tokens and the stop id after them.

        exp(-score) is the perplexity of the answer. No constraint applies.
        """
        ids = [*self.tokenizer.text(answer), self.bundle.stop_ids[0]]
        with self._lock:
            return float(self.model.score(self.prompt_ids(messages), ids).mean())

    def _prompt(self, messages: str | Sequence[Message], max_new_tokens: int | None) -> tuple[list[int], int]:
        """The prompt's ids, and how many new ones there may be: one more than is read back into the window."""
        ids = self.prompt_ids(messages)
        free = self.model.window - len(ids)
        if free <= 0:
            raise ContextFullError(
                f"The prompt has {len(ids)} tokens and the window holds {self.model.window}: there is no room for an "
                "answer. Shorten the text, or export with a larger window."
            )
        return ids, free + 1 if max_new_tokens is None else min(max_new_tokens, free + 1)

    def _generate(self, ids: list[int], limit: int, make_sampler: Callable[[], Choose]) -> Iterator[int]:
        """Touches the cache and the constraint at the first step only: until then another answer may be read."""
        choose = make_sampler()
        if self._drafter is not None:
            self._drafter.begin(ids)
        if self._reuse_prefix:
            ids = ids[self.model.rewind(ids) :]
        else:
            self.model.reset()
        yield from self.model.generate(ids, limit, self.bundle.stop_ids, choose, self._drafter)

    def _sampler(
        self, messages: str | Sequence[Message], limit: int, sampler: Choose | None, constrain: Constrain | None
    ) -> Choose:
        choose, kind = sampler or Sampler(), constrain or self.constrain
        if kind == "off":
            return choose
        return self.constraint(kind).sampler(choose, _last_said(messages), limit)

    def self_test(self) -> dict[str, Any]:
        """Runs the golden prompt of bundle.json; ModelError where this machine computes something else.

        Some runtimes load an operator version they do not know and give all-zero logits without an
        error. The first ids recorded at export end before the first near tie, so that another CPU's
        rounding cannot change them.
        """
        with self._lock:
            return self._golden_ids()

    def _golden_ids(self) -> dict[str, Any]:
        golden = self.bundle.golden
        expected = [int(token) for token in golden["first_ids"][self.variant]]
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
        if self._drafter is not None:
            self._test_verify(ids, expected)
        if self.tokenizer.prompt(golden["messages"])[: len(ids)] != ids:
            raise ModelError(
                "Self-test failed: the tokenizer gives other ids for the golden prompt than at export. "
                "Check the version of tokenizers."
            )
        self.model.reset()
        return {"variant": self.variant, "ids_checked": len(expected)}

    def _test_verify(self, prompt: Sequence[int], expected: Sequence[int]) -> None:
        """The same ids from verify_N, where the window holds the call."""
        read = [prompt[-1], *expected[:-1]][: min(self.model.verify_size, len(expected))]
        if not read or len(prompt) - 1 + self.model.verify_size > self.model.window:
            return
        self.model.reset()
        self.model.prefill(prompt[:-1])
        got = self.model.verify(read).argmax(axis=-1).tolist()
        if got != (wanted := list(expected[: len(read)])):
            raise ModelError(
                f"Self-test of {self.model.path} failed: verify_{self.model.verify_size} gives the ids {got} on the "
                f"golden prompt, decode {wanted}. Open the folder with Chat(speculative=False)."
            )


def _last_said(messages: str | Sequence[Message]) -> str:
    """The text that excerpts are cut from: the user's last message."""
    if isinstance(messages, str):
        return messages
    return next((content_of(message) for message in reversed(messages) if message.get("role") == "user"), "")


def _noted(ids: Iterator[int], got: list[int], times: list[float]) -> Iterator[int]:
    for token in ids:
        got.append(token)
        times.append(time.perf_counter())
        yield token
