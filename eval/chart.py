"""Charts as inline SVG, written directly.

Importing a plotting library and drawing four plots with it took a second of a report's two. Bytes are the same for the
same data; colours are variables of the page's style sheet, so that a chart follows it into dark mode; text stays text,
in the page's font.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 418.0, 274.0
RIGHT, TOP, BOTTOM = 410.0, 8.0, 235.0  # edges of the plotted part; the left one depends on the labels
INK, MUTED, GRID = "--ink", "--muted", "--line"
SOLID, DASHED, DOTTED, MIXED = "", "5 3", "1.5 2.5", "6 3 1.5 3"  # stroke-dasharray
NICE = (1, 2, 5, 10)
MOST_TICKS = 7

Place = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """Values `low` to `high` laid out from `start` to `end`, in points.

    Example:
        Axis(1, 100, 0, 300, log=True).place(10)  # 150.0
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    @classmethod
    def around(cls, values: Iterable[float], margin: float, start: float, end: float, log: bool = False) -> Axis:
        """Room for all values and `margin` of their range on both sides; logarithmic only where all are above zero."""
        values = list(values)
        log = log and min(values) > 0
        low, high = (math.log10(value) if log else value for value in (min(values), max(values)))
        room = margin * (high - low) or 0.2 * (1 if log else abs(high) or 1)
        low, high = low - room, high + room
        return cls(10**low, 10**high, start, end, True) if log else cls(low, high, start, end)

    def place(self, value: float) -> float:
        low, high, at = (math.log10(each) if self.log else each for each in (self.low, self.high, value))
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round values inside: 1, 2, 5 times a power of ten apart, or the powers themselves over several decades."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for multiples in ((1,), (1, 3), (1, 2, 5)):
                found = [n * 10.0**power for power in powers for n in multiples]
                found = [tick for tick in found if self.low <= tick <= self.high]
                if len(found) >= 3:
                    return found[:: math.ceil(len(found) / MOST_TICKS)]
        return self._even_ticks()

    def _even_ticks(self) -> list[float]:
        least = (self.high - self.low) / MOST_TICKS
        power = 10.0 ** math.floor(math.log10(least))
        step = next(n * power for n in NICE if n * power >= least)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [round(n * step, 12) for n in range(first, last + 1)]


