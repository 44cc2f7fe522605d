"""Operations that are to make servers anew in any case: the rollout leaves those servers to them.

A Restart or Replace that has begun gives a server its new revision together with its new instance;
did the rollout bring the server over first, it would be made twice. Called by the ServerSet
planner.

Example: a restart of ten servers is at the third when a new template comes. The rollout updates the
three that had their turn, and the operation the other seven.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.api import objects
from controller.api.choices import UpdateStrategy
from controller.api.conditions import Blocked
from controller.contract import checkpoints, tasks
from controller.kinds.serverset.reasons import ServerSetReason
from controller.planning import ordinals, remedies, verdict
from controller.planning.census import Facts


def is_at_work(operation: objects.Operation) -> bool:
    """Return whether the operation has begun, goes on, and may take servers down."""
    spec, told = operation.spec, operation.status
    if not tasks.takes_down(spec.action) or told.start_time is None:
        return False
    return operation.metadata.deletion_timestamp is None and not verdict.finished(operation)


def is_one(operation: objects.Operation) -> bool:
    """Return whether the operation has begun to make servers anew, and goes on."""
    spec, told = operation.spec, operation.status
    called_off = spec.paused or spec.cancelled or told.cancel_time is not None
    return spec.action in tasks.REMAKING and not called_off and is_at_work(operation)


def of(
    servers: Iterable[objects.Server],
    operations: Iterable[objects.Operation],
    server_set: objects.ServerSet,
) -> Mapping[int, objects.Operation]:
    """Return which of the servers an operation will yet make anew, by ordinal, and which.

    Only a rolling update shares its work so.
    """
    component = server_set.spec.component
    if server_set.spec.rollout.strategy != UpdateStrategy.ROLLING_UPDATE:
        return {}
    targets = [
        (each, text)
        for each in operations
        if is_one(each)
        for name, text in map(ordinals.of_target, each.status.targets)
        if name == component
    ]
    if not targets:
        return {}
    return {
        server.spec.ordinal: each
        for server in servers
        for each, text in targets
        if not server.spec.held
        and ordinals.contains(text, server.spec.ordinal)
        and not had_its_turn(server, each)
    }


def had_its_turn(server: objects.Server, operation: objects.Operation) -> bool:
    """Return whether the operation is through with the server, or is not about it."""
    own, began = checkpoints.identity_of(operation), operation.status.start_time or ""
    if (server.metadata.creation_timestamp or "") > began:
        return True  # made after the run began: the operation is not about it
    return any(checkpoints.identity(each.run) == own for each in server.status.checkpoints)


def awaited(
    left: Mapping[int, objects.Operation], odd: Iterable[Facts], namespace: str
) -> Iterable[Blocked]:
    """Yield the operations that the rollout waits for: to make its servers, or to let them go.

    Servers under a task use up the budget, whether or not the rollout is through with them.
    """
    found = {each.metadata.name for each in left.values()}
    for each in odd:
        if each.operated and each.server.spec.task is not None:
            found.add(each.server.spec.task.operation)
    for name in sorted(found):
        yield Blocked(
            object=f"Operation/{name}",
            reason=ServerSetReason.BEHIND_OPERATION,
            message=f"The rollout leaves servers to operation {name} until their turn is over.",
            remedy=remedies.why("operation", name, namespace),
        )
