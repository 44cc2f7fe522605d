"""What a cluster does by itself: collects what lost its owner, and ends namespaces."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from controller.api.resources import PLACES, Resource
from controller.kube import faults
from fakes.api_server.registry import FOREGROUND, ORPHAN, Registry
from fakes.api_server.storage import Event, Json

GC_SECONDS = 0.05
NAMESPACE_SECONDS = 0.1

Where = tuple[Resource, str, str]


class GarbageCollector:
    """Deletes dependents in the background, or first, or lets them go, as a delete asked for."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._dependents: dict[str, dict[Where, None]] = defaultdict(dict)
        self._alive: set[str] = set()
        registry.storage.listeners.append(self._see)
        for each in registry.storage.objects.values():
            self._alive.update(body["metadata"]["uid"] for body in each.values())

    def _see(self, resource: Resource, event: Event) -> None:
        where = (resource, *event.key)
        for each in owners(event.before):
            self._dependents[each["uid"]].pop(where, None)
        for each in owners(event.after):
            self._dependents[each["uid"]][where] = None
        loop = asyncio.get_running_loop()
        meta = event.body["metadata"]
        if event.after is None:
            self._alive.discard(meta["uid"])
            loop.call_later(GC_SECONDS, self._collect, meta["uid"])
            for each in owners(event.before):
                loop.call_later(GC_SECONDS, self._resume, each)
            return
        self._alive.add(meta["uid"])
        if event.before is None and any(each["uid"] not in self._alive for each in owners(meta)):
            for each in owners(event.after):
                loop.call_later(GC_SECONDS, self._collect, each["uid"])
        if "deletionTimestamp" in meta and {ORPHAN, FOREGROUND} & set(meta.get("finalizers", ())):
            loop.call_later(GC_SECONDS, self._settle, where)

    def _collect(self, uid: str) -> None:
        """Delete what has no owner left but the one that is gone."""
        if uid in self._alive:
            return
        for where in list(self._dependents.pop(uid, {})):
            found = self._registry.find(*where)
            if found is None or not any(each["uid"] == uid for each in owners(found)):
                continue
            left = [each for each in owners(found) if each["uid"] in self._alive]
            if left:
                self._write(where, {"metadata": {"ownerReferences": left}})
            else:
                self._delete(where, found)

    def _resume(self, owner: Json) -> None:
        """Look again at an owner that may wait for its dependents to go."""
        for resource, place in PLACES.items():
            if place.kind == owner["kind"]:
                for key, body in self._registry.storage.objects[resource].items():
                    if body["metadata"]["uid"] == owner["uid"]:
                        if FOREGROUND in body["metadata"].get("finalizers", ()):
                            self._settle((resource, *key))
                        return

    def _settle(self, where: Where) -> None:
        """Carry out a delete that asked for orphans, or for the dependents to go first."""
        found = self._registry.find(*where)
        if found is None:
            return
        meta = found["metadata"]
        dependents = list(self._dependents.get(meta["uid"], {}))
        finalizers = meta.get("finalizers", [])
        if ORPHAN in finalizers:
            for each in dependents:
                body = self._registry.need(*each)
                left = [owner for owner in owners(body) if owner["uid"] != meta["uid"]]
                self._write(each, {"metadata": {"ownerReferences": left}})
            self._write(where, {"metadata": {"finalizers": _without(finalizers, ORPHAN)}})
        elif FOREGROUND in finalizers:
            for each in dependents:
                body = self._registry.need(*each)
                if "deletionTimestamp" not in body["metadata"]:
                    self._delete(each, body, propagation="Foreground")
            if not self._dependents.get(meta["uid"]):
                self._write(where, {"metadata": {"finalizers": _without(finalizers, FOREGROUND)}})

    def _write(self, where: Where, body: Json) -> None:
        self._registry.patch(*where, body, actor="gc")

    def _delete(self, where: Where, body: Json, propagation: str = "Background") -> None:
        uid = body["metadata"]["uid"]
        self._registry.delete(*where, uid=uid, propagation=propagation, actor="gc")


class NamespaceController:
    """Empties a namespace that is deleted, again and again until it is, then lets it go."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        registry.storage.listeners.append(self._see)

    def _see(self, resource: Resource, event: Event) -> None:
        if resource is Resource.NAMESPACES and event.before is None:
            # As an API server gives every namespace one when it is made.
            self._registry.patch(
                resource, "", event.key[1], _hold(["kubernetes"]), actor="namespace-controller"
            )
        if resource is Resource.NAMESPACES and "deletionTimestamp" in event.body["metadata"]:
            self._later(event.key[1])

    def _later(self, name: str) -> None:
        asyncio.get_running_loop().call_later(NAMESPACE_SECONDS, self._empty, name)

    def _empty(self, name: str) -> None:
        if self._registry.find(Resource.NAMESPACES, "", name) is None:
            return
        left = [
            (resource, key[1], body["metadata"])
            for resource, found in self._registry.storage.objects.items()
            for key, body in found.items()
            if key[0] == name and PLACES[resource].namespaced
        ]
        for resource, each, meta in left:
            if "deletionTimestamp" not in meta:
                try:
                    self._registry.delete(resource, name, each, actor="namespace-controller")
                except faults.NotFound:
                    continue
        if left:
            self._later(name)
        else:
            self._registry.patch(
                Resource.NAMESPACES, "", name, _hold([]), actor="namespace-controller"
            )


def owners(body: Json | None) -> list[dict[str, Any]]:
    """Return who an object belongs to."""
    meta = (body or {}).get("metadata", body or {})
    owners: list[dict[str, Any]] = meta.get("ownerReferences") or []
    return owners


def _without(finalizers: list[str], one: str) -> list[str]:
    return [each for each in finalizers if each != one]


def _hold(finalizers: list[str]) -> Json:
    return {"metadata": {"finalizers": finalizers}}
