"""Whether a server is doing its work: the one definition that every planner counts by.

A server is available when its status speaks of the very spec that it has now, says Ready, and has
said so for minReadySeconds. What was true of an older spec proves nothing of the newer one.
"""

from __future__ import annotations

from controller.api import clock, conditions, objects

FOREVER = float("inf")
# States of a task that goes on; every other one is an end.
_UNFINISHED = frozenset({"Pending", "Started", "Unknown"})


def readiness(server: objects.Server) -> conditions.Condition | None:
    """Return the server's Ready condition if it speaks of the spec that the server has now.

    A task raises the generation without changing what the server is, so while one is under way the
    word of before it stands.
    """
    for each in server.status.conditions:
        if each.type == "Ready":
            current = each.observed_generation == server.metadata.generation
            return each if current or operated(server) else None
    return None


def seconds_until_available(server: objects.Server, now: float, min_ready_seconds: int) -> float:
    """Return 0.0 if the server is available, else how long it lacks, or FOREVER if not ready."""
    status = server.status
    spec = server.spec
    if status.revision != spec.revision or status.incarnation != spec.incarnation:
        return FOREVER
    if status.power != spec.power and status.power:
        return FOREVER
    ready = readiness(server)
    if ready is None or ready.status != "True" or server.metadata.deletion_timestamp is not None:
        return FOREVER
    if not min_ready_seconds:
        return 0.0
    return max(0.0, clock.parse(ready.last_transition_time) + min_ready_seconds - now)


def operated(server: objects.Server) -> bool:
    """Return whether the server is under a task that has not ended."""
    task = server.spec.task
    if task is None:
        return False
    result = server.status.task
    return result is None or result.id != task.id or result.state in _UNFINISHED


def failed_for_good(server: objects.Server) -> bool:
    """Return whether the server says, of the spec that it has now, that retrying cannot help."""
    for each in server.status.conditions:
        if each.type == "Stalled":
            return each.status == "True" and each.observed_generation == server.metadata.generation
    return False
