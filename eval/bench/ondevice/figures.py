"""Figures of a contestant from the raw values of its rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median, quantiles
from typing import Any

from eval.bench.ondevice.contestants import FLOAT, REFERENCE, Entry
from eval.bench.ondevice.files import Made
from eval.bench.ondevice.result import Rate, RunnerResult, Share
from eval.bench.rounds import Running
from train.intervals import Interval, median_ratio


def runner_results(
    entries: Mapping[str, Entry],
    absent: Mapping[str, tuple[str, str]],
    running: Mapping[str, Running],
    made: Made,
    bandwidth: Sequence[float],
    cache: int,
) -> list[RunnerResult]:
    """One a contestant, in their order.

    Args:
        absent: (status, reason) of those that were never started.
        bandwidth: bytes a second, one a round; empty where it could not be measured.
        cache: bytes below which a roofline means nothing.
    """
    reference = _ids(running.get(REFERENCE))
    results = []
    for name, entry in entries.items():
        common = {"name": name, "label": entry.contestant.label, "runtime": entry.runtime, "dtype": entry.dtype}
        if name in absent:
            status, reason = absent[name]
            results.append(RunnerResult(**common, status=status, error=reason))  # type: ignore[arg-type]
            continue
        found, file = running[name], made[entry.file]
        error = found.error or other_work(name, _ids(found), reference)
        if error is not None:
            results.append(RunnerResult(**common, status="failed", error=error, file_bytes=file["bytes"]))
            continue
        results.append(
            RunnerResult(**common, status="ok", **measured(found, file, bandwidth, cache, _ids(found), reference))
        )
    return results


def measured(
    found: Running,
    file: Mapping[str, Any],
    bandwidth: Sequence[float],
    cache: int,
    ids: list[int],
    reference: list[int],
) -> dict[str, Any]:
    """The fields of a contestant that worked."""
    tokens = int(found.first["prefill_tokens"])
    prefill, token_s = found.rounds["prefill_s"], found.rounds["token_s"]
    return {
        "file_bytes": file["bytes"],
        "read_bytes": file["read_bytes"],
        "import_s": found.first["import_s"],
        "open_s": found.first["open_s"],
        "prefill_tokens": tokens,
        "prefill_s": prefill,
        "ttft_s": found.rounds["ttft_s"],
        "token_s": token_s,
        "prefill": rate([tokens / seconds for seconds in prefill]),
        "decode": rate([1 / seconds for seconds in token_s]),
        "peak_memory_bytes": found.peak,
        "base_memory_bytes": found.first["base_memory_bytes"],
        "roofline": roofline(token_s, file["read_bytes"], bandwidth, cache),
        "same_ids": shared(ids, reference) if ids and reference else None,
    }


def rate(values: list[float]) -> Rate:
    """Median and spread of tokens a second."""
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
    middle = median(values)
    return Rate(rounds=values, median=middle, spread=(high - low) / middle)


def roofline(token_s: Sequence[float], read_bytes: int, bandwidth: Sequence[float], cache: int) -> Share | None:
    """Bytes a step reads ÷ (its time × bandwidth), round by round; None where the cache holds these bytes."""
    if read_bytes <= cache or len(bandwidth) != len(token_s):
        return None
    return share(median_ratio(token_s, [read_bytes / speed for speed in bandwidth]))


def share(interval: Interval) -> Share:
    return Share(value=interval.value, low=interval.low, high=interval.high)


def other_work(name: str, ids: list[int], reference: list[int]) -> str | None:
    """What is wrong where a float32 contestant begins another answer; later ids may part at a near tie."""
    if name in FLOAT and ids and reference and ids[0] != reference[0]:
        return f"its first id is {ids[0]}, that of {REFERENCE} {reference[0]}: not the same work"
    return None


def shared(ids: Sequence[int], reference: Sequence[int]) -> int:
    """How many ids both begin with."""
    pairs = list(zip(ids, reference, strict=False))
    return next((index for index, (a, b) in enumerate(pairs) if a != b), len(pairs))


def _ids(found: Running | None) -> list[int]:
    return [] if found is None or found.error is not None else list(found.first["ids"])
