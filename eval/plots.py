"""Plots of the report as inline SVG.

Bytes are the same for the same data: fixed hash salt, no date, no metadata. Colours are written as CSS variables, so
that a plot follows the page into dark mode; text stays text, in the page's font.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval.engines.registry import ENGINES
from eval.figures import headline_set, pareto_front
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
LABEL_HEIGHT = 15.0  # points a label needs


@dataclass(frozen=True)
class Curve:
    """Loss of one track; x is tokens or steps, as `x_label` of the plot says."""

    stage: str
    track: str
    x: list[float]
    loss: list[float]
    eval_x: list[float]
    eval_loss: list[float]


def pareto_plot(results: Sequence[Result]) -> str:
    """Exact match against file size; engines on the front are filled and joined. Empty without two points."""
    points = [
        (result.artifact.bytes / 1e6, result.quality[name].exact, result.engine)
        for result in results
        if result.artifact is not None and (name := headline_set(result)) in result.quality
    ]
    if len(points) < 2:
        return ""
    front = pareto_front(results)
    with _figure("pareto") as drawing:
        axes = drawing.axes
        axes.set_xscale("log")
        joined = sorted((size, share.value * 100) for size, share, engine in points if engine in front)
        axes.plot(*zip(*joined, strict=True), color=MUTED, linewidth=1, linestyle=":", zorder=1)
        for size, share, engine in points:
            color, value = TRACKS[ENGINES[engine].track], share.value * 100
            axes.plot([size, size], [share.low * 100, share.high * 100], color=color, linewidth=1.5)
            face = color if engine in front else "none"
            axes.plot([size], [value], "o", color=color, markerfacecolor=face, markersize=7)
        axes.set_xlabel("file size, MB (log scale)")
        axes.set_ylabel("exact match, %")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.margins(x=0.25, y=0.18)
        _label(axes, [(size, share.value * 100, engine) for size, share, engine in points])
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
            axes.plot(curve.x, curve.loss, color=color, linewidth=1.4, label=f"{curve.track}: {curve.stage}")
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
    """Names beside the points; one that would cover the name below it moves up."""
    axes.figure.draw_without_rendering()  # limits and layout are settled only now
    taken: list[tuple[float, float]] = []
    for x, y, name in sorted(points, key=lambda point: (point[1], point[0])):
        at_x, at_y = (float(end) for end in axes.transData.transform((x, y)))
        label_y = at_y
        while any(abs(label_y - other_y) < LABEL_HEIGHT and abs(at_x - other_x) < 140 for other_x, other_y in taken):
            label_y += 1
        taken.append((at_x, label_y))
        right = at_x > axes.get_window_extent().x0 + 0.55 * axes.get_window_extent().width
        offset = (-9 if right else 9, label_y - at_y)
        axes.annotate(
            name, (x, y), offset, textcoords="offset points", fontsize=10, va="center", ha="right" if right else "left"
        )


class _figure:  # noqa: N801 - a context manager, used like a function
    """A figure with one pair of axes; `svg` is there after the block."""

    def __init__(self, name: str) -> None:
        self._name = name
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
        # 72 dots an inch, as SVG counts: offsets in points and in pixels are the same.
        self._figure = Figure(figsize=(5.8, 3.8), dpi=72, layout="constrained")
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