class Chart:
    """A frame with two axes; what is drawn first lies below. Positions of the methods are in values of the axes.

    Args:
        name: for those who do not see the chart.
        x, y: the axes; that of y starts at BOTTOM and ends at TOP.
        rows: names on the y axis by their value, instead of ticks.
        bottom: where the plot ends; the axis of y starts there. More than BOTTOM makes a taller chart.
    """

    def __init__(
        self, name: str, x: Axis, y: Axis, rows: Sequence[tuple[float, str]] = (), bottom: float = BOTTOM
    ) -> None:
        self._name, self.x, self.y = name, x, y
        self._bottom, self._height = bottom, HEIGHT + bottom - BOTTOM
        self._parts: list[str] = []
        for value in x.ticks():
            self._tick(x.place(value), bottom + 15, f"{value:g}", "middle")
            self._stroke([(x.place(value), bottom), (x.place(value), TOP)], GRID, 0.6)
        for value, label in rows or [(value, f"{value:g}") for value in y.ticks()]:
            self._tick(x.start - 6, y.place(value) + 3.8, label, "end")
            if not rows:
                self._stroke([(x.start, y.place(value)), (x.end, y.place(value))], GRID, 0.6)
        self._stroke([(x.start, TOP), (x.start, bottom), (x.end, bottom)], MUTED, 0.8)

    def labels(self, x: str, y: str = "") -> None:
        """What the axes show."""
        across = min((self.x.start + self.x.end) / 2, WIDTH - 2.9 * len(x))  # a long text stays on the chart
        self._text(across, self._height - 6, x, "middle", 11)
        if y:
            turned = f' transform="translate(12 {(TOP + self._bottom) / 2:.1f}) rotate(-90)"'
            self._parts.append(f'<text{turned} style="font-size:11px;text-anchor:middle">{escape(y)}</text>')

    def line(self, points: Iterable[Place], color: str, width: float = 1.4, dash: str = SOLID) -> None:
        self._stroke(list(map(self._at, points)), color, width, dash)

    def dots(
        self,
        points: Iterable[Place],
        color: str,
        radius: float = 2.0,
        hollow: bool = False,
        alpha: float = 1,
        title: str = "",
    ) -> None:
        """`title`: shown where a pointer rests on a dot."""
        paint = f"fill:none;stroke:var({color})" if hollow else f"fill:var({color})"
        paint += f";opacity:{alpha:g}" if alpha < 1 else ""
        for across, down in map(self._at, points):
            dot = f'circle cx="{across:.1f}" cy="{down:.1f}" r="{radius:g}" style="{paint}"'
            self._parts.append(f"<{dot}><title>{escape(title)}</title></circle>" if title else f"<{dot}/>")

    def names(self, points: Sequence[tuple[float, float, str]], letter: float = 6.0, height: float = 14.0) -> None:
        """Names beside their points; one that would cover another name or point moves up or down.

        `letter`, `height`: points that a letter and a line of text need.
        """
        placed = sorted((*self._at((x, y)), name) for x, y, name in points)
        middle = self.x.start + 0.55 * (self.x.end - self.x.start)
        taken = [
            (across - 5, across + 5, down, 9.0) for across, down, _ in placed
        ]  # left, right, centre, distance kept
        for across, down, name in placed:
            side = -1 if across > middle else 1
            left, right = sorted((across + side * 9, across + side * (9 + letter * len(name))))
            near = [(centre, room) for start, end, centre, room in taken if left < end and start < right]
            steps = (down + way * step for step in range(int(HEIGHT)) for way in (1, -1))
            centre = next((at for at in steps if all(abs(at - other) >= room for other, room in near)), down)
            taken.append((left, right, centre, height))
            self._text(across + side * 9, centre + 3.5, name, "end" if side < 0 else "start", 10)

    def legend(self, entries: Sequence[tuple[str, str, str | None]]) -> None:
        """Name, colour and dash (None: a dot) of what is shown, from the upper right corner down."""
        left = self.x.end - 30 - 5.6 * max(len(name) for name, _, _ in entries)
        for row, (name, color, dash) in enumerate(entries):
            down = TOP + 10 + 15 * row
            if dash is None:
                self._parts.append(f'<circle cx="{left + 9:.1f}" cy="{down:.1f}" r="2" style="fill:var({color})"/>')
            else:
                self._stroke([(left, down), (left + 18, down)], color, 1.4, dash)
            self._text(left + 24, down + 3.5, name, "start", 10)

    def svg(self) -> str:
        head = (
            f'<svg class="plot" role="img" aria-label="{escape(self._name)}" viewBox="0 0 {WIDTH:g} {self._height:g}">'
        )
        return "\n".join([head, *self._parts, "</svg>"])

    def _at(self, point: Place) -> Place:
        return self.x.place(point[0]), self.y.place(point[1])

    def _stroke(self, places: Sequence[Place], color: str, width: float, dash: str = SOLID) -> None:
        path = "L".join(f"{across:.1f} {down:.1f}" for across, down in places)
        dashes = f";stroke-dasharray:{dash}" if dash else ""
        style = f"fill:none;stroke:var({color});stroke-width:{width:g};stroke-linejoin:round{dashes}"
        self._parts.append(f'<path d="M{path}" style="{style}"/>')

    def _tick(self, across: float, down: float, text: str, anchor: str) -> None:
        self._text(across, down, text, anchor, 11, f";fill:var({MUTED})")

    def _text(self, across: float, down: float, text: str, anchor: str, size: int, extra: str = "") -> None:
        style = f"font-size:{size}px;text-anchor:{anchor}{extra}"
        self._parts.append(f'<text x="{across:.1f}" y="{down:.1f}" style="{style}">{escape(text)}</text>')
