"""How matplotlib draws for a page: colours of the style sheet, text as text, the same bytes for the same data."""

from __future__ import annotations

import re
from typing import Any

# Stand-ins that matplotlib draws with → variables of the page's style sheet.
INK, MUTED, GRID, LINE = "#010101", "#020202", "#030303", "#060606"
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--line", LINE: "--keras"}
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
