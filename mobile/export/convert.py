"""The student to one float32 TFLite file: a tf.function a signature, built-in operators only."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from mobile.export.weights import Shape, Weights
from train.errors import MissingExtraError, TandemError
from train.quiet import quiet_stderr


def cache_shapes(shape: Shape, window: int) -> dict[str, list[int]]:
    """Cache name to shape: keys [1, KV, S, D], values [1, KV, D, S]."""
    shapes = {}
    for index in range(shape.num_hidden_layers):
        shapes[f"kv_cache_k_{index}"] = [1, shape.num_key_value_heads, window, shape.head_dim]
        shapes[f"kv_cache_v_{index}"] = [1, shape.num_key_value_heads, shape.head_dim, window]
    return shapes


def convert(weights: Weights, prefill: Sequence[int], window: int, verify: int | None = None) -> bytes:
    """The .tflite file with the signatures decode, prefill_N (one a bucket) and verify_N, weights in float32.

    Args:
        verify: tokens of the call that gives the logits after each of them; None: no such signature.
    """
    tf = _tensorflow()
    from mobile.export.decoder import Decoder

    decoder = Decoder(weights, window)
    functions = {f"prefill_{size}": _signature(tf, decoder, size, logits=False) for size in sorted(set(prefill))}
    functions["decode"] = _signature(tf, decoder, 1, logits=True)
    if verify is not None:
        functions[f"verify_{verify}"] = _signature(tf, decoder, verify, logits=True)
    with tempfile.TemporaryDirectory(prefix="tandem-export-") as folder, _quiet():
        tf.saved_model.save(decoder, folder, signatures=functions)
        # Sorted: the converter orders subgraphs alphabetically, and decode is to be the first.
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=sorted(functions))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        model: bytes = converter.convert()
    _check_operators(model)
    return model


def _signature(tf: Any, decoder: Any, length: int, logits: bool) -> Any:
    inputs = {
        "tokens": tf.TensorSpec([1, length], tf.int32, "tokens"),
        "input_pos": tf.TensorSpec([length], tf.int32, "input_pos"),
        "mask": tf.TensorSpec([1, 1, length, decoder.window], tf.float32, "mask"),
    }
    caches = {
        name: tf.TensorSpec(shape, tf.float32, name)
        for name, shape in cache_shapes(decoder.shape, decoder.window).items()
    }

    def call(tokens: Any, input_pos: Any, mask: Any, **caches: Any) -> Any:
        return decoder.forward(tokens, input_pos, mask, caches, logits)

    return tf.function(call).get_concrete_function(**inputs, **caches)


def _tensorflow() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # a machine without CUDA gets pages of notes otherwise
    try:
        with quiet_stderr():
            tensorflow: Any = importlib.import_module("tensorflow")
            with contextlib.suppress(RuntimeError):  # devices in use already, by the caller's choice
                tensorflow.config.set_visible_devices([], "GPU")  # nothing is computed here: leave the card alone
    except ImportError as error:
        raise MissingExtraError("tensorflow", "tensorflow", "The export") from error
    return tensorflow


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TensorFlow's converter prints pages of MLIR notes to stderr; kept back unless it fails."""
    buffer = io.StringIO()
    try:
        with contextlib.redirect_stdout(buffer), contextlib.redirect_stderr(buffer):
            yield
    except Exception as error:
        raise TandemError(f"The TFLite converter failed: {error}\n{buffer.getvalue()}") from error


def _check_operators(model: bytes) -> None:
    """Refuses a file whose cache write or embedding was lowered to something a runtime cannot run well."""
    from mobile.export.flatbuffer import operators

    used = operators(model)
    wrong = sorted(name for name in used if name == "CUSTOM" or name.startswith("Flex"))
    missing = {"DYNAMIC_UPDATE_SLICE", "EMBEDDING_LOOKUP"} - used
    if wrong or missing:
        raise TandemError(
            f"The converted file is not what the runtimes need: operators outside the builtin set {wrong}, "
            f"missing {sorted(missing)}. This TensorFlow lowers them differently; use the pinned version."
        )
