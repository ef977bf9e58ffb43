"""`tandem trial CONFIG key=value …`: one trial of a sweep, started by `tandem sweep` or by a W&B agent.

A trial has a run folder of its own, named after its overrides. Stages that no override touches are made once, in the
run folder of the config itself, and hard-linked from there: nine trials over the student's learning rate need one
teacher. Of several agents on one config the first makes it, and the others wait. Under a W&B agent the trial's figures
are logged to the run the agent asked for; the stages' own runs are not part of the sweep.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from train.atomic import sha256_json, write_json
from train.config import Config, load_config
from train.errors import UserError
from train.pipeline import run_pipeline
from train.run_lock import in_turn
from train.runs import RunFolder, Stage, open_run
from train.tracking.jsonl_log import is_finite, read_lines

AGENT = ("WANDB_SWEEP_ID", "WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH")


def run_trial(
    stages: Sequence[Stage], config_path: Path, overrides: Sequence[str], until: str | None
) -> dict[str, Any]:
    """Runs the stages up to `until` with the overrides; returns {"run", "figures"}.

    Raises:
        UserError: no such stage, or a config that is wrong with these overrides.
    """
    base = load_config(config_path).config
    name = trial_name(base.name, overrides)
    config = load_config(config_path, [*overrides, f"name={name}"]).config
    wanted = _up_to(stages, until)
    shared = untouched(wanted, [override.partition("=")[0] for override in overrides])
    with _outside_agent() as agent:
        if shared:
            with in_turn(open_run(base), "the stages that all trials share"):
                run_pipeline(shared, config_path, [], lambda path: {})
                adopt(shared, open_run(base), open_run(config))
        result = run_pipeline(wanted, config_path, [*overrides, f"name={name}"], lambda path: {})
    figures = last_figures(Path(result["run"]))
    if agent:
        _report(config, figures, agent)
    return {**result, "figures": figures}


def trial_name(name: str, overrides: Sequence[str]) -> str:
    """Name of the trial's run: the config's, and a hash of the overrides in any order."""
    return f"{name}-{sha256_json(sorted(overrides))[:8]}"


def untouched(stages: Sequence[Stage], keys: Sequence[str]) -> list[Stage]:
    """The leading stages whose result none of these config keys can change."""
    found: list[Stage] = []
    for stage in stages:
        if any(_touches(key, section) for key in keys for section in (*stage.sections, "seed")):
            break
        found.append(stage)
    return found


def adopt(stages: Sequence[Stage], source: RunFolder, target: RunFolder) -> None:
    """Hard-links the outputs of finished stages into another run folder, and enters them in its run.json.

    The target's fingerprints are checked as for any other stage: what does not fit is made again.
    """
    record, lineage = target.record(), _lineage(target)
    for stage in stages:
        entry = source.stage_record(stage.name)
        if not entry or record["stages"].get(stage.name, {}).get("fingerprint") == entry["fingerprint"]:
            continue
        for name in stage.outputs:  # what the trial had from an earlier config
            _remove(target.path / name)
        for name in entry["outputs"]:
            _link(source.path / name, target.path / name)
        record["stages"][stage.name] = entry
        lineage[stage.name] = _lineage(source).get(stage.name, {})
    write_json(target.path / "lineage.json", lineage)
    write_json(target.path / "run.json", record)


def last_figures(folder: Path) -> dict[str, float]:
    """The last finite value of every figure in metrics.jsonl."""
    figures: dict[str, float] = {}
    for line in read_lines(folder):
        for key, value in line.items():
            if key != "time" and isinstance(value, int | float) and is_finite(value):
                figures[key] = float(value)
    return figures


def _touches(key: str, section: str) -> bool:
    return key == section or key.startswith(f"{section}.") or section.startswith(f"{key}.")


def _up_to(stages: Sequence[Stage], until: str | None) -> list[Stage]:
    names = [stage.name for stage in stages]
    if until is None:
        return list(stages)
    if until not in names:
        raise UserError(f"--until {until!r} is no stage. Stages: {', '.join(names)}.")
    return list(stages[: names.index(until) + 1])


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)


def _lineage(run: RunFolder) -> dict[str, Any]:
    path = run.path / "lineage.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@contextmanager
def _outside_agent() -> Iterator[dict[str, str]]:
    """Takes the agent's variables away while the stages run: all of them would claim the one run of the trial."""
    taken = {key: os.environ.pop(key) for key in AGENT if key in os.environ}
    try:
        yield taken
    finally:
        os.environ.update(taken)


def _report(config: Config, figures: dict[str, float], agent: dict[str, str]) -> None:
    """Logs the trial's figures to the W&B run that the agent asked for."""
    import wandb

    with wandb.init(
        project=os.environ.get("WANDB_PROJECT", config.track.project),
        entity=config.track.entity,
        group=config.name,
        job_type="trial",
        name=f"trial-{config.name}-s{config.seed}",
        id=agent.get("WANDB_RUN_ID"),
        settings=wandb.Settings(silent=True, console="off"),
    ) as run:
        run.log(figures)
