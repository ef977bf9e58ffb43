"""The float32 file to int8, int4 and portable int8 by ai-edge-quantizer, and a check of what came out.

    int8       a scale a row; activations are quantised on the fly by the kernels
    int4       a scale for 32 weights of a row (export.int4_block: 64, or a whole row), kernels as int8
    portable   int8 weights with a scale a row, turned into float32 when the file is loaded: the one kind of int8
               with which tflite-runtime 2.14 and the current runtime agree to the last id (mobile/LOG.md)

The quantiser writes the scales and zero points of a matrix once a signature, 12 bytes a row each time; here every
vector of them is written once (`shared_vectors.py`).

The check exists because operators that the quantiser does not know are skipped without a word: a gathered
embedding table stays float32, once a signature.
"""

from __future__ import annotations

import contextlib
import io
import logging
from typing import Any

from mobile.export.flatbuffer import StoredTensor, constants, signatures
from mobile.export.shared_vectors import each_vector_once
from mobile.export.weights import Shape
from train.errors import MissingExtraError, TandemError, UserError

QUANTIZED_FROM = 1024  # matrices below this many weights stay float32: they are not worth a scale
BLOCK = 32  # weights that share a scale in the int4 file, unless the config says otherwise
RECIPES = {"int8": "dynamic_wi8_afp32", "portable": "weight_only_wi8_afp32"}
INT4_RECIPES = {32: "dynamic_wi4b32_afp32", 64: "dynamic_wi4b64_afp32", None: "dynamic_wi4_afp32"}
TYPES = {"int8": "INT8", "int4": "INT4", "portable": "INT8"}


def quantize(model: bytes, variant: str, shape: Shape, block: int | None = BLOCK) -> bytes:
    """`model` (float32 .tflite) as `variant`: int8, int4 or portable.

    Args:
        block: weights that share a scale in an int4 file, a key of INT4_RECIPES; None: a scale a row.

    Raises UserError where int4 does not fit the shape, TandemError where a signature is lost, a matrix stays
    float32, or the tied table is not stored once.
    """
    if variant == "int4":
        check_blocks(shape, block)
    quantizer, recipe = _library()
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):  # progress bars
        logging.getLogger("ai_edge_quantizer").setLevel(logging.ERROR)
        worker = quantizer.Quantizer(
            bytearray(model), getattr(recipe, (RECIPES | {"int4": INT4_RECIPES[block]})[variant])()
        )
        with each_vector_once():
            quantized = bytes(worker.quantize().quantized_model)
    if signatures(quantized) != signatures(model):
        raise TandemError(
            "The quantiser changed the signatures of the file. Use the pinned version of ai-edge-quantizer."
        )
    check_tables(quantized, shape, TYPES[variant])
    check_matrices(quantized, TYPES[variant])
    return quantized


def check_blocks(shape: Shape, block: int | None) -> None:
    """UserError where the rows of a matrix are no whole number of int4 blocks."""
    rows = {
        "hidden_size": shape.hidden_size,
        "intermediate_size": shape.intermediate_size,
        "num_attention_heads x head_dim": shape.num_attention_heads * shape.head_dim,
    }
    for name, size in rows.items():
        if block is not None and size % block:
            raise UserError(
                f"The variant int4 needs rows of a multiple of {block} weights, but {name} is {size}. "
                "Leave int4 out of export.variants, set export.int4_block=null (a scale a row), or train a student of "
                "another size."
            )


def check_tables(model: bytes, shape: Shape, dtype: str) -> None:
    """TandemError where the [V, W] tables are not of `dtype`, or are stored more often than the model has them."""
    tables = [tensor for tensor in constants(model) if tensor.shape == (shape.vocab_size, shape.hidden_size)]
    buffers = {tensor.buffer for tensor in tables}
    expected = (1 if shape.tied else 2) + _matrices_of_the_tables_shape(shape)
    wrong = sorted({tensor.dtype for tensor in tables} - {dtype})
    if len(buffers) != expected or wrong:
        types = f", with types {wrong} instead of {dtype}" if wrong else ""
        raise TandemError(
            f"The file stores {len(buffers)} matrices of {shape.vocab_size} x {shape.hidden_size}, the shape of the "
            f"embedding table, instead of {expected}{types}. Use the pinned versions of tensorflow and "
            "ai-edge-quantizer."
        )


def _matrices_of_the_tables_shape(shape: Shape) -> int:
    """How many of the layers' matrices have as many rows and columns as the table: a vocabulary may be that small."""
    queries, keys = (heads * shape.head_dim for heads in (shape.num_attention_heads, shape.num_key_value_heads))
    width, neurons = shape.hidden_size, shape.intermediate_size
    of_a_layer = [(queries + 2 * keys, width), (width, queries), (2 * neurons, width), (width, neurons)]
    return shape.num_hidden_layers * of_a_layer.count((shape.vocab_size, width))


def check_matrices(model: bytes, dtype: str) -> None:
    """TandemError where a matrix of a quantised file is still float32, or int8 with a single scale."""
    for tensor in constants(model):
        large = len(tensor.shape) == 2 and tensor.dtype != "FLOAT16" and tensor.bytes >= _smallest(tensor)
        if large and not _quantized(tensor, dtype):
            raise TandemError(
                f"{tensor.name} {tensor.shape} is {tensor.dtype} with {tensor.scales} scales in the file that "
                f"should be {dtype}. Use the pinned version of ai-edge-quantizer."
            )


def _smallest(tensor: StoredTensor) -> float:
    return QUANTIZED_FROM * {"FLOAT32": 4.0, "INT4": 0.5}.get(tensor.dtype, 1.0)


def _quantized(tensor: StoredTensor, dtype: str) -> bool:
    # The scales of int4 blocks are float16 tensors of their own, not part of the quantised tensor.
    return tensor.dtype == dtype and (dtype == "INT4" or tensor.scales == tensor.shape[0])


def _library() -> tuple[Any, Any]:
    try:
        from ai_edge_quantizer import quantizer, recipe
    except ImportError as error:
        raise MissingExtraError("ai-edge-quantizer", "mobile", "The quantised files") from error
    return quantizer, recipe
