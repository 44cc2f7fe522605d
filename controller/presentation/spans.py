"""Spans of time as kubectl writes them; every front end tells ages and waits in these words."""

from __future__ import annotations

MINUTE, HOUR, DAY = 60, 3600, 86400


def age(seconds: float) -> str:  # noqa: PLR0911 - a table of spans
    """Return a span of time in kubectl's words: 45s, 3m20s, 12m, 5h, 2d3h, 40d."""
    whole = max(0, int(seconds))
    if whole < 2 * MINUTE:
        return f"{whole}s"
    if whole < 10 * MINUTE:
        return _two(whole, MINUTE, "m", 1, "s")
    if whole < 3 * HOUR:
        return f"{whole // MINUTE}m"
    if whole < 8 * HOUR:
        return _two(whole, HOUR, "h", MINUTE, "m")
    if whole < 2 * DAY:
        return f"{whole // HOUR}h"
    if whole < 8 * DAY:
        return _two(whole, DAY, "d", HOUR, "h")
    return f"{whole // DAY}d"


def _two(whole: int, large: int, first: str, small: int, second: str) -> str:
    rest = whole % large // small
    return f"{whole // large}{first}" + (f"{rest}{second}" if rest else "")
