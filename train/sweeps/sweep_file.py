"""A sweep file: W&B's sweep schema, the part of it that runs here. The same file goes unchanged to `wandb sweep`.

What W&B knows and this does not (bayes, nested parameters, rare distributions) is refused by name, never ignored.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from train.config.load import read_checked
from train.config.schema import Positive, PositiveFloat, Section
from train.errors import UserError

# Names a W&B agent has no say in: each trial needs a folder of its own.
RESERVED = ("name", "runs_dir")
MACROS = ("env", "interpreter", "program", "args", "args_no_hyphens", "args_json")
BOUNDED = ("uniform", "int_uniform", "q_uniform", "log_uniform_values", "q_log_uniform_values")
LARGEST = 1e15  # of a bound: whole numbers stay exact
GRID = 100_000  # values of one parameter, at most
PLAIN = (str, int, float, list, dict, type(None))  # what JSON has
Distribution = Literal[
    "constant",
    "categorical",
    "categorical_w_probabilities",
    "uniform",
    "int_uniform",
    "q_uniform",
    "log_uniform_values",
    "q_log_uniform_values",
    "normal",
    "log_normal",
]


class Parameter(Section):
    """What one config key may be. The distribution follows from the keys given where it is not named, as at W&B."""

    value: Any = Field(None, description="a constant")
    values: list[Any] | None = Field(None, min_length=1, description="discrete values")
    probabilities: list[float] | None = Field(None, description="probability of each of values")
    min: float | int | None = Field(None, description="lower bound, included")
    max: float | int | None = Field(None, description="upper bound, included")
    q: PositiveFloat = Field(1.0, description="step of the q_… distributions")
    mu: float = Field(0.0, description="mean (of the logarithm, for log_normal)")
    sigma: PositiveFloat = Field(1.0, description="standard deviation")
    distribution: Distribution | None = Field(None, description="how values are drawn")

    @model_validator(mode="after")
    def _whole(self) -> Parameter:
        kind = self.kind
        if kind in BOUNDED:
            if self.min is None or self.max is None or self.min >= self.max:
                raise ValueError(f"distribution {kind} needs min below max, got min {self.min} and max {self.max}")
            if "log" in kind and self.min <= 0:
                raise ValueError(f"distribution {kind} needs min above 0, got {self.min}")
        if largest := [value for value in (self.min, self.max) if value is not None and abs(value) > LARGEST]:
            raise ValueError(f"{largest[0]:g} is beyond what is swept here: at most {LARGEST:g}")
        if kind == "log_normal" and self.mu + 10 * self.sigma > math.log(LARGEST):
            raise ValueError(f"log_normal with mu {self.mu:g} and sigma {self.sigma:g} has no bound below {LARGEST:g}")
        if strange := [one for one in (self.value, *(self.values or ())) if not isinstance(one, PLAIN)]:
            raise ValueError(f"{strange[0]!s} is a {type(strange[0]).__name__}: put it in quotes")
        if kind.startswith("categorical") and self.values is None:
            raise ValueError(f"distribution {kind} needs values")
        if self.probabilities is not None and (
            len(self.probabilities) != len(self.values or ()) or abs(sum(self.probabilities) - 1) > 1e-6
        ):
            raise ValueError(f"probabilities {self.probabilities} must be one a value and sum to 1")
        return self

    @property
    def kind(self) -> str:
        if self.distribution is not None:
            return self.distribution
        if self.values is not None:
            return "categorical" if self.probabilities is None else "categorical_w_probabilities"
        if self.min is None and self.max is None:
            return "constant"
        return "int_uniform" if isinstance(self.min, int) and isinstance(self.max, int) else "uniform"


class Metric(Section):
    name: str = Field(description="a figure of metrics.jsonl, e.g. distill/val_loss; the last value counts")
    goal: Literal["minimize", "maximize"] = Field("minimize", description="which trial is the best")


class Sweep(Section):
    """The keys of a W&B sweep that mean something here."""

    name: str = Field("sweep", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the sweep and its folder")
    description: str | None = Field(None, description="shown at W&B")
    project: str | None = Field(None, description="W&B project")
    entity: str | None = Field(None, description="W&B team or user")
    program: str = Field("tandem.py", description="the script a trial starts")
    method: Literal["grid", "random", "bayes"] = Field(description="how trials are chosen")
    metric: Metric = Field(description="what is compared")
    parameters: dict[str, Parameter] = Field(min_length=1, description="config key → what it may be")
    command: list[str] = Field(min_length=1, description="command of a trial; ${args_no_hyphens} becomes key=value …")
    run_cap: Positive | None = Field(None, description="trials at most")
    early_terminate: dict[str, Any] | None = Field(
        None, description="W&B's agents stop bad trials by it; not used here"
    )

    @model_validator(mode="after")
    def _runs(self) -> Sweep:
        if taken := [key for key in self.parameters if key in RESERVED]:
            raise ValueError(f"{', '.join(taken)} can't be swept: each trial has a name and a folder of its own")
        known = {f"${{{macro}}}" for macro in MACROS}
        macros = [part for part in self.command if part.startswith("${") and not part.startswith("${envvar:")]
        if unknown := [part for part in macros if part not in known]:
            raise ValueError(f"command: {', '.join(unknown)} is not known here; known: {', '.join(sorted(known))}")
        if not any(part.startswith("${args") for part in macros):
            raise ValueError("command holds no ${args_no_hyphens}: the parameters would not reach the program")
        return self


def read_sweep(path: Path) -> Sweep:
    """Reads a sweep file that this machine can run.

    Raises:
        UserError: all problems with their lines; method bayes; a continuous parameter in a grid.
    """
    sweep = read_checked(path, Sweep, "sweep file")
    if sweep.method == "bayes":
        raise UserError(
            f"{path}: method bayes needs W&B's server, which chooses the trials: 'wandb sweep {path}'. "
            "On this machine: method grid or random."
        )
    if sweep.method == "grid":
        for key, parameter in sweep.parameters.items():
            if parameter.kind not in ("constant", "categorical", "int_uniform", "q_uniform"):
                raise UserError(
                    f"{path}: parameters.{key} is {parameter.kind}, which a grid can't count through. "
                    "Give it 'values', or use method random."
                )
            if parameter.min is not None and parameter.max is not None:
                step = parameter.q if parameter.kind == "q_uniform" else 1
                if (parameter.max - parameter.min) / step > GRID:
                    raise UserError(
                        f"{path}: parameters.{key} has more than {GRID:,} values, from {parameter.min:g} to "
                        f"{parameter.max:g} by {step:g}. Give it 'values', or use method random."
                    )
    return sweep


def file_arguments(sweep: Sweep) -> list[Path]:
    """Files that the command names: a trial's result depends on what is in them."""
    return [Path(part) for part in sweep.command if re.search(r"\.(ya?ml|json)$", part) and Path(part).is_file()]
