"""The student as a plain TensorFlow function with static shapes: what the TFLite converter can lower well.

`forward(tokens, input_pos, mask, caches)` uses 4-D caches a layer, grouped queries without
repeating keys, one product for q, k and v, one for gate and up, a RoPE table gathered by
position, and one DYNAMIC_UPDATE_SLICE a cache. Why not Keras' own export: mobile/LOG.md.

Axes in shape comments: N tokens of the call, S window, W width, H query heads, KV key/value heads,
G = H/KV, D head size, F feed-forward width, V vocabulary.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mobile.export.rope import inverse_frequencies
from mobile.export.weights import Layer, Weights

# TensorFlow ships no types; imported this way, mypy takes it for Any instead of for what its sources seem to be.
tf: Any = importlib.import_module("tensorflow")
dynamic_update_slice: Any = importlib.import_module("tensorflow.compiler.tf2xla.python.xla").dynamic_update_slice
Tensor = Any


class _Constants(NamedTuple):
    """One layer's matrices, fused for the device."""

    input_norm: Tensor
    qkv: Tensor  # [(H + 2 KV) D, W]; the rows of q carry the factor 1/sqrt(D)
    output: Tensor
    post_norm: Tensor
    gate_up: Tensor  # [2 F, W]
    down: Tensor


