"""The table at the end of a run: one line a ratio."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench import ratios
from bench.record import Entry

HEAD = ("#", "ratio", "target", "median", "spread", "n", "")
# On record, too: when, and with how many servers.
RECORD_HEAD = (*HEAD, "on", "servers")


def rows(findings: Iterable[ratios.Finding]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each line."""
    for each in findings:
        ratio = each.ratio
        sign = "≥" if ratio.at_least else "≤"
        note = f" ({each.note})" if each.note else ""
        yield (
            ratio.key,
            ratio.text + note,
            f"{sign} {ratio.target:g}" if ratio.target else "0",
            number(statistics.median(each.values)),
            f"{number(min(each.values))}..{number(max(each.values))}",
            str(len(each.values)),
            each.verdict(len(each.values)),
        )


def text(findings: Iterable[ratios.Finding]) -> str:
    """Return the table for a terminal."""
    lines = [HEAD, *rows(findings)]
    widths = [max(len(each[column]) for each in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(each, widths, strict=True)).rstrip()
        for each in lines
    )


def peers(found: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Return how arms compare beside the ratios, for a page and a terminal alike."""
    columns = list(dict.fromkeys(column for each in found.values() for column in each))
    lines = [("", *columns), *(_peer(arm, found[arm], columns) for arm in found)]
    widths = [max(len(each[place]) for each in lines) for place in range(len(columns) + 1)]
    lines.insert(1, tuple("-" * max(3, width) for width in widths))
    return "\n".join(_aligned(each, widths) for each in lines)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "| " + " | ".join(padded) + " |"


def _peer(
    arm: str, known: Mapping[str, Sequence[float]], columns: Sequence[str]
) -> tuple[str, ...]:
    cells = (number(statistics.median(known[each])) if each in known else "" for each in columns)
    return (arm, *cells)


def markdown(findings: Iterable[ratios.Finding]) -> str:
    """Return the table for a page."""
    lines = [HEAD, ("---",) * len(HEAD), *rows(findings)]
    return "\n".join("| " + " | ".join(each) + " |" for each in lines)


def record(entries: Iterable[tuple[str, Entry]]) -> str:
    """Return the last measurement of each ratio as a table for a page."""
    lines = [RECORD_HEAD, ("---",) * len(RECORD_HEAD)]
    for key, entry in entries:
        finding = entry.finding(key)
        (found,) = rows([finding])
        *cells, _, _ = found
        verdict = finding.verdict(entry.rounds)
        lines.append((*cells, str(entry.rounds), verdict, entry.day, entry.sizes))
    return "\n".join("| " + " | ".join(each) + " |" for each in lines)


def number(value: float) -> str:
    """Return a value with as many digits as mean something; what never came is infinite."""
    if math.isinf(value):
        return "not seen"
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"
