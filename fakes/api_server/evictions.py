"""Evictions: what the API server makes of them, and the disruption controller.

That one is never late to count, but may be to look whether an evicted pod has gone: whoever sets
`Registry.disruption_seconds` has it take the next pod of the name for the evicted one.
"""

from __future__ import annotations

import asyncio

from controller.api import clock
from controller.api.resources import Resource
from fakes.api_server.kubelet import Kubelet
from fakes.api_server.registry import Registry
from fakes.api_server.storage import Json

# As `kubectl drain` tries again.
AGAIN_SECONDS = 5.0
# For how long the disruption controller expects a pod to go whose name is on record.
RECORD_SECONDS = 120.0


class TwoBudgetsError(Exception):
    """Two PodDisruptionBudgets are about one pod: the API server evicts it for nobody."""


def evict(registry: Registry, namespace: str, name: str) -> bool:
    """Evict a pod if its PodDisruptionBudget allows that."""
    pod = registry.need(Resource.PODS, namespace, name)
    found = [
        each
        for (space, _), each in registry.storage.objects[Resource.DISRUPTION_BUDGETS].items()
        if space == namespace and _selects(each, pod)
    ]
    if len(found) > 1:
        raise TwoBudgetsError(name)
    if found and is_up(pod):
        pods = registry.storage.objects[Resource.PODS].items()
        meant = [each for (space, _), each in pods if space == namespace]
        meant = [each for each in meant if _selects(found[0], each)]
        gone = found[0].get("status", {}).get("disruptedPods", {})
        healthy = [each for each in meant if is_up(each) and each["metadata"]["name"] not in gone]
        if len(healthy) <= _least(found[0]["spec"], len(meant)):
            return False
        _record(registry, found[0], name)
    registry.delete(Resource.PODS, namespace, name, actor="drain")
    return True


def _record(registry: Registry, found: Json, pod: str) -> None:
    """Put a pod on record before it goes, until the disruption controller has seen it go."""
    meta = found["metadata"]
    key = (meta["namespace"], meta["name"])

    def note(change: Json) -> None:
        kept = registry.find(Resource.DISRUPTION_BUDGETS, *key)
        if kept is not None:
            known = {**kept.get("status", {}).get("disruptedPods", {}), **change}
            gone = {each: when for each, when in known.items() if when}
            status = {**kept.get("status", {}), "disruptedPods": gone}
            registry.set_status(Resource.DISRUPTION_BUDGETS, key, status, actor="disruption")

    def look(*, over: bool = False) -> None:
        """Take the pod off the record, unless there is a living one of its name."""
        found = registry.find(Resource.PODS, meta["namespace"], pod)
        if over or found is None or "deletionTimestamp" in found["metadata"]:
            note({pod: ""})
        else:
            loop.call_later(RECORD_SECONDS - registry.disruption_seconds, lambda: look(over=True))

    loop = asyncio.get_running_loop()
    note({pod: clock.stamp(registry.storage.now())})
    loop.call_later(registry.disruption_seconds, look)


def _least(spec: Json, expected: int) -> int:
    """Return how many pods must be up; a pod counts as one of its own controller's, as is so."""
    if "maxUnavailable" in spec:
        return expected - _amount(spec["maxUnavailable"], expected)
    return _amount(spec["minAvailable"], expected)


def _amount(said: int | str, expected: int) -> int:
    return said if isinstance(said, int) else -(-int(said.rstrip("%")) * expected // 100)


def cordon(registry: Registry, kubelet: Kubelet, node: str, *, on: bool = True) -> None:
    """Have a node take no new pods, or take them again."""
    (kubelet.cordoned.add if on else kubelet.cordoned.discard)(node)
    spec: Json = {"unschedulable": True if on else None}
    if registry.find(Resource.NODES, "", node) is None:
        registry.create(Resource.NODES, "", {"metadata": {"name": node}, "spec": {}}, actor="node")
    registry.patch(Resource.NODES, "", node, {"spec": spec}, actor="user")


async def drain(registry: Registry, kubelet: Kubelet, node: str) -> None:
    """Cordon a node, and evict what is on it then, as `kubectl drain` does.

    That is tried by name: where an eviction was refused, the next try means whatever pod has the
    name by then, on whatever node.
    """
    cordon(registry, kubelet, node)
    pods = registry.storage.objects[Resource.PODS].items()
    here = [
        (key, each["metadata"]["uid"]) for key, each in pods if each["spec"].get("nodeName") == node
    ]
    await asyncio.gather(*(_give_up(registry, key, uid) for key, uid in here))


async def _give_up(registry: Registry, key: tuple[str, str], uid: str) -> None:
    def refused() -> bool:
        return registry.find(Resource.PODS, *key) is not None and not evict(registry, *key)

    def stays() -> bool:
        found = registry.find(Resource.PODS, *key)
        return found is not None and found["metadata"]["uid"] == uid

    for waits in (refused, stays):
        while waits():  # noqa: ASYNC110 - asks again and again, as kubectl does
            await asyncio.sleep(AGAIN_SECONDS)


def is_up(pod: Json) -> bool:
    """Return whether the disruption controller counts the pod as healthy."""
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _selects(found: Json, pod: Json) -> bool:
    wanted = found["spec"].get("selector", {}).get("matchLabels") or {}
    return bool(wanted.items() <= pod["metadata"].get("labels", {}).items())
