"""A StatefulSet as a user has it, and what must not change of what it runs."""

from __future__ import annotations

from typing import Any

from controller.api import names
from controller.api.resources import Resource
from fakes.universe import Json, Universe, application

NAME = "shop-db"
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def template(image: str = "app:1") -> Json:
    """Return a pod template, complete as an API server keeps it."""
    return {
        "metadata": {"labels": {"app": "db"}},
        "spec": {"containers": [{"name": "main", "image": image}], "restartPolicy": "Always"},
    }


def stateful_set(replicas: int = 3, image: str = "app:1", **spec: Any) -> Json:
    """Return a StatefulSet with a claim for each pod."""
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": NAME, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "serviceName": NAME,
            "selector": {"matchLabels": {"app": "db"}},
            "template": template(image),
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": CLAIM}],
            **spec,
        },
    }


def successor(replicas: int = 3, image: str = "app:1", **fields: Any) -> Json:
    """Return the Application that takes up what the StatefulSet left."""
    component = {
        "name": "db",
        "replicas": replicas,
        "template": template(image),
        "volumeClaims": [{"name": "data", "spec": CLAIM}],
        "adopt": {"kind": "StatefulSet", "name": NAME},
        **fields,
    }
    return application("shop", component)


def pods(universe: Universe) -> dict[str, Json]:
    """Return the pods that are there."""
    return {name: universe.get(Resource.PODS, name) for name in universe.names(Resource.PODS)}


def are_up(universe: Universe, count: int) -> bool:
    """Return whether so many pods are there, and all are ready."""
    found = pods(universe).values()
    return len(found) == count and all(map(is_ready, found))


def is_ready(pod: Json) -> bool:
    """Return whether a pod says that it is ready."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def substance(found: Json) -> Json:
    """Return what is on an object beside what Argosy may put there, and what it may not touch."""
    meta = found["metadata"]
    return {
        "uid": meta["uid"],
        "spec": found["spec"],
        "labels": _others(meta.get("labels", {})),
        "annotations": _others(meta.get("annotations", {})),
    }


def _others(given: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in given.items() if not key.startswith(f"{names.GROUP}/")}


def kept(universe: Universe) -> dict[tuple[Resource, str], Json]:
    """Return what must stay as it is of all pods and claims."""
    return {
        (each, name): substance(universe.get(each, name))
        for each in (Resource.PODS, Resource.CLAIMS)
        for name in universe.names(each)
    }


async def begin(universe: Universe, body: Json | None = None) -> None:
    """Have the StatefulSet run in good health."""
    body = body or stateful_set()
    await universe.apply(body)
    await universe.until(lambda: are_up(universe, body["spec"]["replicas"]))


async def let_go(universe: Universe) -> None:
    """Delete the StatefulSet, its pods orphaned."""
    await universe.delete(Resource.STATEFULSETS, NAME, propagation="Orphan")
    await universe.until(lambda: not universe.names(Resource.STATEFULSETS))
