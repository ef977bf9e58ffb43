"""report.html: one self-contained page (inline CSS and SVG, no script, no network), light and dark, wide and narrow."""

from __future__ import annotations

from pathlib import Path

from eval.figures import COLUMNS, headline_rows, headline_set, pareto_front, percent
from eval.plots import curve_plot, pareto_plot
from eval.report_data import ReportData, categories
from eval.report_tables import agreement_rows, environment_rows, error_rows, speed_rows, stage_rows
from train.errors import MissingExtraError
from train.metrics import ERROR_TYPES

TEMPLATES = Path(__file__).with_name("templates")


def render_html(data: ReportData) -> str:
    """The whole page. All text is escaped; only the plots, made here, go in as they are."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError:
        raise MissingExtraError("jinja2", "eval", "The HTML report") from None
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        data=data,
        headline_set=headline_set(data.results[0]),
        columns=COLUMNS,
        rows=headline_rows(data.results),
        front=pareto_front(data.results),
        failed=[result for result in data.results if result.status == "failed"],
        notes=[
            (result.engine, result.artifact.note) for result in data.results if result.artifact and result.artifact.note
        ],
        pareto=pareto_plot(data.results),
        curves=curve_plot(data.curves, data.curve_label),
        categories=categories(data.results),
        percent=percent,
        error_types=ERROR_TYPES,
        error_rows=error_rows(data.results),
        agreement_rows=agreement_rows(data.results),
        speed_rows=speed_rows(data.results),
        stage_rows=stage_rows(data),
        environment_rows=environment_rows(data),
    )
