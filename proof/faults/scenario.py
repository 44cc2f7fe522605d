"""A small application's life, the same in every run, with every kind of write in it.

Create, scale up, replace and change in place, restart, scale down, delete. `matrix` and `mix` live
it once without faults and then many times with them. A life ends with what the world looked like
before the delete, and with what is left after it: nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from controller.api import names, resources
from controller.api.resources import Resource
from devcluster import client, fixtures
from proof.faults import rig
from proof.history import journal

Object = dict[str, Any]
World = Mapping[str, str]

STEP_SECONDS = 150.0
SETTLE_SECONDS = 20.0
APPLICATION = "shop"
OPERATION = "restart-web"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What came of one run: its namespace, the world at its height, and what was left."""

    namespace: str
    world: World
    left: frozenset[str]


def live(place: rig.Rig, namespace: str, like: World | None = None) -> Life:
    """Live the whole life in a namespace; at its height it comes to be `like` another.

    What it has come to when that takes too long is in the Life: comparing is the caller's.
    """
    for act in (create, scale_up, update, restart, scale_down):
        act(place.client, namespace)
    world = settled(place.client, namespace, like)
    delete(place.client, namespace)
    left = frozenset(each["metadata"]["uid"] for each in listed(place.client, namespace))
    return Life(namespace=namespace, world=world, left=left)


def open_namespace(api: client.Client) -> str:
    """Create a namespace that pods can run in.

    Nobody deletes it: that would cost more than a whole life, and the cluster goes soon.
    """
    name = f"life-{secrets.token_hex(3)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    api.create("/api/v1/namespaces", body)
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    rig.wait(account, lambda: fixtures.exists(api, account), STEP_SECONDS)
    return name


def application(replicas: int = 1, version: int = 1) -> Object:
    """Return the application: a database with a volume, and servers that need it.

    A new version is put into the database's pods as they are, and into new pods of the others.
    """
    volume = {
        "name": "data",
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
        "whenDeleted": "Delete",
    }
    db = {
        "name": "db",
        "replicas": 1,
        "template": template(f"db:{version}"),
        "volumeClaims": [volume],
    }
    web = {
        "name": "web",
        "replicas": replicas,
        "dependsOn": ["db"],
        "template": template(f"web:{version}"),
        "rollout": {"maxUnavailable": "50%", "inPlace": "Never"},
    }
    return {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Application",
        "metadata": {"name": APPLICATION},
        "spec": {"deletion": {"drainSeconds": 1}, "components": [db, web]},
    }


def template(image: str) -> Object:
    """Return a pod template of one container."""
    container = {"name": "main", "image": image}
    return {"spec": {"containers": [container], "terminationGracePeriodSeconds": 1}}


def create(api: client.Client, namespace: str) -> None:
    """Create the application, and wait until it is ready."""
    api.create(resources.path(Resource.APPLICATIONS, namespace), application())
    converged(api, namespace)


def scale_up(api: client.Client, namespace: str) -> None:
    """Give it one more server, and wait until it is ready."""
    change(api, namespace, application(replicas=2))
    converged(api, namespace)


def update(api: client.Client, namespace: str) -> None:
    """Change its images, and wait until every server has them."""
    change(api, namespace, application(replicas=2, version=2))
    converged(api, namespace)


def scale_down(api: client.Client, namespace: str) -> None:
    """Take a server away, and wait until it has gone."""
    change(api, namespace, application(version=2))
    converged(api, namespace)
    last = resources.path(Resource.SERVERS, namespace, f"{APPLICATION}-web-1")
    rig.wait("one server less", lambda: not fixtures.exists(api, last), STEP_SECONDS)


def restart(api: client.Client, namespace: str) -> None:
    """Restart some of its servers by an Operation, and wait for its end."""
    body = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Operation",
        "metadata": {"name": OPERATION},
        "spec": {
            "application": APPLICATION,
            "components": ["web"],
            "servers": "0",
            "action": "Restart",
        },
    }
    api.create(resources.path(Resource.OPERATIONS, namespace), body)
    path = resources.path(Resource.OPERATIONS, namespace, OPERATION)

    def ended() -> bool:
        condition = _condition(api.get(path), "Succeeded")
        if condition.get("status") == "False":
            raise AssertionError(f"the operation failed: {condition}")
        return condition.get("status") == "True"

    rig.wait("the end of the operation", ended, STEP_SECONDS)
    converged(api, namespace)


