"""Contestants in turns: all are alive at once, and only one works at a time, round by round.

On shared cores two runs one after the other differ by 0.73 to 1.45 times; ratios paired within a round do not. The
first call of each is measured apart. Contestants load one after the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.bench.contestants import Contestant
from eval.bench.process import ContestantError, ContestantProcess
from train.progress import Meter, progress, say

LIMIT_S = 900.0


@dataclass
class Running:
    """A contestant while it is measured."""

    process: ContestantProcess
    load_s: float = 0.0
    first: dict[str, Any] = field(default_factory=dict)
    rounds: dict[str, list[float]] = field(default_factory=dict)
    peak: int | None = None
    error: str | None = None

    def attempt(self, work: Callable[[], None]) -> None:
        """Does `work` unless the contestant has failed already."""
        if self.error is None:
            try:
                work()
            except ContestantError as error:
                self.error = str(error)


@dataclass(frozen=True)
class Rounds:
    """How contestants take turns in `folder`."""

    folder: Path
    rounds: int
    threads: int

    def together(
        self,
        contestants: Mapping[str, Contestant],
        first: Callable[[Running], None],
        one_round: Callable[[Running], None],
        loads: list[float],
    ) -> dict[str, Running]:
        """All of them, measured. `loads` gets the load average before each round."""
        with ExitStack() as stack, progress("bench", len(contestants) * (self.rounds + 1), "turns") as meter:
            running = {
                name: Running(stack.enter_context(ContestantProcess(contestant, self.folder, self.threads, LIMIT_S)))
                for name, contestant in contestants.items()
            }
            for entry in running.values():
                _turn(entry, first, meter)
            for number in range(self.rounds):
                loads.append(round(os.getloadavg()[0], 2))
                # The order turns with the rounds, so that nobody always follows the same one.
                names = list(running)
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    _turn(running[name], one_round, meter)
            for name, entry in running.items():
                entry.attempt(lambda entry=entry: _peak(entry))  # type: ignore[misc]
                if entry.error is not None:
                    say(f"bench: {name} failed: {entry.error}")
        return running


def _turn(entry: Running, work: Callable[[Running], None], meter: Meter) -> None:
    entry.attempt(lambda: work(entry))
    meter.advance()


def _peak(entry: Running) -> None:
    entry.peak = entry.process.ask("memory")["peak_memory_bytes"]
