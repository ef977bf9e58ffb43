"""Frequencies of the rotary position embedding: plain, or stretched as Llama 3.1 does.

Both are constants of the model, so the exported decoder gathers a precomputed table either way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Llama3Scaling:
    """`rope_type: llama3`; names as in Hugging Face's config.json."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int


def inverse_frequencies(head_dim: int, theta: float, scaling: Llama3Scaling | None) -> npt.NDArray[np.float64]:
    """Radians a token of each pair of a head: [head_dim / 2], in float64.

    With `scaling`, waves longer than the original context are slowed by `factor`, short ones are kept, and those
    between are blended (Llama 3.1; transformers' modeling_rope_utils.py).
    """
    plain = theta ** (-np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)
    if scaling is None:
        return plain
    turns = scaling.original_max_position_embeddings * plain / (2 * math.pi)  # full turns within the original context
    blend = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
    kept = np.clip(blend, 0.0, 1.0)
    return np.asarray(plain * (kept + (1 - kept) / scaling.factor))
