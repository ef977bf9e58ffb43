"""Tables on the terminal: the comparison of the artifacts of a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eval.figures import ABSENT, COLUMNS, columns, headline_row, headline_set, right_by
from eval.results import Result

SHOWN = ("Artifact", "Exact match", "Intent", "False calls", "MB", "Tokens/s", "TTFT ms", "Memory MB", "Speed")


def terminal() -> Console:
    """Where tables go: stdout. Piped into a file there is no terminal whose width could matter."""
    return Console(width=None if sys.stdout.isatty() else 140)


def comparison_table(results: Sequence[Result]) -> Table:
    """One row an engine. Columns that nobody has a figure for are left out; failed engines say why."""
    table = Table(title=f"{right_by(results[0]).capitalize()} on {headline_set(results[0])}" if results else None)
    rows = [headline_row(result) for result in results]
    for row in rows:
        row[-1] = row[-1].partition(" [")[0]  # the ratio without its interval: a terminal is narrow
    shown = [
        index
        for index, column in enumerate(COLUMNS)
        if column.title in SHOWN and (index == 0 or any(row[index] != ABSENT for row in rows))
    ]
    titles = [column.title for column in columns(results)]
    for index in shown:
        table.add_column(titles[index], justify="left" if index == 0 else "right", no_wrap=True)
    for result, row in zip(results, rows, strict=True):
        # Text, not markup: an interval in square brackets would be read as a style.
        table.add_row(*(Text(row[index]) for index in shown), style="red" if result.status == "failed" else "")
    failed = [result for result in results if result.status != "ok"]
    if failed:
        table.caption = Text("\n".join(f"{result.engine} {result.status}: {result.error}" for result in failed))
    return table
