"""The whole way with a random tiny model, as a user walks it: tandem run configs/smoke.yaml."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAGES = ["data", "finetune", "capture", "distill", "export", "eval"]
ENGINES = ["base", "baseline-linear", "teacher-eager", "student-keras", "student-tflite-fp32", "student-tflite-int8"]


def walk(runs: Path) -> tuple[dict[str, object], str, float]:
    started = time.monotonic()
    result = subprocess.run(
        [sys.executable, "tandem.py", "run", "configs/smoke.yaml"],
        cwd=ROOT,
        env=os.environ | {"TANDEM_RUNS": str(runs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-5000:]
    return json.loads(result.stdout.splitlines()[-1]), result.stderr, time.monotonic() - started


@pytest.mark.slow
def test_smoke(tmp_path: Path) -> None:
    last, _, _ = walk(tmp_path)
    run = tmp_path / "smoke"
    record = json.loads((run / "run.json").read_text())["stages"]
    assert list(record) == STAGES
    assert all(entry["outputs"] and entry["seconds"] >= 0 and entry["peak_memory_mb"] > 0 for entry in record.values())
    for name in ("student-fp32.tflite", "student-int8.tflite", "tokenizer.json", "tools.json", "bundle.json"):
        assert (run / "mobile" / name).stat().st_size > 0
    for engine in ENGINES:
        result = json.loads((run / "eval" / f"{engine}.json").read_text())
        assert result["quality"]["t3"]["exact"]["n"] == 10, engine
    # Report: both files, nothing fetched from anywhere.
    assert Path(str(last["report_md"])).exists()
    html = Path(str(last["report_html"])).read_text()
    assert all(engine in html for engine in ENGINES)
    assert not re.search(r"""(src|href)=["']https?://""", html)
    # Fine-tuning and distillation have learnt something: the loss fell well below that of an untrained model.
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for stage in ("finetune", "distill"):
        losses = [line["train/loss"] for line in lines if line["stage"] == stage and "train/loss" in line]
        assert losses[-1] < 0.8 * losses[0], stage
    # A second walk does nothing.
    _, errors, seconds = walk(tmp_path)
    assert errors.count("already done") == len(STAGES)
    assert seconds < 15
    assert json.loads((run / "run.json").read_text())["stages"] == record
    # The project's gates hold; the random model leaves the floors of quality undecided.
    gates = subprocess.run(
        [sys.executable, "tandem.py", "gate", str(run), "--gates", "configs/gates.yaml", "--junit", str(run / "g.xml")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert gates.returncode == 0, gates.stderr
    assert json.loads(gates.stdout.splitlines()[-1])["passed"]
    assert "<testsuite " in (run / "g.xml").read_text()
    # The phone file answers.
    answer = subprocess.run(
        [sys.executable, "tandem.py", "chat", str(run), "turn on the kitchen lights"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout.splitlines()[-1])["engine"] == "student-tflite-int8"
