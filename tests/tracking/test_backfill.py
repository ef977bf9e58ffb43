"""Back-fill: what comes out of W&B's and trackio's own readers is what the log has, once, however often it is sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from train.errors import UserError
from train.tracking.backfill import backfill_wandb, read_history, track_run
from train.tracking.bench import bench_samples

REPOSITORY = Path(__file__).resolve().parents[2]
LOSSES = {"finetune": [(5, 0.2), (10, 0.2), (15, 2 / 15), (20, 0.1)], "distill": [(10, 0.5), (20, 0.25)]}


def inspected(path: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def test_the_log_is_read_as_it_was_done_last(finished_run: Path) -> None:
    histories = {history.identity.stage: history for history in read_history(finished_run)}
    assert list(histories) == ["finetune", "distill", "eval"]
    for stage, expected in LOSSES.items():
        lines = [line.figures for line in histories[stage].lines if "train/loss" in line.figures]
        assert [(line["train/step"], line["train/loss"]) for line in lines] == expected


def test_an_answer_with_line_separators_is_one_sample(finished_run: Path) -> None:
    path = finished_run / "eval" / "samples" / "base.jsonl"
    said = "a\u2028b\u2029c\u0085d"
    row = {"set": "t3", "utterance": said, "expected": "{}", "answer": {"text": said}, "score": {"exact": True}}
    path.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    assert [sample.answer for sample in bench_samples(finished_run) if sample.engine == "base"] == [said]


def test_wandb_twice_is_wandb_once(finished_run: Path) -> None:
    first, second = backfill_wandb(finished_run), backfill_wandb(finished_run)
    assert first == second
    paths = sorted((finished_run / "backfill" / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(paths) == 3
    ids = json.loads((finished_run / "tracking.json").read_text())
    by_stage = {}
    for path in paths:
        found = inspected(path)
        (run,) = [record["run"] for record in found if record["type"] == "run"]
        assert run["run_id"] == ids[run["job_type"]]["id"]
        assert (run["run_group"], run["config"]["update"]["git"]["commit"]) == ("tiny", "c0ffee")
        by_stage[run["job_type"]] = found
    for stage, expected in LOSSES.items():
        items = [record["history"]["item"] for record in by_stage[stage] if record["type"] == "history"]
        curve = [(item["train/step"], item["train/loss"]) for item in items if "train/loss" in item]
        assert curve == [(step, pytest.approx(loss)) for step, loss in expected]
        assert all(1_700_000_000 <= item["_timestamp"] < 1_700_000_200 for item in items)
    assert [record["alert"]["title"] for record in by_stage["distill"] if record["type"] == "alert"] == ["look"]
    figures = {k: v for r in by_stage["eval"] if r["type"] == "history" for k, v in r["history"]["item"].items()}
    assert figures["bench/student-tflite-int8/exact"] == 0.75
    assert figures["bench/base/mb"] == pytest.approx(98.0)
    assert figures["bench/base/ttft_ms"] == pytest.approx(20.0)  # median of 10, 20, 30
    assert figures["bench/base/ms_per_token"] == pytest.approx(2.0)
    (table,) = (finished_run / "backfill").glob("wandb/offline-run-*/files/media/table/*.json")
    rows = json.loads(table.read_text())["data"]
    assert [row[:3] for row in rows] == [
        [0, "base", "say 0"],
        [0, "base", "say 1"],
        [20, "student-tflite-int8", "say 0"],
        [20, "student-tflite-int8", "say 1"],
    ]


def test_trackio_twice_is_trackio_once(finished_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("trackio", reason="trackio is not installed (extra track)")
    program = """
import json, pathlib, sys
from train.tracking.backfill import backfill_trackio
run = pathlib.Path(sys.argv[1])
backfill_trackio(run), backfill_trackio(run)
import trackio
from trackio.sqlite_storage import SQLiteStorage
print(json.dumps({r.name: {"config": r.config, "logs": SQLiteStorage.get_logs("tandem", r.name, run_id=r.id)}
                  for r in trackio.Api().runs("tandem")}))
"""
    environment = os.environ | {"TRACKIO_DIR": str(tmp_path / "trackio")}  # read when trackio is imported
    command = [sys.executable, "-c", program, str(finished_run)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=environment, check=True)
    runs = json.loads(ended.stdout)  # nothing else on stdout: trackio's hints are silenced
    assert sorted(runs) == ["distill-tiny-s1", "eval-tiny-s1", "finetune-tiny-s1"]
    for stage, expected in LOSSES.items():
        logs = runs[f"{stage}-tiny-s1"]["logs"]
        curve = [(line["step"], line["train/loss"]) for line in logs if "train/loss" in line]
        assert curve == [(step, pytest.approx(loss)) for step, loss in expected]
        assert runs[f"{stage}-tiny-s1"]["config"]["git"]["commit"] == "c0ffee"


def test_what_cannot_be_replayed_is_said(finished_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Known: wandb, trackio"):
        track_run(finished_run, "mlflow")
    with pytest.raises(UserError, match="stays on this machine"):
        track_run(finished_run, "trackio", online=True)
    with pytest.raises(UserError, match=r"no config\.yaml"):
        read_history(tmp_path)
    (finished_run / "metrics.jsonl").write_text("")
    with pytest.raises(UserError, match="nothing to replay"):
        read_history(finished_run)
