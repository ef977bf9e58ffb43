"""Plots of the report as inline SVG.

Bytes are the same for the same data: fixed hash salt, no date, no metadata. Colours are written as CSS variables, so
that a plot follows the page into dark mode; text stays text, in the page's font.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from statistics import median
from typing import Any

from eval.engines.registry import ENGINES
from eval.figures import Point, front, points_of, request_milliseconds, request_seconds, size_megabytes
from eval.results import Result
from train.errors import MissingExtraError

# Stand-ins that matplotlib draws with → variables of the page's style sheet.
INK, MUTED, GRID = "#010101", "#020202", "#030303"
TRACKS = {"Baseline": "#040404", "PyTorch": "#050505", "Keras": "#060606", "Mobile": "#070707"}
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    TRACKS["Baseline"]: "--baseline",
    TRACKS["PyTorch"]: "--pytorch",
    TRACKS["Keras"]: "--keras",
    TRACKS["Mobile"]: "--mobile",
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "grid.color": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}
LINES = ("-", "--", ":", "-.")
WIDTH = 418.0  # points
LABEL_HEIGHT, LETTER_WIDTH = 14.0, 6.0  # points a label needs


@dataclass(frozen=True)
class Curve:
    """Loss of one track; x is tokens or steps, as `x_label` of the plot says."""

    stage: str
    track: str
    x: list[float]
    loss: list[float]
    eval_x: list[float]
    eval_loss: list[float]
    style: int = 0  # index of the run: each has its own kind of line


def size_plot(results: Sequence[Result]) -> str:
    """Exact match against file size. Empty without two points."""
    return _pareto_plot(points_of(results, size_megabytes), "file size, MB (log scale)", "quality-size")


def latency_plot(results: Sequence[Result]) -> str:
    """Exact match against the time of a request. Empty without two points."""
    return _pareto_plot(points_of(results, request_milliseconds), "one request, ms (log scale)", "quality-latency")


def runs_plot(points: Sequence[Point]) -> str:
    """Exact match against file size, artifacts of several runs; their points are labelled by run and engine."""
    return _pareto_plot(points, "file size, MB (log scale)", "runs-quality-size")


def _pareto_plot(points: Sequence[Point], x_label: str, title: str) -> str:
    """Points on the front are filled and joined."""
    if len(points) < 2:
        return ""
    best = front(points)
    with _figure(title) as drawing:
        axes = drawing.axes
        axes.set_xscale("log")
        joined = sorted((point.cost, point.share.value * 100) for point in points if point.label in best)
        axes.plot(*zip(*joined, strict=True), color=MUTED, linewidth=1, linestyle=":", zorder=1)
        for point in points:
            color, share = TRACKS[point.track], point.share
            axes.plot([point.cost] * 2, [share.low * 100, share.high * 100], color=color, linewidth=1.5)
            face = color if point.label in best else "none"
            axes.plot([point.cost], [share.value * 100], "o", color=color, markerfacecolor=face, markersize=7)
        axes.set_xlabel(x_label)
        axes.set_ylabel("exact match, %")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.margins(x=0.25, y=0.18)
        bottom, top = axes.get_ylim()
        axes.set_ylim(max(bottom, -4), min(top, 106))
        _label(axes, [(point.cost, point.share.value * 100, point.label) for point in points])
    return drawing.svg


def latency_strips(results: Sequence[Result]) -> str:
    """Every timed request as a dot, one strip an engine, its median as a bar. Empty where nothing was timed."""
    timed = [(result.engine, [second * 1e3 for second in request_seconds(result)]) for result in results]
    timed = [(engine, values) for engine, values in timed if values]
    if not timed:
        return ""
    left = 20 + 5.7 * max(len(engine) for engine, _ in timed)
    with _figure("latency-strips", left) as drawing:
        axes = drawing.axes
        axes.set_xscale("log")
        for row, (engine, values) in enumerate(reversed(timed)):
            color = TRACKS[ENGINES[engine].track]
            # Rounds lie a little apart, in their order, so that equal times can be told from one.
            heights = [row + 0.24 * (index / max(1, len(values) - 1) - 0.5) for index in range(len(values))]
            axes.plot(values, heights, "o", color=color, markersize=4, alpha=0.7, markeredgewidth=0)
            axes.plot([median(values)] * 2, [row - 0.3, row + 0.3], color=color, linewidth=2)
        axes.set_yticks(range(len(timed)), [engine for engine, _ in reversed(timed)])
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("one request, ms (log scale); bar: median")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    return drawing.svg


def curve_plot(curves: Sequence[Curve], x_label: str) -> str:
    """Training loss of both tracks on one axis, validation loss as dots. Empty without curves."""
    curves = [curve for curve in curves if curve.x]
    if not curves:
        return ""
    with _figure("curves") as drawing:
        axes = drawing.axes
        for curve in curves:
            color = TRACKS[curve.track]
            line = LINES[curve.style % len(LINES)]
            axes.plot(curve.x, curve.loss, line, color=color, linewidth=1.4, label=f"{curve.track}: {curve.stage}")
            if curve.eval_x:
                axes.plot(
                    curve.eval_x, curve.eval_loss, "o", color=color, markersize=4, label=f"{curve.stage}, validation"
                )
        axes.set_xlabel(x_label)
        axes.set_ylabel("loss")
        if min(loss for curve in curves for loss in curve.loss + curve.eval_loss) > 0:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(lambda value, _: "")
        axes.legend(fontsize=10)
    return drawing.svg


def _label(axes: Any, points: list[tuple[float, float, str]]) -> None:
    """Names beside the points; one that would cover another name or marker moves up or down."""
    window = axes.get_window_extent()
    middle = window.x0 + 0.55 * window.width
    placed: list[tuple[float, float, str]] = []
    for x, y, name in points:
        across, up = axes.transData.transform((x, y))
        placed.append((float(across), float(up), name))
    taken = [(x - 5, x + 5, y, 9.0) for x, y, _ in placed]  # left, right, height of the centre, distance kept
    for (x, y, name), (data_x, data_y, _) in sorted(zip(placed, points, strict=True), key=lambda pair: pair[0][1]):
        side = -1 if x > middle else 1
        left, right = sorted((x + side * 9, x + side * (9 + LETTER_WIDTH * len(name))))
        nearby = [entry for entry in taken if left < entry[1] and entry[0] < right]
        free = (y + way * step for step in count() for way in (1, -1))
        label_y = next(at for at in free if all(abs(at - other) >= room for _, _, other, room in nearby))
        taken.append((left, right, label_y, LABEL_HEIGHT))
        align = "right" if side < 0 else "left"
        offset = (side * 9, label_y - y)
        axes.annotate(name, (data_x, data_y), offset, textcoords="offset points", fontsize=10, va="center", ha=align)


class _figure:  # noqa: N801 - a context manager, used like a function
    """A figure with one pair of axes; `svg` is there after the block."""

    def __init__(self, name: str, left: float = 52.0) -> None:
        self._name, self._left = name, left
        self.svg = ""
        self.axes: Any = None

    def __enter__(self) -> _figure:
        try:
            import matplotlib
            from matplotlib.figure import Figure
        except ImportError:
            raise MissingExtraError("matplotlib", "eval", "A plot of the report") from None
        self._context: Any = matplotlib.rc_context({**STYLE, "svg.hashsalt": self._name})
        self._context.__enter__()
        # 72 dots an inch, as SVG counts: offsets in points and in pixels are the same. Margins are given: laying out
        # the page by itself, matplotlib draws everything three times.
        self._figure = Figure(figsize=(WIDTH / 72, 3.8), dpi=72)
        self._figure.subplots_adjust(left=self._left / WIDTH, right=0.98, bottom=0.14, top=0.97)
        self.axes = self._figure.add_subplot()
        self.axes.set_axisbelow(True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                buffer = io.StringIO()
                no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
                self._figure.savefig(buffer, format="svg", transparent=True, metadata=no_metadata)
                self.svg = inline(buffer.getvalue(), self._name)
        finally:
            self._context.__exit__(None, None, None)


def inline(svg: str, name: str) -> str:
    """An SVG file as an element of a page: no prologue, no metadata, no addresses, colours from the style sheet."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", svg)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r'<svg ([^>]*?)height="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*"', rf'<svg class="plot" role="img" aria-label="{name}" \1', svg, count=1)
    svg = re.sub(
        r' id="(figure|axes|patch|line2d|text|matplotlib\.axis|xtick|ytick|legend|LineCollection)_?\d*"', "", svg
    )
    svg = re.sub(r"(font(?:-family)?: [^;\"]*?)'DejaVu Sans'[^;\"]*", r"\1system-ui, sans-serif", svg)
    for color, variable in VARIABLES.items():
        svg = svg.replace(color, f"var({variable})")
    return svg.strip()
