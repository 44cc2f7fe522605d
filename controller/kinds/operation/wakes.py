"""Which changes have an operation planned again. One that has ended waits for nothing.

One that waits behind another operation waits for that alone: however many wait, and however many
servers come and go, a change has few of them planned.

Example: a Restart is under way, and forty Steps wait behind it, each behind the one before. Each of
its servers' changes has the Restart planned; its end, the first of the forty.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import names, objects
from controller.api.resources import Resource
from controller.kinds.operation import conflicts
from controller.planning import departures, keys, relations, wakes
from controller.planning.caches import Caches
from controller.planning.wakes import Change, Wake, When

_OPERATION = "Operation/"


def by_itself(caches: Caches, change: Change[objects.Operation]) -> Iterable[Wake]:
    """An operation's own change, and those beside it, which wait for their turn."""
    item, (old, new) = change.item, change
    yield wakes.itself(keys.of(Resource.OPERATIONS, item), change)
    # A new one may stand for another that waits.
    turns = old is None or wakes.ends_or_turns(change)
    if not turns and old is not None and new is not None and old.status == new.status:
        return
    for each in _open(caches, item):
        if each.metadata.name == item.metadata.name:
            continue
        if turns and (_is_open_to_all(each) or _stands_aside(each, item)):
            yield Wake(keys.of(Resource.OPERATIONS, each), When.NOW)
        elif _waits_for(each, item) and (turns or _acts_before_its_turn(item, each)):
            yield Wake(keys.of(Resource.OPERATIONS, each), When.NOW if turns else When.SOON)


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


def by_fleet(caches: Caches, change: Change[objects.Fleet]) -> Iterable[Wake]:
    """While a fleet's provider is away its operations wait, and their clocks stand still."""
    for application in wakes.applications_by_fleet(caches, change):
        meta = application.metadata
        yield from map(Wake, relations.open_operation_keys(caches, meta.namespace, meta.name))


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
    for each in _open(caches, change.item):
        if _is_open_to_all(each):
            yield Wake(keys.of(Resource.OPERATIONS, each), When.SOON)


def by_disruption_budget(
    caches: Caches, change: Change[objects.DisruptionBudget]
) -> Iterable[Wake]:
    """Servers are taken down once their set's budget allows no eviction, and has none on record."""
    meta, (old, new) = change.item.metadata, change
    same = old is not None and new is not None and old.spec == new.spec
    if same and not departures.is_one_over(old, new):
        return
    name = meta.labels.get(names.APPLICATION_LABEL, "")
    for each in relations.begun_operation_keys(caches, meta.namespace, name):
        yield Wake(each, When.SOON)


def _open(
    caches: Caches, below: objects.Operation | objects.Server | objects.ServerSet
) -> Iterable[objects.Operation]:
    place = (below.metadata.namespace, below.spec.application)
    yield from caches.by(relations.OPEN_OPERATIONS, place).values()


def _is_open_to_all(operation: objects.Operation) -> bool:
    """Return whether anything may concern the operation: it has begun, or waits for no other."""
    if operation.status.start_time is not None:
        return True
    own = f"{_OPERATION}{operation.metadata.name}"
    return not any(
        each.object.startswith(_OPERATION) and each.object != own
        for each in operation.status.blocked_by
    )


def _waits_for(operation: objects.Operation, other: objects.Operation) -> bool:
    name = f"{_OPERATION}{other.metadata.name}"
    return any(each.object == name for each in operation.status.blocked_by)


def _stands_aside(operation: objects.Operation, other: objects.Operation) -> bool:
    """Return whether `other` may ask for the same, so that doing it once is enough."""
    action = operation.spec.action
    return action in conflicts.COALESCED and other.spec.action == action


def _acts_before_its_turn(operation: objects.Operation, other: objects.Operation) -> bool:
    """Return whether `other` waits for nothing but the acts that the operation has under way."""
    return operation.spec.paused or conflicts.place(operation) > conflicts.place(other)
