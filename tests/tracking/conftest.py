"""A small finished run: two trained stages, one of them resumed, and an evaluation of two engines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from train.config import Config
from train.config.load import dump_config

ENVIRONMENT = {"cpu": "test", "versions": {"python": "3.11"}}


def _stage(outputs: dict[str, str], headline: dict[str, Any]) -> dict[str, Any]:
    return {"outputs": outputs, "headline": headline, "environment": ENVIRONMENT, "git": {"commit": "c0ffee"}}


def _result(engine: str, exact: float, size: int) -> dict[str, Any]:
    return {
        "kind": "artifact",
        "engine": engine,
        "settings": {"headline": "t3"},
        "artifact": {"bytes": size, "params": None},
        "quality": {"t3": {"exact": {"value": exact}}},
        "speed": {"ttft_s": [0.010, 0.030, 0.020], "per_token_s": [[0.001, 0.003], [0.002]]},
        "peak_memory_bytes": 50_000_000,
        "load_s": 0.5,
    }


@pytest.fixture
def finished_run(make_config: Callable[..., Config], tmp_path: Path) -> Path:
    """finetune logged steps 5, 10, 15, was killed, and went on from step 5; distill logged 10 and 20."""
    folder = tmp_path / "tiny"
    (folder / "eval" / "samples").mkdir(parents=True)
    (folder / "config.yaml").write_text(dump_config(make_config()))
    steps = [("finetune", step, 1 / step) for step in (5, 10, 15)]
    steps += [("finetune", step, 2 / step) for step in (10, 15, 20)] + [("distill", 10, 0.5), ("distill", 20, 0.25)]
    lines: list[dict[str, Any]] = [
        {
            "time": 1_700_000_000.0 + n,
            "stage": stage,
            "train/step": step,
            "train/tokens": 512 * step,
            "train/loss": loss,
        }
        for n, (stage, step, loss) in enumerate(steps)
    ]
    lines.append({"time": 1_700_000_100.0, "stage": "distill", "alert": {"title": "look", "text": "at this"}})
    lines.append({"time": 1_700_000_200.0, "stage": "eval", "eval/exact/base": 0.5})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "teacher").mkdir()
    (folder / "teacher" / "config.json").write_text("{}")
    stages = {
        "finetune": _stage({"teacher/config.json": "a1"}, {"steps": 20}),
        "distill": _stage({"student/student.keras": "b2"}, {"steps": 20}),
        "eval": _stage({"eval/base.json": "c3"}, {}),
    }
    (folder / "run.json").write_text(json.dumps({"stages": stages}))
    (folder / "lineage.json").write_text(json.dumps({"distill": {"inputs": {"teacher/config.json": "a1"}}}))
    for engine, exact, size in (("base", 0.5, 98_000_000), ("student-tflite-int8", 0.75, 2_900_000)):
        (folder / "eval" / f"{engine}.json").write_text(json.dumps(_result(engine, exact, size)))
        rows = [
            {"set": "t3", "utterance": f"say {n}", "expected": "{}", "answer": {"text": "{}"}, "score": {"exact": True}}
            for n in range(2)
        ]
        (folder / "eval" / "samples" / f"{engine}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
