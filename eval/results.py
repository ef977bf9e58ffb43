"""Result files: the one schema of eval/<engine id>.json, which is all the report is made from.

`eval/results.schema.json` is generated from these models: python -m eval.results
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from train.atomic import write_json
from train.errors import UserError

SCHEMA = Path(__file__).with_name("results.schema.json")
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Share(Part):
    """k of n rows, with Wilson's 95 % interval."""

    k: Count
    n: Annotated[int, Field(ge=1)]
    value: float
    low: float
    high: float


class SetQuality(Part):
    """Quality on one test set. A figure is absent where no row of the set can have it."""

    exact: Share = Field(description="right answers by eval.scorer: for 'call', the parsed JSON is equal")
    intent: Share | None = Field(None, description="right function, or rightly none")
    argument_keys: Share | None = Field(None, description="right function and the same argument names")
    valid_json: Share | None = Field(None, description="one JSON object with exactly name and arguments")
    invented: Share | None = Field(
        None, description="an open value that is not in the utterance; of rows with open slots"
    )
    false_call: Share | None = Field(None, description="a function called where none applies; of such rows")
    ended_by_stop: Share = Field(description="answers that ended by the stop token")
    errors: dict[str, Count] = Field(description="error type → rows")
    by_category: dict[str, Share] = Field(description="category → right answers")


class Agreement(Part):
    """Greedy answers that are the same text as the parent's, over all rows both answered."""

    parent: str
    same: Share
    first_divergence: float | None = Field(None, description="tokens two different answers share at first: median")
    tokens: Share | None = Field(None, description="tokens of reference answers on which both choose the same one")
    kl: float | None = Field(None, description="mean KL(parent ‖ artifact) on these tokens, nats")


class Perplexity(Part):
    """How likely a text is, from the log-probabilities of its tokens."""

    tokens: Count
    bytes: Count
    loss: float = Field(description="nats a token")
    perplexity: float
    bits_per_byte: float = Field(description="comparable between tokenizers")


class Difference(Part):
    """Exact match minus that of the baseline, on the same rows of the headline set."""

    baseline: str
    value: float
    low: float = Field(description="lower end of Tango's 95 % interval for paired shares")
    high: float
    p: float = Field(description="exact McNemar test, two-sided")


class Speed(Part):
    """Interleaved rounds on the CPU; every raw value is kept, in seconds. The warm-up round is not in it."""

    prompt_tokens: Count
    new_tokens: Count
    threads: Annotated[int, Field(ge=1)]
    ttft_s: list[float] = Field(min_length=1, description="time to first token, one a round")
    per_token_s: list[list[float]] = Field(description="each further token, one list a round; empty without tokens")
    load_average: list[float] = Field(description="1-minute load average of the machine before each round")
    ttft_p50_s: float | None = Field(None, description="median time to first token")
    token_p50_s: float | None = Field(None, description="median time of a further token")
    token_p95_s: float | None = Field(None, description="95th percentile of it, nearest rank")
    tokens_per_s: float | None = Field(None, description="one over token_p50_s: decoding, batch of one")
    baseline: str | None = Field(None, description="engine the ratio is against")
    ratio: float | None = Field(None, description="times faster than the baseline: median of paired rounds")
    ratio_low: float | None = None
    ratio_high: float | None = None

    @model_validator(mode="after")
    def _rounds(self) -> Speed:
        if len(self.per_token_s) != len(self.ttft_s):
            raise ValueError(f"ttft_s has {len(self.ttft_s)} rounds, per_token_s {len(self.per_token_s)}")
        return self


class Artifact(Part):
    """What was measured."""

    format: str
    dtype: str
    bytes: Count
    params: Count | None
    sha256: str
    note: str | None = Field(None, description="what a reader must know beside every figure of it")


class Result(Part):
    """One result file."""

    kind: Literal["artifact"] = "artifact"
    engine: str
    status: Literal["ok", "failed", "skipped"] = Field(description="skipped: a library of it is not installed")
    error: str | None = Field(None, description="why it failed or was skipped; quality or speed may still be there")
    artifact: Artifact | None = None
    parent: str | None = None
    environment: dict[str, Any] = Field(description="cpu, cores, versions, threads, load average")
    settings: dict[str, Any] = Field(description="the section eval of the config")
    quality: dict[str, SetQuality] = Field({}, description="test set → quality")
    agreement: Agreement | None = None
    answers: Perplexity | None = Field(None, description="reference answers of the headline set, after their prompts")
    text: Perplexity | None = Field(None, description="the plain text eval.text")
    difference: Difference | None = None
    speed: Speed | None = None
    peak_memory_bytes: Count | None = Field(None, description="peak resident memory of the process that was timed")
    load_s: float | None = Field(None, description="seconds to import the framework and read the artifact")
    answer_s: float | None = Field(None, description="wall seconds spent on the answers of this evaluation")

    @model_validator(mode="after")
    def _sets(self) -> Result:
        sets = self.settings.get("sets")
        if not isinstance(self.settings.get("headline"), str) or not isinstance(sets, dict | list):
            raise ValueError("settings lacks the test sets, or which of them is the headline")
        return self


def percentile(values: list[float], share: float) -> float:
    """Nearest-rank percentile: a value that was really measured."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]


def read_result(path: Path) -> Result:
    """One result file. Raises UserError where it is damaged or of another schema."""
    try:
        found = Result.model_validate_json(path.read_bytes())
        wrong = f"engine is {found.engine!r}" if found.engine != path.stem else ""
    except ValidationError as error:
        first = error.errors()[0]
        wrong = f"{'.'.join(str(part) for part in first['loc']) or 'the file'}: {first['msg']}"
    if wrong:
        raise UserError(
            f"{path} is not a result file of this version: {wrong}. Delete it and run the evaluation again "
            "(tandem eval CONFIG)."
        )
    return found


def read_results(folder: Path) -> list[Result]:
    """All results of a run's eval folder, in the order they were asked for. Raises UserError where there is none."""
    results = [read_result(path) for path in sorted(folder.glob("*.json"))]
    if not results:
        raise UserError(f"{folder} has no result files: run the evaluation first (tandem eval CONFIG).")
    order = list(results[0].settings.get("engines", []))
    return sorted(
        results,
        key=lambda result: (order.index(result.engine) if result.engine in order else len(order), result.engine),
    )


def write_result(folder: Path, result: Result) -> None:
    write_json(folder / f"{result.engine}.json", result.model_dump(mode="json"))


def schema() -> dict[str, Any]:
    """Of every kind of result file."""
    from eval.bench.ondevice.result import CommandsResult, OndeviceResult
    from eval.bench.result import FrameworksResult  # they are made of the parts above

    return TypeAdapter(Result | FrameworksResult | OndeviceResult | CommandsResult).json_schema()


if __name__ == "__main__":
    # The same module by its real name: its parts must not be known under two names.
    from eval import results  # noqa: PLW0406

    write_json(SCHEMA, results.schema())
    print(json.dumps({"schema": str(SCHEMA)}))
