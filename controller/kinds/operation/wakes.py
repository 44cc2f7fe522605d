"""Which changes have an operation planned again. One that has ended waits for nothing."""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import objects
from controller.api.resources import Resource
from controller.planning import keys, relations, wakes
from controller.planning.caches import Caches
from controller.planning.wakes import Change, Wake, When


def by_itself(caches: Caches, change: Change[objects.Operation]) -> Iterable[Wake]:
    """An operation's own change, and those beside it, which wait for their turn."""
    old, new = change
    yield wakes.itself(keys.of(Resource.OPERATIONS, change.item), change)
    turns = wakes.ends_or_turns(change)
    if turns or old is None or new is None or old.status != new.status:
        yield from _open(caches, change.item, When.NOW if turns else When.SOON)


def by_application(caches: Caches, change: Change[objects.Application]) -> Iterable[Wake]:
    """An application's end is theirs, and what they would write stands behind its teardown."""
    if wakes.concerns_all_below(change):
        when = When.AFRESH
    elif change.takes_work_away or _looked_at(change):
        when = When.NOW
    else:
        return
    meta = change.item.metadata
    for each in relations.open_operation_keys(caches, meta.namespace, meta.name):
        yield Wake(each, when)


def _looked_at(change: Change[objects.Application]) -> bool:
    """Return whether the latest change of the application has been looked at now."""
    old, new = change
    if old is None or new is None:
        return True
    return old.status.observed_generation != new.status.observed_generation


def by_what_is_below(
    caches: Caches, change: Change[objects.Server] | Change[objects.ServerSet]
) -> Iterable[Wake]:
    """Servers say how far their tasks are; sets, how far a RollBack is."""
    return _open(caches, change.item, When.SOON)


def _open(
    caches: Caches, below: objects.Operation | objects.Server | objects.ServerSet, when: When
) -> Iterable[Wake]:
    namespace, application = below.metadata.namespace, below.spec.application
    for each in relations.open_operation_keys(caches, namespace, application):
        yield Wake(each, when)
