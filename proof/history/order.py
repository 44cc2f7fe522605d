"""Puts the changes of a history into the order in which they took effect.

The resourceVersion is that order, but some answers carry none of their own: a write that changes
nothing repeats the last one, and the request that ends an object repeats it too or answers with a
bare Status. Such a change is put where it may have happened at the earliest: after everything that
was answered before it was asked, and after the version that it repeats or ends.
"""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from proof.history import salvage

if TYPE_CHECKING:  # journal reads lines and calls this module
    from proof.history.journal import Change

CREATED, CHANGED, GONE, NONE = "created", "changed", "gone", "none"


def arranged(changes: Sequence[Change]) -> list[Change]:
    """Return the changes in order, each with its `place`, repeated versions marked as such."""
    _disown(changes)
    answered, newest = _progress(changes)
    last = _last_versions(changes)
    for each in changes:
        if each.version:
            each.place = (float(each.version), each.received)
            continue
        before = bisect.bisect_right(answered, each.received)
        own = last.get(each.meta.uid, 0) if each.effect == GONE else _seen(each)
        floor = max(newest[before - 1] if before else 0, own)
        each.place = (floor + 0.5, each.received)
    return sorted(changes, key=lambda each: each.place)


def _disown(changes: Sequence[Change]) -> None:
    """Take the version away from whoever only repeats it."""
    makers: set[tuple[str, int]] = set()
    for each in sorted(changes, key=_claim):
        if not each.version:
            continue
        if (each.meta.uid, each.version) not in makers:
            makers.add((each.meta.uid, each.version))
            continue
        each.version = 0
        if each.effect == CHANGED:
            each.effect = type(each.effect)(NONE)


def _claim(change: Change) -> tuple[int, float, int]:
    """Rank whoever may have made a version: a create never repeats one, an end mostly does."""
    return {CREATED: 0, GONE: 2}.get(change.effect, 1), change.answered, change.line


def _seen(change: Change) -> int:
    """Return the version that an answer without one of its own repeats."""
    return salvage.number(change.meta.resource_version)


def _progress(changes: Sequence[Change]) -> tuple[list[float], list[int]]:
    """Return when changes were answered, and the highest version that was known by then."""
    known = sorted((each.answered, each.version) for each in changes if each.version)
    return [when for when, _ in known], list(
        itertools.accumulate((version for _, version in known), max)
    )


def _last_versions(changes: Sequence[Change]) -> dict[str, int]:
    last: dict[str, int] = defaultdict(int)
    for each in changes:
        if each.meta.uid:
            last[each.meta.uid] = max(last[each.meta.uid], each.version)
    return last
