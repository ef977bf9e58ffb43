"""Our exported files on mobile/runtime, as a device runs them: Interpreter, or CompiledModel with aliased caches."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.bench.ondevice.request import Said, TimedDecoder
from train.errors import TandemError


class Tflite(TimedDecoder):
    """`how`: FILE:interpreter or FILE:compiled."""

    def import_library(self) -> Any:
        importlib.import_module("ai_edge_litert.interpreter")
        if self.word.startswith("compiled"):
            importlib.import_module("ai_edge_litert.compiled_model")
        return importlib.import_module("mobile.runtime.model")

    def open(self, library: Any) -> None:
        self._model: Any = library.Model(self.path, threads=self.threads, runner=self.word.split()[0])

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


class SpeculativeTflite(Tflite):
    """The same with speculative decoding (mobile/runtime/drafter.py)."""

    def open(self, library: Any) -> None:
        super().open(library)
        if not self._model.verify_size:
            raise TandemError(f"{self.path} has no verify signature; delete the folder of an older run (--keep).")
        drafting: Any = importlib.import_module("mobile.runtime.drafter")
        self._sampler: Any = importlib.import_module("mobile.runtime.sampler").Sampler()
        tokenizer = (Path(self.workload.model) / "tokenizer.json").read_text(encoding="utf-8")
        self._drafter: Any = drafting.Drafter(json.loads(tokenizer))

    def say(self, prompt: Sequence[int], stop: int, limit: int) -> Said:
        self._drafter.begin(prompt)
        before = self._model.calls
        ids = list(self._model.generate(prompt[-1:], limit, (stop,), self._sampler, self._drafter))
        return Said(ids, self._model.calls - before)
