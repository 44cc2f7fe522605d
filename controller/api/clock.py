"""Instants as the API writes them and as planning counts them; no clock is read here."""

from __future__ import annotations

import datetime as dt


def parse(stamp: str | None) -> float:
    """Return seconds since the epoch for an RFC 3339 time in UTC; 0.0 for none."""
    if not stamp:
        return 0.0
    return dt.datetime.fromisoformat(stamp).timestamp()


def stamp(seconds: float) -> str:
    """Return `seconds` since the epoch as an RFC 3339 time in UTC, to the second."""
    moment = dt.datetime.fromtimestamp(int(seconds), tz=dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def precise(seconds: float) -> str:
    """Return `seconds` since the epoch as a Kubernetes MicroTime."""
    moment = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
