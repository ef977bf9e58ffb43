"""Learning rate by step: linear warm-up, then a cosine down to a share of the peak. Both tracks use it."""

from __future__ import annotations

import math


def learning_rate(step: int, total: int, peak: float, warmup: int, min_ratio: float) -> float:
    """Learning rate of optimizer step `step` (from 0) of `total`.

    A warm-up longer than a fifth of all steps is shortened to that (a time budget may have cut them).
    """
    warmup = min(warmup, total // 5)
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    return peak * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
