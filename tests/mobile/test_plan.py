"""Prefill plans: whole coverage, and never a bucket over the window (the cache write would clamp silently)."""

from __future__ import annotations

import itertools

import pytest

from mobile.runtime.errors import ContextFullError
from mobile.runtime.plan import call_cost, plan_prefill


@pytest.mark.parametrize("buckets", [[4, 16], [8], [16, 64], [1, 8], []])
def test_every_plan_covers_all_tokens_and_stays_in_the_window(buckets: list[int]) -> None:
    window = 40
    for position in range(window + 1):
        for count in range(window - position + 1):
            chunks = plan_prefill(count, position, buckets, window)
            starts = [0, *itertools.accumulate(chunk.count for chunk in chunks)]
            assert [chunk.start for chunk in chunks] == starts[:-1]
            assert starts[-1] == count
            for chunk in chunks:
                assert chunk.position == position + chunk.start
                assert chunk.position + chunk.bucket <= window
                assert 1 <= chunk.count <= chunk.bucket
                assert chunk.bucket in {1, *buckets}


def test_only_the_last_chunk_is_padded_where_the_window_allows_it() -> None:
    assert [(c.bucket, c.count) for c in plan_prefill(70, 0, [8, 64], 256)] == [(64, 64), (8, 6)]


def test_one_padded_call_beats_many_small_ones() -> None:
    assert [c.bucket for c in plan_prefill(60, 0, [8, 64], 256)] == [64]
    assert [c.bucket for c in plan_prefill(5, 0, [8, 64], 256)] == [8]


def test_near_the_end_single_tokens_remain() -> None:
    assert [(c.position, c.bucket) for c in plan_prefill(3, 252, [8, 64], 255)] == [(252, 1), (253, 1), (254, 1)]


def test_cost_is_the_least_of_all_sequences_of_calls() -> None:
    """Against an exhaustive search."""

    def cheapest(count: int, position: int) -> int:
        if count <= 0:
            return 0
        fitting = [b for b in (1, 4, 8) if position + b <= 20]
        return min(call_cost(b) + cheapest(count - b, position + min(b, count)) for b in fitting)

    for position, count in [(0, 2), (0, 5), (0, 12), (3, 9), (12, 7), (17, 3), (0, 15)]:
        chunks = plan_prefill(count, position, [4, 8], 20)
        assert sum(call_cost(chunk.bucket) for chunk in chunks) == cheapest(count, position)


def test_too_many_tokens_are_refused() -> None:
    assert plan_prefill(0, 40, [8], 40) == []
    with pytest.raises(ContextFullError, match="window holds 40 and 38 are in use"):
        plan_prefill(3, 38, [8], 40)
