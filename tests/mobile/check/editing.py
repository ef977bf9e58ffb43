"""Good files made bad: edits of the flatbuffer's object model, packed again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

Edit = Callable[[Any], object]


def edited(model: bytes, edit: Edit) -> bytes:
    """`model` after `edit` of its object model (ModelT)."""
    root = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    edit(root)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(root))


def signature(root: Any, name: str) -> Any:
    return next(entry for entry in root.signatureDefs if entry.signatureKey.decode() == name)


def tensor(root: Any, name: str, key: str, side: str = "inputs") -> Any:
    """The tensor `key` of a signature; side: inputs or outputs."""
    entry = signature(root, name)
    found = next(t for t in getattr(entry, side) if t.name.decode() == key)
    return root.subgraphs[entry.subgraphIndex].tensors[found.tensorIndex]


def renamed(old: str, new: str, names: tuple[str, ...] = (), sides: tuple[str, ...] = ("inputs", "outputs")) -> Edit:
    """Renames a tensor in the signatures `names` (all where empty)."""

    def edit(root: Any) -> None:
        for entry in root.signatureDefs:
            if not names or entry.signatureKey.decode() in names:
                for found in (t for side in sides for t in getattr(entry, side) if t.name.decode() == old):
                    found.name = new.encode()

    return edit


def with_signature(old: str, new: str | None) -> Edit:
    """Renames a signature, or takes it away."""

    def edit(root: Any) -> None:
        if new is None:
            root.signatureDefs.remove(signature(root, old))
        else:
            signature(root, old).signatureKey = new.encode()

    return edit


def with_tensor(name: str, key: str, side: str = "inputs", **changes: Any) -> Edit:
    """Sets fields (shape, type) of a signature's tensor."""

    def edit(root: Any) -> None:
        for field, value in changes.items():
            setattr(tensor(root, name, key, side), field, value)

    return edit


def with_version(operator: int, version: int) -> Edit:
    def edit(root: Any) -> None:
        code_of(root, operator).version = version

    return edit


def code_of(root: Any, operator: int) -> Any:
    return next(c for c in root.operatorCodes if max(c.builtinCode, c.deprecatedBuiltinCode) == operator)


def as_operator(old: int, new: int) -> Edit:
    """Every `old` operator becomes a `new` one (of no use to a runtime: the options stay)."""

    def edit(root: Any) -> None:
        code = code_of(root, old)
        code.builtinCode, code.deprecatedBuiltinCode = new, min(new, 127)

    return edit


def with_custom(name: str) -> Edit:
    def edit(root: Any) -> None:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        code.customCode, code.version = name.encode(), 1
        root.operatorCodes.append(code)

    return edit


def weights(root: Any, operator: int) -> list[Any]:
    """The weight tensors (input 1) of all operators of a kind."""
    found = []
    for graph in root.subgraphs:
        for op in graph.operators:
            code = root.operatorCodes[op.opcodeIndex]
            if max(code.builtinCode, code.deprecatedBuiltinCode) == operator:
                found.append(graph.tensors[op.inputs[1]])
    return found


def with_int4(operator: int, blockwise: bool) -> Edit:
    """As ai-edge-quantizer marks int4 weights; the bytes are not packed."""

    def edit(root: Any) -> None:
        for weight in weights(root, operator):
            weight.type = schema.TensorType.INT4
            if blockwise:
                weight.quantization.scale = None
                weight.quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
                weight.quantization.details = schema.BlockwiseQuantizationT()

    return edit


def copy_of_table(root: Any) -> None:
    """The embedding's weights in a buffer of their own, beside the head's."""
    table = weights(root, schema.BuiltinOperator.EMBEDDING_LOOKUP)[0]
    copy = schema.BufferT()
    copy.data = root.buffers[table.buffer].data
    root.buffers.append(copy)
    table.buffer = len(root.buffers) - 1


def table_in_float(root: Any) -> None:
    """The embedding as a quantiser leaves it that does not know the operator."""
    table = weights(root, schema.BuiltinOperator.EMBEDDING_LOOKUP)[0]
    rows, width = table.shape
    wide = schema.BufferT()
    wide.data = list(range(256)) * (rows * width * 4 // 256)
    root.buffers.append(wide)
    table.buffer, table.type, table.quantization = len(root.buffers) - 1, schema.TensorType.FLOAT32, None


def zeroed(*shape: int) -> Edit:
    """All constants of a shape become zero."""

    def edit(root: Any) -> None:
        for found in (t for graph in root.subgraphs for t in graph.tensors if tuple(t.shape) == shape):
            if (data := root.buffers[found.buffer].data) is not None:
                root.buffers[found.buffer].data = bytes(len(data))

    return edit


def decode_last(root: Any) -> None:
    """decode's subgraph changes places with the last one."""
    last = len(root.subgraphs) - 1
    root.subgraphs[0], root.subgraphs[last] = root.subgraphs[last], root.subgraphs[0]
    for entry in root.signatureDefs:
        entry.subgraphIndex = {0: last, last: 0}.get(entry.subgraphIndex, entry.subgraphIndex)


def without_mask(root: Any) -> None:
    """litert-torch's default: keys [1, S, KV, D], no mask among the inputs."""
    for entry in root.signatureDefs:
        entry.inputs = [t for t in entry.inputs if t.name != b"mask"]
        name = entry.signatureKey.decode()
        for side in ("inputs", "outputs"):
            for key in [t.name.decode() for t in getattr(entry, side) if t.name.startswith(b"kv_cache_k")]:
                cache = tensor(root, name, key, side)
                cache.shape = [cache.shape[index] for index in (0, 2, 1, 3)]


def with_output(name: str, key: str, source: str) -> Edit:
    """The output `key` of a signature is its input `source`, untouched."""

    def edit(root: Any) -> None:
        entry = signature(root, name)
        given = next(t.tensorIndex for t in entry.inputs if t.name.decode() == source)
        next(t for t in entry.outputs if t.name.decode() == key).tensorIndex = given

    return edit


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
