"""Which operations may run together, which waits for which, and which a later one replaces.

The table is the whole truth about verbs; the rest is order: operations take their turn in the order
of their creation, and what a paused one is not doing holds nobody up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import msgspec

from controller.api import objects
from controller.api.choices import Action
from controller.contract import checkpoints, tasks
from controller.kinds.operation import targets

# For each verb, the verbs that commute with it: on the same server, in either order, one after the
# other, they leave the same behind, and neither ruins what the other does. All others conflict.
COMMUTES: Mapping[str, frozenset[Action]] = {
    Action.RESTART: frozenset(),
    Action.START: frozenset({Action.START}),
    Action.STOP: frozenset({Action.STOP}),
    Action.REPLACE: frozenset(),
    Action.ROLL_BACK: frozenset(),
    Action.SNAPSHOT: frozenset({Action.SNAPSHOT}),
    Action.RESTORE: frozenset(),
    Action.STEPS: frozenset(),
}

# Acts that a later operation with the same spec may stand for.
COALESCED = frozenset({Action.RESTART, Action.START, Action.STOP, Action.REPLACE})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whether an operation may give tasks now: `behind` are those that it waits for."""

    behind: tuple[objects.Operation, ...] = ()
    superseded_by: objects.Operation | None = None


def conflict(one: objects.OperationSpec, other: objects.OperationSpec) -> bool:
    """Return whether two operations must not run at the same time."""
    return other.action not in COMMUTES[one.action] and targets.meet(one, other)


def turn(
    operation: objects.Operation,
    others: Iterable[objects.Operation],
    servers: Mapping[targets.Key, objects.Server],
) -> Turn:
    """Return whether it is the operation's turn, and if not, for whom of the open ones it waits."""
    later = [each for each in others if _stands_for(operation, each)]
    if later and operation.status.start_time is None and not operation.spec.paused:
        return Turn(superseded_by=max(later, key=place))
    rivals = [each for each in others if conflict(operation.spec, each.spec)]
    busy = _at_work(operation, servers)
    behind = [
        each
        for each in rivals
        if not each.spec.paused and (place(each) < place(operation) or _name(each) in busy)
    ]
    return Turn(behind=tuple(sorted(behind, key=place)))


def place(operation: objects.Operation) -> tuple[str, str]:
    """Return what the order of operations goes by: the creation, then the name."""
    meta = operation.metadata
    return meta.creation_timestamp or "", meta.name


def _stands_for(operation: objects.Operation, later: objects.Operation) -> bool:
    """Whether `later` asks for the same, so that doing it once is enough."""
    if operation.spec.action not in COALESCED or place(later) < place(operation):
        return False
    if later.spec.paused or later.spec.cancelled or later.metadata.deletion_timestamp is not None:
        return False
    return _bare(operation.spec) == _bare(later.spec)


def _bare(spec: objects.OperationSpec) -> objects.OperationSpec:
    return msgspec.structs.replace(spec, paused=False, cancelled=False, retry=None)


def _at_work(
    operation: objects.Operation, servers: Mapping[targets.Key, objects.Server]
) -> frozenset[tuple[str, str]]:
    """Return who has an act under way in a server that the operation is about.

    One look at each server, however many wait: with fifty operations and a thousand servers it
    would else be fifty thousand for each.
    """
    return frozenset(
        (given.operation, checkpoints.identity(given.run))
        for key, server in servers.items()
        if (given := server.spec.task) is not None
        and not tasks.ended(server)
        and targets.includes(operation.spec, key)
    )


def _name(operation: objects.Operation) -> tuple[str, str]:
    return operation.metadata.name, checkpoints.identity_of(operation)


def at_work_in(operation: objects.Operation, server: objects.Server) -> bool:
    """Return whether the server's task is the operation's, and has not ended."""
    given = server.spec.task
    if given is None or given.operation != operation.metadata.name or tasks.ended(server):
        return False
    return checkpoints.identity(given.run) == checkpoints.identity_of(operation)
