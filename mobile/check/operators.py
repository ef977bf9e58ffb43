"""Rules about operators: outside the builtin set, or newer than a runtime knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mobile.check.finding import LITERT, TFLITE_RUNTIME, Fault, Rule, Severity
from mobile.check.operator_versions import AI_EDGE_LITERT
from mobile.check.operator_versions import TFLITE_RUNTIME as TFLITE_RUNTIME_VERSIONS
from mobile.check.tflite_model import TfliteModel

# Custom by name, but registered in every interpreter.
KNOWN_CUSTOM = {"NumericVerify", "Mfcc", "AudioSpectrogram", "TFLite_Detection_PostProcess"}


def custom_operators(model: TfliteModel) -> Iterator[Fault]:
    """Flex (TensorFlow) and custom operators need code that the app does not have."""
    for code in model.codes:
        if code.custom is None or code.custom in KNOWN_CUSTOM:
            continue
        if code.custom.startswith("Flex"):
            cure = (
                "Convert with TFLITE_BUILTINS alone and write the step with builtin operators; Keras' own export of a "
                "language model gives such a file, `tandem export` does not."
            )
        else:
            cure = "Convert without this operator, or link its kernel into the app and register it."
        yield Fault("file", f"the operator {code.custom} is not built in: the file does not load", cure)


def unknown_versions(model: TfliteModel) -> Iterator[Fault]:
    """Operators of a converter newer than ai-edge-litert 2.3."""
    cure = "Use a runtime at least as new as the converter, or the versions pinned in constraints.txt."
    yield from _newer_than(model, AI_EDGE_LITERT, cure)


def unknown_to_tflite_runtime(model: TfliteModel) -> Iterator[Fault]:
    """What ai-edge-litert loads and tflite-runtime 2.14 does not."""
    known = [code for code in model.codes if code.version <= AI_EDGE_LITERT.get(code.name, 0)]
    cure = "Use ai-edge-litert there, or ship the portable (or float32) file to such devices."
    yield from _newer_than(TfliteModel(known, [], {}, {}, []), TFLITE_RUNTIME_VERSIONS, cure)


def _newer_than(model: TfliteModel, versions: Mapping[str, int], cure: str) -> Iterator[Fault]:
    for code in model.codes:
        newest = versions.get(code.name, 0)
        if code.custom is None and code.version > newest:
            known = f"it knows versions up to {newest}" if newest else "it does not know this operator"
            yield Fault("file", f"refuses {code.name} version {code.version}: {known}", cure)


RULES = (
    Rule("custom-op", Severity.ERROR, LITERT, custom_operators),
    Rule("op-version", Severity.ERROR, LITERT, unknown_versions),
    Rule("op-version-tflite-runtime", Severity.WARNING, TFLITE_RUNTIME, unknown_to_tflite_runtime),
)
