"""Sweeps: W&B's grid order, draws within their bounds, resume, one teacher for many trials, the report."""

from __future__ import annotations

import json
import math
import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from eval.sweep_report import write_sweep_report
from train.config.load import load_config
from train.errors import TandemError, UserError
from train.runs import RunFolder, Stage, record_stage
from train.sweeps.local_sweep import Outcome, command_of, read_trials, run_sweep
from train.sweeps.search import draw, trials
from train.sweeps.sweep_file import Parameter, read_sweep
from train.sweeps.trial import adopt, last_figures, run_trial, trial_name, untouched

REPOSITORY = Path(__file__).resolve().parents[2]
SWEEPS = sorted((REPOSITORY / "configs" / "sweeps").glob("*.yaml"))
GRID = """
name: grid
program: tandem.py
method: grid
metric: {name: distill/val_loss, goal: minimize}
parameters:
  b.rate: {values: [0.001, 0.01]}
  a.alpha: {values: [0.0, 0.5]}
command: ["${interpreter}", "${program}", trial, "${args_no_hyphens}"]
"""


EMPTY = {"file": "", "name": "", "method": "", "metric": "", "goal": "minimize", "parameters": [], "trials": []}


def write(folder: Path, text: str) -> Path:
    path = folder / "sweep.yaml"
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_RUNS", str(tmp_path))


class FakeLaunch:
    """Loss = rate + alpha; a command that holds `broken` fails."""

    def __init__(self, broken: str = "nothing") -> None:
        self.broken, self.commands = broken, list[list[str]]()

    def __call__(self, command: list[str]) -> Outcome:
        self.commands.append(command)
        if self.broken in command:
            return Outcome(None, "ended with status 1")
        values = dict(part.split("=") for part in command if "=" in part)
        loss = float(values["b.rate"]) + float(values["a.alpha"])
        return Outcome({"run": f"runs/{loss}", "figures": {"distill/val_loss": loss}})


def test_a_grid_has_the_order_of_wandbs_own_package(tmp_path: Path) -> None:
    sweep = read_sweep(write(tmp_path, GRID))
    # sweeps 0.3.0: names in alphabetical order, the last one changes fastest; arange leaves the upper bound out.
    expected = [(0.0, 0.001), (0.0, 0.01), (0.5, 0.001), (0.5, 0.01)]
    assert [(v["a.alpha"], v["b.rate"]) for v in trials(sweep, "")] == expected
    quantised = GRID.replace("{values: [0.0, 0.5]}", "{distribution: q_uniform, min: 0, max: 2, q: 0.5}")
    quantised = quantised.replace("{values: [0.001, 0.01]}", "{min: 1, max: 3}")
    found = [(v["a.alpha"], v["b.rate"]) for v in trials(read_sweep(write(tmp_path, quantised)), "")]
    assert found == [(a, b) for a in (0.0, 0.5, 1.0, 1.5) for b in (1, 2, 3)]


