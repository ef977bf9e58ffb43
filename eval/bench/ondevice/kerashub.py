"""KerasHub's own export (`LlamaCausalLM.export(format="litert")`): one signature over the whole text, no cache.

So a new token is a whole forward pass again. Where the Interpreter refuses the file, loading fails with its words.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.bench.ondevice.request import TimedDecoder


class KerasHubExport(TimedDecoder):
    """`how`: the file's name."""

    def import_library(self) -> Any:
        return importlib.import_module("ai_edge_litert.interpreter")

    def open(self, library: Any) -> None:
        interpreter = library.Interpreter(model_path=str(self.path), num_threads=self.threads)
        names = list(interpreter.get_signature_list())
        interpreter.allocate_tensors()
        self._runner: Any = interpreter.get_signature_runner(names[0])
        self._inputs: dict[str, Any] = self._runner.get_input_details()
        self.reset()

    def reset(self) -> None:
        self._seen: list[int] = []

    def read(self, ids: Sequence[int]) -> None:
        self.first(ids)

    def first(self, ids: Sequence[int]) -> int:
        self._seen += ids
        values = {"token_ids": np.array([self._seen]), "padding_mask": np.ones((1, len(self._seen)))}
        inputs = {name: values[_kind(name)].astype(entry["dtype"]) for name, entry in self._inputs.items()}
        (logits,) = self._runner(**inputs).values()
        return int(logits[0, -1].argmax())

    def step(self, token: int) -> int:
        return self.first([token])


def _kind(name: str) -> str:
    return "padding_mask" if "mask" in name else "token_ids"