def delete(api: client.Client, namespace: str) -> None:
    """Delete the application, and wait until nothing of it is left."""
    path = resources.path(Resource.APPLICATIONS, namespace, APPLICATION)
    api.delete(path)
    rig.wait("no application", lambda: not fixtures.exists(api, path), STEP_SECONDS)
    for each in api.get(resources.path(Resource.OPERATIONS, namespace))["items"]:
        api.delete(resources.path(Resource.OPERATIONS, namespace, each["metadata"]["name"]))
    rig.wait("an empty namespace", lambda: not listed(api, namespace), STEP_SECONDS)


def listed(api: client.Client, namespace: str) -> list[Object]:
    """Return all objects in a namespace that the invariants speak of."""
    found: list[Object] = []
    for resource, place in resources.PLACES.items():
        if resource.value in journal.CHECKED and place.namespaced:
            items = api.get(resources.path(resource, namespace))["items"]
            found += [{**each, "resource": resource.value} for each in items]
    return found


def settled(api: client.Client, namespace: str, like: World | None) -> World:
    """Return the world once it is `like` another, or has had its time; without another, at rest."""
    worlds = [seen(api, namespace)]

    def same() -> bool:
        worlds.append(seen(api, namespace))
        return worlds[-1] == (worlds[-2] if like is None else like)

    with contextlib.suppress(TimeoutError):
        rig.wait("the world", same, SETTLE_SECONDS)
    return worlds[-1]


def seen(api: client.Client, namespace: str) -> World:
    """Return what the world looks like, without what differs between any two runs."""
    return {
        f"{each['resource']}/{each['metadata']['name']}": json.dumps(_essence(each), sort_keys=True)
        for each in listed(api, namespace)
    }


def _essence(body: Object) -> Object:
    metadata, spec, status = body["metadata"], body.get("spec", {}), body.get("status", {})
    described = _DESCRIBED.get(body["resource"], _plain)
    return {
        # Kubernetes adds labels of its own: a pod is told its node's zone. Which part of the work
        # something is of follows from its namespace, which is another in each run.
        "labels": {
            key: value
            for key, value in metadata.get("labels", {}).items()
            if key.startswith(("argosy.dev/", "app.kubernetes.io/")) and key != names.BUCKET_LABEL
        },
        "finalizers": metadata.get("finalizers", []),
        "owners": [f"{o['kind']}/{o['name']}" for o in metadata.get("ownerReferences", [])],
        "conditions": {
            each["type"]: [each["status"], each.get("reason")]
            for each in status.get("conditions", [])
            if body["resource"] != "pods"
        },
        **described(spec, status),
    }


def _plain(spec: Object, _status: Object) -> Object:
    return {"spec": spec if "template" in spec or "components" in spec else {}}


def _pod(spec: Object, status: Object) -> Object:
    images = {each["name"]: each["image"] for each in spec["containers"]}
    return {"images": images, "phase": status.get("phase")}


def _server(spec: Object, status: Object) -> Object:
    wanted = {key: value for key, value in spec.items() if key != "task"}
    known = {key: status.get(key) for key in ("incarnation", "revision", "power")}
    return {"spec": wanted, **known}


def _service(spec: Object, _status: Object) -> Object:
    return {"selector": spec.get("selector")}


def _operation(spec: Object, status: Object) -> Object:
    return {"spec": spec, "progress": status.get("progress"), "failed": status.get("failed")}


_DESCRIBED: Mapping[str, Callable[[Object, Object], Object]] = {
    "pods": _pod,
    "servers": _server,
    "services": _service,
    "operations": _operation,
}


def change(api: client.Client, namespace: str, body: Object) -> None:
    """Give the application another spec."""
    path = resources.path(Resource.APPLICATIONS, namespace, APPLICATION)
    api.merge(path, {"spec": body["spec"]})


def converged(api: client.Client, namespace: str) -> None:
    """Wait until the application says that it is what its spec says, and its servers are."""
    path = resources.path(Resource.APPLICATIONS, namespace, APPLICATION)

    def current() -> bool:
        body = api.get(path)
        generation = body["metadata"]["generation"]
        seen = body.get("status", {}).get("observedGeneration") == generation
        return seen and _condition(body, "Ready").get("status") == "True"

    rig.wait("a ready application", current, STEP_SECONDS)


def _condition(body: Object, kind: str) -> Object:
    conditions = body.get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == kind), {})
