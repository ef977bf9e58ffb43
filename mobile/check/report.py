"""The findings as a table for people and as JSON for tools."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mobile.check.finding import Finding, Severity
from mobile.check.linter import check
from train.errors import GateError


def check_file(path: Path, json_only: bool) -> dict[str, Any]:
    """Checks `path`, prints a table unless `json_only`, returns the findings as JSON.

    Raises GateError, with the same JSON, where a finding is an error.
    """
    findings = check(path)
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in Severity}
    errors, warnings = counts[Severity.ERROR], counts[Severity.WARNING]
    result = {
        "file": str(path),
        "ok": errors == 0,
        "errors": errors,
        "warnings": warnings,
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }
    summary = f"{path}: {_many(errors, 'error')}, {_many(warnings, 'warning')}"
    if not json_only:
        # Piped into a file there is no terminal whose width could matter.
        console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
        if findings:
            console.print(findings_table(findings))
        console.print(f"{path}: ok" if not findings else summary, markup=False)
    if errors:
        raise GateError(f"{summary}. A runtime refuses this file or runs it wrong.", result)
    return result


def findings_table(findings: list[Finding]) -> Table:
    """Errors first; equal advice stands once a row."""
    table = Table("rule", "for", "where", "what is wrong", "what to do", show_lines=True)
    for finding in sorted(findings, key=lambda finding: finding.severity):
        colour = "red" if finding.severity is Severity.ERROR else "yellow"
        cells = (finding.runtime, finding.where, finding.message, finding.cure)
        table.add_row(f"[{colour}]{finding.severity}[/] {finding.rule}", *map(escape, cells))
    return table


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
