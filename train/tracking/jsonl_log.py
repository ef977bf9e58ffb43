"""metrics.jsonl: the canonical log, written whatever else is on, and what every replay reads.

A line is one write to the kernel, so a process killed with -9 loses none that `log` has returned from; a half line is
possible only when the machine itself goes down, and readers skip it. Numbers JSON has no name for are written as the
strings "NaN", "Infinity" and "-Infinity", which float() reads back and W&B uses as well.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Strict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from train.tracking.backend import Alert, Figures, Sample, StageOutputs

NAME = "metrics.jsonl"
_Whole = Annotated[int, Strict()]
_Real = Annotated[float, Strict()] | Literal["NaN", "Infinity", "-Infinity"]
_Line = TypedDict(
    "_Line",
    {
        "stage": str,
        "time": Annotated[float, Strict()],
        "train/step": NotRequired[_Whole],
        "train/tokens": NotRequired[_Whole],
        "train/loss": NotRequired[_Real],
        "eval/loss": NotRequired[_Real],
        "sample": NotRequired[Sample],
        "alert": NotRequired[Alert],
    },
)
_LINE = TypeAdapter(_Line)


class JsonlLog:
    """Appends to metrics.jsonl of a run folder.

    Example:
        log = JsonlLog(Path("runs/demo"), "finetune")
        log.log({"train/step": 1, "train/loss": 2.5}, time.time())
    """

    def __init__(self, folder: Path, stage: str) -> None:
        path = folder / NAME
        torn = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
        self._stage, self._file = stage, path.open("ab", buffering=0)
        if torn:  # the next line is not glued to a half one
            self._file.write(b"\n")

    def log(self, figures: Figures, at: float) -> None:
        self._write({key: _plain(value) for key, value in figures.items()}, at)

    def samples(self, samples: Sequence[Sample], at: float) -> None:
        for sample in samples:
            self._write({"sample": asdict(sample)}, at)

    def alert(self, alert: Alert, at: float) -> None:
        self._write({"alert": asdict(alert)}, at)

    def artifact(self, made: StageOutputs) -> None:
        """Nothing: run.json and lineage.json hold the outputs."""

    def close(self, failed: bool) -> None:
        self._file.close()

    def _write(self, values: dict[str, Any], at: float) -> None:
        line = {"time": round(at, 3), "stage": self._stage, **values}
        self._file.write((json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_lines(folder: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of metrics.jsonl in order; one that was left half written, or is none of ours, is not there."""
    return (line for line in whole_lines(folder / NAME) if _is_ours(line))


def _is_ours(line: dict[str, Any]) -> bool:
    """Whether a line has what every reader relies on."""
    try:
        _LINE.validate_python(line)
    except ValidationError:
        return False
    return True


def whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a JSONL file in order; empty where there is no file. A half line is skipped.

    Only a line feed ends a line: str.splitlines() also cuts at U+2028, U+2029 and U+0085, which stand inside strings.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for text in file:
            try:
                line = json.loads(text.decode("utf-8", errors="replace"))
            except (ValueError, RecursionError):
                continue
            if isinstance(line, dict):
                yield line


def is_finite(value: Any) -> bool:
    """False for a float, or its name in metrics.jsonl, that is no finite number; True for anything else."""
    return not (isinstance(value, float) and not math.isfinite(value)) and value not in ("NaN", "Infinity", "-Infinity")


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):  # a NumPy or torch scalar
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
