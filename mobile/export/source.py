"""What is exported: the run's student, its teacher, or any Hugging Face folder of the Llama kind."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mobile.export import STAGE
from train.config.schema import Config
from train.errors import UserError
from train.runs import RunFolder, Stage
from train.stage import run_stage


@dataclass(frozen=True)
class Source:
    """`name` begins the names of the files; `output` is the folder of the run that they go to."""

    name: str
    model: Path  # config.json, *.safetensors
    tokenizer: Path  # folder of tokenizer.json
    output: str


def find_source(source: str, run: RunFolder) -> Source:
    """The source that `export.source` names. UserError where it is no folder."""
    if source == "student":
        return Source("student", run.student / "hf", run.data / "tokenizer", "mobile")
    if source == "teacher":
        return Source("teacher", run.teacher, run.teacher, "mobile-teacher")
    folder = Path(source).expanduser().resolve()
    if not (folder / "config.json").is_file():
        raise UserError(
            f"export.source is {source!r}, but {folder / 'config.json'} does not exist. "
            "Give student, teacher, or a Hugging Face folder (config.json, *.safetensors, tokenizer.json)."
        )
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.name)
    if name in ("student", "teacher"):  # a folder elsewhere must not overwrite the run's own exports
        name = f"{name}-copy"
    return Source(name, folder, folder, f"mobile-{name}")


def export_stage(config: Config) -> Stage:
    """The stage for `export.source`; each source has its own entry in run.json and its own folder."""
    run = RunFolder(config.runs_dir / config.name)
    source = find_source(config.export.source, run)
    if source.name == "student":
        return STAGE
    beside = [path for path in ("data/tools.json", "data/val.jsonl") if (run.path / path).is_file()]
    return replace(
        STAGE,
        name=f"export-{source.name}",
        inputs=(os.path.relpath(source.model, run.path), *beside),
        outputs=(source.output,),
    )


def run_export(config: Config) -> dict[str, Any]:
    """`tandem export`: the stage of the source, run."""
    stage = export_stage(config)
    return {"stage": stage.name, **run_stage(stage, config)}
