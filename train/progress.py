"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere. Always on stderr."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

PLAIN_INTERVAL_S = 15.0


def say(message: str, everywhere: bool = False) -> None:
    """One plain line for the person who waits, on stderr: once, from the first of several processes (torchrun,
    accelerate launch), or `everywhere`, what may hold for one process alone."""
    rank = _rank()
    if rank and not everywhere:
        return
    text = f"process {rank}: {message}" if rank else message
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)


def _rank() -> int:
    return int(os.environ.get("RANK") or 0)


class Meter:
    """Counts work done; figures are shown beside the bar."""

    def __init__(self, description: str, total: int, unit: str, bar: Progress | None, task: TaskID | None) -> None:
        self._description, self._total, self._unit = description, total, unit
        self._bar, self._task = bar, task
        self._done = 0
        self._start = self._last_line = time.monotonic()

    def advance(self, n: int = 1, **figures: float) -> None:
        """`n` more units are done; `figures` (loss=…, tok_per_s=…) are shown."""
        self._done += n
        text = " ".join(f"{name} {value:.4g}" for name, value in figures.items())
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done, figures=text)
            return
        now = time.monotonic()
        if now - self._last_line >= PLAIN_INTERVAL_S or self._done >= self._total:
            self._last_line = now
            line = f"{self._description}: {self._done}/{self._total} {self._unit} {text} {now - self._start:.0f} s"
            say(" ".join(line.split()))

    def set_total(self, total: int) -> None:
        """The amount of work has changed (a time budget cut it)."""
        self._total = total
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=total)


@contextmanager
def progress(description: str, total: int, unit: str = "") -> Iterator[Meter]:
    """Meter over `total` units of work.

    Example:
        with progress("capture", len(rows), "rows") as meter:
            for row in rows:
                ...
                meter.advance(tok_per_s=speed)
    """
    console = Console(stderr=True)
    if _rank() or not console.is_terminal:  # of several processes the first alone is heard
        yield Meter(description, total, unit, None, None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=console) as bar:
        yield Meter(description, total, unit, bar, bar.add_task(description, total=total, figures=""))
