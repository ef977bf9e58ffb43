"""Does the exported file compute what the student computes? Logits and greedy ids against float64.

The file generates greedily; the NumPy reference then scores the whole sequence in one pass, so it
shares neither cache nor buckets with the file. Prompts have the lengths where buckets go wrong:
1, bucket - 1, bucket, bucket + 1, and up to the window's last position.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile.export.gates import Gate, rounded
from mobile.export.reference import Float64, reference_logits
from mobile.export.weights import Weights
from mobile.runtime.model import Model

TOLERANCE = 1e-4  # on logits up to LOGIT_SCALE; grows with larger ones, as float32's rounding does
LOGIT_SCALE = 10.0

Logits = npt.NDArray[Any]


@dataclass(frozen=True)
class GreedyRun:
    """A prompt with its greedy continuation by the float32 file, and the reference's logits on it."""

    prompt: list[int]
    generated: list[int]
    expected: Float64  # [len(generated), V]


@dataclass(frozen=True)
class Parity:
    """Figures of one file. `top1_agreement` is over all positions of all sequences."""

    positions: int
    max_logit_difference: float
    tolerance: float
    top1_agreement: float
    first_disagreement: int | None  # position in generated order, where the reference's margin is above the tolerance

    def figures(self) -> dict[str, Any]:
        return {
            "positions": self.positions,
            "max_logit_difference": self.max_logit_difference,
            "top1_agreement": self.top1_agreement,
        }


def prompt_lengths(buckets: Sequence[int], window: int) -> list[int]:
    """1, then bucket - 1, bucket, bucket + 1 of each bucket, and window - 1: those that fit."""
    lengths = {1, window - 1, *(size + step for size in buckets for step in (-1, 0, 1))}
    return sorted(length for length in lengths if 1 <= length < window)


def greedy_sequences(
    model: Model, weights: Weights, steps: int, seed: int, advance: Callable[[], None]
) -> tuple[list[GreedyRun], list[Logits]]:
    """Random prompts of every critical length, continued by `model`; its own logits beside them."""
    random = np.random.default_rng(seed)
    sequences, logits = [], []
    for length in prompt_lengths(model.buckets, model.window):
        prompt = random.integers(0, weights.shape.vocab_size, length).tolist()
        got = [_start(model, prompt)]
        generated = [int(np.argmax(got[0]))]
        for _ in range(min(steps, model.window - length + 1) - 1):
            got.append(model.decode(generated[-1]))
            generated.append(int(np.argmax(got[-1])))
        expected = reference_logits(weights, [*prompt, *generated[:-1]])[length - 1 :]
        sequences.append(GreedyRun(prompt, generated, expected))
        logits.append(np.stack(got))
        advance()
    return sequences, logits


def forced_logits(model: Model, sequences: Sequence[GreedyRun], advance: Callable[[], None]) -> list[Logits]:
    """Logits of `model` on sequences that another file generated."""
    logits = []
    for sequence in sequences:
        rows = [_start(model, sequence.prompt)]
        rows += [model.decode(token) for token in sequence.generated[:-1]]
        logits.append(np.stack(rows))
        advance()
    return logits


def compare(sequences: Sequence[GreedyRun], logits: Sequence[Logits]) -> Parity:
    """Figures of a file's logits on the sequences."""
    expected = np.concatenate([sequence.expected for sequence in sequences])
    got = np.concatenate(list(logits))
    tolerance = TOLERANCE * max(1.0, float(np.abs(expected).max()) / LOGIT_SCALE)
    same = expected.argmax(axis=-1) == got.argmax(axis=-1)
    top_two = np.sort(expected, axis=-1)[:, -2:]
    real = np.flatnonzero(~same & (top_two[:, 1] - top_two[:, 0] > 2 * tolerance))
    difference = float(np.abs(expected - got).max())  # NaN stays NaN, and fails the gate
    return Parity(len(got), difference, tolerance, float(same.mean()), int(real[0]) if len(real) else None)


def parity_gate(parity: Parity, name: str, sequences: Sequence[GreedyRun]) -> Gate:
    """Passed where the logits and greedy ids of a float32 file are those of float64."""
    passed = parity.max_logit_difference < parity.tolerance and parity.first_disagreement is None
    figures = {
        "file": name,
        "prompt_lengths": [len(sequence.prompt) for sequence in sequences],
        "longest_answer": max(len(sequence.generated) for sequence in sequences),
        "positions": parity.positions,
        "max_logit_difference": rounded(parity.max_logit_difference),
        "tolerance": rounded(parity.tolerance),
        "top1_agreement": rounded(parity.top1_agreement),
    }
    message = (
        f"{name} does not compute what the student computes: logits differ by up to "
        f"{parity.max_logit_difference:.3g} (allowed {parity.tolerance:.3g}), and the greedy ids agree at "
        f"{parity.top1_agreement:.1%} of {parity.positions} positions. "
        "Check the model's config.json (rope_theta, rms_norm_eps, tie_word_embeddings) against its training."
    )
    return Gate("float64", passed, figures, "" if passed else message)


def _start(model: Model, prompt: Sequence[int]) -> Logits:
    model.reset()
    model.prefill(prompt[:-1])
    return model.decode(prompt[-1])
