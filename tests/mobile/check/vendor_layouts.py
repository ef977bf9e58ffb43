"""One-layer language models in the layouts of other makers, written by TensorFlow (so: in a child process).

The names and shapes are litert-torch 0.10's: tokens [1, N], input_pos [N], caches [1, S, KV, D] for keys and values
(its default) or keys [1, KV, S, D] and values [1, KV, D, S] (transposed), the mask an input or not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.compiler.tf2xla.python.xla import dynamic_update_slice

VOCABULARY, WIDTH, HEADS, SIZE, WINDOW, BUCKET = 300, 16, 2, 8, 32, 8


class Layer(tf.Module):  # type: ignore[misc]
    """Attention of tied queries, keys and values; enough to use every input."""

    def __init__(self, transposed: bool, scatter: bool) -> None:
        super().__init__()
        self.table = tf.Variable(tf.random.stateless_normal([VOCABULARY, WIDTH], seed=(1, 2)), trainable=False)
        self.transposed, self.scatter = transposed, scatter

    def call(self, tokens: Any, input_pos: Any, cache: dict[str, Any], mask: Any, logits: bool) -> dict[str, Any]:
        length = tokens.shape[1]
        rows = tf.gather(self.table, tf.reshape(tokens, [length]))
        new = tf.reshape(rows, [1, length, HEADS, SIZE])
        keys, values = (self._write(cache[name], new, input_pos, name[9] == "v") for name in sorted(cache))
        by_head = [0, 2, 1, 3]
        if mask is None:
            mask = tf.where(tf.range(WINDOW)[None] <= input_pos[:, None], 0.0, -1e4)[None, None]
        k = keys if self.transposed else tf.transpose(keys, by_head)
        v = values if self.transposed else tf.transpose(values, [0, 2, 3, 1])
        scores = tf.nn.softmax(tf.matmul(tf.transpose(new, by_head), k, transpose_b=True) + mask)
        mixed = tf.reshape(tf.transpose(tf.matmul(scores, v, transpose_b=True), by_head), [length, WIDTH])
        results = dict(zip(sorted(cache), (keys, values), strict=True))
        if logits:
            results["logits"] = tf.reshape(tf.matmul(mixed, self.table, transpose_b=True), [1, length, VOCABULARY])
        return results

    def _write(self, cache: Any, new: Any, position: Any, value: bool) -> Any:
        if self.scatter:
            return tf.tensor_scatter_nd_update(cache, tf.stack([0 * position, position], axis=-1), new[0])
        axis = 1
        if self.transposed:
            new = tf.transpose(new, [0, 2, 3, 1] if value else [0, 2, 1, 3])
            axis = 3 if value else 2
        return dynamic_update_slice(cache, new, tf.stack([position[0] if a == axis else 0 for a in range(4)]))


def write(path: Path, transposed: bool = False, masked: bool = True, scatter: bool = False) -> None:
    layer = Layer(transposed, scatter)
    shapes = {"k": [1, WINDOW, HEADS, SIZE], "v": [1, WINDOW, HEADS, SIZE]}
    if transposed:
        shapes = {"k": [1, HEADS, WINDOW, SIZE], "v": [1, HEADS, SIZE, WINDOW]}
    functions = {}
    for name, length in (("decode", 1), (f"prefill_{BUCKET}", BUCKET)):
        caches = {f"kv_cache_{side}_0": tf.TensorSpec(shape, tf.float32) for side, shape in shapes.items()}
        inputs = {"tokens": tf.TensorSpec([1, length], tf.int32), "input_pos": tf.TensorSpec([length], tf.int32)}
        if masked:
            inputs["mask"] = tf.TensorSpec([1, 1, length, WINDOW], tf.float32)

        def call(tokens: Any, input_pos: Any, mask: Any = None, **cache: Any) -> Any:
            return layer.call(tokens, input_pos, cache, mask, tokens.shape[1] == 1)

        functions[name] = tf.function(call).get_concrete_function(**inputs, **caches)
    folder = str(path.with_suffix(""))
    tf.saved_model.save(layer, folder, signatures=functions)
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=sorted(functions))
    path.write_bytes(converter.convert())


def write_all(root: Path) -> None:
    """As the linter must judge them: the first three run, `maskless` and `scatter` do not run right."""
    write(root / "default.tflite")
    write(root / "transposed.tflite", transposed=True)
    write(root / "transposed_maskless.tflite", transposed=True, masked=False)
    write(root / "maskless.tflite", masked=False)
    write(root / "scatter.tflite", scatter=True)
