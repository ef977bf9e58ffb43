"""How many bytes a second this many threads read from memory: libc's memchr over a buffer far larger than the cache.

memchr is vectorised in every libc that matters here and looks for a byte that is not there, so it reads each byte once
and does nothing else. ctypes lets go of the interpreter's lock, so threads really read side by side.
"""

from __future__ import annotations

import ctypes
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench.ondevice.request import threads

SMALLEST = 256 * 2**20
TIMES_THE_CACHE = 8
PASSES = 3


class Bandwidth:
    """A contestant: it takes its turn in every round, since the others' neighbours take theirs from the same memory."""

    def __init__(self, folder: Path, how: str) -> None:
        size = max(SMALLEST, TIMES_THE_CACHE * last_cache_bytes()) // threads()
        self._memchr = ctypes.CDLL(None).memchr
        self._memchr.argtypes, self._memchr.restype = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t), ctypes.c_void_p
        # Written, not zeros: pages nobody wrote to are all the same page of zeros, which the cache holds.
        self._parts = [np.full(size, 1, np.uint8) for _ in range(threads())]
        self._pool = ThreadPoolExecutor(threads())

    def facts(self) -> dict[str, Any]:
        return {"import_s": 0.0, "open_s": 0.0}

    def request(self) -> dict[str, Any]:
        """The best of some passes: what the memory can do, as the roofline means it."""
        return {"bytes_per_s": max(self._pass() for _ in range(PASSES))}

    def _pass(self) -> float:
        start = time.perf_counter()
        found = list(self._pool.map(lambda part: self._memchr(part.ctypes.data, 0, part.nbytes), self._parts))
        seconds = time.perf_counter() - start
        assert found == [None] * len(found), found  # else it stopped early and read less
        return sum(part.nbytes for part in self._parts) / seconds


def last_cache_bytes() -> int:
    """Bytes of the largest cache of the first core; 0 where the machine does not tell."""
    sizes: list[int] = []
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = path.read_text().strip()
        sizes.append(int(text.rstrip("KMG")) * {"K": 2**10, "M": 2**20, "G": 2**30}.get(text[-1], 1))
    return max(sizes, default=0)
