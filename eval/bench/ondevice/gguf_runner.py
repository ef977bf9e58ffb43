"""llama.cpp on GGUF files, through the C functions of llama-cpp-python: its Python class copies more between steps."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.bench.ondevice.request import TimedDecoder


class LlamaCpp(TimedDecoder):
    """`how`: the GGUF file's name. Its read() computes the last row's logits too: the library always does."""

    def import_library(self) -> Any:
        return importlib.import_module("llama_cpp")

    def open(self, library: Any) -> None:
        self._library = library
        self._llama: Any = library.Llama(
            str(self.path),
            n_ctx=self.workload.window,
            n_batch=max(512, self.workload.prompt),
            n_threads=self.threads,
            n_threads_batch=self.threads,
            n_gpu_layers=0,
            verbose=False,
        )
        self._size = int(self._llama.n_vocab())

    def reset(self) -> None:
        memory = self._library.llama_get_memory(self._llama.ctx)
        self._library.llama_memory_clear(memory, True)

    def read(self, ids: Sequence[int]) -> None:
        tokens = (ctypes.c_int32 * len(ids))(*ids)
        status = self._library.llama_decode(self._llama.ctx, self._library.llama_batch_get_one(tokens, len(ids)))
        if status:
            raise RuntimeError(f"llama_decode ended with status {status}")

    def first(self, ids: Sequence[int]) -> int:
        self.read(ids)
        pointer = self._library.llama_get_logits_ith(self._llama.ctx, -1)
        return int(np.ctypeslib.as_array(pointer, shape=(self._size,)).argmax())

    def step(self, token: int) -> int:
        return self.first([token])
