"""A time budget for training: after a few timed steps the number of steps is cut, once, to what fits.

Both tracks use it. The decision is kept in the checkpoints, so that a resumed run follows the same schedule.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import median

TIMED_STEPS = 10
RESERVE = 0.05  # share of the budget left for saving, and for a machine that slows down


@dataclass
class TimeBudget:
    """Times steps, and says how many fit.

    Args:
        limit_s: seconds for the whole training, compilation included; None: no limit.
        per_bucket: batches an epoch by bucket (batches of one shape): what the steps to come are like.
        spent_s: seconds that earlier tries of this training have used.
    """

    limit_s: float | None
    per_bucket: Counter[int]
    spent_s: float = 0.0
    warm: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    cold: dict[int, float] = field(default_factory=dict)  # first step of a bucket: with compilation

    def record(self, bucket: int, seconds: float) -> None:
        """A step took `seconds`."""
        self.spent_s += seconds
        if bucket in self.cold:
            self.warm[bucket].append(seconds)
        else:
            self.cold[bucket] = seconds

    @property
    def ready(self) -> bool:
        """Whether enough steps of the most common bucket have been timed to cut the total: fewer where the time
        doesn't hold the others. The first steps may be slow ones, so it is as many as can be."""
        timed = self.warm[self._common]
        if self.limit_s is None or not timed:
            return False
        missing = TIMED_STEPS - len(timed)
        return missing <= 0 or missing * timed[-1] > self.limit_s - self.spent_s

    def total(self, step: int, planned: int, evaluation_s: float) -> int:
        """Steps in all that fit, after `step` of `planned`; validation takes `evaluation_s` a step on average."""
        assert self.limit_s is not None
        compiling = max(self.cold.values()) * len(set(self.per_bucket) - set(self.cold))
        left = self.limit_s * (1.0 - RESERVE) - self.spent_s - compiling
        fit = min(left / (self._mean_step_s() + evaluation_s), planned)  # a huge limit is infinite in seconds
        return min(planned, max(step + 1, step + int(fit)))

    @property
    def _common(self) -> int:
        return max(self.per_bucket, key=lambda bucket: self.per_bucket[bucket])

    def _mean_step_s(self) -> float:
        """Mean over the buckets; one not timed yet costs by its length."""
        common = median(self.warm[self._common])
        seconds = {
            bucket: median(self.warm[bucket]) if self.warm.get(bucket) else common * bucket / self._common
            for bucket in self.per_bucket
        }
        return sum(seconds[bucket] * n for bucket, n in self.per_bucket.items()) / self.per_bucket.total()