class Decoder(tf.Module):  # type: ignore[misc]
    """The model with its weights, for a KV cache of `window` tokens."""

    def __init__(self, weights: Weights, window: int) -> None:
        super().__init__()
        self.shape = weights.shape
        self.window = window
        # Variables, not constants: the converter writes each once, whatever the number of signatures.
        self.table = tf.Variable(weights.embedding, trainable=False, name="embedding")
        self.head = self.table if weights.shape.tied else tf.Variable(weights.head, trainable=False, name="head")
        self.final_norm = tf.Variable(weights.final_norm, trainable=False, name="final_norm")
        self.rope = tf.Variable(rope_table(weights, window), trainable=False, name="rope")
        self.layers = [self._fuse(layer, index) for index, layer in enumerate(weights.layers)]

    def _fuse(self, layer: Layer, index: int) -> _Constants:
        def variable(name: str, array: npt.NDArray[np.float32]) -> Tensor:
            return tf.Variable(array, trainable=False, name=f"layer_{index}_{name}")

        scaled = (layer.query * np.float32(self.shape.head_dim**-0.5)).astype(np.float32)
        return _Constants(
            input_norm=variable("input_norm", layer.input_norm),
            qkv=variable("qkv", np.concatenate([scaled, layer.key, layer.value])),
            output=variable("output", layer.output),
            post_norm=variable("post_norm", layer.post_norm),
            gate_up=variable("gate_up", np.concatenate([layer.gate, layer.up])),
            down=variable("down", layer.down),
        )

    def forward(
        self, tokens: Tensor, input_pos: Tensor, mask: Tensor, caches: dict[str, Tensor], logits: bool
    ) -> dict[str, Tensor]:
        """One call: the caches under their own names, and `logits` [1, N, V] if asked for.

        Args: tokens [1, N] int32, input_pos [N] int32 (consecutive; input_pos[0] + N <= S or the write
        clamps silently), mask [1, 1, N, S] float32 (added to the scores), caches kv_cache_k_i
        [1, KV, S, D] and kv_cache_v_i [1, KV, D, S].
        """
        length = tokens.shape[1]
        group = self.shape.num_attention_heads // self.shape.num_key_value_heads
        x = embed(tf.identity(self.table), tf.reshape(tokens, [length]))
        cosine, sine = tf.split(tf.gather(self.rope, input_pos), 2, axis=-1)  # [N, 1, D] each
        if length > 1:  # rows of the scores run over (group, token)
            mask = tf.concat([mask] * group, axis=2)
        results: dict[str, Tensor] = {}
        for index, layer in enumerate(self.layers):
            names = f"kv_cache_k_{index}", f"kv_cache_v_{index}"
            qkv = product(self._norm(x, layer.input_norm), layer.qkv)
            query, key, value = self._heads(qkv, cosine, sine)
            results[names[0]] = write(caches[names[0]], key, input_pos[0], axis=2)
            results[names[1]] = write(caches[names[1]], value, input_pos[0], axis=3)
            mixed = self._attend(query, results[names[0]], results[names[1]], mask, length)
            x = x + product(mixed, layer.output)
            gate, up = tf.split(product(self._norm(x, layer.post_norm), layer.gate_up), 2, axis=-1)
            x = x + product(gate * tf.sigmoid(gate) * up, layer.down)
        if logits:
            # Scaled before the norm: a factor right before a product is folded into its matrix by the converter,
            # and a folded head is another matrix than the embedding's table (in the file twice).
            x = (x * self.final_norm) * self._inverse_size(x)
            results["logits"] = tf.reshape(product(x, self.head), [1, length, self.shape.vocab_size])
        return results

    def _heads(self, qkv: Tensor, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """qkv [N, (H + 2 KV) D] to rotated q [1, KV, G N, D], rotated k [1, KV, N, D] and v [1, KV, D, N]."""
        size, heads, groups = self.shape.head_dim, self.shape.num_attention_heads, self.shape.num_key_value_heads
        length = qkv.shape[0]
        query_key, value = tf.split(tf.reshape(qkv, [length, -1, size]), [heads + groups, groups], axis=1)
        first, second = tf.split(query_key, 2, axis=-1)
        query_key = query_key * cosine + tf.concat([second, first], axis=-1) * sine
        query, key = tf.split(query_key, [heads, groups], axis=1)
        if length == 1:  # transposing an axis of length 1 is a reshape: one copy less a layer and step
            return (
                tf.reshape(query, [1, groups, heads // groups, size]),
                tf.reshape(key, [1, groups, 1, size]),
                tf.reshape(value, [1, groups, size, 1]),
            )
        return (
            tf.reshape(tf.transpose(query, [1, 0, 2]), [1, groups, heads // groups * length, size]),
            tf.reshape(tf.transpose(key, [1, 0, 2]), [1, groups, length, size]),
            tf.reshape(tf.transpose(value, [1, 2, 0]), [1, groups, size, length]),
        )

    def _attend(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor, length: int) -> Tensor:
        """q [1, KV, G N, D] over k [1, KV, S, D] and v [1, KV, D, S]: [N, H D]."""
        heads, size = self.shape.num_attention_heads, self.shape.head_dim
        scores = tf.nn.softmax(tf.matmul(query, keys, transpose_b=True) + mask)
        mixed = tf.matmul(scores, values, transpose_b=True)
        if length > 1:
            mixed = tf.transpose(tf.reshape(mixed, [heads, length, size]), [1, 0, 2])
        return tf.reshape(mixed, [length, heads * size])

    def _norm(self, x: Tensor, scale: Tensor) -> Tensor:
        return x * self._inverse_size(x) * scale

    def _inverse_size(self, x: Tensor) -> Tensor:
        """1 / RMS of each row: [N, 1]."""
        return tf.math.rsqrt(tf.reduce_mean(x * x, axis=-1, keepdims=True) + self.shape.rms_norm_eps)


@tf.function(experimental_implements="embedding_matmul")  # type: ignore[untyped-decorator]
def embed(table: Tensor, ids: Tensor) -> Tensor:
    """Rows [N, W] of `table` [V, W]. The name makes the converter write EMBEDDING_LOOKUP, which
    ai-edge-quantizer quantises; it leaves a GATHER's table in float32, once a signature."""
    return tf.gather(table, ids)


def product(x: Tensor, matrix: Tensor) -> Tensor:
    """x [N, in] times matrix [out, in] transposed: one FULLY_CONNECTED."""
    return tf.matmul(x, matrix, transpose_b=True)


def write(cache: Tensor, rows: Tensor, position: Tensor, axis: int) -> Tensor:
    """`cache` with `rows` at `position` along `axis`: one builtin DYNAMIC_UPDATE_SLICE."""
    start = [position if index == axis else tf.constant(0, tf.int32) for index in range(4)]
    return dynamic_update_slice(cache, rows, tf.stack(start))


def rope_table(weights: Weights, window: int) -> npt.NDArray[np.float32]:
    """[S, 1, 2 D]: cosine, then the signed sine (minus for the first half), computed in float64."""
    shape = weights.shape
    frequencies = inverse_frequencies(shape.head_dim, shape.rope_theta, shape.rope_scaling)
    angles = np.outer(np.arange(window, dtype=np.float64), frequencies)
    cosine, sine = np.cos(angles), np.sin(angles)
    return np.concatenate([cosine, cosine, -sine, sine], axis=-1).astype(np.float32)[:, None, :]
