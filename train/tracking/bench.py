"""Figures and samples of an evaluation, read from its result files: what the quality, speed and size panels show.

Names: bench/<engine id>/{exact,mb,params,ttft_ms,ms_per_token,peak_mb,load_s}. MB are 10^6 bytes.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from train.tracking.backend import Figures, Sample
from train.tracking.jsonl_log import whole_lines

PROMPTS = 8  # rows of the headline set shown for every engine


def bench_figures(folder: Path) -> Figures:
    """Quality, size, speed and memory of every engine in RUN/eval/*.json; empty where nothing was evaluated."""
    figures: Figures = {}
    for engine, result in _results(folder).items():
        figures |= {f"bench/{engine}/{key}": value for key, value in _of(result).items() if value is not None}
    return figures


def bench_samples(folder: Path, prompts: int = PROMPTS) -> list[Sample]:
    """The first rows of the headline set with every engine's answer: the same prompts for each."""
    found, steps = [], _training_steps(folder)
    for engine, result in _results(folder).items():
        path = folder / "eval" / "samples" / f"{engine}.jsonl"
        headline = (result.get("settings") or {}).get("headline")
        rows = [row for row in whole_lines(path) if row.get("set") == headline][:prompts]
        found += [
            Sample(
                steps.get(engine.split("-")[0], 0),
                engine,
                row["utterance"],
                row["expected"],
                row["answer"]["text"],
                bool(row["score"]["exact"]),
            )
            for row in rows
        ]
    return found


def _training_steps(folder: Path) -> dict[str, int]:
    """Optimizer steps behind the teacher and the student; the base model and baselines have none."""
    path = folder / "run.json"
    stages = json.loads(path.read_text(encoding="utf-8"))["stages"] if path.exists() else {}
    made = {"teacher": "finetune", "student": "distill"}
    return {kind: int(stages.get(stage, {}).get("headline", {}).get("steps", 0)) for kind, stage in made.items()}


def _of(result: dict[str, Any]) -> dict[str, float | None]:
    artifact, speed = result.get("artifact") or {}, result.get("speed") or {}
    quality = (result.get("quality") or {}).get((result.get("settings") or {}).get("headline")) or {}
    per_token = [seconds for round_ in speed.get("per_token_s") or [] for seconds in round_]
    return {
        "exact": (quality.get("exact") or {}).get("value"),
        "mb": _scaled(artifact.get("bytes"), 1e-6),
        "params": artifact.get("params"),
        "ttft_ms": _median(speed.get("ttft_s") or [], 1e3),
        "ms_per_token": _median(per_token, 1e3),
        "peak_mb": _scaled(result.get("peak_memory_bytes"), 1e-6),
        "load_s": result.get("load_s"),
    }


def _median(values: list[float], scale: float) -> float | None:
    return statistics.median(values) * scale if values else None


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _results(folder: Path) -> dict[str, dict[str, Any]]:
    """Engine id → result file. What is no artifact's result is left to the evaluation, which says what is wrong."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((folder / "eval").glob("*.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue
        if isinstance(result, dict) and result.get("kind") == "artifact":
            found[result["engine"]] = result
    return found
