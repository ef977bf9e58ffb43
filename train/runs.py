"""Run folders and stages: what is done, from what, and whether it still holds.

A stage is done when its fingerprint (its part of the config, the sha256 of its inputs, the hash of its own source
files) equals the one in run.json and every output file still has the hash recorded there. run.json is written last, so
a killed stage is simply not done. Two processes can't work in one run folder: run_lock.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from train.atomic import sha256_file, sha256_json, whole_file, write_json, write_text
from train.config.load import dump_config
from train.config.schema import Config
from train.errors import TandemError, UserError
from train.hardware import environment
from train.tracking.tracker import Tracker

REPOSITORY = Path(__file__).resolve().parent.parent
# Keys that change what is kept and shown of a training, and never its result.
BESIDE_THE_RESULT = (
    "finetune.keep_checkpoints",
    "finetune.save_every",
    "finetune.sample_rows",
    "distill.save_every",
    "distill.sample_rows",
)
OF_RUN = "run:"  # before the name of another run whose teacher is read
ENTRY: dict[str, type | tuple[type, ...]] = {  # of a stage in run.json
    "fingerprint": str,
    "seconds": (int, float),
    "finished": str,
    "peak_memory_mb": (int, float),
    "headline": dict,
    "environment": dict,
    "git": dict,
    "outputs": dict,
}
CARD = "README.md"  # model card of a folder: written when its files have been measured, so it is never hashed


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline. Paths of inputs and outputs are relative to the run folder."""

    name: str
    entry: str  # "module:function"; imported only when the stage really runs
    sections: tuple[str, ...]  # config keys the result depends on: "data", "distill.top_k"
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sources: tuple[str, ...]  # files and folders of the repository the result depends on


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run."""

    path: Path

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def teacher(self) -> Path:
        return self.path / "teacher"

    @property
    def logits(self) -> Path:
        return self.path / "logits"

    @property
    def student(self) -> Path:
        return self.path / "student"

    @property
    def mobile(self) -> Path:
        return self.path / "mobile"

    @property
    def eval(self) -> Path:
        return self.path / "eval"

    def record(self) -> dict[str, Any]:
        """run.json, or an empty record. Raises UserError where it is damaged."""
        path = self.path / "run.json"
        try:
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"stages": {}}
        except (ValueError, RecursionError) as error:
            raise _damaged(path, str(error)) from None
        if not isinstance(record, dict) or not isinstance(record.get("stages"), dict):
            raise _damaged(path, "it has no stages")
        for name, entry in record["stages"].items():
            if (wrong := _wrong_key(entry)) is not None:
                raise _damaged(path, f"the entry of stage {name} has no valid {wrong!r}")
        return record

    def stage_record(self, stage: str) -> dict[str, Any]:
        found: dict[str, Any] = self.record()["stages"].get(stage, {})
        return found


def _wrong_key(entry: Any) -> str | None:
    """The first key of a stage's entry that holds something of another kind."""
    if not isinstance(entry, dict):
        return "fingerprint"
    return next((key for key, kind in ENTRY.items() if key in entry and not isinstance(entry[key], kind)), None)


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path} is damaged ({what}). Delete it: finished stages are then made again.")


@dataclass(frozen=True)
class StageContext:
    """What a stage function gets."""

    config: Config
    run: RunFolder
    fingerprint: str
    tracker: Tracker
    checkpoints: Path  # the stage's own folder for unfinished work; deleted when the result is recorded


def open_run(config: Config) -> RunFolder:
    """The run folder of a config, made where it is not there yet."""
    return RunFolder(make_folder(config.runs_dir / config.name, "run"))


def make_folder(path: Path, kind: str) -> Path:
    """The folder of a run or a sweep, made where it is not there yet. UserError where it can't be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # a file of this name; a parent where none can be made; no permission
        raise UserError(
            f"The {kind} folder {path} can't be made: {error.strerror} ({error.filename}). Choose another name "
            "(name=…), or another place (runs_dir, or the variable TANDEM_RUNS)."
        ) from None
    return path


@contextmanager
def saved_config(config: Config, run: RunFolder) -> Iterator[None]:
    """Writes config.yaml: it says what the run is made with. Only the process that holds the run folder may.

    Where the work refuses its input, the former one comes back: the finished stages were made with that.
    """
    text, path = dump_config(config), run.path / "config.yaml"
    before = path.read_bytes() if path.exists() else None
    if text.encode() != before:
        write_text(path, text)
    try:
        yield
    except UserError:
        if before is not None:
            with whole_file(path) as temporary:
                temporary.write_bytes(before)
        raise


def find_run(path: Path) -> RunFolder:
    """An existing run folder given on the command line."""
    if not (path / "run.json").exists():
        raise UserError(f"{path} is not a run folder: it has no run.json. Runs are made by: tandem run CONFIG")
    return RunFolder(path)


def fingerprint(stage: Stage, config: Config, run: RunFolder) -> str:
    """Hash of all that the stage's result depends on."""
    values = config.model_dump(mode="json")
    for key in BESIDE_THE_RESULT:
        section, _, name = key.partition(".")
        del values[section][name]
    part = {key: reduce(lambda inner, name: inner[name], key.split("."), values) for key in (*stage.sections, "seed")}
    inputs = {name: digest for path in stage.inputs for name, digest in digests(run.path, path).items()}
    sources = {name: digest for path in stage.sources for name, digest in digests(REPOSITORY, path, "*.py").items()}
    return sha256_json({"config": part, "inputs": inputs, "sources": sources})


