"""Bounded numbers of a call: each digit that is allowed leads to a number between the bounds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobile.runtime import CallConstraint
from mobile.runtime.json_terminals import Number, Range
from tests.mobile.call_tools import STOP, accepts, byte_level


@pytest.mark.parametrize("allowed", [(0, 100), (-5, 12), (37, 37), (-20, -7), (99, None), (None, -3), (None, 250)])
def test_bounded_integers_are_those_between_the_bounds(allowed: tuple[int | None, int | None]) -> None:
    low, high = (None if bound is None else bound * 10**9 for bound in allowed)
    start = Number(Range(True, low, high))
    for value in range(-300, 300):
        inside = (allowed[0] is None or allowed[0] <= value) and (allowed[1] is None or value <= allowed[1])
        state: Number | None = start
        costs = [start.left]
        for letter in str(value):
            state = state.step(ord(letter)) if state else None
            costs.append(state.left if state else -1)
        assert (state is not None and state.complete) == inside, value
        if inside:
            assert all(0 <= cost <= len(str(value)) - done for done, cost in enumerate(costs)), (value, costs)


@settings(max_examples=200, deadline=None)
@given(st.decimals(-3, 3, places=3), st.decimals(-3, 3, places=3), st.decimals(-4, 4, places=2))
def test_bounded_decimals_never_lead_into_a_dead_end(one: Any, other: Any, wanted: Any) -> None:
    """A greedy walk along the digits of `wanted`, with the nearest legal digit where it is refused."""
    low, high = sorted((one, other))
    state = Number(Range(False, int(low * 10**9), int(high * 10**9)))
    for position in range(25):
        if state.complete and position >= len(str(wanted)):
            break
        letters = str(wanted)[position : position + 1] + "0123456789.-"
        following = next((n for n in (state.step(ord(letter)) for letter in letters) if n is not None), None)
        if following is None:
            break
        state = following
    assert state.complete
    assert low <= type(low)(state.text) <= high


@pytest.mark.parametrize("negative", [False, True])
def test_an_open_bound_holds_for_what_a_double_keeps_of_the_number(negative: bool) -> None:
    """99999999.999999999 is the double 100000000."""
    bounds = {"exclusiveMinimum": -100_000_000} if negative else {"exclusiveMaximum": 100_000_000}
    tools = [{"name": "f", "parameters": {"properties": {"n": {"type": "number"} | bounds}}}]
    rules = CallConstraint(tools, byte_level(), 420, [STOP])
    sign = "-" if negative else ""
    for digits, legal in (("99999999.9999999", True), ("99999999.99999999", False), ("99999999.999999999", False)):
        assert accepts(rules, '{"name":"f","arguments":{"n":' + sign + digits + "}}") == legal
    assert abs(float("99999999.9999999")) < 100_000_000 == float("99999999.999999999")


@settings(max_examples=300, deadline=None)
@given(st.integers(-(10**16), 10**16), st.integers(0, 10**7), st.integers(0, 9), st.randoms(use_true_random=False))
def test_bounds_of_any_size_never_lead_into_a_dead_end(least: int, width: int, places: int, random: Any) -> None:
    """A random walk; `left` promises an end, and each step towards it is open."""
    low, high = least * 10**places, (least + width) * 10**places
    state = Number(Range(False, low, high))
    if all(state.step(byte) is None for byte in b"-0123456789"):
        return
    while not state.complete or random.random() < 0.8:
        steps = [state.step(byte) for byte in b"-.0123456789"]
        legal = [following for following in steps if following is not None]
        if state.complete and not legal:
            break
        assert state.complete or min(following.left for following in legal) == state.left - 1, state.text
        state = random.choice(legal)
    value = Decimal(state.text)
    assert low <= value * 10**9 <= high
    assert len(state.text.strip("-").replace(".", "")) <= 15
    assert Decimal(repr(float(state.text))) == value  # nothing was rounded away
