"""Which values the trials of a sweep get: all combinations (grid), or draws that are the same at every start (random).

The order of a grid and the bounds of each distribution are those of W&B's own package (`sweeps` 0.3.0), which can't be
installed beside NumPy 2; tests hold its answers.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from typing import Any

from train.sweeps.sweep_file import Parameter, Sweep

Values = dict[str, Any]


def trials(sweep: Sweep, seed: str) -> Iterator[Values]:
    """Values of one trial after the other; a random search never ends by itself.

    Args:
        sweep: the sweep.
        seed: of the draws; trial i of the same sweep and seed always gets the same values.
    """
    if sweep.method == "grid":
        keys = sorted(sweep.parameters)
        for combination in itertools.product(*(grid_values(sweep.parameters[key]) for key in keys)):
            yield dict(zip(keys, combination, strict=True))
        return
    for number in itertools.count():
        rng = random.Random(f"{seed}:{number}")
        yield {key: draw(parameter, rng) for key, parameter in sweep.parameters.items()}


def grid_values(parameter: Parameter) -> list[Any]:
    """All values of a discrete parameter."""
    if parameter.kind == "constant":
        return [parameter.value]
    if parameter.kind == "categorical":
        return list(parameter.values or ())
    low, high = _bounds(parameter)
    if parameter.kind == "int_uniform":
        return list(range(int(low), int(high) + 1))
    count = math.ceil(round((high - low) / parameter.q, 9))  # the upper bound is left out, as by numpy.arange
    return [low + step * parameter.q for step in range(count)]


def draw(parameter: Parameter, rng: random.Random) -> Any:
    """One value from the parameter's distribution."""
    kind = parameter.kind
    if kind == "constant":
        return parameter.value
    if kind.startswith("categorical"):
        return rng.choices(parameter.values or (), weights=parameter.probabilities)[0]
    if kind == "normal":
        return rng.gauss(parameter.mu, parameter.sigma)
    if kind == "log_normal":
        return math.exp(rng.gauss(parameter.mu, parameter.sigma))
    low, high = _bounds(parameter)
    if kind == "int_uniform":
        return rng.randint(int(low), int(high))
    in_log = "log" in kind
    value = math.exp(rng.uniform(math.log(low), math.log(high))) if in_log else rng.uniform(low, high)
    return round(value / parameter.q) * parameter.q if kind.startswith("q_") else value


def _bounds(parameter: Parameter) -> tuple[float, float]:
    if parameter.min is None or parameter.max is None:  # the file's check has refused it
        raise ValueError(f"{parameter.kind} without bounds")
    return parameter.min, parameter.max
