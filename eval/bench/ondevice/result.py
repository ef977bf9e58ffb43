"""The result file of kind `ondevice`: eval/results/ondevice-….json. Every raw value is kept, in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from eval.results import Count, Part
from train.errors import UserError


class Rate(Part):
    """Tokens a second."""

    rounds: list[float] = Field(description="one a round")
    median: float
    spread: float = Field(description="interquartile range ÷ median, of the rounds")


class Share(Part):
    """Median of paired rounds with its bootstrap interval (95 %)."""

    value: float
    low: float
    high: float


class RunnerResult(Part):
    """A runtime with one file."""

    name: str
    label: str
    runtime: str
    dtype: str
    status: Literal["ok", "failed", "skipped"] = Field(description="skipped: a library of it is not installed")
    error: str | None = Field(None, description="why it failed or was skipped")
    file_bytes: Count | None = None
    read_bytes: Count | None = Field(None, description="weights and cache that a decode step reads")
    import_s: float | None = Field(None, description="importing the runtime")
    open_s: float | None = Field(None, description="reading the file, up to the first request")
    prefill_tokens: Count | None = Field(None, description="as the runtime counts them")
    prefill_s: list[float] = Field([], description="reading the prompt, one a round")
    ttft_s: list[float] = Field([], description="time to first token, one a round")
    token_s: list[float] = Field([], description="median of a round's further tokens")
    prefill: Rate | None = None
    decode: Rate | None = None
    peak_memory_bytes: Count | None = Field(None, description="of the whole process, Python included")
    base_memory_bytes: Count | None = Field(None, description="of it before the load: Python and this benchmark")
    roofline: Share | None = Field(None, description="read_bytes a second ÷ bandwidth; null where the cache holds them")
    same_ids: Count | None = Field(None, description="first generated ids that are those of interpreter-fp32")


class Target(Part):
    """One aim of the project, by the measured values."""

    name: str
    wanted: float
    at_most: bool = Field(description="the value must lie below, not above")
    unit: Literal["x", "%", "MB", "s", "ms"]
    value: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: Literal["met", "missed", "open"] = Field(description="open: not measured, or the interval holds the aim")
    how: str = Field(description="what was compared with what, or why not")


class Run(Part):
    """All contestants with one number of threads."""

    threads: Count
    load_average: list[float] = Field(description="1-minute load average of the machine before each round")
    bandwidth: list[float] = Field(description="bytes a second that these threads read, one a round")
    runners: list[RunnerResult]
    targets: list[Target]


class AppResult(Part):
    """The process an app would be (mobile/runtime on the run's own folder): a new one in each round, one thread."""

    runner: str
    question: str = Field(description="the first of several, each asked once")
    answer: str
    file_bytes: Count
    constrained: bool
    import_s: list[float] = Field(description="importing NumPy, the runtime and tokenizers; in load_s")
    load_s: list[float] = Field(description="imports, file, tokenizer, constraint: up to the first request")
    answer_s: list[float] = Field(description="text in to text out, median of a process's answers")
    peak_memory_bytes: list[Count]


class OndeviceResult(Part):
    """One run of scripts/bench_ondevice."""

    kind: Literal["ondevice"] = "ondevice"
    command: str
    environment: dict[str, Any] = Field(description="cpu, cores, versions")
    workload: dict[str, Any] = Field(description="source and config of the model, sizes of a request")
    rounds: Count
    last_cache_bytes: Count = Field(description="largest cache of a core; no roofline for what fits")
    runs: list[Run]
    app: list[AppResult] = Field([], description="empty where the model is not of a run that was exported")
    app_targets: list[Target] = Field([], description="of each way; the first one is the runtime's default")


class CommandsRunner(Part):
    """A runtime with one file, on real commands."""

    name: str
    label: str
    runtime: str
    dtype: str
    status: Literal["ok", "failed"]
    error: str | None = None
    token_s: list[float] = Field([], description="seconds a token, stop tokens counted, one a round")
    decode: Rate | None = None
    tokens: Count | None = Field(None, description="of all rounds")
    calls: Count | None = Field(None, description="of the model, for these tokens")
    answers_sha256: str | None = Field(None, description="of all its answers' ids: equal where they are")
    same_answers: Count | None = Field(None, description="commands answered with the ids of the first contestant")


class CommandsResult(Part):
    """One run of scripts/bench_ondevice --commands."""

    kind: Literal["ondevice-commands"] = "ondevice-commands"
    command: str
    environment: dict[str, Any] = Field(description="cpu, cores, versions")
    workload: dict[str, Any] = Field(description="source and config of the model, sizes, where the commands are from")
    rounds: Count
    commands_a_round: Count
    threads: Count
    load_average: list[float] = Field(description="1-minute load average of the machine before each round")
    runners: list[CommandsRunner]
    targets: list[Target]


def read_ondevice(path: Path) -> OndeviceResult:
    """A result file. Raises UserError where it is not one."""
    try:
        return OndeviceResult.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is no result of scripts/bench_ondevice of this version: {str(error).splitlines()[0]}. "
            "Delete it and measure again."
        ) from None
