"""ONNX Runtime on the file of eval/engines/onnx_file.py: caches stay in its own memory and go back in as they are."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.bench.ondevice.request import TimedDecoder

MASKED = -1e9


class Onnx(TimedDecoder):
    """`how`: the ONNX file's name."""

    def import_library(self) -> Any:
        return importlib.import_module("onnxruntime")

    def open(self, library: Any) -> None:
        self._library = library
        options = library.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        options.log_severity_level = 3
        # Idle threads would spin on a core while another contestant is timed.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = library.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        self._past = {e.name: e.shape for e in self._session.get_inputs() if e.name.startswith("past_")}
        self._outputs = [entry.name for entry in self._session.get_outputs()]
        self.reset()

    def reset(self) -> None:
        self._position = 0
        empty = {name: np.zeros((1, shape[1], 0, shape[3]), np.float32) for name, shape in self._past.items()}
        self._caches = {name: self._library.OrtValue.ortvalue_from_numpy(value) for name, value in empty.items()}

    def read(self, ids: Sequence[int]) -> None:
        self.first(ids)

    def first(self, ids: Sequence[int]) -> int:
        positions = np.arange(self._position, self._position + len(ids))
        self._position += len(ids)
        mask = np.where(np.arange(self._position) <= positions[:, None], np.float32(0), np.float32(MASKED))
        inputs = {"input_ids": np.array([ids], np.int64), "position_ids": positions[None], "mask": mask[None, None]}
        values = {name: self._library.OrtValue.ortvalue_from_numpy(value) for name, value in inputs.items()}
        logits, *present = self._session.run_with_ort_values(self._outputs, values | self._caches)
        self._caches = dict(zip(self._past, present, strict=True))
        return int(logits.numpy()[0].argmax())

    def step(self, token: int) -> int:
        return self.first([token])
