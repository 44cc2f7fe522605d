"""The Deployment controller of a cluster, as far as it matters to who takes a Deployment's place.

It has as many pods as are asked for, under names that it makes up, and counts those that are ready.
"""

from __future__ import annotations

import asyncio
import itertools

from controller.api.resources import PLACES, Resource
from fakes.api_server.controllers import owners
from fakes.api_server.evictions import is_up
from fakes.api_server.registry import Registry
from fakes.api_server.storage import Event, Json

SYNC_SECONDS = 0.05
ACTOR = "deployment-controller"


class Deployments:
    """Keeps the pods of all Deployments."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._serial = itertools.count(1)
        registry.storage.listeners.append(self._see)

    def _see(self, resource: Resource, event: Event) -> None:
        if resource in (Resource.DEPLOYMENTS, Resource.PODS):
            for space, name in list(self._registry.storage.objects[Resource.DEPLOYMENTS]):
                if space == event.key[0]:
                    asyncio.get_running_loop().call_later(SYNC_SECONDS, self._sync, space, name)

    def _sync(self, namespace: str, name: str) -> None:
        found = self._registry.find(Resource.DEPLOYMENTS, namespace, name)
        if found is None or "deletionTimestamp" in found["metadata"]:
            return
        uid = found["metadata"]["uid"]
        mine = [
            pod
            for pod in list(self._registry.storage.objects[Resource.PODS].values())
            if any(each["uid"] == uid for each in owners(pod))
            and "deletionTimestamp" not in pod["metadata"]
        ]
        wanted = found["spec"]["replicas"]
        for each in mine[wanted:]:
            self._registry.delete(Resource.PODS, namespace, each["metadata"]["name"], actor=ACTOR)
        for _ in range(wanted - len(mine)):
            self._make(found)
        status = {
            "observedGeneration": found["metadata"]["generation"],
            "replicas": max(wanted, min(len(mine), wanted)),
            "availableReplicas": sum(map(is_up, mine[:wanted])),
        }
        key = (namespace, name)
        self._registry.set_status(Resource.DEPLOYMENTS, key, status, actor=ACTOR)

    def _make(self, found: Json) -> None:
        meta, template = found["metadata"], found["spec"]["template"]
        owner = {
            "apiVersion": PLACES[Resource.DEPLOYMENTS].api_version,
            "kind": PLACES[Resource.DEPLOYMENTS].kind,
            "name": meta["name"],
            "uid": meta["uid"],
            "controller": True,
        }
        name = f"{meta['name']}-5d4f-{next(self._serial):05x}"
        labels = {**template["metadata"].get("labels", {}), "pod-template-hash": "5d4f"}
        body = {
            "metadata": {"name": name, "labels": labels, "ownerReferences": [owner]},
            "spec": template["spec"],
        }
        self._registry.create(Resource.PODS, meta["namespace"], body, actor=ACTOR)
