"""Whether a server is doing its work: the one definition that every planner counts by.

A server is available when it runs the revision, the incarnation and in the power that its spec
asks for now, says Ready, and has said so for minReadySeconds. Revision, incarnation and power say
all that matters of a spec: a policy, a hold or a task raises the generation too, and a server that
has yet to answer to that is no less available. Were it counted out, one change of policy would free
the whole component for updates at once.
"""

from __future__ import annotations

from controller.api import clock, conditions, objects
from controller.api.choices import TaskState
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason

FOREVER = float("inf")
# States of a task that goes on; every other one is an end.
_UNFINISHED = frozenset({TaskState.PENDING, TaskState.STARTED, TaskState.UNKNOWN})


def readiness(server: objects.Server) -> conditions.Condition | None:
    """Return what the server last said of being Ready, of whatever it then was."""
    return conditions.find(server.status.conditions, ConditionType.READY)


def seconds_until_available(server: objects.Server, now: float, min_ready_seconds: int) -> float:
    """Return 0.0 if the server is available, else how long it lacks, or FOREVER if not ready."""
    status = server.status
    spec = server.spec
    if status.revision != spec.revision or status.incarnation != spec.incarnation:
        return FOREVER
    if status.power != spec.power and status.power:
        return FOREVER
    for ready in status.conditions:
        if ready.type == ConditionType.READY:
            break
    else:
        return FOREVER
    if ready.status != "True" or server.metadata.deletion_timestamp is not None:
        return FOREVER
    if not min_ready_seconds:
        return 0.0
    return max(0.0, clock.parse(ready.last_transition_time) + min_ready_seconds - now)


def is_new(server: objects.Server) -> bool:
    """Return whether the server has never said that it is ready: then it is not ready since made.

    One that was made anew is not new.
    """
    ready = readiness(server)
    if server.spec.incarnation > 1 or (ready is not None and ready.status == "True"):
        return False
    if ready is None or ready.status == "Unknown":
        return True
    made = clock.parse(server.metadata.creation_timestamp)
    return clock.parse(ready.last_transition_time) <= made


def operated(server: objects.Server) -> bool:
    """Return whether the server is under a task that has not ended."""
    task = server.spec.task
    if task is None:
        return False
    result = server.status.task
    return result is None or result.id != task.id or result.state in _UNFINISHED


def failed_for_good(server: objects.Server) -> bool:
    """Return whether the server says, of the spec that it has now, that retrying cannot help.

    One that a person holds waits for that person: its end is not decided. One that is Ready has
    not failed, whatever else it lacks.
    """
    for each in server.status.conditions:
        if each.type == ConditionType.READY and each.status == "True":
            return False
        if each.type == ConditionType.STALLED:
            decided = each.status == "True" and each.reason != Reason.HELD
            return decided and each.observed_generation == server.metadata.generation
    return False
