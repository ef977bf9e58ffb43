"""report.md and report.html of a run: a pure function of its result files, samples, run.json and metrics.jsonl.

Nothing is measured here, so a report can be written again at any time, in about a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.overview import write_overview
from eval.report_data import gather
from eval.report_html import render_html
from eval.report_markdown import render_markdown
from eval.table import comparison_table
from train.atomic import write_text
from train.runs import RunFolder

__all__ = ["comparison_table", "write_report", "write_reports"]


def write_report(run_path: Path) -> dict[str, Any]:
    """Writes both reports into the run folder; their paths and the verdict.

    Raises UserError where the folder has no result files or one is damaged.
    """
    data = gather(run_path)
    markdown, html = run_path / "report.md", run_path / "report.html"
    write_text(markdown, render_markdown(data))
    write_text(html, render_html(data))
    return {"report_md": str(markdown), "report_html": str(html), "verdict": data.verdict}


def write_reports(runs: Sequence[RunFolder]) -> dict[str, Any]:
    """The reports of all runs; of several also the overview, beside the first run's folder."""
    written = [write_report(run.path) for run in runs]
    if len(runs) == 1:
        return written[0]
    return {"reports": written, **write_overview(runs, runs[0].path.resolve().parent)}
