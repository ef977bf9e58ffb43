"""A .tflite file as the rules see it: signatures with named tensors, operators, constants, metadata.

Read with the schema that ships in ai-edge-litert; the flatbuffer's Python library has no verifier, so this
is called only for files that the runtime's own verifier has let pass (load.py), and still guards itself.
"""

from __future__ import annotations

import importlib
import struct
from dataclasses import dataclass, field
from typing import Any

from train.errors import MissingExtraError

Data = bytes | memoryview
# What reading bytes that are no flatbuffer, or a damaged one, raises somewhere in the schema's code.
UNREADABLE = (struct.error, IndexError, KeyError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)


class DamagedFileError(ValueError):
    """The bytes are not what the file's kind prescribes."""


@dataclass(frozen=True)
class Tensor:
    """`shape` has -1 where a size is left open; `scales`: 0 not quantised, 1 per tensor, more per channel."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    buffer: int
    scales: int
    blockwise: bool


@dataclass(frozen=True)
class Operator:
    """`inputs` and `outputs` index the subgraph's tensors; -1 stands for an absent optional input."""

    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Subgraph:
    name: str
    tensors: list[Tensor]
    operators: list[Operator]


@dataclass(frozen=True)
class Signature:
    name: str
    number: int  # of its subgraph
    graph: Subgraph
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


@dataclass(frozen=True)
class OperatorCode:
    name: str
    version: int
    custom: str | None


@dataclass(frozen=True)
class TfliteModel:
    codes: list[OperatorCode]
    subgraphs: list[Subgraph]
    signatures: dict[str, Signature]
    metadata: dict[str, bytes]
    buffers: list[Data] = field(repr=False)

    @property
    def decode(self) -> Signature | None:
        return self.signatures.get("decode")

    @property
    def prefills(self) -> list[Signature]:
        """LiteRT-LM takes every signature whose name starts with "prefill"."""
        return [signature for name, signature in sorted(self.signatures.items()) if name.startswith("prefill")]

    @property
    def callable_signatures(self) -> list[Signature]:
        """decode and the prefills: what a chat calls."""
        return [*([self.decode] if self.decode else []), *self.prefills]


def read_tflite(data: Data) -> TfliteModel:
    """Raises DamagedFileError where `data` can't be followed as a .tflite file."""
    schema = _schema()
    try:
        root = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
        types, operators = _names(schema.TensorType), _names(schema.BuiltinOperator)
        codes = [_code(code, operators) for code in root.operatorCodes or []]
        subgraphs = [_subgraph(graph, codes, types) for graph in root.subgraphs or []]
        buffers = [_bytes(buffer, data) for buffer in root.buffers or []]
        return TfliteModel(
            codes=codes,
            subgraphs=subgraphs,
            signatures={s.name: s for s in (_signature(entry, subgraphs) for entry in root.signatureDefs or [])},
            metadata={_text(entry.name): bytes(buffers[entry.buffer]) for entry in root.metadata or []},
            buffers=buffers,
        )
    except UNREADABLE as error:
        raise DamagedFileError(f"its flatbuffer cannot be read ({type(error).__name__}: {error})") from error


def _code(code: Any, operators: dict[int, str]) -> OperatorCode:
    # One byte in old files, a wider field for operators above 126: the larger of the two is meant.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    custom = _text(code.customCode) if code.customCode else None
    return OperatorCode(operators.get(number, f"operator {number}"), code.version, custom)


def _subgraph(graph: Any, codes: list[OperatorCode], types: dict[int, str]) -> Subgraph:
    tensors = [_tensor(index, tensor, types) for index, tensor in enumerate(graph.tensors or [])]
    operators = [
        Operator(codes[op.opcodeIndex].name, codes[op.opcodeIndex].version, _integers(op.inputs), _integers(op.outputs))
        for op in graph.operators or []
    ]
    for operator in operators:
        for index in (*operator.inputs, *operator.outputs):
            if not -1 <= index < len(tensors):  # -1: an input that is left out
                raise DamagedFileError(f"its operator {operator.name} names tensor {index} of {len(tensors)}")
    return Subgraph(_text(graph.name), tensors, operators)


def _tensor(index: int, tensor: Any, types: dict[int, str]) -> Tensor:
    quantization = tensor.quantization
    scales = quantization.scale if quantization is not None else None
    # The signature of the shape, where there is one, tells the open sizes; the shape has 1 in their place.
    shape = tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape
    blockwise = quantization is not None and quantization.details is not None and quantization.detailsType == 2
    dtype = types.get(tensor.type, f"type {tensor.type}")
    count = len(scales) if scales is not None else 0
    return Tensor(index, _text(tensor.name), _integers(shape), dtype, tensor.buffer, count, blockwise)


def _signature(entry: Any, subgraphs: list[Subgraph]) -> Signature:
    graph = subgraphs[entry.subgraphIndex]
    inputs = {_text(tensor.name): graph.tensors[tensor.tensorIndex] for tensor in entry.inputs or []}
    outputs = {_text(tensor.name): graph.tensors[tensor.tensorIndex] for tensor in entry.outputs or []}
    return Signature(_text(entry.signatureKey), entry.subgraphIndex, graph, inputs, outputs)


def _bytes(buffer: Any, data: Data) -> Data:
    # Large files keep their constants behind the flatbuffer: then there is an offset and a size instead of data.
    if buffer.offset > 1:
        return data[buffer.offset : buffer.offset + buffer.size]
    return memoryview(buffer.data) if buffer.data is not None and len(buffer.data) else b""


def _integers(values: Any) -> tuple[int, ...]:
    return tuple(int(value) for value in values) if values is not None else ()


def _text(value: bytes | None) -> str:
    return value.decode(errors="replace") if value else ""


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _schema() -> Any:
    try:
        return importlib.import_module("ai_edge_litert.schema_py_generated")
    except ImportError as error:
        raise MissingExtraError("ai-edge-litert", "mobile", "Checking a .tflite file") from error
