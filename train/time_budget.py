"""A time budget for training: after a few timed steps the number of steps is cut, once, to what fits.

The decision is kept in the checkpoints, so that a resumed run follows the same schedule.
"""

from __future__ import annotations

import math
from statistics import median


def steps_in_budget(planned: int, done: int, spent_s: float, step_s: list[float], max_minutes: float | None) -> int:
    """Total steps of the run, at most `planned`.

    Args:
        planned: steps without a budget.
        done: steps already made.
        spent_s: seconds spent so far, compilation included.
        step_s: durations of timed steps.
        max_minutes: the budget; None leaves `planned` as it is.
    """
    if max_minutes is None or not step_s:
        return planned
    left_s = max(0.0, max_minutes * 60 - spent_s)
    return max(done + 1, min(planned, done + math.floor(left_s / median(step_s))))
