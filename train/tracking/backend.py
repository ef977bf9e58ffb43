"""What a tracker must offer: one protocol, three backends (JSONL, W&B, trackio). A new one is one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Protocol

from train.config.schema import Config

Figures = dict[str, Any]
SAMPLE_COLUMNS = ("step", "engine", "prompt", "expected", "answer", "exact")


@dataclass(frozen=True)
class Sample:
    """One answer to a prompt that is asked at every evaluation."""

    step: int
    engine: str
    prompt: str
    expected: str
    answer: str
    exact: bool

    def row(self) -> list[Any]:
        """Values in the order of SAMPLE_COLUMNS."""
        return [getattr(self, column) for column in SAMPLE_COLUMNS]


@dataclass(frozen=True)
class Alert:
    """Something a person should look at: a loss that is no number, a gate that failed."""

    title: str
    text: str


# Folder of a run → the stage that makes it (DESIGN.md, "Run folder").
PRODUCERS = {"data": "data", "teacher": "finetune", "logits": "capture", "student": "distill", "mobile": "export"}


@dataclass(frozen=True)
class StageOutputs:
    """What a stage made: files by path relative to the run folder → sha256, and those it was made from."""

    stage: str
    outputs: dict[str, str]
    inputs: dict[str, str] = field(default_factory=dict)
    headline: Figures = field(default_factory=dict)

    def made_from(self, run: str) -> list[str]:
        """The artifacts whose files this stage of `run` has read: the run's own, and the teacher of another run."""
        owners = {_owner(name, run) for name in self.inputs}
        return [
            artifact_name(owner, stage)
            for folder, stage in PRODUCERS.items()
            for owner in sorted({owner for owner, read in owners if read == folder})
            if (owner, stage) != (run, self.stage)
        ]


def artifact_name(run: str, stage: str) -> str:
    """Name of a stage's outputs, one for each run: `latest` of it is never another run's."""
    return f"{run}-{stage}"


def _owner(name: str, run: str) -> tuple[str, str]:
    """The run that a file is of, and its folder there; empty where it is of none."""
    parts = PurePath(name).parts
    if not PurePath(name).is_absolute():
        return run, parts[0]
    teachers = [place for place, part in enumerate(parts) if part == "teacher"]  # RUNS/NAME/teacher/…
    return (parts[teachers[-1] - 1], "teacher") if teachers else ("", "")


class Backend(Protocol):
    """One place figures go to. Only `close` may be called after an error."""

    def log(self, figures: Figures, at: float) -> None:
        """Figures with their x-axis among them (train/step, train/tokens); `at` is seconds since the epoch."""

    def samples(self, samples: Sequence[Sample], at: float) -> None:
        """Rows of the samples table; the same prompts come again at every evaluation."""

    def alert(self, alert: Alert, at: float) -> None: ...

    def artifact(self, made: StageOutputs) -> None:
        """The stage's outputs with their lineage."""

    def close(self, failed: bool) -> None: ...


@dataclass(frozen=True)
class RunIdentity:
    """How a stage of a run is called everywhere: one group a pipeline, the stage is the job type."""

    stage: str
    config: Config
    provenance: Figures = field(default_factory=dict)

    @property
    def group(self) -> str:
        return self.config.name

    @property
    def name(self) -> str:
        return f"{self.stage}-{self.config.name}-s{self.config.seed}"

    def settings(self) -> Figures:
        """The resolved config, and beside it git, hashes of the inputs and versions."""
        return {**self.config.model_dump(mode="json"), **self.provenance}

    @property
    def fingerprint(self) -> str | None:
        """Of the stage, where it has one: what is made with another config, data or code is another tracked run."""
        return self.provenance.get("fingerprint")
