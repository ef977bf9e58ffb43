"""What a rule is, and what it finds.

An error: ai-edge-litert, LiteRT-LM or mobile/runtime refuses the file or runs it wrong. A warning: another runtime
does, or the file is larger or less reproducible than it need be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

LITERT = "ai-edge-litert 2.3"
LITERT_LM = "LiteRT-LM 0.18"
TFLITE_RUNTIME = "tflite-runtime 2.14"
LITERT_JS = "LiteRT.js 2.5"
PROJECT = "mobile/runtime"
EVERY = "every runtime"


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Fault(NamedTuple):
    """One place where a rule is broken."""

    where: str
    message: str
    cure: str


@dataclass(frozen=True)
class Finding:
    """A fault with the rule it breaks and the runtime that is hurt by it."""

    rule: str
    severity: Severity
    runtime: str
    where: str
    message: str
    cure: str


Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Rule(Generic[Subject]):
    """One way in which a file can be wrong; `faults` looks for it and never raises."""

    id: str
    severity: Severity
    runtime: str
    faults: Callable[[Subject], Iterable[Fault]]

    def apply(self, subject: Subject) -> Iterator[Finding]:
        for fault in self.faults(subject):
            yield Finding(self.id, self.severity, self.runtime, *fault)


def apply_rules(rules: Sequence[Rule[Subject]], subject: Subject) -> list[Finding]:
    """Findings of all rules, in the order of the rules."""
    return [finding for rule in rules for finding in rule.apply(subject)]
