"""LiteRT-LM on bundles of our files, by its own benchmark: it takes token counts and tells its own times.

It opens the file anew for every request, and tells the mean of a token alone, and no ids.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

from eval.bench.ondevice.request import threads
from eval.bench.ondevice.workload import read_workload


class LitertLm:
    """`how`: the bundle's name."""

    def __init__(self, folder: Path, how: str) -> None:
        start = time.perf_counter()
        library: Any = importlib.import_module("litert_lm")
        self._import_s, self._open_s = time.perf_counter() - start, [0.0]
        library.set_min_log_severity(library.LogSeverity.ERROR)
        self._new = read_workload(folder).new
        self._benchmark: Any = library.Benchmark(
            str(folder / how),
            library.Backend.CPU(thread_count=threads()),
            prefill_tokens=read_workload(folder).prompt,
            decode_tokens=self._new,
            cache_dir=":nocache",  # else it writes packed weights beside the bundle
        )

    def facts(self) -> dict[str, Any]:
        """Seconds to import the library and, of the last request, to open the file."""
        return {"import_s": self._import_s, "open_s": self._open_s[-1]}

    def request(self) -> dict[str, Any]:
        """RuntimeError where it did not do the work it was asked for."""
        found = self._benchmark.run()
        if found.last_decode_token_count < self._new - 1:
            raise RuntimeError(f"LiteRT-LM generated {found.last_decode_token_count} tokens instead of {self._new}")
        self._open_s.append(found.init_time_in_second)
        return {
            "prefill_s": found.last_prefill_token_count / found.last_prefill_tokens_per_second,
            "prefill_tokens": found.last_prefill_token_count,
            "ttft_s": found.time_to_first_token_in_second,
            "token_s": [1 / found.last_decode_tokens_per_second],
            "ids": [],
        }
