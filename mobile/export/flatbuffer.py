"""Looks into a .tflite file: operators, signatures, and what each large buffer holds.

Read with the schema that ships in ai-edge-litert; nothing is executed.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from train.errors import MissingExtraError


@dataclass(frozen=True)
class StoredTensor:
    """A constant of the file: tensors of several subgraphs may share one buffer."""

    name: str
    shape: tuple[int, ...]
    dtype: str  # FLOAT32, INT8, ...
    buffer: int
    bytes: int
    scales: int  # number of quantisation scales: 1 per tensor, more per channel, 0 not quantised


def operators(model: bytes) -> set[str]:
    """Names of the operators used, as in the schema (FULLY_CONNECTED, CUSTOM, …)."""
    schema, root = _root(model)
    names = _names(schema.BuiltinOperator)
    codes = [root.OperatorCodes(index) for index in range(root.OperatorCodesLength())]
    # DeprecatedBuiltinCode is one byte; operators above 126 are in BuiltinCode.
    return {names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())] for code in codes}


def signatures(model: bytes) -> dict[str, tuple[list[str], list[str]]]:
    """Signature name to the sorted names of its inputs and outputs."""
    _, root = _root(model)
    found = {}
    for index in range(root.SignatureDefsLength()):
        signature = root.SignatureDefs(index)
        inputs = sorted(signature.Inputs(i).Name().decode() for i in range(signature.InputsLength()))
        outputs = sorted(signature.Outputs(i).Name().decode() for i in range(signature.OutputsLength()))
        found[signature.SignatureKey().decode()] = (inputs, outputs)
    return found


def constants(model: bytes) -> list[StoredTensor]:
    """Every tensor of every subgraph whose data is in the file."""
    schema, root = _root(model)
    types = _names(schema.TensorType)
    found = []
    for index in range(root.SubgraphsLength()):
        graph = root.Subgraphs(index)
        for number in range(graph.TensorsLength()):
            tensor = graph.Tensors(number)
            buffer = root.Buffers(tensor.Buffer())
            # Large files keep their data behind the flatbuffer: the buffer then has an offset and a size instead.
            size = buffer.Size() if buffer.Offset() > 1 else buffer.DataLength()
            if not size:
                continue
            quantization = tensor.Quantization()
            found.append(
                StoredTensor(
                    name=tensor.Name().decode(),
                    shape=tuple(int(tensor.Shape(axis)) for axis in range(tensor.ShapeLength())),
                    dtype=types[tensor.Type()],
                    buffer=tensor.Buffer(),
                    bytes=size,
                    scales=quantization.ScaleLength() if quantization else 0,
                )
            )
    return found


def _root(model: bytes) -> tuple[Any, Any]:
    try:
        schema: Any = importlib.import_module("ai_edge_litert.schema_py_generated")
    except ImportError as error:
        raise MissingExtraError("ai-edge-litert", "mobile", "Reading a .tflite file") from error
    return schema, schema.Model.GetRootAs(model, 0)


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}
