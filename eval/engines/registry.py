"""Engine ids: which class answers under which id, what it needs, and whom it is measured against."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from dataclasses import dataclass

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
    track: str = ""  # for the report: PyTorch, Keras, Mobile, Baseline


ENGINES: dict[str, EngineEntry] = {
    "base": EngineEntry("eval.engines.torch_engine:BaseEngine", "torch", None, "Baseline"),
    "baseline-linear": EngineEntry("eval.engines.linear_engine:LinearEngine", "eval", None, "Baseline"),
    "teacher-eager": EngineEntry("eval.engines.torch_engine:TeacherEngine", "torch", None, "PyTorch"),
    "student-keras": EngineEntry("eval.engines.keras_engine:KerasEngine", "tensorflow", "teacher-eager", "Keras"),
    "student-tflite-fp32": EngineEntry("eval.engines.tflite_engine:TfliteEngine", "mobile", "student-keras", "Mobile"),
    "student-tflite-int8": EngineEntry("eval.engines.tflite_engine:TfliteEngine", "mobile", "student-keras", "Mobile"),
}


def entry_of(engine: str) -> EngineEntry:
    """Raises UserError for an unknown id."""
    check_known([engine])
    return ENGINES[engine]


def spec_of(engine: str, run: RunFolder, config: Config, threads: int, device: str = "cpu") -> EngineSpec:
    """What a worker needs to know to be this engine."""
    entry = entry_of(engine).entry
    return EngineSpec(engine, entry, str(run.path.resolve()), config.model_dump(mode="json"), threads, device)


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
