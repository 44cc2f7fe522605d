"""A hold that a person put on a server: who has it, and its end.

Called by the Server planner. While it lasts rollouts and operations leave the server alone; an end
that was named is kept here, so that nobody has to remember it.
"""

from __future__ import annotations

from controller.api import clock, objects
from controller.kinds.server.reasons import ServerReason
from controller.planning import writes
from controller.planning.plan import Plan, RecordEvent

# How much of a person's words an Event repeats.
_LONGEST = 200


def seconds_left(server: objects.Server, now: float) -> float | None:
    """Return how long the hold lasts yet; None where there is none, or no end that can be read."""
    spec = server.spec
    until = clock.parse(spec.hold.until) if spec.held and spec.hold is not None else 0.0
    return until - now if until else None


def release(server: objects.Server) -> Plan:
    """Return the plan that ends a hold whose time is over.

    Guarded by the version that was seen: meanwhile the person may have named a later end.
    """
    patch = writes.patch(
        server,
        body={"spec": {"held": False, "hold": None}},
        why="the hold is over",
        guarded=True,
    )
    # Told as it is asked for: where the write is refused, the server's status says that of it.
    message = f"The hold{_by(server)} has ended: releasing the server to rollouts and operations."
    told = RecordEvent(reason=ServerReason.HOLD_ENDED, message=message, warning=False)
    return Plan(actions=(patch, told), notes=(message,))


def _by(server: objects.Server) -> str:
    found = server.spec.hold
    if found is None:
        return ""
    owner = f" that {found.owner} had on it" if found.owner else ""
    return f"{owner} ({found.reason[:_LONGEST]})" if found.reason else owner
