"""A plain NumPy Llama forward pass in float64: the oracle of the export's parity check.

Deliberately naive: the whole sequence at once, no KV cache, no fused matrices, keys and values
repeated for grouped queries, so that it shares no idea with the exported decoder that could
hide a fault. Formulas as in transformers' modeling_llama.py (rotate-half RoPE, RMS norm, SwiGLU).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mobile.export.rope import inverse_frequencies
from mobile.export.weights import Layer, Shape, Weights

Float64 = npt.NDArray[np.float64]


def reference_logits(weights: Weights, ids: npt.ArrayLike) -> Float64:
    """Logits [len(ids), vocab_size] after each token of one sequence, in float64."""
    shape = weights.shape
    hidden = weights.embedding[np.asarray(ids, dtype=np.int64)].astype(np.float64)
    cosine, sine = _rotary_tables(shape, len(hidden))
    for layer in weights.layers:
        hidden = hidden + _attention(_rms_norm(hidden, layer.input_norm, shape), layer, shape, cosine, sine)
        hidden = hidden + _feed_forward(_rms_norm(hidden, layer.post_norm, shape), layer)
    return _project(_rms_norm(hidden, weights.final_norm, shape), weights.head)


def _attention(x: Float64, layer: Layer, shape: Shape, cosine: Float64, sine: Float64) -> Float64:
    length, size = len(x), shape.head_dim
    repeat = shape.num_attention_heads // shape.num_key_value_heads

    def heads(matrix: npt.NDArray[Any]) -> Float64:
        return _project(x, matrix).reshape(length, -1, size).transpose(1, 0, 2)  # [heads, length, D]

    query = _rotate(heads(layer.query), cosine, sine)
    key = np.repeat(_rotate(heads(layer.key), cosine, sine), repeat, axis=0)
    value = np.repeat(heads(layer.value), repeat, axis=0)
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(size)
    scores = np.where(np.tril(np.ones((length, length), dtype=bool)), scores, -np.inf)
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = (scores / scores.sum(axis=-1, keepdims=True)) @ value
    return _project(mixed.transpose(1, 0, 2).reshape(length, -1), layer.output)


def _feed_forward(x: Float64, layer: Layer) -> Float64:
    gate = _project(x, layer.gate)
    return _project(gate / (1.0 + np.exp(-gate)) * _project(x, layer.up), layer.down)


def _rms_norm(x: Float64, scale: npt.NDArray[Any], shape: Shape) -> Float64:
    normed: Float64 = x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + shape.rms_norm_eps) * scale
    return normed


def _rotary_tables(shape: Shape, length: int) -> tuple[Float64, Float64]:
    frequencies = inverse_frequencies(shape.head_dim, shape.rope_theta, shape.rope_scaling)
    angles = np.concatenate([np.outer(np.arange(length), frequencies)] * 2, axis=-1)  # [length, D]
    return np.cos(angles), np.sin(angles)


def _rotate(x: Float64, cosine: Float64, sine: Float64) -> Float64:
    first, second = np.split(x, 2, axis=-1)
    return x * cosine + np.concatenate([-second, first], axis=-1) * sine


def _project(x: Float64, matrix: npt.NDArray[Any]) -> Float64:
    return x @ matrix.T.astype(np.float64)
