"""The StatefulSet controller of a cluster, as far as taking its pods over rests on what it does.

It makes pods and claims of decided names, marks pods with the revision that they are made from,
takes up pods that nothing controls, and replaces those of another revision, the highest first.
"""

from __future__ import annotations

import asyncio
from typing import Any

from controller.api import names
from controller.api.resources import PLACES, Resource
from fakes.api_server.controllers import owners
from fakes.api_server.evictions import is_up
from fakes.api_server.registry import Registry
from fakes.api_server.storage import Event, Json

SYNC_SECONDS = 0.05
ACTOR = "statefulset-controller"


class StatefulSets:
    """Keeps the pods of all StatefulSets."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        registry.storage.listeners.append(self._see)

    def _see(self, resource: Resource, event: Event) -> None:
        if resource not in (Resource.STATEFULSETS, Resource.PODS):
            return
        namespace = event.key[0]
        for space, name in list(self._registry.storage.objects[Resource.STATEFULSETS]):
            if space == namespace:
                asyncio.get_running_loop().call_later(SYNC_SECONDS, self._sync, space, name)

    def _sync(self, namespace: str, name: str) -> None:
        found = self._registry.find(Resource.STATEFULSETS, namespace, name)
        if found is None or "deletionTimestamp" in found["metadata"]:
            return
        revision = self._revision(found)
        status = {
            "observedGeneration": found["metadata"]["generation"],
            "replicas": found["spec"]["replicas"],
            "updateRevision": revision,
            "currentRevision": revision,
        }
        self._registry.set_status(Resource.STATEFULSETS, (namespace, name), status, actor=ACTOR)
        mine = self._claim(found)
        wanted = found["spec"]["replicas"]
        first = (found["spec"].get("ordinals") or {}).get("start", 0)
        for ordinal in range(first, first + wanted):
            if self._registry.find(Resource.PODS, namespace, f"{name}-{ordinal}") is None:
                self._make(found, ordinal, revision)
        self._take_down(found, mine, first + wanted, revision)

    def _take_down(self, found: Json, mine: list[Json], wanted: int, revision: str) -> None:
        """Delete pods beyond those that are wanted, or else the highest of another revision."""
        name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
        beyond = [each for each in mine if _ordinal(each, name) >= wanted]
        told = found["spec"].get("updateStrategy", {})
        partition = (told.get("rollingUpdate") or {}).get("partition", 0)
        stale = [
            each for each in mine if hash_of(each) != revision and _ordinal(each, name) >= partition
        ]
        rolls = told.get("type", "RollingUpdate") == "RollingUpdate"
        if not beyond and rolls and all(map(is_up, mine)):
            beyond = sorted(stale, key=lambda each: _ordinal(each, name))[-1:]
        for each in beyond:
            if "deletionTimestamp" not in each["metadata"]:
                self._registry.delete(
                    Resource.PODS, namespace, each["metadata"]["name"], actor=ACTOR
                )

    def _revision(self, found: Json) -> str:
        """Keep the record of the set's template, and return its name."""
        meta, template = found["metadata"], found["spec"]["template"]
        name = f"{meta['name']}-{names.digest(repr(template))}"
        here = self._registry.find(Resource.REVISIONS, meta["namespace"], name)
        if here is None:
            body = {
                "metadata": {
                    "name": name,
                    "labels": template["metadata"].get("labels", {}),
                    "ownerReferences": [_reference(found)],
                },
                "data": {"spec": {"template": {**template, "$patch": "replace"}}},
                "revision": 1,
            }
            self._registry.create(Resource.REVISIONS, meta["namespace"], body, actor=ACTOR)
        elif not owners(here):
            self._own(Resource.REVISIONS, here, found)
        return name

    def _claim(self, found: Json) -> list[Json]:
        """Return the set's pods, those that it takes up now among them."""
        meta = found["metadata"]
        wanted = found["spec"]["selector"]["matchLabels"].items()
        mine = []
        for (space, name), pod in list(self._registry.storage.objects[Resource.PODS].items()):
            labels = pod["metadata"].get("labels", {})
            if space != meta["namespace"] or not wanted <= labels.items():
                continue
            if not any(each.get("controller") for each in owners(pod)):
                if name.rpartition("-")[0] == meta["name"]:
                    mine.append(self._own(Resource.PODS, pod, found))
            elif any(each["uid"] == meta["uid"] for each in owners(pod)):
                mine.append(pod)
        return mine

    def _own(self, resource: Resource, item: Json, found: Json) -> Json:
        meta = item["metadata"]
        body = {"metadata": {"ownerReferences": [*owners(item), _reference(found)]}}
        return self._registry.patch(resource, meta["namespace"], meta["name"], body, actor=ACTOR)

    def _make(self, found: Json, ordinal: int, revision: str) -> None:
        meta, template = found["metadata"], found["spec"]["template"]
        name, namespace = f"{meta['name']}-{ordinal}", meta["namespace"]
        volumes = []
        for each in found["spec"].get("volumeClaimTemplates", ()):
            claim = f"{each['metadata']['name']}-{name}"
            volumes.append(
                {"name": each["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim}}
            )
            if self._registry.find(Resource.CLAIMS, namespace, claim) is None:
                made = {
                    "metadata": {**each["metadata"], "name": claim},
                    "spec": each["spec"],
                }
                self._registry.create(Resource.CLAIMS, namespace, made, actor=ACTOR)
        labels = {
            **template["metadata"].get("labels", {}),
            "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": str(ordinal),
            "controller-revision-hash": revision,
        }
        spec = {**template["spec"], "hostname": name}
        spec["subdomain"] = found["spec"].get("serviceName", "")
        if volumes:
            spec["volumes"] = [*template["spec"].get("volumes", ()), *volumes]
        body = {
            "metadata": {"name": name, "labels": labels, "ownerReferences": [_reference(found)]},
            "spec": spec,
        }
        self._registry.create(Resource.PODS, namespace, body, actor=ACTOR)


def hash_of(pod: Json) -> str:
    """Return the revision that a pod says it was made from."""
    return str(pod["metadata"].get("labels", {}).get("controller-revision-hash", ""))


def _ordinal(pod: Json, name: str) -> int:
    tail = pod["metadata"]["name"].removeprefix(f"{name}-")
    return int(tail) if tail.isdecimal() else -1


def _reference(found: Json) -> dict[str, Any]:
    meta, place = found["metadata"], PLACES[Resource.STATEFULSETS]
    return {
        "apiVersion": place.api_version,
        "kind": place.kind,
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
