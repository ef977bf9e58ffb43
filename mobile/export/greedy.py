"""Greedy answers for comparing runtimes, cut where another CPU's rounding may choose another token."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from mobile.runtime.model import Logits, Model

MARGIN = 0.05  # share of the logits' spread: below it, the two best tokens are a tie for our purposes


@dataclass(frozen=True)
class SureIds:
    """Ids that any right runtime generates. `whole`: no tie was met, nothing else may follow."""

    ids: list[int]
    whole: bool

    def agrees(self, got: Sequence[int]) -> bool:
        """Whether `got` is what a right runtime may have generated."""
        return list(got) == self.ids if self.whole else list(got[: len(self.ids)]) == self.ids


def sure_ids(
    model: Model, prompt: Sequence[int], steps: int, stop_ids: Collection[int] = (), margin: float = MARGIN
) -> SureIds:
    """Up to `steps` greedy ids after `prompt`, without the stop id, ending before the first close tie.

    With `margin` 0 no tie ends them: the ids that the runtime would give.
    """
    model.reset()
    model.prefill(prompt[:-1])
    logits = model.decode(prompt[-1])
    ids: list[int] = []
    for _ in range(steps):
        if is_tie(logits, margin):
            return SureIds(ids, False)
        token = int(np.argmax(logits))
        if token in stop_ids:
            break
        ids.append(token)
        if model.position == model.window:
            break
        logits = model.decode(token)
    return SureIds(ids, True)


def is_tie(logits: Logits, margin: float) -> bool:
    second, first = np.partition(logits, -2)[-2:]
    return bool(first - second < margin * float(np.std(logits)))
