"""Vectors of the numbers between a prompt and a choice: the plan of prefill calls, and the sampler."""

from __future__ import annotations

import itertools
import math
from random import Random
from typing import Any

import numpy as np

from mobile.contract.prebuilt import Prebuilt
from mobile.runtime.errors import ContextFullError
from mobile.runtime.plan import CALL_COST, DECODE_COST, plan_prefill
from mobile.runtime.sampler import Sampler

SEED, CLEAR = 3, 1e-9  # no draw nearer than CLEAR to a border: the last bit of exp differs between libraries
DRAWS = (0.0, 0.01, 0.2, 0.4, 0.55, 0.7, 0.85, 0.95, 0.999, 0.999999)


def sampler_vectors(_prebuilt: Prebuilt) -> dict[str, Any]:
    random = Random(SEED)
    options = list(itertools.product((0.2, 0.7, 1.0, 2.5), (0, 1, 3, 5, 50), (1.0, 0.9, 0.5, 0.05)))
    cases = [_greedy(logits, temperature) for temperature in (0.0, 1e-310, 9e-7) for logits in _greedy_logits()]
    for temperature, top_k, top_p in options:
        logits = _logits(random, 2 + int(random.random() * 14))
        for u in (DRAWS[int(random.random() * len(DRAWS))], random.random(), random.random()):
            if _is_clear(logits, temperature, top_k, top_p, u):
                choice = Sampler(temperature, top_k, top_p).choose(np.array(logits, np.float32), u)
                cases.append(_case(logits, temperature, top_k, top_p, u, choice))
    return {"about": "Logits and one uniform number to an id.", "inputs": {}, "cases": cases}


def plan_vectors(_prebuilt: Prebuilt) -> dict[str, Any]:
    shapes = [([8, 64], 160), ([4, 16], 48), ([1, 128], 512), ([], 16), ([16], 16), ([64, 8, 8], 96)]
    counts = (0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 33, 47, 48, 49, 63, 64, 65, 72, 96, 128, 159, 160, 161, 300)
    cases = [
        _plan_case(count, position, buckets, window)
        for buckets, window in shapes
        for position in (0, 5, window - 9, window - 1, window)
        for count in counts
        if count <= window - position + 1
    ]
    return {
        "about": "Tokens to read to calls of prefill and decode.",
        "inputs": {},
        "call_cost": CALL_COST,
        "decode_cost": DECODE_COST,
        "cases": cases,
    }


def _logits(random: Random, count: int) -> list[float]:
    """Float32 values as a model has them, a few of them equal."""
    values = [float(np.float32(random.random() * 12 - 6)) for _ in range(count)]
    return [*values, values[0], values[-1]] if random.random() < 0.4 else values


def _greedy_logits() -> list[list[float]]:
    return [[1.0, 3.0, 3.0], [0.0], [-2.5, -1.5, -1.75], [-math.inf, -7.0, -math.inf], [0.5] * 6, [3e38, -3e38, 1e-38]]


def _greedy(logits: list[float], temperature: float) -> dict[str, Any]:
    return _case(logits, temperature, 2, 0.5, 0.75, Sampler(temperature)(np.array(logits, np.float32)))


def _case(logits: list[float], temperature: float, top_k: int, top_p: float, u: float, choice: int) -> dict[str, Any]:
    shown = ["-inf" if value == -math.inf else float(np.float32(value)) for value in logits]
    return {"logits": shown, "temperature": temperature, "top_k": top_k, "top_p": top_p, "u": u, "id": choice}


def _is_clear(logits: list[float], temperature: float, top_k: int, top_p: float, u: float) -> bool:
    """Whether no running sum is near top_p or near the draw, computed apart from the sampler, in exact sums."""
    scaled = sorted((value / temperature for value in logits), reverse=True)[: top_k or None]
    weights = [math.exp(value - scaled[0]) for value in scaled]
    total = math.fsum(weights)
    sums = [math.fsum(weights[: index + 1]) / total for index in range(len(weights))]
    if top_p < 1.0 and min(abs(value - top_p) for value in sums) < CLEAR:
        return False
    kept = next((index for index, value in enumerate(sums) if value >= top_p), len(sums) - 1)
    draw = u * sums[kept]
    return u == 0.0 or min(abs(value - draw) for value in sums) >= CLEAR


def _plan_case(count: int, position: int, buckets: list[int], window: int) -> dict[str, Any]:
    case: dict[str, Any] = {"count": count, "position": position, "buckets": buckets, "window": window}
    try:
        chunks = plan_prefill(count, position, buckets, window)
    except ContextFullError:
        return case | {"error": "context_full"}
    return case | {"chunks": [[chunk.start, chunk.count, chunk.position, chunk.bucket] for chunk in chunks]}
