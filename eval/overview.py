"""Several runs on one page: every artifact of every run, paired differences against the first run, curves of all.

Written beside the run folders (overview.html, overview.md) from their result files alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.compare import config_values
from eval.figures import (
    ABSENT,
    Point,
    headline_set,
    megabytes,
    number,
    p_value,
    points_of,
    size_megabytes,
    speed_ratio,
    tokens_per_second,
    with_interval,
)
from eval.paired import pair
from eval.plots import Curve, curve_plot, runs_plot
from eval.report_data import ReportData, gather
from eval.report_html import render
from eval.report_markdown import heading_and_tables
from eval.results import Result
from eval.samples import read_samples
from train.atomic import write_text
from train.runs import RunFolder

HEAD = ("Run", "Artifact", "Exact match", "Against the first run", "MB", "Tokens/s", "Speed")


def write_overview(runs: Sequence[RunFolder], folder: Path) -> dict[str, Any]:
    """Writes both pages into `folder`; their paths and the verdict. Raises UserError where a run has no results."""
    reports = [gather(run.path) for run in runs]
    names = [report.name for report in reports]
    rows = [
        _row(run, report, result, runs[0], reports[0])
        for run, report in zip(runs, reports, strict=True)
        for result in report.results
    ]
    points = [point for report in reports for point in points_of(report.results, size_megabytes, f"{report.name}: ")]
    changes = _config_rows(runs)
    sets = sorted({headline_set(report.results[0]) for report in reports})
    line = (
        _verdict(points) if len(sets) == 1 else f"No best is named: the runs' headline sets differ ({', '.join(sets)})."
    )
    markdown, html = folder / "overview.md", folder / "overview.html"
    tables = [("Comparison", HEAD, rows), ("Set otherwise", ("Key", *names), changes)]
    write_text(markdown, heading_and_tables(f"{len(runs)} runs", line, tables))
    plots = [("Quality against size", runs_plot(points)), ("Training", _curves(reports))]
    page = render(
        "overview.html.j2",
        runs=names,
        verdict=line,
        head=list(HEAD),
        rows=rows,
        plots=[(title, svg) for title, svg in plots if svg],
        config_rows=changes,
    )
    write_text(html, page)
    return {"overview_md": str(markdown), "overview_html": str(html), "verdict": line}


def _row(run: RunFolder, report: ReportData, result: Result, first: RunFolder, base: ReportData) -> list[str]:
    name = headline_set(result)
    quality = result.quality.get(name)
    against = ABSENT
    if run is not first and quality and any(other.engine == result.engine for other in base.results):
        ours, theirs = (read_samples(folder.eval / "samples", result.engine) for folder in (run, first))
        found = pair(ours, theirs, name)
        if found is not None:
            low, high = found.difference.low * 100, found.difference.high * 100
            points = found.difference.value * 100
            against = f"{points:+.1f} [{low:+.1f}; {high:+.1f}] {p_value(found.p)}, {found.n} rows"
    return [
        report.name,
        result.engine,
        f"{with_interval(quality.exact)} on {name}" if quality else ABSENT,
        against,
        ABSENT if result.artifact is None else megabytes(result.artifact.bytes),
        ABSENT if (rate := tokens_per_second(result)) is None else number(rate),
        speed_ratio(result),
    ]


def _verdict(points: Sequence[Point]) -> str:
    """The best artifact, and the best of those that fit a phone."""
    if not points:
        return "No engine answered in any of the runs."
    best = max(points, key=lambda point: (point.share.value, -point.cost))
    text = f"Best: {best.label}, {best.share.value * 100:.1f} % in {number(best.cost)} MB."
    mobile = [point for point in points if point.track == "Mobile"]
    if not mobile:
        return text
    small = max(mobile, key=lambda point: (point.share.value, -point.cost))
    return f"{text} Best phone file: {small.label}, {small.share.value * 100:.1f} % in {number(small.cost)} MB."


def _curves(reports: Sequence[ReportData]) -> str:
    labels = {report.curve_label for report in reports if report.curves}
    if len(labels) != 1:  # tokens and steps have no common axis
        return ""
    curves: list[Curve] = [
        replace(curve, stage=f"{curve.stage}, {report.name}", style=index)
        for index, report in enumerate(reports)
        for curve in report.curves
    ]
    return curve_plot(curves, labels.pop())


def _config_rows(runs: Sequence[RunFolder]) -> list[list[str]]:
    """Keys of the resolved configs that are not the same in all runs."""
    values = [config_values(run) for run in runs]
    keys = dict.fromkeys(key for found in values for key in found)
    rows = [[key, *(str(found.get(key, ABSENT)) for found in values)] for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1]
