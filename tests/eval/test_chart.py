"""Axes of the report's charts by hand, and what their SVG says."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from eval.chart import BOTTOM, DASHED, TOP, Axis, Chart
from eval.figures import Point
from eval.plots import CROWDED, Curve, curve_plot, runs_plot
from eval.results import Share


def test_places_by_hand() -> None:
    assert Axis(0, 10, 100, 200).place(2.5) == 125
    assert Axis(1, 100, 0, 300, log=True).place(10) == pytest.approx(150)
    assert Axis(0, 1, BOTTOM, TOP).place(1) == TOP, "larger values stand higher"


@pytest.mark.parametrize(
    ("low", "high", "log", "ticks"),
    [
        (0, 100, False, [0, 20, 40, 60, 80, 100]),
        (-3, 106, False, [0, 20, 40, 60, 80, 100]),
        (0.31, 0.38, False, [0.31, 0.32, 0.33, 0.34, 0.35, 0.36, 0.37, 0.38]),
        (0.9, 1100, True, [1, 10, 100, 1000]),
        (4, 45, True, [5, 10, 20]),
        (2, 400, True, [3, 10, 30, 100, 300]),
        (20, 26, True, [20, 21, 22, 23, 24, 25, 26]),
        (1e-6, 1e7, True, [1e-6, 1e-4, 1e-2, 1, 100, 1e4, 1e6]),
    ],
)
def test_ticks_by_hand(low: float, high: float, log: bool, ticks: list[float]) -> None:
    assert Axis(low, high, 0, 1, log).ticks() == pytest.approx(ticks)


def test_room_around_values() -> None:
    axis = Axis.around([10, 20], 0.1, 0, 1)
    assert (axis.low, axis.high) == (9, 21)
    axis = Axis.around([1, 100], 0.25, 0, 1, log=True)
    assert (axis.low, axis.high) == pytest.approx((10**-0.5, 10**2.5))
    assert not Axis.around([0, 100], 0.25, 0, 1, log=True).log, "zero has no logarithm"
    for value in (0.0, 3.0, -2.0):
        axis = Axis.around([value, value], 0.1, 0, 1)
        assert axis.low < value < axis.high


def drawn(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def test_what_is_drawn() -> None:
    chart = Chart("a <name>", Axis(0, 10, 52, 410), Axis(0, 10, BOTTOM, TOP))
    chart.line([(0, 0), (10, 10)], "--keras", dash=DASHED)
    chart.dots([(5, 5)], "--mobile", hollow=True)
    chart.names([(5, 5, "<b>"), (5, 5, "other")])
    root = drawn(chart.svg())
    assert root.get("aria-label") == "a <name>"
    assert any(f"M52.0 {BOTTOM}L410.0 {TOP}" == path.get("d") for path in root.iter("path"))
    circle = next(root.iter("circle"))
    assert (circle.get("cx"), circle.get("cy")) == ("231.0", f"{(BOTTOM + TOP) / 2:.1f}")
    texts = {str(text.text): float(str(text.get("y"))) for text in root.iter("text") if text.get("y")}
    assert abs(texts["<b>"] - texts["other"]) >= 14, "two names of one place do not cover each other"
    assert "#" not in chart.svg(), "colours are variables of the page"


def test_losses_that_are_no_numbers_are_left_out() -> None:
    nan = float("nan")
    svg = curve_plot([Curve("teacher", "PyTorch", [1, 2, 3], [2.0, nan, 1.0], [3], [nan])], "steps")
    assert "nan" not in re.sub(r"<text.*?</text>", "", svg)
    assert [str(text.text) for text in drawn(svg).iter("text")][-1] == "PyTorch: teacher", "no entry without a point"
    assert curve_plot([Curve("teacher", "PyTorch", [1], [nan], [], [])], "steps") == ""


def test_a_report_needs_no_plotting_library() -> None:
    """Loading one took as long as the rest of `tandem report`, which is to take about a second."""
    code = "import sys, eval.report; print(*{'matplotlib', 'scipy', 'sklearn', 'torch', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_of_many_points_the_front_is_named_and_the_others_on_pointing() -> None:
    share = Share(k=50, n=100, value=0.5, low=0.4, high=0.6)
    best = Share(k=90, n=100, value=0.9, low=0.8, high=0.95)
    points = [Point(f"engine-{number}", "Keras", 10.0 + number, share) for number in range(CROWDED)]
    few, many = runs_plot(points), runs_plot([*points, Point("engine-best", "Mobile", 5.0, best)])
    assert few.count(">engine-5<") == 2, "its name beside the point, and on pointing"
    assert many.count(">engine-5<") == 1
    assert many.count(">engine-best<") == 2
