"""Figures of the report as people read them, computed once from the results for terminal, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from eval.bfcl import SETS
from eval.engines.registry import ENGINES
from eval.results import Difference, Result, Share, percentile

ABSENT = "–"
BASELINE = "teacher-eager"
RIGHT_BY = {"contains": "contains the answer", "choice": "right choice"}  # eval.scorer → what counts; else exact match


@dataclass(frozen=True)
class Column:
    """One column of the headline table; `note` says what the figure means."""

    title: str
    note: str


COLUMNS = (
    Column("Artifact", "engine id"),
    Column("Exact match", "right answers with Wilson's 95 % interval"),
    Column("Against teacher", "difference in points on the same rows (Tango's interval), p of the exact McNemar test"),
    Column("Intent", "right function, or rightly none"),
    Column("Arguments", "right function and the same argument names"),
    Column("Valid JSON", "the answer is one JSON object with exactly name and arguments"),
    Column("False calls", "a function called where none applies"),
    Column("Invented", "an open value that is not in the utterance"),
    Column("MB", "file size, 10^6 bytes"),
    Column("Tokens/s", "decoding, median"),
    Column("TTFT ms", "time to first token, median; for an engine without tokens, one whole command"),
    Column("Memory MB", "peak resident memory of the process, framework included"),
    Column("Speed", "times faster than the baseline, one whole request: median of paired interleaved rounds"),
)


def right_by(result: Result) -> str:
    """What the headline figure counts, in words: it depends on eval.scorer."""
    return RIGHT_BY.get(str(result.settings.get("scorer")), "exact match")


def columns(results: Sequence[Result]) -> list[Column]:
    """COLUMNS, the headline figure named by what it counts."""
    name = right_by(results[0]).capitalize() if results else COLUMNS[1].title
    return [COLUMNS[0], replace(COLUMNS[1], title=name), *COLUMNS[2:]]


def headline_rows(results: Sequence[Result]) -> list[list[str]]:
    """Cells of the headline table, one list a result, in the order of COLUMNS."""
    return [headline_row(result) for result in results]


def headline_row(result: Result) -> list[str]:
    quality = result.quality.get(headline_set(result))
    speed = result.speed
    return [
        result.engine,
        with_interval(quality.exact) if quality else ABSENT,
        as_difference(result.difference),
        percent(quality.intent if quality else None),
        percent(quality.argument_keys if quality else None),
        percent(quality.valid_json if quality else None),
        percent(false_calls(result)),
        percent(quality.invented if quality else None),
        ABSENT if result.artifact is None else megabytes(result.artifact.bytes),
        ABSENT if (rate := tokens_per_second(result)) is None else number(rate),
        ABSENT if speed is None else number(median(speed.ttft_s) * 1e3),
        ABSENT if result.peak_memory_bytes is None else f"{result.peak_memory_bytes / 1e6:.0f}",
        speed_ratio(result),
    ]


def headline_set(result: Result) -> str:
    return str(result.settings["headline"])


def false_calls(result: Result) -> Share | None:
    """False calls on the set of the domain where most rows expect no function."""
    shares = [
        quality.false_call
        for name, quality in result.quality.items()
        if quality.false_call is not None and name not in SETS
    ]
    return max(shares, key=lambda share: share.n, default=None)


def tokens_per_second(result: Result) -> float | None:
    """Decoding speed: one over the median time of a token."""
    if result.speed is None:
        return None
    seconds = [value for run in result.speed.per_token_s for value in run]
    return 1 / median(seconds) if seconds else None


def token_milliseconds(result: Result, share: float) -> float | None:
    """Percentile of the time per token."""
    seconds = [value for run in result.speed.per_token_s for value in run] if result.speed else []
    return percentile(seconds, share) * 1e3 if seconds else None


def speed_ratio(result: Result) -> str:
    speed = result.speed
    if speed is None or speed.ratio is None or speed.ratio_low is None or speed.ratio_high is None:
        return ABSENT
    if speed.baseline == result.engine:
        return "1 ×"
    return f"{number(speed.ratio)} × [{number(speed.ratio_low)}; {number(speed.ratio_high)}]"


def size_megabytes(result: Result) -> float | None:
    """MB = 10^6 bytes."""
    return None if result.artifact is None else result.artifact.bytes / 1e6


def request_milliseconds(result: Result) -> float | None:
    """Median time of one whole request of the speed test."""
    seconds = request_seconds(result)
    return median(seconds) * 1e3 if seconds else None


def request_seconds(result: Result) -> list[float]:
    """Time of one whole request, one value a round."""
    speed = result.speed
    if speed is None:
        return []
    return [first + sum(rest) for first, rest in zip(speed.ttft_s, speed.per_token_s, strict=True)]


Cost = Callable[[Result], float | None]


@dataclass(frozen=True)
class Point:
    """One artifact in a plot of quality against a cost."""

    label: str
    track: str
    cost: float
    share: Share


def points_of(results: Sequence[Result], cost: Cost, prefix: str = "") -> list[Point]:
    """The results that have both a cost (size, or time) and exact match on the headline set."""
    return [
        Point(f"{prefix}{result.engine}", ENGINES[result.engine].track, spent, result.quality[name].exact)
        for result in results
        if (spent := cost(result)) is not None and (name := headline_set(result)) in result.quality
    ]


def front(points: Sequence[Point]) -> set[str]:
    """Labels of the points that no other beats in cost and exact match at once."""
    return {
        point.label
        for point in points
        if not any(
            other.cost <= point.cost
            and other.share.value >= point.share.value
            and (other.cost, other.share.value) != (point.cost, point.share.value)
            for other in points
        )
    }


def pareto_front(results: Sequence[Result]) -> set[str]:
    """Engines that no other beats in size and exact match at once."""
    return front(points_of(results, size_megabytes))


def subject(results: Sequence[Result]) -> Result | None:
    """The engine that the run is about: the smallest mobile file that answered, else the last engine that did."""
    answered = [result for result in results if headline_set(result) in result.quality and result.artifact]
    mobile = [result for result in answered if ENGINES[result.engine].track == "Mobile"]
    if mobile:
        return min(mobile, key=lambda result: result.artifact.bytes if result.artifact else 0)
    return answered[-1] if answered else None


def percent(share: Share | None) -> str:
    return ABSENT if share is None else f"{share.value * 100:.1f} %"


def with_interval(share: Share) -> str:
    return f"{share.value * 100:.1f} % [{share.low * 100:.1f}; {share.high * 100:.1f}]"


def as_difference(difference: Difference | None) -> str:
    if difference is None:
        return ABSENT
    value, low, high = (end * 100 for end in (difference.value, difference.low, difference.high))
    return f"{value:+.1f} [{low:+.1f}; {high:+.1f}] {p_value(difference.p)}"


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def megabytes(count: int) -> str:
    return number(count / 1e6)


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
