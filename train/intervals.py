"""Intervals and tests for figures of evaluation: how sure a share, a difference or a ratio is.

Wilson's interval for shares (the normal approximation gives ± 0 at 100 %), the exact McNemar test and Tango's interval
for two artifacts on the same rows, a bootstrap of the median for paired ratios of times.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from train.errors import MissingExtraError

CONFIDENCE = 0.95
RESAMPLES = 2_000
EDGE = 1e-9  # differences of ±1 themselves have no likelihood


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


def paired_difference(only_first: int, only_second: int, n: int) -> Interval:
    """Share right of the first minus that of the second on the same `n` rows, with Tango's score interval (1998).

    The paired counterpart of Wilson's: the differences that a score test at 5 % does not reject. A bootstrap has
    nothing to draw where few rows differ: with one row won of three its interval starts at 0, Tango's at -42 points.

    Args:
        only_first: rows only the first has right.
        only_second: rows only the second has right.

    Raises ValueError for counts that no rows have.
    """
    if n < 1 or min(only_first, only_second) < 0 or only_first + only_second > n:
        raise ValueError(f"rows must be at least one and hold the others; got {only_first} and {only_second} of {n}")
    difference = (only_first - only_second) / n
    quantile = float(_stats().norm.isf((1 - CONFIDENCE) / 2))

    def end(limit: float) -> float:
        """Between the observed difference and ±1 the score falls from 0 to beyond the quantile, once."""
        inside, outside = difference + EDGE * limit, limit * (1 - EDGE)
        sign = math.copysign(quantile, -limit)
        excess = partial(_score_beyond, only_first=only_first, only_second=only_second, n=n, quantile=sign)
        if (inside - outside) * limit >= 0 or excess(inside) * excess(outside) > 0:
            return limit
        return float(_optimize().brentq(excess, inside, outside, xtol=1e-12))

    return Interval(difference, end(-1.0), end(1.0))


def _score_beyond(delta: float, only_first: int, only_second: int, n: int, quantile: float) -> float:
    """Tango's score of a difference `delta`, minus the quantile; times its standard error, which may be 0."""
    a = 2 * n
    b = -only_first - only_second + (2 * n - only_first + only_second) * delta
    c = -only_second * delta * (1 - delta)
    rarer = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)  # share of only_second that is likeliest under delta
    error = math.sqrt(max(0.0, n * (2 * rarer + delta * (1 - delta))))
    return only_first - only_second - n * delta - quantile * error


def median_ratio(times: Sequence[float], baseline: Sequence[float], seed: int = 1) -> Interval:
    """Median of baseline/time over paired rounds: how many times faster than the baseline.

    Of fewer than six rounds the interval is the smallest and the largest ratio, which hold the median with
    1 - 2^(1 - n): 75 % for three rounds, 94 % for five.
    """
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
    return _scipy("stats")


def _optimize() -> Any:
    return _scipy("optimize")


def _scipy(part: str) -> Any:
    try:
        return importlib.import_module(f"scipy.{part}")
    except ImportError:
        raise MissingExtraError("scipy", "eval", "An interval") from None
