"""The exported files, through the same small runtime that a device would use (NumPy and LiteRT only)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from eval.engines.engine import count_params, describe_files
from eval.engines.likelihood import LogProbs, log_softmax
from eval.engines.step_engine import StepEngine
from train.chat import ChatTokenizer
from train.errors import MissingExtraError, UserError

KIND = re.compile(r"-(cm|constrained|substrings)$")  # how the file is run, at the end of the engine's id


class TfliteEngine(StepEngine):
    """`student-tflite-<variant>`: one request at a time, as on a phone, on the classic interpreter; with `-cm` at the
    end on LiteRT's CompiledModel."""

    def path(self) -> Path:
        return self.spec.run.mobile / f"student-{self.variant}.tflite"

    @property
    def variant(self) -> str:
        return KIND.sub("", self.spec.engine.removeprefix("student-tflite-"))

    def load(self) -> None:
        path = self.path()
        if not path.exists():
            raise UserError(
                f"No exported file {path}: add {self.variant!r} to export.variants and run the export. Where it stands "
                "there already, the export has left the file out, since its gate failed, and said so."
            )
        try:
            self.adopt(path)
        except ImportError as error:
            raise MissingExtraError(error.name or "ai-edge-litert", "mobile", "The engine of .tflite files") from None
        self.batch_size = 1
        self.tokenizer = ChatTokenizer.load(self.spec.run.mobile)
        self.window = int(self._model.window)

    def adopt(self, path: Path) -> None:
        """Opens the file."""
        from mobile.runtime import Model, ModelError

        runner: Any = "compiled" if self.spec.engine.endswith("-cm") else "interpreter"
        try:
            self._model: Any = Model(path, threads=self.spec.threads, runner=runner)
        except ModelError as error:
            raise UserError(f"The engine {self.spec.engine!r} can't open its file: {error}") from error

    def first(self, prompt: list[int]) -> int:
        """All but the last id of the prompt fill the cache, the last one is decoded."""
        self._model.reset()
        if len(prompt) > 1:
            self._model.prefill(prompt[:-1])
        return self.step(prompt[-1])

    def step(self, token: int) -> int:
        return int(self._model.decode(token).argmax())

    def log_probs(self, ids: list[int], start: int) -> LogProbs:
        if len(ids) - 1 > self.window:
            raise UserError(
                f"A text of {len(ids)} tokens does not fit the window of {self.window} tokens of {self.path()}: "
                "lower eval.text_window, or raise export.window and export again."
            )
        self._model.reset()
        if start > 1:
            self._model.prefill(ids[: start - 1])
        return log_softmax(np.stack([self._model.decode(token) for token in ids[start - 1 : -1]]))

    def describe(self) -> dict[str, Any]:
        params = count_params(self.spec.run.student / "hf")
        return describe_files([self.path()], "tflite", self.variant, params)
