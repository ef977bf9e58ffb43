"""Engine ids: which class answers under which id, what it needs, and whom it is measured against.

A new engine is one file with a class of the protocol in engine.py, and one line here.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from eval.engines.engine import Engine, EngineSpec
from train.config.schema import Config
from train.errors import UserError
from train.runs import RunFolder


@dataclass(frozen=True)
class EngineEntry:
    """What is known of an engine without importing it."""

    entry: str  # "module:class"
    extra: str  # extra of pyproject.toml that brings its libraries
    parent: str | None = None  # engine whose answers it should reproduce
    track: str = ""  # whose weights these are, for the report: PyTorch, Keras, Mobile, Baseline
    environment: dict[str, str] = field(default_factory=dict)  # variables of its worker


TEACHER, STUDENT = "teacher-eager", "student-keras"


def _mobile(entry: str) -> EngineEntry:
    return EngineEntry(f"eval.engines.{entry}", "mobile", STUDENT, "Mobile")


def _tflite() -> EngineEntry:
    return _mobile("tflite_engine:TfliteEngine")


def _keras(backend: str) -> EngineEntry:
    entry = "eval.engines.keras_backend_engine:KerasBackendEngine"
    return EngineEntry(entry, "bench", STUDENT, "Keras", {"KERAS_BACKEND": backend})


ENGINES: dict[str, EngineEntry] = {
    "base": EngineEntry("eval.engines.torch_engine:BaseEngine", "torch", None, "Baseline"),
    "baseline-linear": EngineEntry("eval.engines.linear_engine:LinearEngine", "eval", None, "Baseline"),
    "teacher-eager": EngineEntry("eval.engines.torch_engine:TeacherEngine", "torch", None, "PyTorch"),
    "teacher-compiled": EngineEntry("eval.engines.compiled_engine:CompiledEngine", "torch", TEACHER, "PyTorch"),
    "teacher-onnx": EngineEntry("eval.engines.onnx_engine:OnnxEngine", "bench", TEACHER, "PyTorch"),
    "teacher-gguf-q8": EngineEntry("eval.engines.gguf_engine:GgufEngine", "bench", TEACHER, "PyTorch"),
    "student-keras": EngineEntry("eval.engines.keras_engine:KerasEngine", "tensorflow", TEACHER, "Keras"),
    "student-keras-control": EngineEntry("eval.engines.keras_engine:ControlEngine", "tensorflow", TEACHER, "Keras"),
    "student-keras-jax": _keras("jax"),
    "student-keras-torch": _keras("torch"),
    "student-savedmodel": EngineEntry(
        "eval.engines.savedmodel_engine:SavedModelEngine", "tensorflow", STUDENT, "Keras"
    ),
    "student-torch": EngineEntry("eval.engines.torch_engine:StudentEngine", "torch", STUDENT, "Keras"),
    "student-onnx": EngineEntry("eval.engines.onnx_engine:OnnxEngine", "bench", STUDENT, "Keras"),
    "student-gguf-q8": EngineEntry("eval.engines.gguf_engine:GgufEngine", "bench", STUDENT, "Keras"),
    "student-gguf-q4": EngineEntry("eval.engines.gguf_engine:GgufEngine", "bench", STUDENT, "Keras"),
    **{f"student-tflite-{variant}": _tflite() for variant in ("fp32", "int8", "int4", "portable")},
    **{f"student-tflite-{variant}-cm": _tflite() for variant in ("fp32", "int8", "int4", "portable")},
    **{
        f"student-tflite-{variant}-{kind}": _mobile("constrained_engine:ConstrainedEngine")
        for variant in ("int8", "int4")
        for kind in ("constrained", "substrings")
    },
    "student-litertlm": _mobile("litertlm_engine:LitertLmEngine"),
}


def entry_of(engine: str) -> EngineEntry:
    """Raises UserError for an unknown id."""
    check_known([engine])
    return ENGINES[engine]


def spec_of(engine: str, run: RunFolder, config: Config, threads: int, device: str = "cpu") -> EngineSpec:
    """What a worker needs to know to be this engine."""
    known = entry_of(engine)
    values = config.model_dump(mode="json")
    return EngineSpec(engine, known.entry, str(run.path.resolve()), values, threads, device, known.environment)


def make_engine(spec: EngineSpec) -> Engine:
    """The engine of a spec, not yet loaded."""
    module, _, name = spec.entry.partition(":")
    made: Engine = getattr(importlib.import_module(module), name)(spec)
    return made


def check_known(engines: Iterable[str], source: str = "eval.engines") -> None:
    """Raises UserError that lists all known ids where one is unknown."""
    unknown = [engine for engine in engines if engine not in ENGINES]
    if unknown:
        near = difflib.get_close_matches(unknown[0], ENGINES, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UserError(f"{source} has the unknown engine {unknown[0]!r}.{hint} Known engines: {', '.join(ENGINES)}.")
