"""Two artifacts on the same rows: difference, interval, exact test, and what they allow to say.

Rows are paired by test set and id, and only where both were asked the same and were to answer the same: two runs may
have built different rows under the same id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from train.intervals import Interval, mcnemar, paired_difference, rows_needed

Sample = dict[str, Any]
ALPHA = 0.05
WORTH_SEEING = 0.02  # a share, 2 points: what "how many rows would be needed" asks for


@dataclass(frozen=True)
class Paired:
    """First against second on `n` common rows; `difference` is share right of the first minus that of the second."""

    n: int
    first_right: int
    second_right: int
    only_first: int
    only_second: int
    difference: Interval
    p: float

    @property
    def discordant(self) -> float:
        """Share of rows that only one of the two has right, with half a row added so that 0 of n is not "never"."""
        return (self.only_first + self.only_second + 0.5) / (self.n + 0.5)

    @property
    def better(self) -> Literal["first", "second"] | None:
        """Which is better, where both the exact test and the interval say so."""
        if self.p >= ALPHA or self.difference.low <= 0 <= self.difference.high:
            return None
        return "first" if self.difference.value > 0 else "second"

    def rows_needed(self, difference: float = WORTH_SEEING, sides: int = 2) -> int:
        """Rows that would show such a difference, at the share of discordant rows seen here."""
        return rows_needed(difference, self.discordant, sides=sides)


def pair(first: Sequence[Sample], second: Sequence[Sample], name: str) -> Paired | None:
    """Both on the common rows of the test set `name`; None where there are none."""
    theirs = {_key(sample): sample["score"]["exact"] for sample in second if sample["set"] == name}
    pairs = [
        (sample["score"]["exact"], theirs[_key(sample)])
        for sample in first
        if sample["set"] == name and _key(sample) in theirs
    ]
    if not pairs:
        return None
    only_first, only_second = pairs.count((True, False)), pairs.count((False, True))
    return Paired(
        n=len(pairs),
        first_right=sum(mine for mine, _ in pairs),
        second_right=sum(other for _, other in pairs),
        only_first=only_first,
        only_second=only_second,
        difference=paired_difference(only_first, only_second, len(pairs)),
        p=mcnemar(only_first, only_second),
    )


def _key(sample: Sample) -> tuple[str, str, str]:
    return sample["id"], sample["utterance"], sample["expected"]
