"""report.html: one self-contained page (inline CSS, SVG and a few lines of script that sort tables; no network), light
and dark, wide and narrow, on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.figures import columns, headline_rows, headline_set, pareto_front, percent, right_by
from eval.plots import curve_plot, latency_plot, latency_strips, size_plot
from eval.report_data import ReportData, categories
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
from train.errors import MissingExtraError

TEMPLATES = Path(__file__).with_name("templates")


def render_html(data: ReportData) -> str:
    """The whole page. All text is escaped; only the plots, made here, go in as they are."""
    return render(
        "report.html.j2",
        data=data,
        headline_set=headline_set(data.results[0]),
        columns=columns(data.results),
        right_by=right_by(data.results[0]),
        rows=headline_rows(data.results),
        front=pareto_front(data.results),
        failed=[result for result in data.results if result.status != "ok"],
        notes=[
            (result.engine, result.artifact.note) for result in data.results if result.artifact and result.artifact.note
        ],
        plots=[(title, svg) for title, svg in plots(data) if svg],
        categories=categories(data.results),
        percent=percent,
        error_types=error_types(data.results),
        error_rows=error_rows(data.results),
        agreement_head=list(AGREEMENT),
        agreement_rows=agreement_rows(data.results),
        likelihood_head=list(LIKELIHOOD),
        likelihood_rows=likelihood_rows(data.results),
        set_rows=set_rows(data.results),
        tuning_head=list(TUNING),
        tuning_rows=tuning_rows(data),
        speed_rows=speed_rows(data.results),
        stage_rows=stage_rows(data),
        environment_rows=environment_rows(data),
    )


def render(template: str, **values: Any) -> str:
    """A page of the templates folder; text is escaped."""
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
    return environment.get_template(template).render(**values)


def plots(data: ReportData) -> list[tuple[str, str]]:
    """Title and SVG of every plot; the SVG is empty where there is nothing to draw."""
    return [
        ("Quality against size", size_plot(data.results)),
        ("Quality against time", latency_plot(data.results)),
        ("Time of every request", latency_strips(data.results)),
        ("Training", curve_plot(data.curves, data.curve_label)),
    ]
