"""When to stop early, and which step was the best. Part of every checkpoint: a resumed training stops where an
uninterrupted one does."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Selection:
    """What validation has shown so far."""

    best: float | None = None  # lowest validation loss
    best_step: int | None = None
    reference: float | None = None  # what early stopping compares with; moves only by more than min_delta
    stale: int = 0  # validations in a row without such an improvement
    stopped: bool = False  # before all steps were made

    def seen(self, loss: float, step: int, min_delta: float) -> Selection:
        """The selection after a validation at `step`. A loss that is not a number is no improvement."""
        found = replace(self, stale=self.stale + 1)
        if math.isnan(loss):
            return found
        if self.best is None or loss < self.best:
            found = replace(found, best=loss, best_step=step)
        if self.reference is None or loss < self.reference - min_delta:
            found = replace(found, reference=loss, stale=0)
        return found
