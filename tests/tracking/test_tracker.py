"""metrics.jsonl is always written; W&B offline files hold the same figures, group and job type."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from train.config import Config
from train.errors import MissingExtraError, UserError
from train.tracking import Tracker, tracker, wandb_run
from train.tracking.backend import RunIdentity, Sample, StageOutputs
from train.tracking.jsonl_log import JsonlLog, read_lines

REPOSITORY = Path(__file__).resolve().parents[2]


def records(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Records of the offline run by type, as W&B's own reader prints them."""
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found: dict[str, list[dict[str, Any]]] = {}
    for record in map(json.loads, lines):
        found.setdefault(record["type"], []).append(record.get(record["type"], {}))
    return found


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_every_line_is_whole_and_flushed(tmp_path: Path) -> None:
    with Tracker(tmp_path, "finetune") as tracked:
        tracked.log({"train/step": 1, "train/loss": 2.5})
        (line,) = lines_of(tmp_path)  # before the file is closed
        assert {"stage": "finetune", "train/step": 1, "train/loss": 2.5}.items() <= line.items()
        tracked.finish({"val_loss": 0.5, "note": "text is no figure"}, {})
    last = lines_of(tmp_path)[-1]
    assert last["finetune/val_loss"] == 0.5
    assert "finetune/note" not in last


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    program = f"""
        import os, pathlib, signal
        from train.tracking import Tracker
        with Tracker(pathlib.Path({str(tmp_path)!r}), "finetune") as tracker:
            for step in range(1, 1001):
                tracker.log({{"train/step": step, "train/loss": 1 / step}})
            os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=REPOSITORY, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [line["train/step"] for line in lines_of(tmp_path)] == list(range(1, 1001))


def test_a_half_line_is_not_glued_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"stage": "a", "time": 1, "x": 1}\n{"stage": "a", "ti')
    log = JsonlLog(tmp_path, "a")
    log.log({"x": 2}, 2.0)
    log.close(failed=False)
    assert [line["x"] for line in read_lines(tmp_path)] == [1, 2]


def test_a_line_ends_at_a_line_feed_and_nowhere_else(tmp_path: Path) -> None:
    said = "a\u2028b\u2029c\u0085d"
    log = JsonlLog(tmp_path, "finetune")
    log.samples([Sample(1, "teacher", said, said, said, True)], 1.0)
    log.log({"x": 2}, 2.0)
    log.close(failed=False)
    first, second = read_lines(tmp_path)
    assert (first["sample"]["answer"], second["x"]) == (said, 2)


def test_a_loss_that_is_no_number_raises_one_alert_and_stays_json(tmp_path: Path) -> None:
    with Tracker(tmp_path, "distill") as tracked:
        tracked.log({"train/step": 3, "train/loss": float("nan"), "train/grad_norm": float("inf")})
        tracked.log({"train/step": 4, "train/loss": float("nan")})
    first, alert, second = lines_of(tmp_path)
    assert (first["train/loss"], first["train/grad_norm"], second["train/loss"]) == ("NaN", "Infinity", "NaN")
    assert "at step 3" in alert["alert"]["text"]
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text().replace('"NaN"', "")  # no bare NaN: that is no JSON


def test_helper_processes_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Tracker(None, "finetune") as tracked:
        tracked.log({"train/loss": 1.0})
    assert not list(tmp_path.iterdir())


def test_a_mirror_that_fails_does_not_end_the_training(
    make_config: Callable[..., Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Mirror:
        def log(self, figures: dict[str, Any], at: float) -> None:
            raise ConnectionError("server away")

    monkeypatch.setattr(tracker, "MIRRORS", {"one": lambda identity, folder: Mirror()})
    with Tracker(tmp_path, "finetune", make_config()) as tracked:
        tracked.log({"train/step": 1})
        tracked.log({"train/step": 2})
    assert [line["train/step"] for line in lines_of(tmp_path)] == [1, 2]
    assert capsys.readouterr().err.count("server away") == 1


def test_a_mirror_that_cannot_be_opened_does_not_end_the_stage(
    make_config: Callable[..., Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionError("server away")

    wandb = pytest.importorskip("wandb", reason="wandb is not installed (extra track)")
    monkeypatch.setattr(wandb, "init", away)
    with Tracker(tmp_path, "finetune", make_config(track={"wandb": "offline"})) as tracked:
        tracked.log({"train/step": 1})
    assert [line["train/step"] for line in lines_of(tmp_path)] == [1]
    said = " ".join(capsys.readouterr().err.split())
    assert "server away" in said
    assert f"tandem track {tmp_path} --to wandb" in said

    def refused(*_: object) -> None:
        raise UserError("no account")

    monkeypatch.setattr(tracker, "MIRRORS", {"one": refused})
    with pytest.raises(UserError, match="no account"), Tracker(tmp_path, "finetune", make_config()):
        pass


def test_wandb_offline_holds_the_figures(make_config: Callable[..., Config], tmp_path: Path) -> None:
    config = make_config(track={"wandb": "offline", "tags": ["nightly"]})
    folder = tmp_path / "run"
    (folder / "teacher").mkdir(parents=True)
    (folder / "teacher" / "config.json").write_text("{}")
    provenance = {
        "git": {"commit": "c0ffee", "dirty": False},
        "environment": {"versions": {"torch": "2.13.0"}},
        "inputs": {"data/train.jsonl": "d1"},
    }
    with Tracker(folder, "finetune", config, provenance) as tracked:
        tracked.log({"train/step": 5, "train/loss": 1.25})
        for step in (5, 10):  # the same prompt at every evaluation
            tracked.samples([Sample(step, "teacher-eager", "lights on", "{}", "{", False)])
        tracked.log({"train/step": 6, "train/loss": float("inf")})
        run_id = json.loads((folder / "tracking.json").read_text())["finetune"]["id"]
        tracked.finish({"val_loss": 0.5}, {"teacher/config.json": "abc"})
    found = records(folder)
    run = found["run"][0]
    assert (run["run_group"], run["job_type"], run["project"], run["run_id"]) == ("tiny", "finetune", "tandem", run_id)
    assert (run["display_name"], run["tags"]) == ("finetune-tiny-s1", ["nightly"])
    settings = run["config"]["update"]
    assert settings["finetune"]["learning_rate"] == config.finetune.learning_rate
    assert settings["git"]["commit"] == "c0ffee"
    assert settings["environment"]["versions"]["torch"] == "2.13.0"
    assert settings["inputs"] == {"data/train.jsonl": "d1"}
    assert any({"train/step": 5, "train/loss": 1.25}.items() <= line["item"].items() for line in found["history"])
    axes = {metric.get("glob_name"): metric.get("step_metric") for metric in found["metric"]}
    assert axes["train/*"] == axes["eval/*"] == "train/step"
    assert axes["control/train/*"] == axes["control/eval/*"] == "control/train/step"
    assert {"train/step", "train/tokens", "control/train/step"} <= {metric.get("name") for metric in found["metric"]}
    (outputs,) = [artifact for artifact in found["artifact"] if artifact["name"] == "tiny-finetune"]
    assert json.loads(outputs["metadata"])["inputs"] == {"data/train.jsonl": "d1"}
    local = {entry["path"]: entry["local_path"] for entry in outputs["manifest"]["contents"]}
    assert local["teacher/config.json"] == str(folder / "teacher" / "config.json")  # named in place, not copied
    (alert,) = found["alert"]
    assert (alert["level"], alert["title"]) == ("ERROR", "train/loss is not finite")
    tables = folder.glob("wandb/offline-run-*/files/media/table/*.json")
    rows = sorted(tuple(row[:3]) for path in tables for row in json.loads(path.read_text())["data"])
    assert rows == [(5, "teacher-eager", "lights on"), (10, "teacher-eager", "lights on")]  # each part has the new ones
    assert found["exit"][0]["exit_code"] == 0


def test_a_run_goes_on_after_a_fault_and_begins_anew_after_its_end(
    make_config: Callable[..., Config], tmp_path: Path
) -> None:
    config = make_config(track={"wandb": "off"})
    from train.tracking import run_ids

    first, resumed = run_ids.begin(tmp_path, "distill")
    with pytest.raises(KeyboardInterrupt), Tracker(tmp_path, "distill", config):
        raise KeyboardInterrupt
    assert not resumed
    assert run_ids.begin(tmp_path, "distill") == (first, True)
    with Tracker(tmp_path, "distill", config):
        pass
    assert run_ids.known_id(tmp_path, "distill") == first
    again, resumed = run_ids.begin(tmp_path, "distill")
    assert (again != first, resumed) == (True, False)


def test_another_fingerprint_is_another_run(
    make_config: Callable[..., Config], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed (extra track)")
    config, ids = make_config(track={"wandb": "offline"}), []
    for fingerprint in ("one", "one", "two"):
        with pytest.raises(KeyboardInterrupt), Tracker(tmp_path, "finetune", config, {"fingerprint": fingerprint}):
            raise KeyboardInterrupt
        ids.append(json.loads((tmp_path / "tracking.json").read_text())["finetune"]["id"])
    assert ids[0] == ids[1] != ids[2]
    said = " ".join(capsys.readouterr().err.split())
    assert said.count(f"tandem track {tmp_path} --to wandb") == 1  # of the one that went on


def test_artifacts_are_those_of_the_run_and_of_the_one_it_took_a_teacher_from() -> None:
    inputs = {
        "data/train.jsonl": "a",
        "logits/part.safetensors": "b",
        "/teacher/runs/other/teacher/model.safetensors": "c",
        "/models/base/model.safetensors": "d",
    }
    assert StageOutputs("distill", {}, inputs).made_from("mine") == ["mine-data", "other-finetune", "mine-capture"]
    assert StageOutputs("finetune", {}, {"teacher/x": "a"}).made_from("mine") == []


class OnlineRun:
    """A W&B run with a server that knows one artifact."""

    offline, group = False, "mine"

    def __init__(self) -> None:
        self.used: list[str] = []
        self.logged: list[str] = []

    def use_artifact(self, name: str) -> None:
        if name != "mine-data:latest":
            raise ValueError(f"artifact membership {name!r} not found")
        self.used.append(name)

    def log_artifact(self, artifact: Any) -> None:
        self.logged.append(artifact.name)


def test_online_the_lineage_stays_within_the_run(tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed (extra track)")
    run = OnlineRun()
    made = StageOutputs("distill", {}, {"data/train.jsonl": "a", "logits/x": "b"})  # the capture was not tracked
    wandb_run.WandbRun(run, tmp_path).artifact(made)
    assert (run.used, run.logged) == (["mine-data:latest"], ["mine-distill"])


def test_off_and_absent(make_config: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(mode: str) -> object:
        return wandb_run.open_wandb(RunIdentity("data", make_config(track={"wandb": mode})), tmp_path)

    assert opened("off") is None
    monkeypatch.setattr(wandb_run.importlib.util, "find_spec", lambda _: None)
    assert opened("auto") is None
    with pytest.raises(MissingExtraError, match=r"\.\[track\]"):
        opened("offline")


def test_online_without_an_account_is_the_users_to_mend(
    make_config: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    identity = RunIdentity("data", make_config(track={"wandb": "online"}))
    with pytest.raises(UserError, match="wandb login"):
        wandb_run.open_wandb(identity, tmp_path)
