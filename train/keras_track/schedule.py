"""Learning rate by step, and a time budget that cuts the number of steps once."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import median

from train.config.schema import DistillConfig

TIMED_STEPS = 10
RESERVE = 0.05  # share of the budget left for saving, and for a machine that slows down


def learning_rate(step: int, total: int, config: DistillConfig) -> float:
    """Linear warm-up, then cosine from the peak to min_lr_ratio of it; `step` counts from 0.

    A warm-up longer than a fifth of all steps is shortened to that (a time budget may have cut them).
    """
    warmup = min(config.warmup_steps, total // 5)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
    return config.learning_rate * (config.min_lr_ratio + (1.0 - config.min_lr_ratio) * cosine)


@dataclass
class TimeBudget:
    """Times steps, and says how many fit.

    Args:
        limit_s: seconds for the whole training, compilation included; None: no limit.
        per_bucket: batches an epoch by bucket: what the steps to come are like.
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
        """Whether enough steps of the most common bucket have been timed to cut the total."""
        return self.limit_s is not None and len(self.warm[self._common]) >= TIMED_STEPS

    def total(self, step: int, planned: int, evaluation_s: float) -> int:
        """Steps in all that fit, after `step` of `planned`; validation takes `evaluation_s` a step on average."""
        assert self.limit_s is not None
        compiling = max(self.cold.values()) * len(set(self.per_bucket) - set(self.cold))
        left = self.limit_s * (1.0 - RESERVE) - self.spent_s - compiling
        return min(planned, max(step + 1, step + int(left / (self._mean_step_s() + evaluation_s))))

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
