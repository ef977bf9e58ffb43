"""Plots of the report as inline SVG (see eval/chart.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median

from eval.chart import BOTTOM, DASHED, DOTTED, MIXED, MUTED, RIGHT, SOLID, TOP, Axis, Chart
from eval.engines.registry import ENGINES
from eval.figures import Point, front, points_of, request_milliseconds, request_seconds, size_megabytes
from eval.results import Result

TRACKS = {"Baseline": "--baseline", "PyTorch": "--pytorch", "Keras": "--keras", "Mobile": "--mobile"}
LINES = (SOLID, DASHED, DOTTED, MIXED)
LEFT = 52.0  # room for the labels of a y axis, points
STRIP = 15.0  # height of a strip with its name, points
CROWDED = 12  # more points than these are not all named: the front and the baselines are, the others on pointing


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
    shares = [100 * each for point in points for each in (point.share.low, point.share.high)]
    y = Axis.around(shares, 0.12, BOTTOM, TOP)
    y = Axis(max(y.low, -4), min(y.high, 106), BOTTOM, TOP)
    chart = Chart(title, Axis.around([point.cost for point in points], 0.25, LEFT, RIGHT, log=True), y)
    chart.labels(x_label, "exact match, %")
    joined = sorted((point.cost, point.share.value * 100) for point in points if point.label in best)
    chart.line(joined, MUTED, 1, DOTTED)
    for point in points:
        color, share = TRACKS[point.track], point.share
        chart.line([(point.cost, share.low * 100), (point.cost, share.high * 100)], color, 1.5)
        chart.dots([(point.cost, share.value * 100)], color, 3.5, hollow=point.label not in best, title=point.label)
    named = [point for point in points if len(points) <= CROWDED or point.label in best or point.track == "Baseline"]
    chart.names([(point.cost, point.share.value * 100, point.label) for point in named])
    return chart.svg()


def latency_strips(results: Sequence[Result]) -> str:
    """Every timed request as a dot, one strip an engine, its median as a bar. Empty where nothing was timed."""
    timed = [(result.engine, [second * 1e3 for second in request_seconds(result)]) for result in results]
    timed = [(engine, values) for engine, values in reversed(timed) if values]
    if not timed:
        return ""
    left = 20 + 5.7 * max(len(engine) for engine, _ in timed)
    x = Axis.around([value for _, values in timed for value in values], 0.05, left, RIGHT, log=True)
    rows = [(float(row), engine) for row, (engine, _) in enumerate(timed)]
    bottom = max(BOTTOM, TOP + STRIP * len(timed))
    chart = Chart("latency-strips", x, Axis(-0.6, len(timed) - 0.4, bottom, TOP), rows, bottom)
    chart.labels("one request, ms (log scale); bar: median")
    for row, (engine, values) in enumerate(timed):
        color = TRACKS[ENGINES[engine].track]
        # Rounds lie a little apart, in their order, so that equal times can be told from one.
        apart = 0.24 / max(1, len(values) - 1)
        heights = [row - 0.12 + apart * index for index in range(len(values))]
        chart.dots(zip(values, heights, strict=True), color, alpha=0.7)
        chart.line([(median(values), row - 0.3), (median(values), row + 0.3)], color, 2)
    return chart.svg()


def curve_plot(curves: Sequence[Curve], x_label: str) -> str:
    """Training loss of both tracks on one axis, validation loss as dots. Empty without curves."""
    lines = [(curve, _finite(curve.x, curve.loss), _finite(curve.eval_x, curve.eval_loss)) for curve in curves]
    places = [place for _, losses, validation in lines for place in losses + validation]
    if not places:
        return ""
    x = Axis.around([at for at, _ in places], 0.04, LEFT, RIGHT)
    chart = Chart("curves", x, Axis.around([loss for _, loss in places], 0.06, BOTTOM, TOP, log=True))
    chart.labels(x_label, "loss")
    legend: list[tuple[str, str, str | None]] = []
    for curve, losses, validation in lines:
        color, dash = TRACKS[curve.track], LINES[curve.style % len(LINES)]
        if losses:
            chart.line(losses, color, dash=dash)
            legend.append((f"{curve.track}: {curve.stage}", color, dash))
        if validation:
            chart.dots(validation, color)
            legend.append((f"{curve.stage}, validation", color, None))
    chart.legend(legend)
    return chart.svg()


def _finite(x: Sequence[float], y: Sequence[float]) -> list[tuple[float, float]]:
    """The points of a curve; a loss that is no number has no place."""
    return [(at, value) for at, value in zip(x, y, strict=True) if isfinite(value)]
