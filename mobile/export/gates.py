"""Gates of an export: what was compared, the figures, and whether they hold. Kept in bundle.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from train.errors import GateError


@dataclass(frozen=True)
class Gate:
    """One comparison. `passed` is None where it could not be run here; `message` then says why."""

    name: str
    passed: bool | None
    figures: dict[str, Any]
    message: str = ""

    def entry(self) -> dict[str, Any]:
        return {"passed": self.passed, **self.figures, **({"message": self.message} if self.message else {})}


def require_gates(gates: Sequence[Gate]) -> None:
    """GateError with the message of every gate that failed."""
    failed = [gate for gate in gates if gate.passed is False]
    if failed:
        messages = "\n".join(f"  {gate.name}: {gate.message}" for gate in failed)
        raise GateError(f"The export failed {len(failed)} of {len(gates)} gates; nothing was written.\n{messages}")


def rounded(value: float) -> float:
    """Three significant digits: the further ones depend on the machine's summation order."""
    return float(f"{value:.3g}")