@pytest.mark.parametrize(
    ("keys", "median", "low", "high"),
    [
        ({"min": 1.0, "max": 5.0}, 3.0, 1.0, 5.0),
        ({"min": 1, "max": 5}, 3.0, 1, 5),
        ({"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}, 1e-3, 1e-4, 1e-2),
        ({"distribution": "normal", "mu": 2.0, "sigma": 0.5}, 2.0, -2, 6),
        ({"distribution": "log_normal", "mu": 0.0, "sigma": 0.5}, 1.0, 0, math.inf),
        ({"values": [1, 7], "probabilities": [0.1, 0.9]}, 7, 1, 7),
    ],
)
def test_draws_follow_their_distribution(keys: dict[str, Any], median: float, low: float, high: float) -> None:
    rng, parameter = random.Random(1), Parameter(**keys)
    drawn = [draw(parameter, rng) for _ in range(4000)]
    assert low <= min(drawn)
    assert max(drawn) <= high
    assert statistics.median(drawn) == pytest.approx(median, rel=0.08)


def test_random_trials_are_the_same_at_every_start(tmp_path: Path) -> None:
    sweep = read_sweep(write(tmp_path, GRID.replace("method: grid", "method: random")))
    first, again = list(islice(trials(sweep, "s"), 20)), list(islice(trials(sweep, "s"), 20))
    assert first == again != list(islice(trials(sweep, "t"), 20))


def test_a_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    path, launch = write(tmp_path, GRID), FakeLaunch(broken="a.alpha=0.5")
    folder = run_sweep(path, 1, launch)
    assert len(launch.commands) == 1
    assert launch.commands[0] == [sys.executable, "tandem.py", "trial", "a.alpha=0.0", "b.rate=0.001"]
    run_sweep(path, None, launch)
    assert len(launch.commands) == 4  # the first one is not run again
    assert [trial.value for trial in read_trials(folder)] == [0.001, 0.01, None, None]
    mended = FakeLaunch()
    run_sweep(path, None, mended)
    assert [command[-2:] for command in mended.commands] == [
        ["a.alpha=0.5", "b.rate=0.001"],
        ["a.alpha=0.5", "b.rate=0.01"],
    ]
    done = FakeLaunch()
    run_sweep(path, None, done)
    assert not done.commands


def test_a_place_where_no_folder_can_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TANDEM_RUNS", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"The sweep folder .*file/sweeps/.* can't be made.*TANDEM_RUNS"):
        run_sweep(write(tmp_path, GRID), 1, FakeLaunch())


def test_the_report_ranks_by_the_metric(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run_sweep(write(tmp_path, GRID), None, FakeLaunch(broken="b.rate=0.01"))
    result = write_sweep_report(folder)
    assert result["best"] == {"run": "runs/0.001", "value": 0.001, "a.alpha": 0.0, "b.rate": 0.001}
    assert (result["trials"], result["failed"]) == (4, 2)
    page = (folder / "sweep.html").read_text()
    assert page.index("runs/0.001") < page.index("runs/0.501")
    assert "ended with status 1" in page
    assert "<svg" in page
    assert "http" not in page.replace("http://www.w3.org", "")  # nothing is fetched
    assert (folder / "parallel.svg").read_text().startswith("<svg xmlns=")
    assert "0.001" in capsys.readouterr().out


def test_trials_of_a_former_file_are_kept_and_not_compared(tmp_path: Path) -> None:
    folder = run_sweep(write(tmp_path, GRID), None, FakeLaunch())
    run_sweep(write(tmp_path, GRID.replace("parameters:", "parameters:\n  c.seed: {value: 7}")), 1, FakeLaunch())
    assert len(read_trials(folder)) == 5
    result = write_sweep_report(folder)
    assert (result["trials"], result["former"], result["failed"], result["best"]["c.seed"]) == (1, 4, 0, 7)


def test_trials_of_a_former_grid_are_not_compared(tmp_path: Path) -> None:
    run_sweep(write(tmp_path, GRID), None, FakeLaunch())
    smaller = GRID.replace("values: [0.001, 0.01]", "values: [0.01, 0.1]")  # without the best one
    folder = run_sweep(write(tmp_path, smaller), None, launch := FakeLaunch())
    assert len(launch.commands) == 2
    result = write_sweep_report(folder)
    assert (result["trials"], result["former"], result["best"]["value"]) == (4, 2, 0.01)
    assert "runs/0.001" not in (folder / "sweep.html").read_text()
    again = run_sweep(write(tmp_path, GRID), None, launch := FakeLaunch())
    assert not launch.commands
    assert write_sweep_report(again)["best"]["value"] == 0.001


def test_another_metric_judges_the_trials_anew(tmp_path: Path) -> None:
    def launch(command: list[str]) -> Outcome:
        loss = FakeLaunch()(command)
        assert loss.result is not None
        value = loss.result["figures"]["distill/val_loss"]
        return Outcome({"run": "r", "figures": {"distill/val_loss": value, "distill/accuracy": 1 - value}})

    run_sweep(write(tmp_path, GRID), None, launch)
    other = GRID.replace("distill/val_loss, goal: minimize", "distill/accuracy, goal: maximize")
    none = FakeLaunch()
    folder = run_sweep(write(tmp_path, other), None, none)
    assert not none.commands  # the trials have that figure, too
    result = write_sweep_report(folder)
    assert (result["metric"], result["best"]["value"]) == ("distill/accuracy", 0.999)
    with pytest.raises(TandemError, match=r"No trial .*'eval/x'.*it logged: distill/accuracy"):
        run_sweep(write(tmp_path, GRID.replace("distill/val_loss", "eval/x")), None, launch)


def test_a_change_of_what_the_config_extends_makes_new_trials(tmp_path: Path) -> None:
    base, config = tmp_path / "base.yaml", tmp_path / "c.yaml"
    base.write_text("name: c\n")
    config.write_text("extends: base.yaml\n")
    path = write(tmp_path, GRID.replace("trial,", f"trial, {config},"))
    run_sweep(path, None, FakeLaunch())
    base.write_text("name: c  # only a comment\n")
    run_sweep(path, None, same := FakeLaunch())
    assert not same.commands
    base.write_text("name: c\nfinetune: {epochs: 3}\n")
    run_sweep(path, None, changed := FakeLaunch())
    assert len(changed.commands) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "should be"),
        ("{}", "file: Field required"),
        ("[" * 3000, "recursion|Invalid JSON"),
        (json.dumps(EMPTY | {"goal": "up"}), "goal: "),
        (json.dumps(EMPTY | {"trials": [3]}), "trials.0: "),
    ],
)
def test_a_damaged_sweep_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(UserError, match=f"sweep.json is damaged: .*({message}).*Delete it"):
        read_trials(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("method: grid", "method: bayes", "wandb sweep"),
        ("{values: [0.001, 0.01]}", "{min: 0.1, max: 0.2}", "can't count through"),
        ("method: grid", "method: random", "--max-runs"),
        ("b.rate:", "name:", "name can't be swept"),
        ("${program}", "${prog}", "not known here"),
        (', "${args_no_hyphens}"', "", "no \\${args_no_hyphens}"),
        ("{values: [0.001, 0.01]}", "{min: 3, max: 2}", "min below max"),
        ("{values: [0.001, 0.01]}", "{min: 0, max: 1, q: 1.0e-9, distribution: q_uniform}", "more than 100,000 values"),
        ("{values: [0.001, 0.01]}", "{min: 1, max: 10000000000000000000}", "1e\\+19 is beyond what is swept"),
        ("{values: [0.001, 0.01]}", "{distribution: log_normal, mu: 800}", "log_normal with mu 800 .* no bound"),
        ("{values: [0.001, 0.01]}", "{values: [2026-11-27]}", "2026-11-27 is a date: put it in quotes"),
        ("method: grid", "method: grid\nrun_cap: 99999999999999999999", "run_cap: .* less than or equal to"),
        ("metric:", "metrics:", "did you mean 'metric'"),
        ("method: grid", "", r"1 problem in the sweep file .*\n  method: missing"),
    ],
)
def test_what_cannot_run_here_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run_sweep(write(tmp_path, GRID.replace(old, new)), None, FakeLaunch())


