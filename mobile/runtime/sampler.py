"""The choice of the next token: greedy, or random within a temperature, top-k and top-p.

A draw is the inverse of the running sum at one uniform number, so that a runtime in another language, given the same
number, chooses the same id (mobile/contract). Only where the numbers come from is each runtime's own.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

COLDEST = 1e-6  # below it the choice is greedy: a logit divided by less may be no number any more


class Sampler:
    """Chooses ids from logits; the same seed gives the same ids.

    Args:
        temperature: below 1e-6 greedy (0 is the default); above, logits are divided by it.
        top_k: only the k most likely tokens may be chosen; 0: no limit.
        top_p: of these, the smallest set whose probability reaches p; 1: no limit.
        seed: start of the random numbers.

    Example:
        Sampler(temperature=0.7, top_k=40, top_p=0.9, seed=1)
    """

    def __init__(self, temperature: float = 0.0, top_k: int = 0, top_p: float = 1.0, seed: int = 0) -> None:
        if not 0.0 <= temperature < math.inf or top_k < 0 or not 0.0 < top_p <= 1.0 or seed < 0:
            raise ValueError(
                f"temperature {temperature} must be a finite number of 0 or more, top_k {top_k} 0 or more, top_p "
                f"{top_p} in (0, 1], seed {seed} 0 or more"
            )
        self.temperature = temperature if temperature >= COLDEST else 0.0
        self.top_k, self.top_p = top_k, top_p
        self._seed = seed

    def __call__(self, logits: npt.NDArray[Any]) -> int:
        """One id from logits [V]."""
        if self.temperature == 0.0:
            return int(np.argmax(logits))
        return self.choose(logits, self._random.random())

    @cached_property
    def _random(self) -> np.random.Generator:
        return np.random.default_rng(self._seed)  # when it is needed: importing numpy.random takes 3 MB

    def choose(self, logits: npt.NDArray[Any], uniform: float) -> int:
        """The id that a number in [0, 1) picks: the first, by falling probability, whose running sum exceeds it."""
        if self.temperature == 0.0:
            return int(np.argmax(logits))
        ids, weights = self._kept(logits)
        sums = np.cumsum(weights)
        return int(ids[min(np.searchsorted(sums, uniform * sums[-1], side="right"), len(ids) - 1)])

    def probabilities(self, logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """The distribution [V] that ids are drawn from (temperature above 0), in float64."""
        ids, weights = self._kept(logits)
        result = np.zeros(len(logits))
        result[ids] = weights / weights.sum()
        return result

    def _kept(self, logits: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Ids within top-k and top-p by falling probability, equal ones by id, and their weights."""
        scaled = logits.astype(np.float64) / self.temperature
        order = np.argsort(-scaled, kind="stable")
        if self.top_k:
            order = order[: self.top_k]
        weights = np.exp(scaled[order] - scaled[order[0]])
        weights /= weights.sum()
        # A token stays while the mass before it is below p, so the one that reaches it is the last.
        kept = int(np.count_nonzero(np.cumsum(weights) - weights < self.top_p))
        return order[:kept], weights[:kept]
