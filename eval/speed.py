"""Speed: all engines take turns, round by round, each in a live process of its own.

On shared cores two runs one after the other differ by 0.73 to 1.45 times; the median of ratios paired within
interleaved rounds by 0.993 to 1.002. So raw values are kept, and engines are compared by that ratio only.
Excluded: loading, tokenising, the warm-up round, and a prefill before each request, which fills the caches again that
the other engines have emptied (LiteRT-LM's own benchmark reads its file just before, too).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from eval.client import EngineWorker
from eval.engines.engine import Timing
from eval.engines.registry import spec_of
from eval.results import Speed, percentile
from train.config.schema import Config, EvalConfig
from train.errors import TandemError
from train.intervals import median_ratio
from train.progress import progress
from train.runs import RunFolder

BASELINE = "teacher-eager"


@dataclass
class Timed:
    """An engine in the speed measurement."""

    worker: EngineWorker
    timings: list[Timing] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    load_s: float | None = None
    peak_memory_bytes: int | None = None
    error: str | None = None


def time_engines(engines: Sequence[str], config: Config, run: RunFolder) -> dict[str, Timed]:
    """Interleaved rounds over all engines; the first round warms up and is dropped."""
    rounds = config.eval.speed_rounds + 1
    with ExitStack() as stack:
        timed = {engine: Timed(stack.enter_context(_worker(engine, config, run))) for engine in engines}
        with progress("eval speed", len(engines) * (rounds + 1), "runs") as meter:
            for entry in timed.values():  # one after the other: loads side by side would slow each other
                _load(entry)
                meter.advance()
            for number in range(rounds):
                # The order turns with the rounds, so that no engine always follows the same one.
                for engine in _turned(list(timed), number):
                    _time(timed[engine], config.eval, warm_up=number == 0)
                    meter.advance()
        for entry in timed.values():
            _peak(entry)
    return timed


def _worker(engine: str, config: Config, run: RunFolder) -> EngineWorker:
    return EngineWorker(spec_of(engine, run, config, config.eval.threads), config.eval.limit_s)


def speed_of(engine: str, timed: dict[str, Timed], settings: EvalConfig) -> Speed | None:
    """The speed part of a result; None where the engine failed."""
    entry = timed[engine]
    if entry.error is not None or not entry.timings:
        return None
    baseline = next((name for name in (BASELINE, *timed) if name in timed and timed[name].error is None), None)
    ratio = None
    if baseline is not None:
        ratio = median_ratio(
            [_total(timing) for timing in entry.timings], [_total(timing) for timing in timed[baseline].timings]
        )
    tokens = [seconds for timing in entry.timings for seconds in timing.per_token_s]
    middle = median(tokens) if tokens else None
    return Speed(
        prompt_tokens=settings.speed_prompt,
        new_tokens=settings.speed_tokens,
        threads=settings.threads,
        ttft_s=[timing.ttft_s for timing in entry.timings],
        per_token_s=[timing.per_token_s for timing in entry.timings],
        load_average=entry.loads,
        ttft_p50_s=median(timing.ttft_s for timing in entry.timings),
        token_p50_s=middle,
        token_p95_s=percentile(tokens, 0.95) if tokens else None,
        tokens_per_s=1 / middle if middle else None,
        baseline=baseline,
        ratio=None if ratio is None else ratio.value,
        ratio_low=None if ratio is None else ratio.low,
        ratio_high=None if ratio is None else ratio.high,
    )


def _load(entry: Timed) -> None:
    try:
        entry.load_s = entry.worker.load()
    except TandemError as error:
        entry.error = str(error)


def _time(entry: Timed, settings: EvalConfig, warm_up: bool) -> None:
    if entry.error is not None:
        return
    load = os.getloadavg()[0]
    try:
        timing = entry.worker.time(settings.speed_prompt, settings.speed_tokens)
    except TandemError as error:
        entry.error = str(error)
        return
    if not warm_up:
        entry.timings.append(timing)
        entry.loads.append(round(load, 2))


def _peak(entry: Timed) -> None:
    if entry.error is not None:
        return
    try:
        _, entry.peak_memory_bytes = entry.worker.describe()
    except TandemError as error:
        entry.error = str(error)


def _turned(names: list[str], by: int) -> list[str]:
    return names[by % len(names) :] + names[: by % len(names)]


def _total(timing: Timing) -> float:
    return timing.ttft_s + sum(timing.per_token_s)
