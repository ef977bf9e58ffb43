"""llama.cpp on GGUF files, through the C functions of llama-cpp-python: its Python class copies more between steps."""

from __future__ import annotations

import ctypes
import importlib
import json
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench.ondevice.request import Said, TimedDecoder


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


class SpeculativeLlamaCpp(LlamaCpp):
    """The same, several tokens per call: a token and draft tokens behind it in a batch, rejected ones taken out again.

    llama-cpp-python's own class does so, too, and copies all logits of all positions on the way.
    """

    MOST = 0  # draft tokens of a call

    def open(self, library: Any) -> None:
        super().open(library)
        self._batch = library.llama_batch_init(self.MOST + 1, 0, 1)

    @abstractmethod
    def begin(self, prompt: Sequence[int]) -> None:
        """A new answer."""

    @abstractmethod
    def draft(self, ids: Sequence[int], count: int) -> Sequence[int]:
        """At most `count` ids that may follow the prompt and the answer so far."""

    def said(self, token: int) -> None:
        """The token that was chosen."""

    def say(self, prompt: Sequence[int], stop: int, limit: int) -> Said:
        self.begin(prompt)
        ids, position, chosen, calls = list(prompt), len(prompt) - 1, int(prompt[-1]), 0
        while True:
            read = [chosen, *self.draft(ids, min(self.MOST, limit - (len(ids) - len(prompt)) - 1))]
            self._decode(read, position)
            calls += 1
            for row, token in enumerate(read):
                if token != chosen:
                    break
                position += 1
                chosen = self._choice(row)
                self.said(chosen)
                if chosen == stop:
                    return Said(ids[len(prompt) :], calls)
                ids.append(chosen)
                if len(ids) - len(prompt) == limit:
                    return Said(ids[len(prompt) :], calls)
            self._library.llama_memory_seq_rm(self._library.llama_get_memory(self._llama.ctx), 0, position, -1)

    def _decode(self, ids: Sequence[int], position: int) -> None:
        batch = self._batch
        batch.n_tokens = len(ids)
        for row, token in enumerate(ids):
            batch.token[row], batch.pos[row], batch.logits[row] = token, position + row, True
            batch.n_seq_id[row], batch.seq_id[row][0] = 1, 0
        status = self._library.llama_decode(self._llama.ctx, batch)
        if status:
            raise RuntimeError(f"llama_decode ended with status {status}")

    def _choice(self, row: int) -> int:
        pointer = self._library.llama_get_logits_ith(self._llama.ctx, row)
        return int(np.ctypeslib.as_array(pointer, shape=(self._size,)).argmax())


class LookupLlamaCpp(SpeculativeLlamaCpp):
    """With llama-cpp-python's prompt lookup, and the number of draft tokens that its page names for CPUs."""

    MOST = 2

    def begin(self, prompt: Sequence[int]) -> None:
        speculative: Any = importlib.import_module("llama_cpp.llama_speculative")
        self._lookup: Any = speculative.LlamaPromptLookupDecoding(num_pred_tokens=self.MOST)

    def draft(self, ids: Sequence[int], count: int) -> Sequence[int]:
        return [int(token) for token in self._lookup(np.array(ids, dtype=np.intc))[: max(0, count)]]


class TandemDraftsLlamaCpp(SpeculativeLlamaCpp):
    """With Tandem's draft tokens: what these are worth, and what the runtime."""

    MOST = 7

    def open(self, library: Any) -> None:
        super().open(library)
        drafting: Any = importlib.import_module("mobile.runtime.drafter")
        tokenizer = (Path(self.workload.model) / "tokenizer.json").read_text(encoding="utf-8")
        self._drafter: Any = drafting.Drafter(json.loads(tokenizer))

    def begin(self, prompt: Sequence[int]) -> None:
        self._drafter.begin(prompt)

    def draft(self, ids: Sequence[int], count: int) -> Sequence[int]:
        drafts: list[int] = self._drafter.draft(max(0, count))
        return drafts

    def said(self, token: int) -> None:
        self._drafter.add(token)
