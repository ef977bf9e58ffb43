"""The result file of kind `frameworks`: eval/results/frameworks-….json. Every raw value is kept, in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from eval.results import Count, Part
from train.errors import UserError


class Ratio(Part):
    """Times faster than the baseline: median of paired rounds, with its bootstrap interval (95 %)."""

    baseline: str
    value: float
    low: float
    high: float


class Timed(Part):
    """One kind of work of one contestant."""

    first_s: float = Field(description="first call: tracing and compiling are in it")
    rounds_s: list[float] = Field(description="median of the calls of each round")
    median_s: float
    ratio: Ratio


class StudentResult(Part):
    """A framework with the student."""

    name: str
    label: str
    status: Literal["ok", "failed"]
    error: str | None = None
    load_s: float | None = Field(None, description="importing the framework and building the student")
    first_loss: float | None = Field(None, description="before the first step: the same for all")
    train: Timed | None = None
    forward: Timed | None = None
    peak_memory_bytes: Count | None = None


class PipelineResult(Part):
    """An input pipeline."""

    name: str
    label: str
    status: Literal["ok", "failed"]
    error: str | None = None
    tokens: Count | None = Field(None, description="real tokens of an epoch")
    rounds_s: list[float] = Field([], description="one epoch, the start of the pipeline included")
    tokens_per_s: float | None = Field(None, description="of the median round")
    ratio: Ratio | None = None
    peak_memory_bytes: Count | None = None


class MistakeResult(Part):
    """What a framework says about a wrong shape in user code (eval/bench/user_layer.py)."""

    name: str
    label: str
    error: str | None = Field(None, description="class of the exception; null where the contestant failed")
    message_lines: Count = 0
    printed_lines: Count = Field(0, description="the whole traceback that a user sees")
    line_in_message: bool = False
    line_in_traceback: bool = Field(False, description="the user's file and line stand in the traceback")
    shapes_named: bool = False
    first_line: str = ""


class FrameworksResult(Part):
    """One run of scripts/bench_frameworks."""

    kind: Literal["frameworks"] = "frameworks"
    command: str
    environment: dict[str, Any] = Field(description="cpu, cores, versions, threads, load average")
    workload: dict[str, Any] = Field(description="shape of the student, batch, rows")
    rounds: Count
    threads: Count
    load_average: list[float] = Field(description="1-minute load average of the machine before each round")
    students: list[StudentResult]
    pipelines: list[PipelineResult]
    mistakes: list[MistakeResult]


def read_frameworks(path: Path) -> FrameworksResult:
    """A result file. Raises UserError where it is not one."""
    try:
        return FrameworksResult.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is no result of scripts/bench_frameworks of this version: {str(error).splitlines()[0]}. "
            "Delete it and measure again."
        ) from None
