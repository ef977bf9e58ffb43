"""Rules about integer weights that meet float activations: old and web runtimes compute nonsense without an error.

Measured, one kind of weight at a time, on tflite-runtime 2.14: int8 with a scale per channel in FULLY_CONNECTED or
EMBEDDING_LOOKUP gives all-zero logits; int4 by blocks dies (SIGSEGV) or gives zeros; int4 in EMBEDDING_LOOKUP or
DEQUANTIZE is refused at the first call; int4 per channel in FULLY_CONNECTED runs; int8 with one scale is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from mobile.check.finding import LITERT_JS, TFLITE_RUNTIME, Fault, Rule, Severity
from mobile.check.operator_versions import TFLITE_RUNTIME as TFLITE_RUNTIME_VERSIONS
from mobile.check.tflite_model import Operator, Subgraph, Tensor, TfliteModel

WEIGHT_INPUT = {"FULLY_CONNECTED": 1, "EMBEDDING_LOOKUP": 1, "DEQUANTIZE": 0}
OTHER_FILE = "Ship the portable (or float32) file to such devices, and run the self-test of bundle.json at start."


def silent_zeros(model: TfliteModel) -> Iterator[Fault]:
    """Weights on which tflite-runtime 2.14 computes zeros, or dies, without a word."""
    found = _weights(model, _silently_wrong)
    if found:
        yield Fault("file", f"{found}: the file loads and gives all-zero logits, or dies, without an error", OTHER_FILE)


def refused_int4(model: TfliteModel) -> Iterator[Fault]:
    """int4 where tflite-runtime 2.14 has no kernel for it."""
    found = _weights(model, _refused_at_call)
    if found:
        yield Fault("file", f"{found}: the file loads, the first call fails", OTHER_FILE)


def drifting_int4(model: TfliteModel) -> Iterator[Fault]:
    """int4 by blocks on LiteRT.js: the ids part from the other runtimes' after a few tokens."""
    found = _weights(model, lambda _, weight: weight.dtype == "INT4" and weight.blockwise)
    if found:
        yield Fault("file", f"{found}: other ids than on a phone after a few tokens", "Use the int8 file on the web.")


def _silently_wrong(operator: Operator, weight: Tensor) -> bool:
    if operator.name == "DEQUANTIZE" or operator.version > TFLITE_RUNTIME_VERSIONS[operator.name]:
        return False  # converted to float first, or refused: op-version-tflite-runtime says so
    if weight.dtype == "INT4":
        return weight.blockwise and operator.name == "FULLY_CONNECTED"
    return weight.dtype == "INT8" and (weight.scales > 1 or weight.blockwise)


def _refused_at_call(operator: Operator, weight: Tensor) -> bool:
    return weight.dtype == "INT4" and operator.name != "FULLY_CONNECTED"


def _weights(model: TfliteModel, test: Callable[[Operator, Tensor], bool]) -> str:
    """The weights that pass `test`, as text: "43 x FULLY_CONNECTED with int8 weights per channel"."""
    found: Counter[str] = Counter()
    for graph in model.subgraphs:
        for operator in graph.operators:
            weight = _weight(operator, graph)
            if weight is not None and _float_output(operator, graph) and test(operator, weight):
                found[f"{operator.name} with {weight.dtype.lower()} weights {_granularity(weight)}"] += 1
    return ", ".join(f"{count} x {what}" for what, count in sorted(found.items()))


def _weight(operator: Operator, graph: Subgraph) -> Tensor | None:
    place = WEIGHT_INPUT.get(operator.name)
    if place is None or place >= len(operator.inputs) or operator.inputs[place] < 0:
        return None
    return graph.tensors[operator.inputs[place]]


def _float_output(operator: Operator, graph: Subgraph) -> bool:
    """Fully integer models (int8 in, int8 out) have other kernels, which are right."""
    return bool(operator.outputs) and graph.tensors[operator.outputs[0]].dtype == "FLOAT32"


def _granularity(weight: Tensor) -> str:
    return "by blocks" if weight.blockwise else "per channel" if weight.scales > 1 else "per tensor"


RULES = (
    Rule("silent-zeros", Severity.WARNING, TFLITE_RUNTIME, silent_zeros),
    Rule("int4-kernel", Severity.WARNING, TFLITE_RUNTIME, refused_int4),
    Rule("int4-drift", Severity.WARNING, LITERT_JS, drifting_int4),
)