def test_a_command_that_is_no_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    path = write(tmp_path, GRID.replace("${interpreter}", "no-such-python"))
    with pytest.raises(UserError, match=rf"{path}: command starts with 'no-such-python', which is no program"):
        run_sweep(path)


def test_a_metric_nobody_logs_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match=r"'eval/x'.*it logged: distill/val_loss"):
        run_sweep(write(tmp_path, GRID.replace("distill/val_loss", "eval/x")), 1, FakeLaunch())


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.name)
def test_the_sweeps_of_the_project_are_valid_to_their_keys(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    sweep = read_sweep(path)
    values = next(trials(sweep, "x"))
    command = command_of(sweep, values)
    assert command[:2] == ["/usr/bin/env", sys.executable]
    config = next(part for part in command if part.endswith(".yaml"))
    load_config(Path(config), [part for part in command if "=" in part])  # every key is one of the config


def _stage(name: str, *sections: str, inputs: tuple[str, ...] = ()) -> Stage:
    return Stage(name, "x:y", sections, inputs, (name,), ())


def test_stages_no_override_touches_are_shared(tmp_path: Path) -> None:
    stages = [_stage("data", "data"), _stage("capture", "distill.top_k"), _stage("distill", "distill")]
    assert untouched(stages, ["distill.alpha"]) == stages[:2]
    assert untouched(stages, ["distill.top_k"]) == stages[:1]
    assert untouched(stages, ["distill"]) == stages[:1]
    assert untouched(stages, ["seed"]) == []
    assert untouched(stages, ["track.wandb"]) == stages
    assert trial_name("a", ["x=1", "y=2"]) == trial_name("a", ["y=2", "x=1"]) != trial_name("a", ["x=1"])


def test_adopted_outputs_are_the_same_file(tmp_path: Path) -> None:
    stage, source, target = _stage("data", "data"), RunFolder(tmp_path / "a"), RunFolder(tmp_path / "b")
    (source.path / "data").mkdir(parents=True)
    target.path.mkdir()
    (source.path / "data" / "train.jsonl").write_text("{}")
    record_stage(stage, source, "fp", {"data/train.jsonl": "d1"}, 1.0, 1.0, {"rows": 1})
    adopt([stage], source, target)
    assert (target.path / "data" / "train.jsonl").samefile(source.path / "data" / "train.jsonl")
    assert target.stage_record("data") == source.stage_record("data")
    assert json.loads((target.path / "lineage.json").read_text())["data"]["outputs"] == {"data/train.jsonl": "d1"}


def test_a_stage_made_anew_is_adopted_anew(tmp_path: Path) -> None:
    stage, source, target = _stage("data", "data"), RunFolder(tmp_path / "a"), RunFolder(tmp_path / "b")
    target.path.mkdir()
    for fingerprint, names in (("old", ("one", "two")), ("new", ("one",))):
        shutil.rmtree(source.path / "data", ignore_errors=True)
        (source.path / "data").mkdir(parents=True)
        for name in names:
            (source.path / "data" / name).write_text(fingerprint)
        record_stage(stage, source, fingerprint, {f"data/{name}": "d" for name in names}, 1.0, 1.0, {})
        adopt([stage], source, target)
        assert target.stage_record("data")["fingerprint"] == fingerprint
        assert sorted(path.name for path in (target.path / "data").iterdir()) == sorted(names)
        assert (target.path / "data" / "one").samefile(source.path / "data" / "one")


def test_figures_of_a_trial_are_the_last_finite_ones(tmp_path: Path) -> None:
    lines = [{"train/loss": 2.0}, {"train/loss": 1.0}, {"train/loss": "NaN"}, {"alert": {}}]
    text = "".join(json.dumps({"time": 1.0, "stage": "distill", **line}) + "\n" for line in lines)
    (tmp_path / "metrics.jsonl").write_text(text)
    assert last_figures(tmp_path) == {"train/loss": 1.0}


def test_an_unknown_stage_is_refused(make_config: Callable[..., Any], tmp_path: Path) -> None:
    make_config()
    path = tmp_path / "c.yaml"
    path.write_text("name: c\n")
    with pytest.raises(UserError, match="Stages: data"):
        run_trial([_stage("data", "data")], path, [], "dta")


@pytest.mark.slow
def test_two_real_trials_share_one_teacher(tmp_path: Path) -> None:
    smoke = REPOSITORY / "configs" / "smoke.yaml"
    config = tmp_path / "small.yaml"
    config.write_text(
        f"extends: {smoke}\nname: small\ndata: {{train_rows: 300, test_rows: 40}}\n"
        "finetune: {rows: 60, epochs: 1.0}\ndistill: {rows: 40}\n"
    )
    text = GRID.replace("a.alpha: {values: [0.0, 0.5]}", "distill.alpha: {value: 0.5}").replace(
        "b.rate", "distill.learning_rate"
    )
    text = text.replace("trial,", f"trial, {config}, --until, distill,").replace(
        "program: tandem", f"program: {REPOSITORY}/tandem"
    )
    command = [sys.executable, str(REPOSITORY / "tandem.py"), "sweep", str(write(tmp_path, text))]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(ended.stdout.splitlines()[-1])
    assert (result["trials"], result["failed"]) == (2, 0)
    teachers = [
        tmp_path / name / "teacher" / "model.safetensors" for name in ("small", Path(result["best"]["run"]).name)
    ]
    assert teachers[0].samefile(teachers[1])
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "[1/" not in again.stderr  # nothing is run a second time
