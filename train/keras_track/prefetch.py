"""Batches made ahead by a thread, for the back ends without tf.data."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
AHEAD = 4


def prefetched(make: Callable[[Item], Made], items: Iterator[Item]) -> Iterator[Made]:
    """make(item) in the order of the items, AHEAD of them prepared; `items` may be endless. Errors come through."""
    pool = ThreadPoolExecutor(1, "batches")
    try:
        waiting: deque[Future[Made]] = deque(pool.submit(make, item) for item in islice(items, AHEAD))
        while waiting:
            ready = waiting.popleft().result()
            waiting.extend(pool.submit(make, item) for item in islice(items, 1))
            yield ready
    finally:
        pool.shutdown(cancel_futures=True)
