"""The aims of the project on a device, by the measured values: a verdict only where the whole interval agrees.

Where the machine's noise hides it, the answer is "open" and more rounds are needed, not a better run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from eval.bench.ondevice.contestants import ENTRIES
from eval.bench.ondevice.result import AppResult, RunnerResult, Target
from train.intervals import Interval, median_ratio

Unit = Literal["x", "%", "MB", "s", "ms"]
Work = Literal["decode", "prefill"]
SPEED: tuple[tuple[str, Work, str, str, float], ...] = (
    ("decode int8 vs llama.cpp Q8_0", "decode", "int8", "llama-q8", 1.3),
    ("decode int4 vs llama.cpp Q4_0", "decode", "int4", "llama-q4", 1.1),
    ("prefill int8 vs llama.cpp Q8_0", "prefill", "int8", "llama-q8", 2.5),
    ("prefill int4 vs llama.cpp Q4_0", "prefill", "int4", "llama-q4", 1.5),
)
ROOFLINE, MEMORY_MB, LOAD_S, ANSWER_MS = 60.0, 80.0, 0.3, 25.0


def speed_targets(runners: Sequence[RunnerResult]) -> list[Target]:
    """Of one run, with any number of threads (the aims are for one)."""
    return [*(_speed(runners, *line) for line in SPEED), _roofline(runners)]


def _speed(
    runners: Sequence[RunnerResult],
    name: str,
    work: Work,
    dtype: str,
    rival: str,
    wanted: float,
) -> Target:
    """Best of our runners by median, then this one's rounds against the rival's."""
    ours = best(runners, dtype, work)
    other = next((runner for runner in runners if runner.name == rival), None)
    if ours is None or other is None or other.status != "ok":
        missing = f"no runner of {dtype}" if ours is None else f"{rival}: {other.error if other else 'not asked for'}"
        return _open(name, wanted, "x", False, f"not measured ({missing})")
    # Seconds a token: runtimes do not count the same number of prompt tokens.
    found = median_ratio(_seconds(ours, work), _seconds(other, work))
    return target(name, wanted, found, "x", False, f"{ours.name} against {rival}")


def _seconds(runner: RunnerResult, work: Work) -> list[float]:
    rate = runner.decode if work == "decode" else runner.prefill
    assert rate is not None
    return [1 / value for value in rate.rounds]


def best(runners: Sequence[RunnerResult], dtype: str, work: Work) -> RunnerResult | None:
    """The fastest of our runners of this dtype that worked."""
    rates = [
        (rate.median, runner.name, runner)
        for runner in runners
        if ENTRIES[runner.name].ours and runner.dtype in (dtype, f"{dtype}-row")
        if (rate := getattr(runner, work)) is not None
    ]
    return max(rates)[2] if rates else None


def _roofline(runners: Sequence[RunnerResult]) -> Target:
    name, ours = "decode int8, share of the roofline", best(runners, "int8", "decode")
    if ours is None:
        return _open(name, ROOFLINE, "%", False, "not measured (no runner of int8)")
    if ours.roofline is None:
        return _open(name, ROOFLINE, "%", False, f"{ours.name}: the cache holds what a step reads, or no bandwidth")
    found = Interval(*(100 * end for end in (ours.roofline.value, ours.roofline.low, ours.roofline.high)))
    return target(name, ROOFLINE, found, "%", False, f"{ours.name}, weights and cache read a token ÷ bandwidth")


def app_targets(app: AppResult) -> list[Target]:
    """Memory, load and a typical command in a process of its own."""
    memory = [size / 1e6 for size in app.peak_memory_bytes]
    way = f"{app.runner}, {'always a valid call' if app.constrained else 'free text'}"
    how = f"mobile/runtime with a file of {app.file_bytes / 1e6:.1f} MB"
    lines: list[tuple[str, list[float], float, Unit]] = [
        ("peak memory of the runtime's process", memory, MEMORY_MB, "MB"),
        ("imports and load", app.load_s, LOAD_S, "s"),
        ("a typical command", [seconds * 1e3 for seconds in app.answer_s], ANSWER_MS, "ms"),
    ]
    return [target(f"{name} ({way})", wanted, middle(values), unit, True, how) for name, values, wanted, unit in lines]


def middle(values: Sequence[float]) -> Interval:
    """Median with its bootstrap interval."""
    return median_ratio([1.0] * len(values), values)


def target(name: str, wanted: float, found: Interval, unit: Unit, at_most: bool, how: str) -> Target:
    """The verdict: met or missed where the whole interval is on one side."""
    met, missed = found.low >= wanted, found.high < wanted
    if at_most:
        met, missed = found.high < wanted, found.low >= wanted
    verdict: Literal["met", "missed", "open"] = "met" if met else "missed" if missed else "open"
    ends = {"value": found.value, "low": found.low, "high": found.high}
    return Target(name=name, wanted=wanted, at_most=at_most, unit=unit, **ends, verdict=verdict, how=how)


def _open(name: str, wanted: float, unit: Unit, at_most: bool, why: str) -> Target:
    return Target(name=name, wanted=wanted, at_most=at_most, unit=unit, verdict="open", how=why)
