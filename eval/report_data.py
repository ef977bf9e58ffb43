"""Everything a report shows, gathered from a run folder: result files, samples, run.json, metrics.jsonl.

Pure: the same files give the same data, and nothing of the clock or the machine that writes the report enters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.bfcl import SETS
from eval.engines.registry import ENGINES
from eval.figures import (
    BASELINE,
    headline_set,
    megabytes,
    number,
    p_value,
    right_by,
    subject,
    tokens_per_second,
)
from eval.paired import Paired, pair
from eval.plots import Curve
from eval.results import Result, Share, read_results
from eval.samples import read_samples
from train.runs import RunFolder
from train.tracking.jsonl_log import read_lines

Sample = dict[str, Any]
EXAMPLES = 5
TRACK_OF_STAGE = {"finetune": "PyTorch", "distill": "Keras"}


@dataclass(frozen=True)
class Example:
    """A row on which two artifacts differ."""

    utterance: str
    expected: str
    ours: str
    theirs: str


@dataclass(frozen=True)
class StageTime:
    name: str
    seconds: float
    share: float  # of all stages
    peak_memory_mb: float | None


@dataclass(frozen=True)
class ReportData:
    """What the writers of Markdown and HTML get."""

    name: str
    verdict: str
    results: list[Result]
    subject: str
    rival: str  # engine the examples are against
    wins: list[Example]
    regressions: list[Example]
    win_counts: tuple[int, int]  # all rows won, all rows lost
    curves: list[Curve]
    curve_label: str
    stages: list[StageTime]
    git: str
    command: str
    tuning: dict[str, Paired]  # test set out of the domain → teacher against the untuned base


def gather(run_path: Path) -> ReportData:
    """Reads a run folder. Raises UserError without result files, or where one is damaged."""
    run = RunFolder(run_path)
    results = read_results(run.eval)
    samples = {result.engine: read_samples(run.eval / "samples", result.engine) for result in results if result.quality}
    main = subject(results)
    name = main.engine if main else results[0].engine
    rival = _rival(name, samples)
    won, lost = compare(samples.get(name, []), samples.get(rival, []), headline_set(results[0]))
    curves, label = training_curves(run.path)
    record = run.record()
    return ReportData(
        name=run_path.resolve().name,
        verdict=verdict(results, main),
        results=results,
        subject=name,
        rival=rival,
        wins=won[:EXAMPLES],
        regressions=lost[:EXAMPLES],
        win_counts=(len(won), len(lost)),
        curves=curves,
        curve_label=label,
        stages=stage_times(record),
        git=_git(record),
        tuning=tuning_cost(samples),
        command=str(record.get("command", f"python tandem.py run runs/{run_path.resolve().name}/config.yaml")),
    )


def tuning_cost(samples: dict[str, list[Sample]]) -> dict[str, Paired]:
    """The teacher against the model it was tuned from, on the sets that neither was tuned for."""
    found = {name: pair(samples.get(BASELINE, []), samples.get("base", []), name) for name in SETS}
    return {name: paired for name, paired in found.items() if paired is not None}


def verdict(results: Sequence[Result], main: Result | None) -> str:
    """One or two sentences: how good the subject is, and what it gives up for its size."""
    failed = [result.engine for result in results if result.status == "failed"]
    skipped = [result.engine for result in results if result.status == "skipped"]
    tail = f" Failed: {', '.join(failed)}." if failed else ""
    tail += f" Skipped: {', '.join(skipped)}." if skipped else ""
    if main is None or main.artifact is None:
        return f"No engine answered.{tail}"
    name = headline_set(main)
    exact = main.quality[name].exact
    rate = tokens_per_second(main)
    speed = f", {number(rate)} tokens/s on {_threads(main)}" if rate is not None else ""
    text = (
        f"{main.engine}: {exact.value * 100:.1f} % {right_by(main)} on {name} (95 % interval {exact.low * 100:.1f} to "
        f"{exact.high * 100:.1f} %), {megabytes(main.artifact.bytes)} MB{speed}."
    )
    teacher = next((result for result in results if result.engine == BASELINE), None)
    return text + _against(main, teacher) + tail


def _against(main: Result, teacher: Result | None) -> str:
    difference = main.difference
    if teacher is None or teacher is main or difference is None or teacher.artifact is None or main.artifact is None:
        return ""
    points = difference.value * 100
    side = "above" if points > 0 else "below"
    size = number(teacher.artifact.bytes / max(1, main.artifact.bytes))
    faster = f", {number(main.speed.ratio)} times as fast" if main.speed and main.speed.ratio is not None else ""
    standing = "Level with the teacher" if points == 0 else f"{abs(points):.1f} points {side} the teacher"
    return f" {standing} ({p_value(difference.p)}), {size} times smaller{faster}."


def _threads(result: Result) -> str:
    threads = result.speed.threads if result.speed else 1
    return f"{threads} CPU thread{'s' if threads > 1 else ''}"


def _rival(name: str, samples: dict[str, list[Sample]]) -> str:
    parent = ENGINES[name].parent if name in ENGINES else None
    candidates = [engine for engine in (BASELINE, parent, *samples) if engine in samples and engine != name]
    return str(candidates[0]) if candidates else ""


def compare(ours: Sequence[Sample], theirs: Sequence[Sample], name: str) -> tuple[list[Example], list[Example]]:
    """Rows of a set that only we have right, and rows that only they have right; one of each category first."""
    other = {sample["id"]: sample for sample in theirs if sample["set"] == name}
    won: list[tuple[Sample, Sample]] = []
    lost: list[tuple[Sample, Sample]] = []
    for sample in ours:
        if sample["set"] != name or sample["id"] not in other:
            continue
        rival = other[sample["id"]]
        if sample["score"]["exact"] != rival["score"]["exact"]:
            (won if sample["score"]["exact"] else lost).append((sample, rival))
    return _examples(won), _examples(lost)


def _examples(pairs: Sequence[tuple[Sample, Sample]]) -> list[Example]:
    rank: dict[str, int] = defaultdict(int)
    ranked = []
    for mine, theirs in pairs:
        rank[mine["category"]] += 1
        ranked.append((rank[mine["category"]], mine, theirs))
    ranked.sort(key=lambda entry: entry[0])  # stable: file order within a rank
    return [
        Example(mine["utterance"], mine["expected"], mine["answer"]["text"], theirs["answer"]["text"])
        for _, mine, theirs in ranked
    ]


def training_curves(folder: Path) -> tuple[list[Curve], str]:
    """Loss of both tracks, over tokens where every line counts them, else over steps."""
    by_stage = {stage: _last_pass(folder, stage) for stage in TRACK_OF_STAGE}
    lines = [line for found in by_stage.values() for line in found]
    key = "train/tokens" if lines and all("train/tokens" in line for line in lines) else "train/step"
    curves = []
    for stage, found in by_stage.items():
        train = [(float(line[key]), float(line["train/loss"])) for line in found if "train/loss" in line]
        held_out = [(float(line[key]), float(line["eval/loss"])) for line in found if "eval/loss" in line]
        curve = Curve(stage, TRACK_OF_STAGE[stage], *_split(train), *_split(held_out))
        if curve.x:
            curves.append(curve)
    return curves, "training tokens" if key == "train/tokens" else "optimizer steps"


def _last_pass(folder: Path, stage: str) -> list[dict[str, Any]]:
    """Lines of a stage's last training: a step that goes back is a resume or a restart, and replaces what followed."""
    lines: list[dict[str, Any]] = []
    for line in read_lines(folder):
        if line["stage"] == stage and "train/step" in line:
            if lines and line["train/step"] < lines[-1]["train/step"]:
                lines = [before for before in lines if before["train/step"] < line["train/step"]]
            lines.append(line)
    return lines


