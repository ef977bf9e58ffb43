"""metrics.jsonl is always written; W&B offline files hold the same figures, group and job type."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from train.config import Config
from train.errors import MissingExtraError
from train.tracking import Tracker, wandb_run


def records(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Records of the offline run by type, as W&B's own reader prints them."""
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found: dict[str, list[dict[str, Any]]] = {}
    for record in map(json.loads, lines):
        found.setdefault(record["type"], []).append(record.get(record["type"], {}))
    return found


def test_every_line_is_whole_and_flushed(tmp_path: Path) -> None:
    with Tracker(tmp_path, "finetune") as tracker:
        tracker.log({"train/step": 1, "train/loss": 2.5})
        (line,) = (tmp_path / "metrics.jsonl").read_text().splitlines()  # before the file is closed
        assert {"stage": "finetune", "train/step": 1, "train/loss": 2.5}.items() <= json.loads(line).items()
        tracker.finish({"val_loss": 0.5, "note": "text is no figure"}, {})
    last = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["finetune/val_loss"] == 0.5
    assert "finetune/note" not in last


def test_helper_processes_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Tracker(None, "finetune") as tracker:
        tracker.log({"train/loss": 1.0})
    assert not list(tmp_path.iterdir())


def test_wandb_offline_holds_the_figures(make_config: Callable[..., Config], tmp_path: Path) -> None:
    config = make_config(track={"wandb": "offline", "tags": ["nightly"]})
    folder = tmp_path / "run"
    folder.mkdir()
    with Tracker(folder, "finetune", config) as tracker:
        tracker.log({"train/step": 5, "train/loss": 1.25})
        tracker.finish({"val_loss": 0.5}, {"teacher/config.json": "abc"})
    found = records(folder)
    run = found["run"][0]
    assert (run["run_group"], run["job_type"], run["project"]) == ("tiny", "finetune", "tandem")
    assert (run["display_name"], run["tags"]) == ("finetune-tiny-s1", ["nightly"])
    assert run["config"]["update"]["finetune"]["learning_rate"] == config.finetune.learning_rate
    assert any({"train/step": 5, "train/loss": 1.25}.items() <= line["item"].items() for line in found["history"])
    axes = {metric.get("glob_name"): metric.get("step_metric") for metric in found["metric"]}
    assert axes["train/*"] == axes["eval/*"] == "train/step"
    assert [artifact["name"] for artifact in found["artifact"]] == ["finetune-outputs"]
    assert run["run_id"] == json.loads((folder / "wandb.json").read_text())["finetune"]
    assert found["exit"][0]["exit_code"] == 0


def test_off_and_absent(make_config: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wandb_run.open_wandb(make_config(track={"wandb": "off"}), tmp_path, "data") is None
    monkeypatch.setattr(wandb_run.importlib.util, "find_spec", lambda _: None)
    assert wandb_run.open_wandb(make_config(track={"wandb": "auto"}), tmp_path, "data") is None
    with pytest.raises(MissingExtraError, match=r"\.\[track\]"):
        wandb_run.open_wandb(make_config(track={"wandb": "offline"}), tmp_path, "data")
