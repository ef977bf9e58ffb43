"""The timed request: what every contestant is asked in every round.

    read     the prompt into an empty cache; its time is the prefill
    answer   from an empty cache: the first new token (time to first token), then one token after the other
    commands several prompts, each answered up to the stop token; timed is what comes after the prompts (commands.py)

Excluded: loading, tokenising. Greedy: the next token is the largest logit's. NumPy is imported before the load is
timed, since every runtime here needs it.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eval.bench.ondevice.workload import OndeviceWorkload, model_config, read_commands, read_workload

Logits = npt.NDArray[np.float32]


class Said(NamedTuple):
    """An answer without its stop token, and how many calls of the model it took."""

    ids: list[int]
    calls: int


class TimedDecoder(ABC):
    """A contestant that is stepped token by token. `how` is the name of its file in the benchmark's folder, with a
    colon and a word where one file has several contestants."""

    def __init__(self, folder: Path, how: str) -> None:
        self.workload: OndeviceWorkload = read_workload(folder)
        self._folder = folder
        name, _, self.word = how.partition(":")
        self.path = folder / name
        self.threads = threads()
        start = time.perf_counter()
        library = self.import_library()
        imported = time.perf_counter()
        self.open(library)
        self._facts = {"import_s": imported - start, "open_s": time.perf_counter() - imported}
        self._ids = self.workload.ids(int(model_config(self.workload)["vocab_size"]))

    @abstractmethod
    def import_library(self) -> Any:
        """The runtime's module."""

    @abstractmethod
    def open(self, library: Any) -> None:
        """Reads the file, with self.threads threads, ready for the first request."""

    @abstractmethod
    def reset(self) -> None:
        """Empties the cache; not timed."""

    @abstractmethod
    def read(self, ids: Sequence[int]) -> None:
        """Reads ids into the cache."""

    @abstractmethod
    def first(self, ids: Sequence[int]) -> int:
        """Reads the prompt; the first new token."""

    @abstractmethod
    def step(self, token: int) -> int:
        """Reads a token, gives the next."""

    def say(self, prompt: Sequence[int], stop: int, limit: int) -> Said:
        """Answers greedily, all but the prompt's last id being read: at most `limit` tokens."""
        ids: list[int] = []
        token = self.step(prompt[-1])
        while token != stop:
            ids.append(token)
            if len(ids) == limit:
                return Said(ids, limit)
            token = self.step(token)
        return Said(ids, len(ids) + 1)

    def commands(self, start: int, count: int) -> dict[str, Any]:
        """Answers `count` of the folder's commands from number `start` on. Seconds are of the answers, not of reading
        the prompts; the stop token counts as one."""
        commands, seconds, answers = read_commands(self._folder), 0.0, []
        for prompt in commands.prompts[start : start + count]:
            self.reset()
            self.read(prompt[:-1])
            begin = time.perf_counter()
            answers.append(self.say(prompt, commands.stop, commands.limit))
            seconds += time.perf_counter() - begin
        ids = [said.ids for said in answers]
        tokens = sum(min(len(one) + 1, commands.limit) for one in ids)
        return {"seconds": seconds, "tokens": tokens, "calls": sum(said.calls for said in answers), "ids": ids}

    def facts(self) -> dict[str, Any]:
        """Seconds to import the library and to open the file."""
        return self._facts

    def request(self) -> dict[str, Any]:
        """Times in seconds, and the ids that were generated. A prompt before it is not timed: the others' turns have
        emptied the caches, and LiteRT-LM, which opens its file in each request, comes with warm ones."""
        self.reset()
        self.first(self._ids)
        self.reset()
        start = time.perf_counter()
        self.read(self._ids)
        prefill = time.perf_counter() - start
        self.reset()
        start = time.perf_counter()
        token = self.first(self._ids)
        seconds, ids = [time.perf_counter() - start], [token]
        for _ in range(self.workload.new - 1):
            start = time.perf_counter()
            token = self.step(token)
            seconds.append(time.perf_counter() - start)
            ids.append(token)
        times = {"prefill_s": prefill, "ttft_s": seconds[0], "token_s": seconds[1:]}
        return {**times, "prefill_tokens": len(self._ids), "ids": ids}


def threads() -> int:
    """As the parent set it for this process (eval/bench/process.py)."""
    return int(os.environ["OMP_NUM_THREADS"])
