"""The report of a sweep: a table by its metric and a parallel-coordinates plot, from sweep.json alone.

Every vertical axis is a parameter, the last one the metric with the better end on top; a line is a trial, the stronger
the better it was.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from eval.matplotlib_style import INK, LINE, STYLE, inline
from eval.report_html import render
from eval.table import terminal
from train.atomic import write_text
from train.errors import MissingExtraError
from train.sweeps.local_sweep import SweepRecord, Trial, planned_trials, ranked, read_record

STYLE_ALONE = '<style type="text/css">:root{--ink:#222;--muted:#777;--line:#ddd;--keras:#c2410c}'
AXIS_WIDTH = 150.0  # points between two axes


def write_sweep_report(folder: Path) -> dict[str, Any]:
    """Writes sweep.html and parallel.svg beside sweep.json, prints the table; returns paths and the best trial."""
    record = read_record(folder)
    planned, best = planned_trials(record), ranked(record)
    svg = parallel_plot(best, record)
    page = render(
        "sweep.html.j2", record=record, svg=svg, head=_head(record), rows=[_row(trial, record) for trial in best],
        failed=[trial for trial in planned if trial.value is None],
    )  # fmt: skip
    write_text(folder / "sweep.html", page)
    if svg:
        # The page's style sheet gives the colours; a file of its own brings them along.
        alone = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(
            '<style type="text/css">', STYLE_ALONE, 1
        )
        write_text(folder / "parallel.svg", alone)
    terminal().print(_table(best, record))
    return {
        "sweep": str(folder),
        "trials": len(planned),
        "failed": sum(trial.value is None for trial in planned),
        "former": len(record["trials"]) - len(planned),  # of another file, grid or config
        "metric": record["metric"],
        "best": {"run": best[0].run, "value": best[0].value, **best[0].parameters} if best else None,
        "report": str(folder / "sweep.html"),
    }


def parallel_plot(trials: Sequence[Trial], record: SweepRecord) -> str:
    """Parallel coordinates of the trials, the best first in `trials`; empty with fewer than two."""
    if len(trials) < 2:
        return ""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "eval", "The plot of a sweep") from None
    columns = [[trial.parameters[key] for trial in trials] for key in record["parameters"]]
    scales = [Scale(column) for column in columns]
    scales.append(Scale([trial.value for trial in trials], flip=record["goal"] == "minimize"))
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "sweep", "axes.grid": False}):
        figure = Figure(figsize=(AXIS_WIDTH * len(scales) / 72, 3.8), dpi=72)
        figure.subplots_adjust(left=0.08, right=0.9, bottom=0.06, top=0.9)
        axes = figure.add_subplot()
        axes.set_axis_off()
        _draw_axes(axes, scales, [*record["parameters"], record["metric"]])
        for rank in reversed(range(len(trials))):  # the best on top of the others
            values = [*(column[rank] for column in columns), trials[rank].value]
            heights = [scale.height(value) for scale, value in zip(scales, values, strict=True)]
            strength = 1.0 if rank == 0 else 0.65 - 0.5 * rank / len(trials)
            axes.plot(range(len(scales)), heights, color=LINE, linewidth=3 if rank == 0 else 1.5, alpha=strength)
        buffer = io.StringIO()
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=no_metadata)
    return inline(buffer.getvalue(), "parallel coordinates")


class Scale:
    """Where a value stands on its axis, 0 (below) to 1 (on top).

    Numbers over more than a factor of ten go by their logarithm; anything else stands in order, evenly.
    """

    def __init__(self, values: Sequence[Any], flip: bool = False) -> None:
        self._flip, self._order = flip, sorted(set(values), key=lambda value: (str(type(value)), value))
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        self._numeric = len(numbers) == len(values)
        self._log = self._numeric and min(numbers) > 0 and max(numbers) / min(numbers) >= 10
        self._bounds = (self._at(min(numbers)), self._at(max(numbers))) if self._numeric else (0.0, 0.0)

    def height(self, value: Any) -> float:
        if self._numeric:
            low, high = self._bounds
            share = (self._at(value) - low) / (high - low) if high > low else 0.5
        else:
            share = self._order.index(value) / max(1, len(self._order) - 1)
        return 1 - share if self._flip else share

    def ticks(self) -> list[tuple[float, str]]:
        """Height and text of the values worth naming: all of a few, both ends of many."""
        shown = self._order if len(self._order) <= 6 else [self._order[0], self._order[-1]]
        return [(self.height(value), f"{value:.4g}" if isinstance(value, float) else str(value)) for value in shown]

    def _at(self, value: float) -> float:
        return math.log(value) if self._log else value


def _draw_axes(axes: Any, scales: Sequence[Scale], names: Sequence[str]) -> None:
    for place, (scale, name) in enumerate(zip(scales, names, strict=True)):
        axes.plot([place, place], [0, 1], color=INK, linewidth=1)
        axes.text(place, 1.06, name, ha="center", color=INK)
        for height, text in scale.ticks():
            axes.text(place + 0.04, height, text, va="center", fontsize=9, color=INK)


def _head(record: SweepRecord) -> list[str]:
    return [record["metric"], *record["parameters"], "seconds", "run"]


def _row(trial: Trial, record: SweepRecord) -> list[str]:
    values = [trial.value, *(trial.parameters[key] for key in record["parameters"])]
    texts = [f"{value:.5g}" if isinstance(value, float) else str(value) for value in values]
    return [*texts, f"{trial.seconds:.0f}", trial.run or ""]


def _table(trials: Sequence[Trial], record: SweepRecord) -> Table:
    table = Table(title=f"{record['name']}: {record['goal']} {record['metric']}", title_justify="left")
    for title in _head(record):
        table.add_column(title, justify="right")
    for trial in trials:
        table.add_row(*(Text(text) for text in _row(trial, record)))
    return table