def _split(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def stage_times(record: dict[str, Any]) -> list[StageTime]:
    """Stages with their share of the whole time."""
    stages = {name: entry for name, entry in record.get("stages", {}).items() if "seconds" in entry}
    total = sum(entry["seconds"] for entry in stages.values())
    return [
        StageTime(name, entry["seconds"], entry["seconds"] / total if total else 0.0, entry.get("peak_memory_mb"))
        for name, entry in stages.items()
    ]


def _git(record: dict[str, Any]) -> str:
    states = [entry["git"] for entry in record.get("stages", {}).values() if entry.get("git")]
    if not states:
        return ""
    return f"{states[-1]['commit'][:12]}{' with local changes' if states[-1].get('dirty') else ''}"


def categories(results: Sequence[Result], limit: int = 24) -> list[tuple[str, int, list[Share | None]]]:
    """Rows of the heat table on the headline set: category, rows of it, one share an engine; the largest first."""
    name = headline_set(results[0])
    by_engine = [result.quality[name].by_category if name in result.quality else {} for result in results]
    sizes: dict[str, int] = {}
    for shares in by_engine:
        for category, share in shares.items():
            sizes[category] = max(share.n, sizes.get(category, 0))
    order = sorted(sizes, key=lambda category: (-sizes[category], category))[:limit]
    return [(category, sizes[category], [shares.get(category) for shares in by_engine]) for category in order]
