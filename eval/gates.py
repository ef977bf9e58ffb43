"""Gates: what an artifact must keep to be shipped, judged by statistics on the result files of a run.

A gate fails only where the data show that it is broken: the whole interval lies on the wrong side of the limit. Where
the interval holds the limit, the gate is undecided and says how many rows would decide it. Nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from eval.gates_config import Floor, GatesConfig, Latency, QualityDrop, Size
from eval.paired import Paired, pair
from eval.results import Result, Share, Speed
from train.intervals import median_ratio

Outcome = Literal["passed", "failed", "undecided", "missing"]
MIN_ROUNDS = 6  # fewer paired rounds have no 95 % interval: smallest and largest of five hold the median with 94 %
NEAR = 0.002  # a share: differences so close to a limit are told apart by tens of thousands of rows
Samples = Callable[[str], list[dict[str, Any]]]


@dataclass(frozen=True)
class Verdict:
    """What became of one gate."""

    gate: str  # kind
    name: str
    artifact: str
    outcome: Outcome
    detail: str  # the figures in words


class MissingArtifactError(Exception):
    """The result a gate needs is not there; the text says which and why."""


class Judge:
    """Judges all gates of a file against the results of one run."""

    def __init__(self, results: Mapping[str, Result], samples: Samples) -> None:
        self._results, self._samples = results, samples

    def verdicts(self, config: GatesConfig) -> list[Verdict]:
        """One verdict a gate, in the order of the file."""
        gates: list[tuple[str, Any, Callable[[Any], tuple[Outcome, str]]]] = [
            *(("quality_drop", gate, self._quality_drop) for gate in config.quality_drop),
            *(("floor", gate, self._floor) for gate in config.floor),
            *(("size", gate, self._size) for gate in config.size),
            *(("latency", gate, self._latency) for gate in config.latency),
        ]
        return [self._verdict(kind, gate, judge) for kind, gate, judge in gates]

    def _verdict(self, kind: str, gate: Any, judge: Callable[[Any], tuple[Outcome, str]]) -> Verdict:
        try:
            outcome, detail = judge(gate)
        except MissingArtifactError as error:
            outcome, detail = "missing", str(error)
        return Verdict(kind, gate.title(), gate.artifact, outcome, detail)

    def _quality_drop(self, gate: QualityDrop) -> tuple[Outcome, str]:
        name = self._set(gate.artifact, gate.set)
        found = pair(self._answers(gate.artifact), self._answers(gate.against), name)
        if found is None:
            raise MissingArtifactError(f"{gate.artifact} and {gate.against} have no common row of {name}")
        low, high = found.difference.low, found.difference.high
        text = (
            f"{found.difference.value * 100:+.1f} points [{low * 100:+.1f}; {high * 100:+.1f}] on {found.n} rows, "
            f"at most {gate.max_drop * 100:g} may be lost"
        )
        if high < -gate.max_drop:
            return "failed", text
        if low >= -gate.max_drop:
            return "passed", text
        return "undecided", f"{text}; the interval holds the limit, {_deciding(found, gate.max_drop)}"

    def _floor(self, gate: Floor) -> tuple[Outcome, str]:
        share = self._share(gate)
        text = f"{share.value * 100:.1f} % [{share.low * 100:.1f}; {share.high * 100:.1f}] of {share.n} rows"
        if gate.at_least is not None:
            text += f", at least {gate.at_least * 100:g} %"
            return _side(share.low, share.high, gate.at_least), text
        assert gate.at_most is not None
        text += f", at most {gate.at_most * 100:g} %"
        return _side(-share.high, -share.low, -gate.at_most), text

    def _size(self, gate: Size) -> tuple[Outcome, str]:
        size = self._bytes(gate.artifact)
        right, texts = True, [f"{size / 1e6:.2f} MB"]
        if gate.max_mb is not None:
            right = size <= gate.max_mb * 1e6
            texts.append(f"at most {gate.max_mb:g} MB")
        if gate.max_ratio is not None and gate.against is not None:
            ratio = size / max(1, self._bytes(gate.against))
            right = right and ratio <= gate.max_ratio
            texts.append(f"{ratio:.3f} times {gate.against}, at most {gate.max_ratio:g}")
        return ("passed" if right else "failed"), ", ".join(texts)

    def _latency(self, gate: Latency) -> tuple[Outcome, str]:
        ours, theirs = (_seconds(self._speed(engine), gate.figure) for engine in (gate.artifact, gate.against))
        if not ours or len(ours) != len(theirs):
            raise MissingArtifactError(
                f"{gate.artifact} and {gate.against} have no paired rounds of the figure {gate.figure!r}"
            )
        # median_ratio says how many times faster; turned over, how many times slower the artifact is.
        ratio = median_ratio(theirs, ours)
        more_ms = (median(ours) - median(theirs)) * 1e3
        text = (
            f"{ratio.value:.2f} × [{ratio.low:.2f}; {ratio.high:.2f}] the time of {gate.against} in {len(ours)} paired "
            f"rounds ({more_ms:+.1f} ms), at most {gate.max_ratio:g} × or {gate.floor_ms:g} ms more"
        )
        if more_ms <= gate.floor_ms:
            return "passed", text
        if len(ours) < MIN_ROUNDS:
            return "undecided", f"{text}; eval.speed_rounds under {MIN_ROUNDS} decide nothing"
        if ratio.high <= gate.max_ratio:
            return "passed", text
        return ("failed" if ratio.low > gate.max_ratio else "undecided"), text

    def _result(self, engine: str) -> Result:
        if engine not in self._results:
            raise MissingArtifactError(f"no result for {engine}; this run has {', '.join(self._results)}")
        return self._results[engine]

    def _set(self, engine: str, name: str | None) -> str:
        found = name or str(self._result(engine).settings["headline"])
        quality = self._result(engine).quality
        if found not in quality:
            reason = self._result(engine).error or f"sets answered: {', '.join(quality) or 'none'}"
            raise MissingArtifactError(f"{engine} has no answers on {found}: {reason}")
        return found

    def _answers(self, engine: str) -> list[dict[str, Any]]:
        if not self._result(engine).quality:
            raise MissingArtifactError(f"{engine} has no answers: {self._result(engine).error or 'not asked'}")
        found = self._samples(engine)
        if not found:
            raise MissingArtifactError(f"{engine} has no samples file: run the evaluation again")
        return found

    def _share(self, gate: Floor) -> Share:
        name = self._set(gate.artifact, gate.set)
        share: Share | None = getattr(self._result(gate.artifact).quality[name], gate.figure)
        if share is None:
            raise MissingArtifactError(f"no row of {name} has the figure {gate.figure!r}")
        return share

    def _bytes(self, engine: str) -> int:
        artifact = self._result(engine).artifact
        if artifact is None:
            raise MissingArtifactError(f"{engine} has no artifact: {self._result(engine).error}")
        return artifact.bytes

    def _speed(self, engine: str) -> Speed:
        result = self._result(engine)
        if result.speed is None:
            raise MissingArtifactError(f"{engine} has no times: {result.error or 'it was not timed'}")
        return result.speed


def _deciding(found: Paired, max_drop: float) -> str:
    """How many rows would put the interval on one side of the limit, if the difference stays what it is."""
    distance = found.difference.value + max_drop
    if abs(distance) < NEAR:
        return "and the difference lies so close to it that no number of rows decides"
    return f"about {max(found.rows_needed(distance), found.n + 1):,} rows decide"


def _side(low: float, high: float, limit: float) -> Outcome:
    """Where an interval lies that should be at or above a limit."""
    return "passed" if low >= limit else "failed" if high < limit else "undecided"


def _seconds(speed: Speed, figure: str) -> list[float]:
    """One figure a round: whole request, first token, or the median of the further tokens."""
    if figure == "ttft":
        return speed.ttft_s
    if figure == "token":
        return [median(tokens) for tokens in speed.per_token_s if tokens]
    return [first + sum(rest) for first, rest in zip(speed.ttft_s, speed.per_token_s, strict=True)]
