from __future__ import annotations

import math
from collections import Counter

import pytest

from train import schedule
from train.time_budget import TIMED_STEPS, TimeBudget


def learning_rate(step: int, total: int) -> float:
    return schedule.learning_rate(step, total, peak=1e-3, warmup=10, min_ratio=0.1)


def test_learning_rate_by_hand() -> None:
    assert learning_rate(0, 110) == pytest.approx(1e-4)
    assert learning_rate(9, 110) == pytest.approx(1e-3)
    assert learning_rate(10, 110) == pytest.approx(1e-3)
    assert learning_rate(60, 110) == pytest.approx(1e-3 * (0.1 + 0.9 * 0.5))
    assert learning_rate(110, 110) == pytest.approx(1e-4)


def test_warm_up_is_shortened_with_the_total() -> None:
    assert learning_rate(3, 20) == pytest.approx(1e-3)  # 4 steps of warm-up
    assert all(math.isfinite(learning_rate(step, 1)) for step in (0, 1))


def timed(limit_s: float | None) -> TimeBudget:
    budget = TimeBudget(limit_s, Counter({48: 30, 96: 10}))
    budget.record(48, 8.0)  # compiles
    for _ in range(TIMED_STEPS):
        budget.record(48, 0.1)
    return budget


def test_steps_that_fit_by_hand() -> None:
    """100 s · .95 − 9 s spent − 8 s to compile the other = 78 s; a step: (30·.1 + 10·.2) / 40 + .025 s."""
    budget = timed(100.0)
    assert budget.ready
    assert budget.total(11, 10_000, 0.025) == 11 + 520
    assert budget.total(11, 300, 0.025) == 300
    assert timed(1.0).total(11, 300, 0.0) == 12


def test_a_limit_beyond_all_numbers_cuts_nothing() -> None:
    """1e307 minutes, which a config may name, are more seconds than a float can hold."""
    assert timed(1e307 * 60).total(11, 300, 0.025) == 300


def test_slow_steps_are_not_timed_ten_times() -> None:
    budget = TimeBudget(90.0, Counter({48: 30}))
    budget.record(48, 20.0)
    assert not budget.ready  # none is warm
    budget.record(48, 9.0)
    assert budget.ready  # nine more would take 81 s, 61 are left
    assert budget.total(2, 100, 0.0) == 2 + 6  # 90 · .95 − 29 = 56.5 s of 9 each
    quick = TimeBudget(90.0, Counter({48: 30}))
    quick.record(48, 80.0)
    quick.record(48, 0.9)
    assert not quick.ready  # nine more take 8.1 s, 9.1 are left


def test_not_ready_without_limit_or_before_enough_steps() -> None:
    assert not timed(None).ready
    assert not TimeBudget(1.0, Counter({48: 1})).ready
