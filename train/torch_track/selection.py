"""Which checkpoint is the best so far, and when to stop early. Its state is part of every checkpoint, so that a resumed
run chooses and stops exactly as an uninterrupted one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from train.config.schema import FinetuneConfig

HIGHER_IS_BETTER = {"loss": False, "token_accuracy": True, "row_accuracy": True}


@dataclass(frozen=True)
class Selection:
    """What validation has shown so far."""

    best: float | None = None  # of the chosen metric; None where the best checkpoint is not kept
    best_step: int | None = None  # whose checkpoint is on disk
    reference: float | None = None  # what early stopping compares with; moves only by more than min_delta
    stale: int = 0  # validations in a row without such an improvement

    def seen(self, value: float, step: int, settings: FinetuneConfig) -> Selection:
        """The selection after a validation at `step`. A value that is not a number is no improvement."""
        sign = 1.0 if HIGHER_IS_BETTER[settings.best_metric] else -1.0
        delta = settings.early_stopping.min_delta if settings.early_stopping else 0.0
        found = self
        if settings.keep_best and _better(sign, value, self.best, 0.0):
            found = replace(found, best=value, best_step=step)
        if _better(sign, value, self.reference, delta):
            return replace(found, reference=value, stale=0)
        return replace(found, stale=self.stale + 1)

    def exhausted(self, settings: FinetuneConfig) -> bool:
        """Whether early stopping asks for the end."""
        return settings.early_stopping is not None and self.stale >= settings.early_stopping.patience


def _better(sign: float, value: float, reference: float | None, delta: float) -> bool:
    if math.isnan(value):
        return False
    return reference is None or sign * (value - reference) > delta
