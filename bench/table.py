"""The table at the end of a run: one line a ratio."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator

from bench import ratios

HEAD = ("#", "ratio", "target", "median", "spread", "n", "")


def rows(findings: Iterable[ratios.Finding]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each line."""
    for each in findings:
        ratio = each.ratio
        sign = "≥" if ratio.at_least else "≤"
        verdict = "pass" if each.met else "MISSED" if ratio.held else "missed"
        note = f" ({each.note})" if each.note else ""
        yield (
            ratio.key,
            ratio.text + note,
            f"{sign} {ratio.target:g}" if ratio.target else "0",
            number(statistics.median(each.values)),
            f"{number(min(each.values))}..{number(max(each.values))}",
            str(len(each.values)),
            verdict,
        )


def text(findings: Iterable[ratios.Finding]) -> str:
    """Return the table for a terminal."""
    lines = [HEAD, *rows(findings)]
    widths = [max(len(each[column]) for each in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(each, widths, strict=True)).rstrip()
        for each in lines
    )


def markdown(findings: Iterable[ratios.Finding]) -> str:
    """Return the table for a page."""
    lines = [HEAD, ("---",) * len(HEAD), *rows(findings)]
    return "\n".join("| " + " | ".join(each) + " |" for each in lines)


def number(value: float) -> str:
    """Return a value with as many digits as mean something."""
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"
