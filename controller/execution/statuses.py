"""The write of a status: the difference, and no more often than is useful."""

from __future__ import annotations

from typing import Any

import msgspec

from controller.api import objects, resources, texts
from controller.api.resources import Resource
from controller.planning import merge_patch, writes
from controller.planning.plan import Patch, Status

# An object that is acted on has news in a moment; the acts go first, and are told of together.
MOMENT = 0.1
# So long the first status of an object may be held back while it comes up in good health. The
# default of its schema says meanwhile that nobody has looked yet; most are up by then, and
# everything is told in one write.
FIRST_SECONDS = 3.0
FIRST_INTERVAL = 1.0
LONGEST_INTERVAL = 30.0


def is_news(item: objects.Object, after: Status) -> bool:
    """Return whether `after` says anything else than the object's status, if only what is cut."""
    before: Status = item.status  # type: ignore[attr-defined]  # planned kinds have one
    return before != after


def patch(item: objects.Object, after: Status, *, whole: bool, why: str) -> Patch:
    """Return the write that turns an object's status into `after`; without a body if it is that.

    With `whole` all of the status is put, which costs the API server less than to merge it.
    """
    before: Status = item.status  # type: ignore[attr-defined]  # planned kinds have one
    told = change(resources.of(type(item)), before, after, whole=whole)
    return writes.patch(
        item,
        {"status": told} if told else {},
        subresource="status",
        replaces=whole,
        why=why,
        guarded=True,
    )


def change(
    resource: Resource, before: Status, after: Status, *, whole: bool = False
) -> dict[str, Any]:
    """Return what is written to turn `before` into `after`; empty where they are equal.

    The change is a JSON merge patch, or with `whole` all of `after`. A part of `after` that is cut
    before it is written is equal to what was cut before.
    """
    if before == after:
        return {}
    told: dict[str, Any] = texts.fit(resource, msgspec.to_builtins(after))
    difference = merge_patch.difference(msgspec.to_builtins(before), told)
    return told if whole and difference else difference


class Pacer:
    """Spaces the status writes of one object while it moves: 1, 2, 4 … 30 seconds apart."""

    __slots__ = ("_acting_until", "_first_until", "_gap", "_interval", "_next")

    def __init__(self) -> None:
        self._interval = FIRST_INTERVAL
        self._gap = 0.0
        self._next = 0.0
        self._acting_until = 0.0
        self._first_until = 0.0

    def is_blank(self) -> bool:
        """Return whether nothing is spaced: a new pacer would say the same."""
        return not (self._next or self._acting_until or self._first_until)

    def wait(
        self, now: float, *, at_once: bool, acting: bool = False, first: bool = False
    ) -> float:
        """Return how long to hold a write back; 0.0 means that it can go out now, see `begin`.

        `acting` says that writes of the same plan have just been asked for, `first` that nothing
        has been told of the object yet and nothing is wrong with it.
        """
        if first:
            self._first_until = self._first_until or now + FIRST_SECONDS
            if now < self._first_until:
                return self._first_until - now
        self._first_until = 0.0
        if acting:
            self._acting_until = self._acting_until or now + MOMENT
            if now < self._acting_until:
                return self._acting_until - now
        self._acting_until = 0.0
        return 0.0 if at_once else max(0.0, self._next - now)

    def begin(self, now: float, *, at_once: bool) -> None:
        """Count a write that goes out now."""
        if at_once:
            self._interval, self._next = FIRST_INTERVAL, 0.0
            return
        self._gap = self._interval
        self._next = now + self._gap
        self._interval = min(self._interval * 2, LONGEST_INTERVAL)

    def wrote(self, now: float) -> None:
        """Count the space to the next write from here: this one may have stood in line for long."""
        if self._next:
            self._next = now + self._gap
