"""The W&B workspace as code: what a team sees when it opens the project, reviewed like any other source.

Two views. "Tandem: pipeline" has quality, speed, size, loss on tokens and samples of every run; "Tandem: both stacks"
puts the teacher's training (PyTorch) and the student's (Keras) side by side on the same axes.
    tandem track RUN --to wandb --workspace          saves both, once logged in
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train.config import Config, load_config
from train.errors import MissingExtraError
from train.tracking.bench import bench_figures
from train.tracking.wandb_run import require_login, require_wandb

STACKS = {"finetune": "PyTorch", "distill": "Keras"}
TRAINING = (
    ("train/loss", "training loss"),
    ("eval/loss", "validation loss"),
    ("train/tok_per_s", "tokens per second"),
    ("train/grad_norm", "gradient norm"),
    ("train/lr", "learning rate"),
    ("train/step_ms", "step, ms"),
)
BENCH = (
    ("Quality", (("exact", "exact match, headline set"),)),
    ("Speed", (("ttft_ms", "time to first token, ms"), ("ms_per_token", "per token, ms"), ("load_s", "load, s"))),
    ("Size", (("mb", "file, MB"), ("peak_mb", "peak memory, MB"), ("params", "parameters"))),
)


def save_workspace(run: Path) -> dict[str, Any]:
    """Saves both views at W&B for the project of a run. Returns {"views": [addresses]}.

    Raises:
        UserError: not logged in.
        MissingExtraError: wandb-workspaces is not installed.
    """
    require_wandb("tandem track --workspace")
    require_workspaces()
    require_login("tandem track --workspace")
    import wandb

    config = load_config(run / "config.yaml").config
    entity: Any = config.track.entity or wandb.Api().default_entity
    return {"views": [view.save().url for view in workspaces(config, entity, bench_engines(run))]}


def workspaces(config: Config, entity: str, engines: Sequence[str]) -> list[Any]:
    """Both views, not saved. `engines` are those whose bench/<engine>/… figures the panels show."""
    return [_pipeline(config, entity, engines), _stacks(config, entity)]


def bench_engines(run: Path) -> list[str]:
    """Engines with figures in the run's result files; those asked for where it has none yet."""
    found = {key.split("/")[1] for key in bench_figures(run)}
    return sorted(found) or list(load_config(run / "config.yaml").config.eval.engines)


def require_workspaces() -> None:
    if importlib.util.find_spec("wandb_workspaces") is None:
        raise MissingExtraError("wandb-workspaces", "track", "The W&B workspace")


def _pipeline(config: Config, entity: str, engines: Sequence[str]) -> Any:
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws

    bench = [
        ws.Section(
            name=title,
            is_open=True,
            panels=[
                wr.BarPlot(title=text, metrics=[f"bench/{engine}/{key}" for engine in engines], groupby="Group")
                for key, text in panels
            ],
        )
        for title, panels in BENCH
    ]
    loss: list[Any] = [
        wr.LinePlot(title=text, x="train/tokens", y=[name], log_y=True, title_x="training tokens")
        for name, text in TRAINING[:2]
    ]
    samples: list[Any] = [wr.WeavePanelSummaryTable(table_name="samples")]
    return ws.Workspace(
        entity=entity,
        project=config.track.project,
        name="Tandem: pipeline",
        sections=[
            *bench,
            ws.Section(name="Loss on tokens", is_open=True, panels=loss),
            ws.Section(name="Samples", is_open=True, panels=samples),
        ],
        runset_settings=ws.RunsetSettings(groupby=[ws.Metric("Group"), ws.Metric("JobType")]),
    )


def _stacks(config: Config, entity: str) -> Any:
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws

    x = {"train/lr": "train/step", "train/step_ms": "train/step"}
    panels: list[Any] = [
        wr.LinePlot(title=text, x=x.get(name, "train/tokens"), y=[name], groupby="JobType", aggregate=True)
        for name, text in TRAINING
    ]
    stages = ", ".join(f"'{stage}'" for stage in STACKS)
    title = " and ".join(f"{library} ({stage})" for stage, library in STACKS.items())
    return ws.Workspace(
        entity=entity,
        project=config.track.project,
        name="Tandem: both stacks",
        sections=[ws.Section(name=f"{title} side by side", is_open=True, panels=panels)],
        runset_settings=ws.RunsetSettings(filters=f"Metric('JobType') in [{stages}]", groupby=[ws.Metric("JobType")]),
    )
