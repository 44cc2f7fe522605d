"""Which servers an operation has at work that do not come back, told in their own words.

Such servers keep the operation's places: whoever reads the operation alone must learn what it waits
for. Called by the Operation planner, which looks again when the next of them has taken long.
"""

from __future__ import annotations

import dataclasses

from controller.api import clock
from controller.api.conditions import Blocked
from controller.kinds.operation.server_progress import ServerState
from controller.kinds.operation.slots import Run
from controller.planning import plan, remedies

# For how long a server may be in trouble before its operation tells: most pass.
PATIENCE = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Stuck:
    """The obstacles to tell of the servers at work, and when to look again."""

    blocked: tuple[Blocked, ...] = ()
    wake: float | None = None


def among(run: Run, now: float) -> Stuck:
    """Return those at work whose servers have told for a while what they wait for."""
    found, wakes = [], []
    for each in run.of(ServerState.RUNNING):
        server = each.server
        first = next(iter(server.status.blocked_by), None) if server is not None else None
        if server is None or first is None:
            continue
        left = clock.parse(first.since) + PATIENCE - now
        if left > 0:
            wakes.append(left)
            continue
        name, namespace = server.metadata.name, server.metadata.namespace
        told = Blocked(
            object=f"Server/{name}",
            reason=first.reason,
            message=f"{name}: {first.message}",
            remedy=remedies.why("server", name, namespace),
        )
        found.append(told)
    return Stuck(tuple(found), plan.soonest(*wakes))
