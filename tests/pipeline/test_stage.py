"""Stages: skipped when done, run again when anything they depend on changes, never half-recorded."""

from __future__ import annotations

import errno
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval import eval_stage
from mobile.export import STAGE as EXPORT
from train import run_lock, runs
from train.config import Config
from train.config.load import dump_config
from train.data import STAGE as DATA
from train.data import data_stage
from train.distill import CAPTURE
from train.errors import TandemError, UserError
from train.keras_track import distill_stage, initial_folder
from train.pipeline import StageFailedError, needed, run_pipeline, to_do
from train.run_lock import in_turn, locked
from train.runs import (
    RunFolder,
    Stage,
    StageContext,
    fingerprint,
    is_done,
    open_run,
    provenance,
    record_stage,
)
from train.stage import run_stage
from train.torch_track import STAGE as FINETUNE
from train.torch_track import finetune_stage

FAKE = Stage("fake", "tests.pipeline.test_stage:work", ("data.max_length",), (), ("made",), ("train/chat.py",))
calls: list[str] = []


def work(context: StageContext) -> dict[str, Any]:
    """The stage under test: one file."""
    calls.append(context.fingerprint)
    (context.run.path / "made").mkdir(exist_ok=True)
    (context.run.path / "made" / "file.txt").write_text("whole")
    context.tracker.log({"train/step": 1, "train/loss": 2.5})
    return {"figure": 7}


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()
    sys.modules.setdefault("tests.pipeline.test_stage", sys.modules[__name__])


def test_done_is_skipped_and_its_headline_kept(make_config: Callable[..., Config]) -> None:
    config = make_config()
    assert run_stage(FAKE, config) == run_stage(FAKE, config) == {"figure": 7}
    assert len(calls) == 1
    record = open_run(config).record()["stages"]["fake"]
    assert record["outputs"] == {"made/file.txt": hashlib.sha256(b"whole").hexdigest()}
    lines = [json.loads(line) for line in (open_run(config).path / "metrics.jsonl").read_text().splitlines()]
    assert {"stage": "fake", "train/step": 1, "train/loss": 2.5}.items() <= lines[0].items()


def test_a_changed_config_key_counts_only_where_it_matters(make_config: Callable[..., Config]) -> None:
    run_stage(FAKE, make_config())
    run_stage(FAKE, make_config(finetune={"learning_rate": 1e-5}))
    assert len(calls) == 1
    run_stage(FAKE, make_config(data={"max_length": 100}))
    assert len(calls) == 2


@pytest.mark.parametrize("key", ["finetune.save_every", "finetune.keep_checkpoints", "distill.sample_rows"])
def test_what_cannot_change_the_result_makes_no_stage_anew(make_config: Callable[..., Config], key: str) -> None:
    section, _, name = key.partition(".")
    config, other = make_config(), make_config(**{section: {name: 3}})
    run = open_run(config)
    for stage in (finetune_stage, distill_stage):
        assert fingerprint(stage(config), config, run) == fingerprint(stage(other), other, run)
    weighty = make_config(**{section: {"eval_every": 3}})  # when the best weights are looked for
    changed = {"finetune": finetune_stage, "distill": distill_stage}[section]
    assert fingerprint(changed(config), config, run) != fingerprint(changed(weighty), weighty, run)


