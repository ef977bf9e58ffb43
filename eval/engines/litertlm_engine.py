"""The `.litertlm` bundle in LiteRT-LM, Google's runtime for phones: text in, text out, with its own tokenizer."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

from eval.engines.engine import TOO_LONG, Answer, EngineSpec, Timing, count_params, describe_files
from train.chat import ChatTokenizer, Message, content_text
from train.errors import MissingExtraError, UserError

CHUNK = 8
NO_CACHE = ":nocache"  # else it writes packed weights beside the bundle


class LitertLmEngine:
    """`student-litertlm`, on the CPU."""

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec
        self.path = spec.run.mobile / "student-int8.litertlm"
        self._window = spec.parsed_config().export.window

    def load(self) -> None:
        if not self.path.exists():
            raise UserError(f"No bundle {self.path}: set export.litertlm to true and run the export.")
        try:
            self._library: Any = importlib.import_module("litert_lm")
        except ImportError:
            raise MissingExtraError("litert-lm-api", "mobile", "The LiteRT-LM engine") from None
        self._library.set_min_log_severity(self._library.LogSeverity.ERROR)
        self._tokenizer = ChatTokenizer.load(self.spec.run.mobile)
        self._backend = self._library.Backend.CPU(thread_count=self.spec.threads)
        self._engine = self._library.Engine(str(self.path), backend=self._backend, cache_dir=NO_CACHE)

    def answer(self, conversations: Sequence[Sequence[Message]], max_new_tokens: int) -> Iterator[list[Answer]]:
        for start in range(0, len(conversations), CHUNK):
            yield [self._one(conversation, max_new_tokens) for conversation in conversations[start : start + CHUNK]]

    def _one(self, conversation: Sequence[Message], limit: int) -> Answer:
        """The runtime counts no tokens for us: the text is counted with the student's own tokenizer."""
        if len(self._tokenizer.prompt(conversation)) > self._window:
            return TOO_LONG
        *before, last = conversation
        history = [{"role": turn["role"], "content": content_text(turn["content"])} for turn in before]
        chat = self._engine.create_conversation(messages=history or None, max_output_tokens=limit)
        try:
            text = str(chat.send_message(content_text(last["content"])))
        finally:
            chat.close()
        count = len(self._tokenizer.text(text))
        stopped = count < limit
        return Answer(text, count + stopped, stopped)

    def time_request(self, n_prompt: int, n_new: int) -> Timing:
        """The runtime's own benchmark, which needs no text of that length; it tells the mean of a token alone. It opens
        the bundle itself: the engine that answers is let go, else the memory of both would be measured."""
        self._engine = None
        benchmark = self._library.Benchmark(
            str(self.path), self._backend, prefill_tokens=n_prompt, decode_tokens=n_new, cache_dir=NO_CACHE
        )
        info = benchmark.run()
        mean = 1 / info.last_decode_tokens_per_second
        return Timing(info.time_to_first_token_in_second, [mean] * (n_new - 1))

    def describe(self) -> dict[str, Any]:
        return {
            **describe_files([self.path], "litertlm", "int8", count_params(self.spec.run.student / "hf")),
            "note": "timed by LiteRT-LM's own benchmark: a round's time per token is its mean",
        }
