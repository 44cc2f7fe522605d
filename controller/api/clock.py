"""Instants as the API writes them and as planning counts them; no clock is read here.

Times come from objects that people can edit, and schemas take what no calendar has: whatever it is,
nothing is raised here.
"""

from __future__ import annotations

import datetime as dt
import functools

# The last second that an RFC 3339 time can say.
LAST = 253_402_300_799


def parse(stamp: str | None) -> float:
    """Return seconds since the epoch for an RFC 3339 time in UTC; 0.0 for none, or for nonsense."""
    if not stamp:
        return 0.0
    try:
        return dt.datetime.fromisoformat(stamp).timestamp()
    except (ValueError, OverflowError):
        # A leap second, or the hour 24.
        return 0.0


def stamp(seconds: float) -> str:
    """Return `seconds` since the epoch as an RFC 3339 time in UTC, to the second."""
    return _second(int(_bounded(seconds)))


def precise(seconds: float) -> str:
    """Return `seconds` since the epoch as a Kubernetes MicroTime."""
    return _moment(_bounded(seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@functools.lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    """Write a whole second out: a fleet that comes up asks for the same few thousands of times."""
    return _moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


def _bounded(seconds: float) -> float:
    """Return the nearest moment that can be written; years before 1970 are nobody's."""
    return min(max(seconds, 0.0), LAST) if seconds == seconds else 0.0  # noqa: PLR0124 - not NaN