def test_the_texts_of_the_schema_are_no_part_of_a_stage(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = make_config()
    monkeypatch.setattr(runs, "REPOSITORY", tmp_path)
    before = fingerprint(FINETUNE, config, open_run(config))
    (tmp_path / "train" / "config").mkdir(parents=True)
    (tmp_path / "train" / "config" / "schema.py").write_text("# another description")
    assert fingerprint(FINETUNE, config, open_run(config)) == before


def test_a_changed_output_is_noticed(make_config: Callable[..., Config], capsys: pytest.CaptureFixture[str]) -> None:
    config = make_config()
    run_stage(FAKE, config)
    (open_run(config).path / "made" / "file.txt").write_text("tampered")
    assert not is_done(FAKE, config, open_run(config))
    run_stage(FAKE, config)
    assert len(calls) == 2
    assert "not what run.json recorded" in capsys.readouterr().err


def test_changed_inputs_and_sources_change_the_fingerprint(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = make_config()
    run = open_run(config)
    stage = Stage("s", "m:f", (), ("in.txt",), ("out",), ("code",))
    monkeypatch.setattr(runs, "REPOSITORY", tmp_path)
    (tmp_path / "code").mkdir()
    seen = {fingerprint(stage, config, run)}
    (run.path / "in.txt").write_text("a")
    seen.add(fingerprint(stage, config, run))
    (tmp_path / "code" / "a.py").write_text("x = 1")
    seen.add(fingerprint(stage, config, run))
    (tmp_path / "code" / "notes.md").write_text("no code")
    seen.add(fingerprint(stage, config, run))
    assert len(seen) == 3


def test_a_missing_input_says_what_to_run(make_config: Callable[..., Config]) -> None:
    with pytest.raises(UserError, match=r"needs .*data/train\.jsonl.*tandem run"):
        run_stage(FINETUNE, make_config())


def test_two_processes_cannot_share_a_run(make_config: Callable[..., Config]) -> None:
    config = make_config()
    with locked(open_run(config)):
        code = f"import fcntl, os; fcntl.flock(os.open({str(open_run(config).path / '.lock')!r}, os.O_RDWR), 6)"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode != 0
        with pytest.raises(UserError, match="Another process works in"):
            run_stage(FAKE, config)
        assert not (open_run(config).path / "config.yaml").exists()  # it says what the one at work was told
    assert run_stage(FAKE, config) == {"figure": 7}


def test_a_file_system_without_locks_is_told_and_used(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def flock(handle: int, flags: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(run_lock.fcntl, "flock", flock)
    assert run_stage(FAKE, make_config()) == {"figure": 7}
    assert "a file system without locks" in capsys.readouterr().err


def test_others_wait_for_their_turn(make_config: Callable[..., Config], tmp_path: Path) -> None:
    run, log = open_run(make_config()), tmp_path / "log"
    code = f"""
from pathlib import Path
from train.run_lock import in_turn
from train.runs import RunFolder
with in_turn(RunFolder(Path({str(run.path)!r})), "the teacher"):
    print(Path({str(log)!r}).exists())
"""
    root = Path(__file__).parents[2]
    with in_turn(run, "the teacher"):
        other = subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=-1, stderr=-1, text=True)
        assert other.stderr is not None
        assert "another process makes the teacher, waiting for it" in other.stderr.readline()
        log.write_text("made")
    assert other.communicate(timeout=50)[0] == "True\n"


def refuse(context: StageContext) -> dict[str, Any]:
    """A stage that finds its input wrong."""
    assert "max_length: 100" in (context.run.path / "config.yaml").read_text(), "what is under way is on the disk"
    raise UserError("wrong")


def test_a_refused_command_leaves_the_config_of_the_finished_stages(make_config: Callable[..., Config]) -> None:
    run_stage(FAKE, make_config())
    path = open_run(make_config()).path / "config.yaml"
    before = path.read_text()
    other = make_config(data={"max_length": 100})
    with pytest.raises(UserError, match="wrong"):
        run_stage(replace(FAKE, entry="tests.pipeline.test_stage:refuse"), other)
    assert path.read_text() == before
    with pytest.raises(UserError, match="needs"):
        run_stage(replace(FAKE, inputs=("gone",)), other)
    assert path.read_text() == before
    run_stage(FAKE, other)
    assert path.read_text() == dump_config(other)


def test_a_stage_that_is_done_leaves_the_config_but_brings_back_a_lost_one(make_config: Callable[..., Config]) -> None:
    run_stage(FAKE, make_config())
    path, before = open_run(make_config()).path / "config.yaml", dump_config(make_config())
    other = make_config(finetune={"learning_rate": 1e-5})  # nothing was made with it
    run_stage(FAKE, other)
    assert path.read_text() == before
    path.unlink()
    run_stage(FAKE, other)
    assert path.read_text() == dump_config(other)


def test_a_killed_command_leaves_its_config(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_stage(FAKE, make_config())
    other = make_config(data={"max_length": 100})

    def interrupted(_: StageContext) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["tests.pipeline.test_stage"], "work", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_stage(FAKE, other)
    assert (open_run(other).path / "config.yaml").read_text() == dump_config(other)


def test_a_full_disk_is_refused_before_the_work(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10**6})())
    with pytest.raises(TandemError, match="1 MB free"):
        run_stage(FAKE, make_config())
    assert not calls


def test_a_damaged_record_is_named(make_config: Callable[..., Config]) -> None:
    run = open_run(make_config())
    (run.path / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        run_stage(DATA, make_config())
    (run.path / "run.json").write_text('{"stage": {}}')
    with pytest.raises(UserError, match=r"run\.json is damaged \(it has no stages\)"):
        run_stage(DATA, make_config())


@pytest.mark.parametrize(
    "entry", [None, "x", {"fingerprint": 1}, {"outputs": None}, {"headline": [1]}, {"seconds": "x"}]
)
def test_a_damaged_entry_of_a_stage_is_named(make_config: Callable[..., Config], entry: object) -> None:
    run = open_run(make_config())
    (run.path / "run.json").write_text(json.dumps({"stages": {"data": entry}}))
    with pytest.raises(UserError, match=r"run\.json is damaged \(the entry of stage data has no valid"):
        run.record()


@pytest.mark.parametrize("damaged", ["{", "[]"])
def test_a_damaged_lineage_does_not_cost_the_stage(make_config: Callable[..., Config], damaged: str) -> None:
    run = open_run(make_config())
    (run.path / "lineage.json").write_text(damaged)
    assert run_stage(FAKE, make_config()) == {"figure": 7}
    assert set(json.loads((run.path / "lineage.json").read_text())) == {"fake"}


def test_own_files_are_read_again_when_they_change(make_config: Callable[..., Config], tmp_path: Path) -> None:
    tools, test = tmp_path / "tools.json", tmp_path / "test.jsonl"
    tools.write_text("[]")
    test.write_text((tmp_path / "rows.jsonl").read_text())
    config = make_config(data={"tools": str(tools), "tests": {"own": str(test)}})
    run = open_run(config)
    seen = {fingerprint(data_stage(config), config, run)}
    for file in (tmp_path / "rows.jsonl", tools, test):
        file.write_text(file.read_text() + "\n")
        seen.add(fingerprint(data_stage(config), config, run))
    assert len(seen) == 4


def test_a_local_base_is_read_again_when_it_changes(make_config: Callable[..., Config], tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    for name in ("tokenizer.json", "model.safetensors"):
        (base / name).write_text("one")
    config = make_config(model={"source": str(base), "shape": None, "sha256": None})
    run = open_run(config)

    def fingerprints() -> list[str]:
        return [fingerprint(stage, config, run) for stage in (data_stage(config), finetune_stage(config))]

    before = fingerprints()
    (base / "model.safetensors").write_text("two")
    changed = fingerprints()
    assert (changed[0] == before[0], changed[1] == before[1]) == (True, False)  # rows need its tokenizer alone
    (base / "tokenizer.json").write_text("two")
    assert fingerprints()[0] != before[0]


def test_a_failing_stage_leaves_no_folder(make_config: Callable[..., Config], tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"messages": []}\n')
    with pytest.raises(UserError, match="1 bad rows"):
        run_stage(DATA, make_config())
    assert sorted(path.name for path in open_run(make_config()).path.iterdir()) == [
        ".lock",
        "config.yaml",
        "metrics.jsonl",
    ]


@pytest.mark.parametrize(("status", "goes_on"), [(2, False), (3, False), (1, True), (-9, True)])
def test_only_what_can_go_on_is_said_to(status: int, goes_on: bool) -> None:
    assert ("The same command goes on" in str(StageFailedError("data", status))) == goes_on


def test_what_comes_after_a_stage_that_is_to_do_is_to_do(make_config: Callable[..., Config]) -> None:
    config = make_config()
    reads = Stage("reads", "tests.pipeline.test_stage:reads", (), ("made",), ("read",), ())
    apart = replace(FAKE, name="apart", sections=("export",), outputs=("apart",))
    stages = [FAKE, reads, apart]
    assert to_do(stages, config, open_run(config)) == stages
    for stage in stages:
        run_stage(replace(stage, entry=FAKE.entry), config)
    assert to_do(stages, config, open_run(config)) == []
    changed = make_config(data={"max_length": 100})  # `reads` itself asks for nothing of that
    assert is_done(reads, changed, open_run(config))
    assert to_do(stages, changed, open_run(config)) == [FAKE, reads]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["data", "finetune", "capture", "distill", "export", "eval"]),
        ({"distill": {"rows": 0}, "eval": {"engines": ["student-keras"]}}, ["data", "distill", "export", "eval"]),
        ({"eval": {"engines": ["base", "teacher-eager"]}}, ["data", "finetune", "eval"]),  # the PyTorch track alone
        ({"eval": {"engines": ["baseline-linear"]}}, ["data", "eval"]),
        ({"distill": {"alpha": 0.0}}, ["data", "finetune", "distill", "export", "eval"]),  # an engine runs the teacher
        (
            {"distill": {"rows": 0}, "student": {"initial": "teacher"}, "eval": {"engines": ["student-keras"]}},
            ["data", "finetune", "distill", "export", "eval"],
        ),
    ],
)
def test_a_config_runs_the_stages_that_it_needs(
    make_config: Callable[..., Config], changes: dict[str, dict[str, Any]], names: list[str]
) -> None:
    config = make_config(**changes)
    stages = [DATA, FINETUNE, CAPTURE, distill_stage(config), EXPORT, eval_stage(config)]
    assert [stage.name for stage in needed(stages)] == names


def test_the_first_weights_may_come_from_another_run(make_config: Callable[..., Config], tmp_path: Path) -> None:
    config = make_config(student={"initial": "run:other"})
    folder = config.runs_dir.resolve() / "other" / "teacher"
    assert initial_folder(config) == str(folder)
    assert distill_stage(config).inputs[-1] == str(folder)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"one")
    run = open_run(config)
    before = fingerprint(distill_stage(config), config, run)
    assert fingerprint(distill_stage(config), config, run) == before
    (folder / "model.safetensors").write_bytes(b"two")  # outside the run folder, and yet the student depends on it
    assert fingerprint(distill_stage(config), config, run) != before
    assert initial_folder(make_config(student={"initial": str(tmp_path)})) == str(tmp_path.resolve())


def test_what_is_tracked_names_the_teacher_of_another_run(make_config: Callable[..., Config]) -> None:
    config = make_config(student={"initial": "run:other"})
    other = RunFolder(config.runs_dir.resolve() / "other")
    other.teacher.mkdir(parents=True)
    record_stage(FINETUNE, other, "f", {"teacher/model.safetensors": "d1"}, 1.0, 1.0, {})
    inputs = provenance(distill_stage(config), open_run(config))["inputs"]
    assert inputs == {str(other.teacher / "model.safetensors"): "d1"}


def test_first_weights_that_are_missing_are_told_of_before_any_stage_runs(
    make_config: Callable[..., Config], tmp_path: Path
) -> None:
    config = make_config(student={"initial": "run:missing"})
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(config))
    stages = [DATA, FINETUNE, CAPTURE, distill_stage(config)]
    with pytest.raises(UserError, match=r"Stage distill is to read .*missing/teacher"):
        run_pipeline(stages, path, [], lambda _: {})
    assert open_run(config).record()["stages"] == {}
