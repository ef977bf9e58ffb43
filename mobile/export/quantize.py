"""The float32 file to int8: ai-edge-quantizer's `dynamic_wi8_afp32`, and a check of what came out.

Weights become int8 with a scale a row; activations stay float32 in the file and are quantised on
the fly by the kernels. The check exists because operators that the quantiser does not know are
skipped without a word: a gathered embedding table stays float32, once a signature.
"""

from __future__ import annotations

import contextlib
import io
import logging
from typing import Any

from mobile.export.flatbuffer import StoredTensor, constants, signatures
from mobile.export.weights import Shape
from train.errors import MissingExtraError, TandemError

QUANTIZED_FROM = 1024  # matrices below this many weights stay float32: they are not worth a scale


def quantize_int8(model: bytes, shape: Shape) -> bytes:
    """`model` (float32 .tflite) with int8 weights, one scale an output channel.

    Raises TandemError where a signature is lost, a matrix stays float32, or the tied table is not stored once.
    """
    quantizer, recipe = _library()
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):  # progress bars
        logging.getLogger("ai_edge_quantizer").setLevel(logging.ERROR)
        worker = quantizer.Quantizer(bytearray(model), recipe.dynamic_wi8_afp32())
        quantized = bytes(worker.quantize().quantized_model)
    if signatures(quantized) != signatures(model):
        raise TandemError(
            "The quantiser changed the signatures of the file. Use the pinned version of ai-edge-quantizer."
        )
    check_tables(quantized, shape, "INT8")
    check_matrices(quantized)
    return quantized


def check_tables(model: bytes, shape: Shape, dtype: str) -> None:
    """TandemError where the [V, W] tables are not of `dtype`, or are stored more often than the model has them."""
    tables = [tensor for tensor in constants(model) if tensor.shape == (shape.vocab_size, shape.hidden_size)]
    buffers = {tensor.buffer for tensor in tables}
    expected = 1 if shape.tied else 2
    wrong = sorted({tensor.dtype for tensor in tables} - {dtype})
    if len(buffers) != expected or wrong:
        raise TandemError(
            f"The file stores the {shape.vocab_size} x {shape.hidden_size} table {len(buffers)} times instead of "
            f"{expected}, with types {wrong or [dtype]} instead of {dtype}. Use the pinned versions of tensorflow and "
            "ai-edge-quantizer."
        )


def check_matrices(model: bytes) -> None:
    """TandemError where a matrix of the int8 file is still float32, or has one scale for all its rows."""
    for tensor in constants(model):
        if len(tensor.shape) == 2 and tensor.bytes >= QUANTIZED_FROM * 4 and not _per_channel(tensor):
            raise TandemError(
                f"{tensor.name} {tensor.shape} is {tensor.dtype} with {tensor.scales} scales in the int8 file. "
                "Use the pinned version of ai-edge-quantizer."
            )


def _per_channel(tensor: StoredTensor) -> bool:
    return tensor.dtype == "INT8" and tensor.scales == tensor.shape[0]


def _library() -> tuple[Any, Any]:
    try:
        from ai_edge_quantizer import quantizer, recipe
    except ImportError as error:
        raise MissingExtraError("ai-edge-quantizer", "mobile", "The int8 file") from error
    return quantizer, recipe
