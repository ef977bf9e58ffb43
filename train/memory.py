"""Peak memory of a stage: resident memory of this process and all its children together, sampled."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import psutil

from train.hardware import peak_memory_mb

INTERVAL_S = 0.5


class PeakMemory:
    """Samples the process tree while the block runs.

    Example:
        with PeakMemory() as peak:
            ...
        print(peak.mb)
    """

    def __init__(self) -> None:
        self.mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        # The kernel's own peak of this process catches what falls between two samples.
        self.mb = max(self.mb, peak_memory_mb())

    def _sample(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(INTERVAL_S):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.Error:  # it ended between listing and reading
                    continue
            self.mb = max(self.mb, total / 1e6)