def digests(root: Path, relative: str, pattern: str = "*") -> dict[str, str]:
    """sha256 of a file, or of every file of a folder but a run's model card, by path relative to `root` (below it; else
    absolute). Missing: empty."""
    path = root / relative
    files = [path] if path.is_file() else sorted(p for p in path.rglob(pattern) if p.is_file())
    kept = (file for file in files if "__pycache__" not in file.parts and not _is_card(file, root))
    return {str(file.relative_to(root) if file.is_relative_to(root) else file): sha256_file(file) for file in kept}


def _is_card(file: Path, root: Path) -> bool:
    """The README.md of a data-set folder is none: it can say which files the data are."""
    return file.name == CARD and (file.is_relative_to(root) or (file.parent.parent / "run.json").exists())


def is_done(stage: Stage, config: Config, run: RunFolder) -> bool:
    """Whether the stage's recorded result stands for this config and is whole."""
    record = run.stage_record(stage.name)
    return bool(record) and record.get("fingerprint") == fingerprint(stage, config, run) and not damage(stage, run)


def damage(stage: Stage, run: RunFolder) -> list[str]:
    """Output files that are missing or differ from run.json."""
    recorded: dict[str, str] = run.stage_record(stage.name).get("outputs", {})
    found = output_digests(stage, run)
    return sorted(name for name, digest in recorded.items() if found.get(name) != digest)


def output_digests(stage: Stage, run: RunFolder) -> dict[str, str]:
    """sha256 of every output file of a stage, by path relative to the run folder."""
    return {name: digest for path in stage.outputs for name, digest in digests(run.path, path).items()}


def record_stage(
    stage: Stage,
    run: RunFolder,
    stage_fingerprint: str,
    outputs: dict[str, str],
    seconds: float,
    peak_mb: float,
    headline: dict[str, Any],
) -> None:
    """Writes the stage's entry in lineage.json and, last of all, in run.json."""
    lineage_path = run.path / "lineage.json"
    lineage = _lineage(lineage_path)
    inputs = {name: digest for path in stage.inputs for name, digest in digests(run.path, path).items()}
    lineage[stage.name] = {"inputs": inputs, "outputs": outputs}
    write_json(lineage_path, lineage)
    record = run.record()
    record["stages"][stage.name] = {
        "fingerprint": stage_fingerprint,
        "seconds": round(seconds, 1),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "peak_memory_mb": round(peak_mb, 1),
        "headline": headline,
        "environment": environment(),
        "git": git_state(),
        "outputs": outputs,
    }
    write_json(run.path / "run.json", record)


def _lineage(path: Path) -> dict[str, Any]:
    """lineage.json; empty where there is none, or a damaged one: hours of training don't end for it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def provenance(stage: Stage, run: RunFolder) -> dict[str, Any]:
    """What a tracked run keeps beside the config: git, machine and versions, sha256 of what the stage reads.

    The hashes are those run.json has from the stages before, and that of another run whose teacher is read; nothing is
    hashed a second time.
    """
    made = _made(run)
    teachers = [Path(path) for path in stage.inputs if Path(path).is_absolute() and Path(path).name == run.teacher.name]
    for folder in (teacher.parent for teacher in teachers):
        made |= {str(folder / name): digest for name, digest in _made(RunFolder(folder)).items()}
    inputs = {name: digest for name, digest in made.items() if any(_below(name, path) for path in stage.inputs)}
    return {"git": git_state(), "environment": environment(), "inputs": inputs}


def _made(run: RunFolder) -> dict[str, str]:
    """sha256 of all outputs in a run.json, by path relative to the run folder; empty where there is none."""
    stages = run.record()["stages"].values()
    return {name: digest for entry in stages for name, digest in entry.get("outputs", {}).items()}


def _below(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path}/")


def git_state() -> dict[str, Any]:
    """Commit of the checkout and whether files differ from it; empty outside a git checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(REPOSITORY), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {}


def require_disk(path: Path, needed_mb: float, purpose: str) -> None:
    """Refuses to start where the disk can't hold what comes."""
    free_mb = shutil.disk_usage(path).free / 1e6
    if free_mb < needed_mb:
        raise TandemError(
            f"The disk of {path} has {free_mb:.0f} MB free, {purpose} needs {needed_mb:.0f} MB. "
            "Free some space, or set TANDEM_RUNS to a folder on another disk."
        )
