"""Our exported files on mobile/runtime, as a device runs them: Interpreter, or CompiledModel with aliased caches."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from eval.bench.ondevice.request import TimedDecoder


class Tflite(TimedDecoder):
    """`how`: FILE:interpreter or FILE:compiled."""

    def import_library(self) -> Any:
        importlib.import_module("ai_edge_litert.interpreter")
        if self.word == "compiled":
            importlib.import_module("ai_edge_litert.compiled_model")
        return importlib.import_module("mobile.runtime.model")

    def open(self, library: Any) -> None:
        self._model: Any = library.Model(self.path, threads=self.threads, runner=self.word)

    def reset(self) -> None:
        self._model.reset()

    def read(self, ids: Sequence[int]) -> None:
        self._model.prefill(ids)

    def first(self, ids: Sequence[int]) -> int:
        """As LiteRT-LM: all but the last id by prefill, which gives no logits, the last one by decode."""
        self._model.prefill(ids[:-1])
        return self.step(ids[-1])

    def step(self, token: int) -> int:
        return int(self._model.decode(token).argmax())
