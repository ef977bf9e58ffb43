"""The side-by-side result as one SVG file that stands alone (README): every round a dot, its median a bar."""

from __future__ import annotations

import io
from collections.abc import Sequence
from statistics import median
from typing import Any

from eval.bench.result import FrameworksResult
from train.errors import MissingExtraError

COLORS = {"PyTorch": "#c4532a", "Keras on TF": "#2a6fc4", "Keras on PyTorch": "#8a5bb0", "Keras on JAX": "#2f8a57"}
Strip = tuple[str, list[float]]


def frameworks_svg(result: FrameworksResult) -> str:
    """Training step, forward pass and input pipelines, one panel each. The same bytes for the same result."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "eval", "The plot of the benchmark") from None
    panels = panels_of(result)
    with matplotlib.rc_context({"svg.hashsalt": "frameworks", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(8.0, 1.0 + 0.28 * sum(len(strips) + 2 for _, strips in panels)), layout="constrained")
        heights = [len(strips) + 1 for _, strips in panels]
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for one, (title, strips) in zip(axes, panels, strict=True):
            _panel(one, title, strips)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return buffer.getvalue()


def panels_of(result: FrameworksResult) -> list[tuple[str, list[Strip]]]:
    """Title and strips (label, milliseconds) of each panel that has any."""
    students = [student for student in result.students if student.train and student.forward]
    found = [
        ("training step, ms", [(s.label, _ms(s.train.rounds_s)) for s in students if s.train]),
        ("forward pass, ms", [(s.label, _ms(s.forward.rounds_s)) for s in students if s.forward]),
        ("one epoch of the input pipeline, ms", [(p.label, _ms(p.rounds_s)) for p in result.pipelines if p.rounds_s]),
    ]
    return [(title, strips) for title, strips in found if strips]


def _panel(axes: Any, title: str, strips: Sequence[Strip]) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xscale("log")
    for row, (label, values) in enumerate(reversed(strips)):
        color = next((color for start, color in COLORS.items() if label.startswith(start)), "#666666")
        axes.plot(values, [row] * len(values), "o", color=color, markersize=4, alpha=0.6, markeredgewidth=0)
        axes.plot([median(values)] * 2, [row - 0.32, row + 0.32], color=color, linewidth=2)
    axes.set_yticks(range(len(strips)), [label for label, _ in reversed(strips)])
    axes.set_ylim(-0.6, len(strips) - 0.4)
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in ticks() if low <= tick <= high])
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(axis="x", linewidth=0.5, color="#cccccc")
    axes.spines[["top", "right"]].set_visible(False)


def ticks() -> list[float]:
    """1, 2, 5, 10, 20 …: a logarithmic axis of less than a decade has numbers, too."""
    return [step * 10.0**power for power in range(-3, 7) for step in (1, 2, 5)]


def _ms(seconds: Sequence[float]) -> list[float]:
    return [second * 1e3 for second in seconds]
