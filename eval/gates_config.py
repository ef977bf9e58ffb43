"""What a gates file can say (configs/gates.yaml): one list a kind of gate. Unknown keys are errors with their line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from eval.engines.registry import check_known
from train.config.load import read_checked
from train.errors import UserError

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveFloat = Annotated[float, Field(gt=0.0)]
SetName = Annotated[str, Field(pattern=r"^[^\x00-\x1f]+$")]
Figure = Literal["exact", "intent", "argument_keys", "valid_json", "invented", "false_call", "ended_by_stop"]


class Gate(BaseModel):
    """What all gates have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    artifact: str = Field(description="engine id that must pass")

    def engines(self) -> list[str]:
        against = getattr(self, "against", None)
        return [self.artifact, *([against] if against else [])]

    def title(self) -> str:
        raise NotImplementedError


class QualityDrop(Gate):
    """Exact match must not fall more than `max_drop` below another artifact, on the same rows."""

    against: str = Field(description="engine id it is compared with, e.g. the file it was made from")
    set: SetName | None = Field(None, description="test set; null: the headline set of the run")
    max_drop: Fraction = Field(description="tolerated loss as a share: 0.02 is 2 points")

    def title(self) -> str:
        return f"{self.artifact} loses at most {self.max_drop * 100:g} points against {self.against}"


class Floor(Gate):
    """A share must be high (or low) enough."""

    figure: Figure = Field("exact", description="which share of the result file")
    set: SetName | None = Field(None, description="test set; null: the headline set of the run")
    at_least: Fraction | None = Field(None, description="fails when the interval lies below this")
    at_most: Fraction | None = Field(None, description="fails when the interval lies above this (invented, false_call)")

    @model_validator(mode="after")
    def _one_limit(self) -> Floor:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give either at_least or at_most")
        return self

    def title(self) -> str:
        limit = f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"
        return f"{self.figure} of {self.artifact} on {self.set or 'the headline set'} is {limit}"


class Size(Gate):
    """Bytes on disk."""

    max_mb: PositiveFloat | None = Field(None, description="largest size, MB = 10^6 bytes")
    against: str | None = Field(None, description="engine id for max_ratio")
    max_ratio: PositiveFloat | None = Field(None, description="largest size as a multiple of that of `against`")

    @model_validator(mode="after")
    def _some_limit(self) -> Size:
        if (self.against is None) != (self.max_ratio is None):
            raise ValueError("against and max_ratio belong together")
        if self.max_mb is None and self.max_ratio is None:
            raise ValueError("give max_mb, or against and max_ratio")
        return self

    def title(self) -> str:
        limits = [f"{self.max_mb:g} MB"] if self.max_mb is not None else []
        limits += [f"{self.max_ratio:g} times {self.against}"] if self.max_ratio is not None else []
        return f"{self.artifact} is at most {' and '.join(limits)}"


class Latency(Gate):
    """Time against another artifact of the same run, by the ratio of interleaved rounds, never by ms alone."""

    against: str = Field(description="engine id it is timed against")
    figure: Literal["request", "ttft", "token"] = Field(
        "request", description="one whole request, time to first token, or time per further token"
    )
    max_ratio: PositiveFloat = Field(description="fails when the interval of the ratio lies above this …")
    floor_ms: Annotated[float, Field(ge=0.0)] = Field(
        1.0, description="… and the medians differ by more than this many milliseconds"
    )

    def title(self) -> str:
        return f"{self.figure} of {self.artifact} takes at most {self.max_ratio:g} times that of {self.against}"


class GatesConfig(BaseModel):
    """A gates file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quality_drop: list[QualityDrop] = Field([], description="exact match against another artifact, paired rows")
    floor: list[Floor] = Field([], description="absolute limits of shares")
    size: list[Size] = Field([], description="bytes on disk")
    latency: list[Latency] = Field([], description="time by paired ratio")

    def all(self) -> list[Gate]:
        return [*self.quality_drop, *self.floor, *self.size, *self.latency]


def read_gates(path: Path) -> GatesConfig:
    """Reads and checks a gates file. Raises UserError that lists all problems, or names an unknown engine."""
    config = read_checked(path, GatesConfig, "gates file")
    if not config.all():
        raise UserError(f"{path} holds no gate: add one under quality_drop, floor, size or latency.")
    check_known([engine for gate in config.all() for engine in gate.engines()], source=str(path))
    return config
