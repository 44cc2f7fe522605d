"""Who may wait for a fleet, and is planned anew once something may be done there.

The supervisor of fleets comes here: when a circuit opens or closes for all of them, and while it is
half open for as many as may begin. Servers that may begin are told that it is their turn, so that
none of them waits out a backoff of its own: a trial that comes late keeps all others waiting.
"""

from __future__ import annotations

from collections.abc import Callable

from controller.api import conditions, objects
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason
from controller.execution.caches import Caches
from controller.planning import keys, relations
from controller.planning.keys import Key
from controller.planning.wakes import Change


class Waiters:
    """Wakes whoever may wait for a fleet: `touch` has a key planned, `nudge` gives it its turn.

    With a `namespace` these are the ones of that namespace alone.
    """

    def __init__(self, caches: Caches) -> None:
        self._caches = caches
        self.touch: Callable[[Key], None] = lambda _: None
        self.nudge: Callable[[Key], None] = lambda _: None

    def namespaces(self, name: str) -> frozenset[str]:
        """Return the namespaces that have servers of the fleet."""
        return frozenset(each for each, _ in self._caches.by(relations.SERVERS_BY_FLEET, name))

    def wake_all(self, fleet: objects.Fleet, *, namespace: str = "", works: bool) -> None:
        """Have everything planned anew that may have waited for the fleet.

        Once it `works` again, a server that failed in the outage is tried at once.
        """
        self.touch(keys.fleet(fleet.metadata.name))
        change = Change(None, fleet)
        for kind in self._caches.kinds.values():
            wakes = kind.follows.get(objects.Fleet)
            for wake in wakes(self._caches, change) if wakes is not None else ():
                if namespace in ("", wake.key.namespace):
                    self.touch(wake.key)
        wake_server = self.nudge if works else self.touch
        for path in self._caches.by(relations.SERVERS_BY_FLEET, fleet.metadata.name):
            if namespace in ("", path[0]):
                wake_server(keys.server(*path))

    def wake_next(
        self,
        fleet: objects.Fleet,
        room: int,
        tried: set[tuple[str, str]],
        *,
        namespace: str = "",
        held: frozenset[str] = frozenset(),
    ) -> int:
        """Give as many of those that say that they wait their turn as may begin; return how many.

        Each has its turn, and is `tried` then: one whose own call never succeeds must not keep the
        others waiting. Servers of a namespace that is held by itself could not begin.
        """
        found = self._caches.by(relations.SERVERS_BY_FLEET, fleet.metadata.name).items()
        near = ((p, s) for p, s in found if namespace in ("", p[0]) and p[0] not in held)
        waiting = [path for path, server in near if _waits(server.status.conditions)]
        fresh = [path for path in waiting if path not in tried]
        if len(fresh) < room:
            tried.clear()
            fresh += [path for path in waiting if path not in fresh]
        chosen = fresh[: max(room, 0)]
        tried.update(chosen)
        for path in chosen:
            self.nudge(keys.server(*path))
        return len(chosen)


def _waits(told: conditions.Conditions) -> bool:
    ready = conditions.find(told, ConditionType.READY)
    return ready is None or ready.reason == Reason.CIRCUIT_OPEN
