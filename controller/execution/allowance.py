"""Whether an allowance may be used up by somebody else whose writes are not seen yet.

A component's rollout and the operations on it share what may be down, and each counts it from the
same servers. But a key waits for its own writes alone to be seen: two that plan in one moment would
both spend what is there. So whoever takes servers down waits until the last such writes of the
other side are answered and in the cache. The engine asks before it carries out a plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.api import objects
from controller.api.resources import Resource
from controller.execution import caches as worlds
from controller.execution.key_state import KeyState
from controller.planning import keys, plan
from controller.planning.keys import Key

# How soon to plan again what had to wait, in seconds: about as long as a write takes to be seen.
AGAIN = 0.02


def spends(planned: plan.Plan) -> bool:
    """Return whether a plan may take servers down; what ends acts never waits."""
    return planned.urgency is not plan.Urgency.TEARDOWN and any(
        isinstance(each, plan.Patch) and each.resource is Resource.SERVERS and not each.subresource
        for each in planned.actions
    )


class Allowance:
    """Knows who shares an allowance, and by their records who is just spending it."""

    def __init__(self, world: worlds.Caches, records: Mapping[Key, KeyState]) -> None:
        self._world = world
        self._records = records

    def is_being_spent(self, item: objects.Object) -> bool:
        """Return whether the other side's last takedowns are in flight, or not seen yet."""
        return any(self._unseen(self._records.get(each)) for each in self._others(item))

    def _unseen(self, record: KeyState | None) -> bool:
        if record is None or not record.spends:
            return False
        servers = self._world.servers
        return bool(record.pending or record.uncertain) or any(
            resource is Resource.SERVERS and not servers.reached(floor, namespace)
            for (resource, namespace), floor in record.floors.items()
        )

    def _others(self, item: objects.Object) -> Iterable[Key]:
        """Yield the operations beside a set, and the sets beside an operation."""
        namespace = item.metadata.namespace
        if isinstance(item, objects.ServerSet):
            place = (namespace, item.spec.application)
            for operation in self._world.operations.by(worlds.APPLICATION, place).values():
                yield keys.of(Resource.OPERATIONS, operation)
        elif isinstance(item, objects.Operation):
            above = self._world.applications.objects.get((namespace, item.spec.application))
            owner = above.metadata.uid if above is not None else ""
            for server_set in self._world.sets.by(worlds.OWNER, owner).values():
                yield keys.of(Resource.SERVERSETS, server_set)
