"""Wakes: which keys a change concerns, and how soon. A change never says what to do.

Each kind says of each resource that it follows whom of its own a change concerns; `execution` asks
at every change that a cache shows, so these functions are short and build nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from controller.api import objects, tags
from controller.api.builtin_choices import NamespacePhase
from controller.planning.caches import Caches
from controller.planning.keys import Key

O = TypeVar("O", bound=objects.Object)  # noqa: E741 - an object, as in Kind[O, S]


class When(enum.Enum):
    """How a key is to be planned."""

    NOW = enum.auto()
    # Together with what else will happen to it in a moment.
    SOON = enum.auto()
    # At once, and what was planned before and has not started is taken back: it may be unwanted.
    AFRESH = enum.auto()


class Wake(NamedTuple):
    """One key to be planned."""

    key: Key
    when: When = When.NOW


class Change(NamedTuple, Generic[O]):
    """The change of the object of one name: it is new (no `old`), changed, or gone (no `new`)."""

    old: O | None
    new: O | None

    @property
    def item(self) -> O:
        """The object as it is, or as it last was."""
        item = self.new or self.old
        assert item is not None  # noqa: S101 - one of the two is always given
        return item

    @property
    def same_object(self) -> bool:
        """Whether an object that was there still is."""
        old, new = self
        return old is not None and new is not None and old.metadata.uid == new.metadata.uid

    @property
    def takes_work_away(self) -> bool:
        """Whether what was planned for `old` may no longer be wanted."""
        if self.old is None or self.new is None:
            return True
        before, after = self.old.metadata, self.new.metadata
        return (
            before.uid != after.uid
            or before.generation != after.generation
            or before.deletion_timestamp != after.deletion_timestamp
            or tags.retry_now(before) != tags.retry_now(after)
        )


# Yields the keys of one kind that a change concerns.
Wakes = Callable[[Caches, Change[Any]], Iterable[Wake]]


def itself(key: Key, change: Change[Any], *, urgent_when_new: bool = False) -> Wake:
    """Return the wake of the changed object: afresh, if work that waits may be unwanted."""
    afresh = change.takes_work_away and (urgent_when_new or change.old is not None)
    return Wake(key, When.AFRESH if afresh else When.NOW)


def concerns_all_below(change: Change[objects.Application]) -> bool:
    """Return whether an application's change concerns all below it: a pause, an end, a retry."""
    old, new = change
    if old is None:
        return False
    if new is None:
        return True
    before, after = old.metadata, new.metadata
    return (
        old.spec.paused != new.spec.paused
        or old.spec.management != new.spec.management
        or before.uid != after.uid
        or before.deletion_timestamp != after.deletion_timestamp
        or tags.retry_now(before) != tags.retry_now(after)
    )


def ends_or_turns(change: Change[objects.Operation]) -> bool:
    """Return whether an operation has ended, or is asked for something else: others wait for that.

    How far it is, they only watch.
    """
    old, new = change
    asked_otherwise = old is not None and change.takes_work_away
    return asked_otherwise or new is None or _ended(old) != _ended(new)


def _ended(operation: objects.Operation | None) -> bool:
    return operation is not None and operation.status.completion_time is not None


def applications_by_fleet(
    caches: Caches, change: Change[objects.Fleet]
) -> Iterator[objects.Application]:
    """Yield the applications whose fleet is new, other or gone; what it counts is no matter."""
    old, new = change
    if old is not None and new is not None and old.spec == new.spec:
        return
    for each in caches.of(objects.Application).objects.values():
        if each.spec.fleet == change.item.metadata.name:
            yield each


def applications_by_namespace(
    caches: Caches, change: Change[objects.Namespace]
) -> Iterator[objects.Application]:
    """Yield the applications of a namespace that is on its way out now, or labelled otherwise."""
    old, new = change
    if new is None:
        return
    same_labels = old is not None and old.metadata.labels == new.metadata.labels
    going, went = (
        each is not None and each.status.phase == NamespacePhase.TERMINATING for each in (new, old)
    )
    if same_labels and (not going or went):
        return
    for each in caches.of(objects.Application).objects.values():
        if each.metadata.namespace == new.metadata.name:
            yield each
