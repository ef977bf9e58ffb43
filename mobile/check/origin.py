"""The file among its neighbours: its size, and whether it is still the one that bundle.json describes."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mobile.check.finding import EVERY, LITERT, Fault, Rule, Severity
from mobile.check.tflite_model import UNREADABLE, Data
from train.atomic import sha256_file

LIMIT = 2**31 - 1  # offsets inside a flatbuffer are signed 32-bit numbers


@dataclass(frozen=True)
class Origin:
    """A file, and the bytes of the .tflite model in it (all of them for a .tflite file)."""

    path: Path
    model: Data


def too_large(origin: Origin) -> Iterator[Fault]:
    """More than 2 GB are possible only with the constants behind the flatbuffer."""
    if len(origin.model) > LIMIT and not _constants_behind(origin.model):
        yield Fault(
            "file",
            f"the model has {len(origin.model):,} bytes, a flatbuffer can have {LIMIT:,}: no runtime loads it",
            "Quantise (int8 is a quarter of float32), or export a smaller model.",
        )


def changed(origin: Origin) -> Iterator[Fault]:
    """A flipped bit in the weights loads without an error: only the hash shows it."""
    bundle = origin.path.parent / "bundle.json"
    try:
        expected = json.loads(bundle.read_text(encoding="utf-8"))["files"][origin.path.name]["sha256"]
    except (OSError, *UNREADABLE):
        return  # no bundle beside it, or not one of ours, or the file is not in it
    found = sha256_file(origin.path)
    if found != expected:
        yield Fault(
            "file",
            f"its sha256 is {found[:12]}…, bundle.json beside it says {str(expected)[:12]}…: it was changed or damaged",
            "Copy the whole exported folder again.",
        )


def _constants_behind(model: Data) -> bool:
    root = importlib.import_module("ai_edge_litert.schema_py_generated").Model.GetRootAs(model, 0)
    try:
        return any(root.Buffers(index).Offset() > 1 for index in range(root.BuffersLength()))
    except UNREADABLE:
        return False


RULES = (
    Rule("size", Severity.ERROR, LITERT, too_large),
    Rule("hash", Severity.ERROR, EVERY, changed),
)
