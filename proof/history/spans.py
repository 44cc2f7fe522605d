"""Spans of time in a history: when something was so, when not, and for how long at most.

Rules about what stands in a status, and not about a single write, are made of these. Each span is
of seconds since the epoch, rising, and does not meet the next one.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

from proof.history import journal, pods

Span = tuple[float, float]
EVER = float("inf")


def of(life: pods.Life, holds: Callable[[journal.Change], bool]) -> list[Span]:
    """Return when something certainly stood in an object: from an answer to the next request."""
    return [
        (first.answered, EVER if after is None else after.received)
        for first, after in _runs(life, holds)
    ]


def perhaps(life: pods.Life, holds: Callable[[journal.Change], bool]) -> list[Span]:
    """Return when something may have been so: from a request to the next answer."""
    return [
        (first.received, EVER if after is None else after.answered)
        for first, after in _runs(life, holds)
    ]


def _runs(
    life: pods.Life, holds: Callable[[journal.Change], bool]
) -> Iterator[tuple[journal.Change, journal.Change | None]]:
    """Yield the first of each run of versions for which something holds, and what ended it."""
    first: journal.Change | None = None
    for each in life.versions:
        held = holds(each)
        if held and first is None:
            first = each
        elif not held and first is not None:
            yield first, each
            first = None
    if first is not None:
        yield first, life.gone


def joined(several: Iterable[Iterable[Span]]) -> list[Span]:
    """Return when any of several was so."""
    found: list[Span] = []
    for since, until in sorted(span for spans in several for span in spans):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        elif since < until:
            found.append((since, until))
    return found


def without(spans: Iterable[Span], others: Sequence[Span]) -> Iterator[Span]:
    """Yield the parts of the spans that the others leave; `others` in order."""
    for since, until in spans:
        begin = since
        for start, end in others:
            if end <= begin:
                continue
            if start >= until:
                break
            if start > begin:
                yield begin, start
            begin = max(begin, end)
        if begin < until:
            yield begin, until


def meeting(some: Iterable[Span], others: Sequence[Span]) -> list[Span]:
    """Return when both were so."""
    return [
        (max(since, start), min(until, end))
        for since, until in some
        for start, end in others
        if max(since, start) < min(until, end)
    ]


def cut(spans: Iterable[Span], moments: Sequence[float]) -> Iterator[Span]:
    """Yield the spans cut at moments, which are in order: there a wait begins anew."""
    for since, until in spans:
        inner = moments[bisect.bisect_right(moments, since) : bisect.bisect_left(moments, until)]
        edges = (since, *inner, until)
        yield from itertools.pairwise(edges)


def length(spans: Iterable[Span], since: float, until: float) -> float:
    """Return for how long the spans cover the time between two moments."""
    return sum(max(0.0, min(end, until) - max(start, since)) for start, end in spans)
