"""Who may wait for a fleet, and is planned anew once something may be done there.

The supervisor of fleets comes here: when a circuit opens or closes for all of them, and while it is
half open for as many as may begin. Those are told that it is their turn, so that none of them waits
out a backoff of its own: a trial that comes late keeps all others waiting.
"""

from __future__ import annotations

from collections.abc import Callable

from controller.api import conditions, objects
from controller.api.reasons import Reason
from controller.execution.caches import Caches
from controller.execution.fleet_branch import Branch
from controller.planning import keys, relations
from controller.planning.circuit import State
from controller.planning.keys import Key
from controller.planning.wakes import Change


class Waiters:
    """Wakes whoever may wait for a fleet: `touch` has a key planned, `nudge` gives it its turn."""

    def __init__(self, caches: Caches) -> None:
        self._caches = caches
        self.touch: Callable[[Key], None] = lambda _: None
        self.nudge: Callable[[Key], None] = lambda _: None

    def wake_all(self, name: str, branch: Branch) -> None:
        """Have everything planned anew that may have waited for the fleet.

        Once calls go through again, a server that failed in the outage is tried at once.
        """
        change = Change(None, branch.fleet)
        for kind in self._caches.kinds.values():
            wakes = kind.follows.get(objects.Fleet)
            for wake in wakes(self._caches, change) if wakes is not None else ():
                self.touch(wake.key)
        wake_server = self.nudge if branch.circuit.state is State.CLOSED else self.touch
        for namespace, server in self._caches.by(relations.SERVERS_BY_FLEET, name):
            wake_server(keys.server(namespace, server))

    def wake_next(self, name: str, branch: Branch, room: int) -> int:
        """Give as many of those that say that they wait their turn as may begin; return how many.

        Each has its turn: one whose own call never succeeds must not keep the others waiting.
        """
        found = self._caches.by(relations.SERVERS_BY_FLEET, name).items()
        waiting = [path for path, server in found if _waits(server.status.conditions)]
        fresh = [path for path in waiting if path not in branch.tried]
        if len(fresh) < room:
            branch.tried.clear()
            fresh += [path for path in waiting if path not in fresh]
        chosen = fresh[: max(room, 0)]
        branch.tried.update(chosen)
        for path in chosen:
            self.nudge(keys.server(*path))
        return len(chosen)


def _waits(told: conditions.Conditions) -> bool:
    ready = conditions.find(told, "Ready")
    return ready is None or ready.reason == Reason.CIRCUIT_OPEN
