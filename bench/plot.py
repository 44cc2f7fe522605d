"""Plots as SVG, drawn by hand: bars for how long arms took, dots for ratios beside their targets.

`report` writes them next to the figures; colours are told apart in light and dark pages alike.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from xml.sax import saxutils

from bench import ratios

WIDTH, LABELS, RIGHT, ROW, TOP = 760, 300, 110, 26, 44
PLOT = WIDTH - LABELS - RIGHT
INK, GRID, BAR, GOOD, BAD = "#57606a", "#d0d7de", "#2f81b7", "#2da44e", "#cf222e"
# How far from its target a ratio can be on the plot, as a factor.
REACH = 8.0


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """What was measured of one arm."""

    label: str
    values: Sequence[float]


def bars(title: str, unit: str, shown: Sequence[Bar]) -> str:
    """Return a bar for each arm: its median, with a line from the least to the most."""
    longest = max(max(each.values) for each in shown)
    lines = [_text(LABELS, 24, title, weight="bold")]
    for row, each in enumerate(shown):
        y = TOP + row * ROW
        median = statistics.median(each.values)
        low, high = (LABELS + PLOT * find(each.values) / longest for find in (min, max))
        middle = y + ROW / 2
        lines += [
            _text(LABELS - 10, middle + 4, each.label, anchor="end"),
            _bar(y + 4, PLOT * median / longest),
            _line(low, middle, high, middle, INK),
            _text(
                max(high, LABELS + PLOT * median / longest) + 8, middle + 4, f"{median:.3g} {unit}"
            ),
        ]
    return _svg(TOP + len(shown) * ROW + 12, lines)


def dots(title: str, findings: Iterable[ratios.Finding]) -> str:
    """Return a dot for each ratio, right of the middle if it misses its target, on a log scale."""
    shown = list(findings)
    middle = LABELS + PLOT / 2
    height = TOP + len(shown) * ROW + 12
    lines = [
        _text(LABELS, 24, title, weight="bold"),
        _line(middle, TOP - 4, middle, height - 12, INK),
    ]
    for row, each in enumerate(shown):
        y = TOP + row * ROW + ROW / 2
        colour = GOOD if each.met else BAD
        places = [middle + PLOT / 2 * _distance(each.ratio, value) for value in each.values]
        lines += [
            _text(LABELS - 10, y + 4, _short(each.ratio), anchor="end"),
            _line(LABELS, y, LABELS + PLOT, y, GRID),
            _line(min(places), y, max(places), y, colour),
            _dot(middle + PLOT / 2 * _distance(each.ratio, each.value), y, colour),
            _text(LABELS + PLOT + 10, y + 4, f"{each.value:.3g} of {each.ratio.target:g}"),
        ]
    return _svg(height, lines)


def _distance(ratio: ratios.Ratio, value: float) -> float:
    """Return where a value stands: 0 at its target, 1 at the far end of what is worse."""
    if ratio.target == 0:
        return 1.0 if value else -1.0
    if value <= 0:
        return -1.0
    found = math.log(value / ratio.target) / math.log(REACH)
    return max(-1.0, min(1.0, -found if ratio.at_least else found))


def _short(ratio: ratios.Ratio) -> str:
    words = ratio.text if len(ratio.text) <= 42 else f"{ratio.text[:41].rstrip()}…"  # noqa: PLR2004  what fits
    return f"{ratio.key}  {words}"


def _bar(y: float, width: float) -> str:
    return (
        f'<rect x="{LABELS}" y="{y:.1f}" width="{width:.1f}" height="{ROW - 8}" rx="2"'
        f' fill="{BAR}"/>'
    )


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"'
        ' stroke-width="1.5"/>'
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"'
        f' fill="{INK}">{saxutils.escape(text)}</text>'
    )


def _svg(height: float, lines: Iterable[str]) -> str:
    return "\n".join(_document(height, lines)) + "\n"


def _document(height: float, lines: Iterable[str]) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}"'
        ' font-family="sans-serif" font-size="12">'
    )
    yield from lines
    yield "</svg>"
