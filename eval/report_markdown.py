"""report.md: the report as Markdown, without the plots."""

from __future__ import annotations

from collections.abc import Sequence

from eval.figures import columns, headline_rows, headline_set, percent
from eval.report_data import Example, ReportData, categories
from eval.report_tables import (
    AGREEMENT,
    LIKELIHOOD,
    TUNING,
    agreement_rows,
    environment_rows,
    error_rows,
    error_types,
    likelihood_rows,
    set_rows,
    speed_rows,
    stage_rows,
    tuning_rows,
)
from eval.results import Result


def render_markdown(data: ReportData) -> str:
    """The whole text."""
    name = headline_set(data.results[0])
    parts = [
        f"# {_plain(data.name)}",
        _plain(data.verdict),
        f"## Comparison on {name}",
        table([column.title for column in columns(data.results)], headline_rows(data.results)),
        "\n".join(f"- {column.title}: {column.note}" for column in columns(data.results)[1:]),
        *_failures(data.results),
        *_notes(data.results),
        f"## Categories on {name}",
        table(
            ["Category", "Rows", *(result.engine for result in data.results)],
            [[name, str(n), *map(percent, shares)] for name, n, shares in categories(data.results)],
        ),
        *_sets(data),
        "## Kinds of error",
        table(["Artifact", *error_types(data.results)], error_rows(data.results)),
        "## Agreement with the parent",
        table(AGREEMENT, agreement_rows(data.results)),
        "## Likelihood",
        table(LIKELIHOOD, likelihood_rows(data.results)),
        "## Speed",
        table(["Artifact", "ms/token p50", "p95", "Load s", "Rounds", "Load average"], speed_rows(data.results)),
        f"## {_plain(data.subject)} against {_plain(data.rival)}",
        f"Only {_plain(data.subject)} is right: {data.win_counts[0]} rows. Only {_plain(data.rival)} is right: "
        f"{data.win_counts[1]} rows.",
        *_example_tables(data),
        "## Time of the stages",
        table(["Stage", "Seconds", "Share", "Peak memory MB"], stage_rows(data)),
        "## Environment",
        "\n".join(f"- {_plain(key)}: {_plain(value)}" for key, value in environment_rows(data)),
        "## Command",
        f"```\n{data.command}\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def heading_and_tables(
    title: str, text: str, tables: Sequence[tuple[str, Sequence[str], Sequence[Sequence[str]]]]
) -> str:
    """A page of a heading, a line and tables (title, head, rows)."""
    parts = [f"# {_plain(title)}", _plain(text)]
    parts += [f"## {_plain(name)}\n\n{table(head, rows)}" for name, head, rows in tables]
    return "\n\n".join(parts) + "\n"


def _sets(data: ReportData) -> list[str]:
    head, *rows = set_rows(data.results)
    parts = ["## Test sets", table(head, rows)]
    if cost := tuning_rows(data):
        parts += ["## Out of the domain: what did fine-tuning cost?", table(TUNING, cost)]
    return parts


def _failures(results: Sequence[Result]) -> list[str]:
    return [
        f"**{result.engine} {result.status}:** {_plain(result.error or '')}"
        for result in results
        if result.status != "ok"
    ]


def _notes(results: Sequence[Result]) -> list[str]:
    return [
        f"{result.engine}: {result.artifact.note}." for result in results if result.artifact and result.artifact.note
    ]


def _example_tables(data: ReportData) -> list[str]:
    def examples_table(title: str, examples: Sequence[Example]) -> str:
        rows = [[example.utterance, example.expected, example.ours, example.theirs] for example in examples]
        return f"### {title}\n\n" + table(["Utterance", "Expected", data.subject, data.rival], rows) if rows else ""

    return [examples_table("Wins", data.wins), examples_table("Regressions", data.regressions)]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are plain text, whatever they hold."""
    if not rows:
        return "Nothing to show."
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Text that Markdown does not read as markup: answers of a model can hold anything."""
    for letter in "\\`*_[]|":
        text = text.replace(letter, "\\" + letter)
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split())
