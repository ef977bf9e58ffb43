"""The exported files, through the same small runtime that a device would use (NumPy and LiteRT only)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.engines.engine import TokenEngine, describe_files, now, timing_prompt
from train.chat import ChatTokenizer
from train.errors import MissingExtraError, UserError


class TfliteEngine(TokenEngine):
    """`student-tflite-fp32` and `student-tflite-int8`: one request at a time, as on a phone."""

    def path(self) -> Path:
        return self.spec.run.mobile / f"student-{self._variant}.tflite"

    @property
    def _variant(self) -> str:
        return self.spec.engine.removeprefix("student-tflite-")

    def load(self) -> None:
        path = self.path()
        if not path.exists():
            raise UserError(f"No exported file {path}: add {self._variant!r} to export.variants and run the export.")
        try:
            from mobile.runtime import Model
        except ImportError as error:
            raise MissingExtraError(error.name or "ai-edge-litert", "mobile", "The engine of .tflite files") from None
        self.batch_size = 1
        self.tokenizer = ChatTokenizer.load(self.spec.run.mobile)
        self._model: Any = Model(path, threads=self.spec.threads)

    def generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        return [self._generate_one(prompt, max_new_tokens) for prompt in prompts]

    def _generate_one(self, prompt: list[int], max_new_tokens: int) -> list[int]:
        """Stops where the window is full, too: that is an answer that never ended, not a fault of the engine."""
        window = int(self._model.window)
        if len(prompt) > window:
            return []
        self._model.reset()
        token = self._first(prompt)
        ids = [token]
        while token != self.tokenizer.stop_id and len(ids) < min(max_new_tokens, window - len(prompt) + 1):
            token = int(self._model.decode(token).argmax())
            ids.append(token)
        return ids

    def time_prefill(self, n_prompt: int) -> float:
        return self.time_decode(n_prompt, 1)[0]

    def time_decode(self, n_prompt: int, n_new: int) -> tuple[float, list[float]]:
        self._model.reset()
        start = now()
        token = self._first(timing_prompt(n_prompt, self.tokenizer.vocab_size))
        seconds = [now() - start]
        for _ in range(n_new - 1):
            start = now()
            token = int(self._model.decode(token).argmax())
            seconds.append(now() - start)
        return seconds[0], seconds[1:]

    def describe(self) -> dict[str, Any]:
        return describe_files([self.path()], "tflite", self._variant, None)

    def _first(self, prompt: list[int]) -> int:
        """The first new token: all but the last id of the prompt fill the cache, the last one is decoded."""
        if len(prompt) > 1:
            self._model.prefill(prompt[:-1])
        return int(self._model.decode(prompt[-1]).argmax())
