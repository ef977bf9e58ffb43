"""A finished run, made by hand: result files, samples, run.json and metrics.jsonl with nasty text in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eval.quality import agreement, difference, quality_of
from eval.results import Artifact, Result, Speed, write_result
from train.atomic import write_json, write_jsonl
from train.config.schema import EvalConfig
from train.metrics import score_call

NASTY = '<script>alert("x")</script> | `rm` & *co*'
SETTINGS = EvalConfig(
    engines=["teacher-eager", "student-keras", "student-tflite-int8", "base"], sets={"t3": 20, "none": 5}
)
PARENTS = {"student-keras": "teacher-eager", "student-tflite-int8": "student-keras"}
# Engine → rows of 20 it has wrong, bytes, seconds a token.
FACTS: dict[str, tuple[set[int], int, float]] = {
    "teacher-eager": ({0, 1}, 500_000_000, 0.020),
    "student-keras": ({0, 2, 3, 4}, 40_000_000, 0.010),
    "student-tflite-int8": ({0, 2, 3, 4, 5}, 10_000_000, 0.002),
}


def samples_of(engine: str) -> list[dict[str, Any]]:
    wrong, _, _ = FACTS[engine]
    found = []
    for index in range(25):
        name = "t3" if index < 20 else "none"
        call = (
            {"name": "HassTurnOn", "arguments": {"name": f"lamp {index}"}}
            if name == "t3"
            else {"name": None, "arguments": {}}
        )
        expected, utterance = json.dumps(call), f"row {index}: {NASTY}"
        text = f"{NASTY} {index}" if index in wrong else expected
        found.append(
            {
                "set": name,
                "id": f"{name}-{index}",
                "category": f"c{index % 3}",
                "utterance": utterance,
                "expected": expected,
                "score": score_call(text, expected, utterance).as_dict(),
                "key": "0" * 16,
                "answer": {"text": text, "tokens": 9, "stopped": True},
            }
        )
    return found


def write_golden(run: Path) -> None:
    samples = {engine: samples_of(engine) for engine in FACTS}
    shared: dict[str, Any] = {
        "environment": {"cpu": "A CPU", "cores": 2, "versions": {"python": "3.11"}},
        "settings": SETTINGS.model_dump(mode="json"),
    }
    for engine, (_, size, seconds) in FACTS.items():
        write_jsonl(run / "eval" / "samples" / f"{engine}.jsonl", samples[engine])
        parent = PARENTS.get(engine)
        result = Result(
            engine=engine,
            status="ok",
            artifact=Artifact(format="fake", dtype="fp32", bytes=size, params=1, sha256="0" * 64),
            parent=parent,
            quality=quality_of(samples[engine]),
            agreement=agreement(parent, samples[engine], samples[parent]) if parent else None,
            difference=difference("teacher-eager", samples[engine], samples["teacher-eager"], "t3") if parent else None,
            speed=Speed(
                prompt_tokens=8,
                new_tokens=4,
                threads=1,
                ttft_s=[5 * seconds] * 6,
                per_token_s=[[seconds] * 3] * 6,
                load_average=[0.1, 0.2, 0.3],
                baseline="teacher-eager",
                ratio=0.020 / seconds,
                ratio_low=0.019 / seconds,
                ratio_high=0.021 / seconds,
            ),
            peak_memory_bytes=300_000_000,
            load_s=1.5,
            **shared,
        )
        write_result(run / "eval", result)
    write_result(run / "eval", Result(engine="base", status="failed", error=f"died of {NASTY}", **shared))
    lines = [
        {"time": 1.0, "stage": stage, "train/step": step, "train/loss": 3.0 / (step + 1), "eval/loss": 4.0 / (step + 1)}
        for stage in ("finetune", "distill")
        for step in (0, 10, 20, 30, 10, 20)  # resumed at 10
    ]
    write_jsonl(run / "metrics.jsonl", lines)
    stages = {"data": {"seconds": 25, "peak_memory_mb": 100}, "finetune": {"seconds": 75}}
    write_json(run / "run.json", {"stages": stages})
