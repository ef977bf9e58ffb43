"""Rules about the large constants: nothing is stored twice, and no table is forgotten by the quantiser."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator

from mobile.check.finding import EVERY, Fault, Rule, Severity
from mobile.check.tflite_model import Tensor, TfliteModel

LARGE = 8192  # bytes: norms and other small constants may well be alike
INTEGERS = ("INT8", "INT4", "INT2", "UINT8", "UINT4")


def stored_twice(model: TfliteModel) -> Iterator[Fault]:
    """Equal bytes in several buffers: mostly the tied table, or a matrix once a signature."""
    same: defaultdict[bytes, list[int]] = defaultdict(list)
    for number in sorted({tensor.buffer for tensor in _constants(model)}):
        same[hashlib.sha256(model.buffers[number]).digest()].append(number)
    wasted = {numbers[0]: len(numbers) - 1 for numbers in same.values() if len(numbers) > 1}
    for tensor in _first_of_each(model):
        if tensor.buffer in wasted:
            copies, size = wasted[tensor.buffer], len(model.buffers[tensor.buffer])
            yield Fault(
                f"buffer {tensor.buffer}",
                f"{tensor.name} {list(tensor.shape)} is stored {copies + 1} times: {copies * size / 1e6:.2f} MB wasted",
                "Share one variable between the signatures (and between embedding and head) when converting.",
            )


def float_table(model: TfliteModel) -> Iterator[Fault]:
    """A [V, W] table in float32 in a file whose matrices are integers."""
    constants = _first_of_each(model)
    vocabulary = _vocabulary(model)
    tables = [tensor for tensor in constants if len(tensor.shape) == 2 and tensor.shape[0] == vocabulary]
    if not any(tensor.dtype in INTEGERS for tensor in constants):
        return
    for tensor in tables:
        if tensor.dtype == "FLOAT32":
            beside = any(other.dtype in INTEGERS and other.shape == tensor.shape for other in tables)
            message = f"{tensor.name} {list(tensor.shape)} is float32, {len(model.buffers[tensor.buffer]) / 1e6:.2f} MB"
            yield Fault(
                f"buffer {tensor.buffer}",
                f"{message}{', beside the same table in integers' if beside else ', in a quantised file'}",
                "ai-edge-quantizer skips a table that is read by GATHER: make the lookup an EMBEDDING_LOOKUP.",
            )


def _constants(model: TfliteModel) -> list[Tensor]:
    return [t for graph in model.subgraphs for t in graph.tensors if len(model.buffers[t.buffer]) >= LARGE]


def _first_of_each(model: TfliteModel) -> list[Tensor]:
    """One tensor for each large buffer."""
    return list({tensor.buffer: tensor for tensor in reversed(_constants(model))}.values())


def _vocabulary(model: TfliteModel) -> int | None:
    logits = model.decode.outputs.get("logits") if model.decode else None
    return logits.shape[-1] if logits is not None and logits.shape else None


RULES = (
    Rule("stored-twice", Severity.WARNING, EVERY, stored_twice),
    Rule("float-table", Severity.WARNING, EVERY, float_table),
)
