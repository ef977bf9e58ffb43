"""Is an answer the same with speculative decoding as without? On both runners of a file.

And are verify_N's logits those of decode?
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mobile.export.gates import Gate, rounded
from mobile.export.greedy import SureIds, sure_ids
from mobile.export.parity import LOGIT_SCALE, TOLERANCE
from mobile.runtime.drafter import Drafter
from mobile.runtime.model import Model
from mobile.runtime.sampler import Sampler

STEPS = 48
TIMES = 2  # each prompt is asked; the second time what is to be drafted has been learned


def speculative_gate(
    variant: str, models: Sequence[Model], asked: Sequence[list[int]], stop_ids: Sequence[int], drafter: Drafter
) -> Gate:
    """Ids of each model with speculative decoding against those of the first without. In the fp32 file the logits of
    verify_N must be those of decode; with int8 products a difference in the last digit may be rounded to another step.

    Args:
        models: the same file on each runner.
        asked: ids of prompts.
        drafter: has learned nothing yet.
    """
    name, path = f"speculative_{variant}", models[0].path
    sure = [sure_ids(models[0], ids, STEPS, stop_ids) for ids in asked]
    answers = list(zip(asked, sure, strict=True))
    differences = [logit_difference(model, *answer) for model in models for answer in answers]
    difference = float(np.max(differences, initial=0.0))  # NaN stays NaN, and fails
    figures = {"file": path.name, "prompts": len(asked), "max_logit_difference": rounded(difference)}
    if variant == "fp32" and not difference < TOLERANCE:
        return Gate(name, False, figures, f"verify and decode of {path.name} differ by {difference:.3g} in the logits")
    for model in models:
        for ids, expected in answers * TIMES:
            model.reset()
            drafter.begin(ids)
            steps = min(STEPS, model.window - len(ids) + 1)
            got = list(model.generate(ids, steps, stop_ids, Sampler(), drafter))
            if not expected.agrees(got):
                return Gate(name, False, figures, _message(path, got, expected.ids))
    return Gate(name, True, figures)


def logit_difference(model: Model, prompt: Sequence[int], sure: SureIds) -> float:
    """Largest difference between the logits of verify and of decode on the beginning of an answer; as in parity.py in
    parts of the logits where these are large."""
    ids = [prompt[-1], *sure.ids][: model.verify_size]
    if len(prompt) - 1 + model.verify_size > model.window:
        return 0.0
    model.reset()
    model.prefill(prompt[:-1])
    together = model.verify(ids)
    alone = np.stack([model.decode(token) for token in ids])
    return float(np.abs(together - alone).max() / max(1.0, np.abs(alone).max() / LOGIT_SCALE))


def _message(path: Path, got: Sequence[int], expected: Sequence[int]) -> str:
    return f"with speculative decoding {path.name} answers {list(got)[:12]}, without {list(expected)[:12]}"
