"""Intervals and tests for figures of evaluation: how sure a share, a difference or a ratio is.

Wilson's interval for shares (the normal approximation gives ± 0 at 100 %), the exact McNemar test and a paired
bootstrap for two artifacts on the same rows, a bootstrap of the median for paired ratios of times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.errors import MissingExtraError

CONFIDENCE = 0.95
RESAMPLES = 2_000


@dataclass(frozen=True)
class Interval:
    """A figure with the lower and upper end of its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(k: int, n: int) -> Interval:
    """Share k/n with Wilson's score interval (Wilson 1927). Raises ValueError for n < 1 or k outside 0…n."""
    if n < 1 or not 0 <= k <= n:
        raise ValueError(f"k of n must be 0 ≤ k ≤ n, n ≥ 1; got {k} of {n}")
    interval = _stats().binomtest(k, n).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(k / n, float(interval.low), float(interval.high))


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p of the exact McNemar test: rows only the first has right, rows only the second has right."""
    discordant = only_first + only_second
    return 1.0 if discordant == 0 else float(_stats().binomtest(only_first, discordant).pvalue)


def rows_needed(difference: float, discordant: float, power: float = 0.8, sides: int = 2) -> int:
    """Paired rows a McNemar test at 5 % needs to see a difference of shares with this power (Connor 1987).

    Args:
        difference: the difference worth seeing, e.g. 0.02.
        discordant: share of rows that only one of the two has right; taken as at least the difference.
        power: chance to see it.
        sides: 2 for "which is better", 1 for a gate, which looks one way only.

    Raises ValueError for a difference of 0.
    """
    delta = abs(difference)
    if delta == 0:
        raise ValueError("no number of rows shows a difference of 0")
    psi = max(discordant, delta)
    normal = _stats().norm
    z_alpha, z_beta = normal.isf((1 - CONFIDENCE) / sides), normal.isf(1 - power)
    root = float((z_alpha * math.sqrt(psi) + z_beta * math.sqrt(psi - delta**2)) / delta)
    return math.ceil(root**2)


def paired_difference(first: Sequence[bool], second: Sequence[bool], seed: int = 1) -> Interval:
    """Share right of `first` minus that of `second` on the same rows, with a seeded bootstrap interval."""
    if len(first) != len(second) or not first:
        raise ValueError(f"paired rows must be as many and at least one; got {len(first)} and {len(second)}")
    differences = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    return _bootstrap(differences, np.mean, seed)


def median_ratio(times: Sequence[float], baseline: Sequence[float], seed: int = 1) -> Interval:
    """Median of baseline/time over paired rounds: how many times faster than the baseline."""
    if len(times) != len(baseline) or not times:
        raise ValueError(f"paired rounds must be as many and at least one; got {len(times)} and {len(baseline)}")
    return _bootstrap(np.asarray(baseline, dtype=float) / np.asarray(times, dtype=float), np.median, seed)


def _bootstrap(values: np.ndarray[Any, Any], statistic: Any, seed: int) -> Interval:
    value = float(statistic(values))
    if len(values) < 2 or np.ptp(values) == 0:  # nothing to resample: the bootstrap would warn and answer NaN
        return Interval(value, value, value)
    # Percentile, not BCa: with 3 of 300 rows discordant, all on one side, McNemar's p is 0.25, yet BCa's interval
    # excludes 0; and its acceleration is a jackknife, which means nothing for a median of a few rounds.
    result = _stats().bootstrap(
        (values,),
        statistic,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
        vectorized=True,
    )
    low, high = (float(end) for end in result.confidence_interval)
    return Interval(value, low, high)


def _stats() -> Any:
    try:
        from scipy import stats
    except ImportError:
        raise MissingExtraError("scipy", "eval", "An interval") from None
    return stats
