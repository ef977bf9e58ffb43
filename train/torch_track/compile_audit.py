"""What torch.compile really did: layers that fell back and where they break, recompilations and why, what it cost and
from which step on it has paid."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class LayerBreak:
    """Why a layer runs eagerly."""

    layer: int
    where: str  # "file.py:123", the line of the model's code that can't be compiled
    reason: str


def explain_break(layer: Any, number: int, arguments: Any, named: Any, error: str) -> LayerBreak:
    """Asks Dynamo where the graph of the layer breaks; `error` stands where it finds no break.

    Dynamo forgets what it has compiled so far when asked; that is compiled again at its next call.
    """
    import torch._dynamo

    try:
        found = torch._dynamo.explain(layer.forward)(*arguments, **named)
    except Exception:  # it fails on what the layer itself fails on
        return LayerBreak(number, "no place known", error)
    if not found.break_reasons:
        return LayerBreak(number, "no place known", error)
    first = found.break_reasons[0]
    return LayerBreak(number, _place(first.user_stack), explained(str(first.reason)))


def explained(reason: str) -> str:
    """First line of a reason, and Dynamo's explanation of it where there is one: the line alone may say nothing."""
    lines = reason.strip().splitlines() or [""]
    told = [line.strip().removeprefix("Explanation: ") for line in lines if "Explanation: " in line]
    return " ".join([lines[0], *told[:1]])


def _place(stack: Sequence[traceback.FrameSummary]) -> str:
    frame = stack[-1]  # the innermost line
    return f"{Path(frame.filename).name}:{frame.lineno}"


@dataclass(frozen=True)
class Compilation:
    """One piece of code compiled by Dynamo."""

    code: str
    recompile_reason: str | None


class CompileAudit:
    """Lists what Dynamo compiles more than once from the moment the audit is made."""

    def __init__(self) -> None:
        self._since_us = time.time_ns() // 1000

    def recompilations(self) -> list[Compilation]:
        """Code that was compiled once more, with the guard that failed (its first line)."""
        if "torch._dynamo" not in sys.modules:  # nothing was compiled, and importing it takes seconds
            return []
        from torch._dynamo.utils import get_compilation_metrics

        return [
            Compilation(f"{Path(m.co_filename or '?').name}:{m.co_firstlineno}", m.recompile_reason.splitlines()[0])
            for m in get_compilation_metrics()
            if m.recompile_reason and (m.start_time_us or 0) >= self._since_us
        ]


def break_even_step(compile_s: float, eager_s: float, compiled_s: float) -> int | None:
    """Steps after which compiling has paid; None where a compiled step is not faster."""
    return None if compiled_s >= eager_s else int(compile_s / (eager_s - compiled_s)) + 1


def figures(
    breaks: Sequence[LayerBreak], recompilations: Sequence[Compilation], seconds: float, eager_s: float, step_s: float
) -> dict[str, Any]:
    """The audit as it stands in the metrics and the headline of the run."""
    return {
        "compile/layers_eager": [asdict(found) for found in breaks],
        "compile/recompilations": [asdict(found) for found in recompilations],
        "compile/seconds": seconds,
        "compile/eager_step_ms": round(1000 * eager_s, 2),
        "compile/step_ms": round(1000 * step_s, 2),
        "compile/break_even_step": break_even_step(seconds, eager_s, step_s),
    }
