"""How large the exported files will be, before anything is converted."""

from __future__ import annotations

from collections.abc import Sequence

from mobile.export.quantize import BLOCK
from mobile.export.weights import Shape
from train.errors import UserError

LIMIT = 2**31 - 1  # a flatbuffer's offsets are signed 32-bit numbers
GRAPH_BYTES = 4_500  # operators and tensors of one layer in one signature; measured 4.2 to 5.0 kB
SCALE_BYTES = 4  # of a row; its zero point (8) is shared by all matrices of as many rows
ZERO_POINT_BYTES = 8


def matrix_sizes(shape: Shape) -> tuple[int, int]:
    """Weights and rows of all matrices, tables included; a tied table counts once."""
    width, inner = shape.hidden_size, shape.intermediate_size
    heads, groups = shape.num_attention_heads * shape.head_dim, shape.num_key_value_heads * shape.head_dim
    tables = 1 if shape.tied else 2
    layer = (heads + 2 * groups) * width + width * heads + 3 * inner * width
    rows = (heads + 2 * groups) + width + 2 * inner + width
    layers = shape.num_hidden_layers
    return layers * layer + tables * shape.vocab_size * width, layers * rows + tables * shape.vocab_size


def estimate_bytes(
    shape: Shape,
    prefill: Sequence[int],
    window: int,
    variants: Sequence[str],
    block: int | None = BLOCK,
    verify: int | None = None,
) -> dict[str, int]:
    """Bytes of the file of each variant, within a few percent; fp32 is always there: the others are made from it.

    Args:
        block: int4 weights that share a float16 scale; None: a scale a row, stored as that of int8.
        verify: size of the verify signature, if there is one.
    """
    weights, rows = matrix_sizes(shape)
    signatures = len(set(prefill)) + (1 if verify is None else 2)
    norms = (2 * shape.num_hidden_layers + 1) * shape.hidden_size
    rest = 4 * norms + 8 * window * shape.head_dim + GRAPH_BYTES * shape.num_hidden_layers * signatures
    scales = SCALE_BYTES * rows + ZERO_POINT_BYTES * _different_rows(shape)
    four = weights // 2 + (scales if block is None else 2 * weights // block)
    sizes = {"fp32": 4 * weights, "int8": weights + scales, "portable": weights + scales, "int4": four}
    return {name: sizes[name] + rest for name in ("fp32", "int8", "int4", "portable") if name in {"fp32", *variants}}


def _different_rows(shape: Shape) -> int:
    """Rows of a layer's four matrices and of the table, those of equal height counted once."""
    heads, groups = shape.num_attention_heads * shape.head_dim, shape.num_key_value_heads * shape.head_dim
    return sum({heads + 2 * groups, shape.hidden_size, 2 * shape.intermediate_size, shape.vocab_size})


def require_fits(estimate: dict[str, int]) -> None:
    """UserError where the float32 file, from which every other one is made, would be over the 2 GB of the format."""
    if estimate["fp32"] > LIMIT:
        raise UserError(
            f"The model's float32 file would have about {estimate['fp32'] / 1e9:.1f} GB; a .tflite file holds at most "
            f"{LIMIT / 1e9:.1f} GB, and the quantised files are made from the float32 one. Choose a model of at most "
            f"{LIMIT // 4 // 10**6} million weights (export.source, student.*)."
        )
