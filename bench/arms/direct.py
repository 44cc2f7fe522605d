"""A plain kopf operator that does the same job in its most direct form.

`on.create` of an application makes its servers, `on.create` of a server makes its pod, and the
event of a pod that is Ready writes the server's status. It has Argosy's kinds, labels and HTTP
client, posts no events and bounds its writes in flight, so what is measured is kopf's way with
events: a handler an object, a diff, and an annotation of what was handled. It heals nothing and
deletes nothing, as whoever wrote it for good would have to.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

import kopf
import uvloop

from bench import arena as arenas
from bench import bodies
from controller.api import names
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.kube.client import Client

NAME = "plain kopf operator"
PROCESS = "direct"
WIDTH = 8


# --- Seen from outside ----------------------------------------------------------------------------


def start(arena: arenas.Arena) -> None:
    """Start the operator; its CPU is in the arena's usage."""
    command = [sys.executable, "-m", "bench.arms.direct", str(arena.cluster.kubeconfig)]
    environment = {"KUBECONFIG": str(arena.cluster.kubeconfig)}
    arena.cluster.processes.start(PROCESS, command, environment=environment)


def stop(arena: arenas.Arena) -> None:
    """End the operator."""
    arena.cluster.processes.end([PROCESS])


# --- Inside ---------------------------------------------------------------------------------------


class Direct:
    """The handlers, and what they share."""

    def __init__(self, client: kube.Api) -> None:
        self._client = client
        self._width = asyncio.Semaphore(WIDTH)

    def register(self, registry: kopf.OperatorRegistry) -> None:
        """Have kopf call the handlers."""
        kind = (names.GROUP, names.VERSION)
        kopf.on.create(*kind, "applications", registry=registry)(self.make_servers)
        kopf.on.create(*kind, "servers", registry=registry)(self.make_pod)
        label = {names.APPLICATION_LABEL: kopf.PRESENT}
        kopf.on.event("", "v1", "pods", labels=label, registry=registry)(self.tell)

    async def make_servers(self, body: kopf.Body, **_: Any) -> None:
        """Make all servers of an application."""
        async with asyncio.TaskGroup() as group:
            component = body["spec"]["components"][0]
            for ordinal in range(component["replicas"]):
                group.create_task(self._make_server(body, component, ordinal))

    async def _make_server(
        self, application: kopf.Body, component: bodies.Object, ordinal: int
    ) -> None:
        name = names.server(application["metadata"]["name"], component["name"], ordinal)
        spec = {
            "application": application["metadata"]["name"],
            "component": component["name"],
            "ordinal": ordinal,
            "revision": "1",
            "template": component["template"],
        }
        await self._create(Resource.SERVERS, _child(application, name, component["name"], spec))

    async def make_pod(self, body: kopf.Body, **_: Any) -> None:
        """Make the pod of a server."""
        spec = body["spec"]
        pod = _child(body, body["metadata"]["name"], spec["component"], spec["template"]["spec"])
        await self._create(Resource.PODS, {**pod, "apiVersion": "v1", "kind": "Pod"})

    async def tell(self, body: kopf.Body, **_: Any) -> None:
        """Write a server's status when its pod is Ready."""
        ready = _condition(body)
        if not ready or ready["status"] != "True" or body["metadata"].get("deletionTimestamp"):
            return
        told = {"reason": "Ready", "message": "", "observedGeneration": 1}
        condition = {
            "type": "Ready",
            "status": "True",
            "lastTransitionTime": ready["lastTransitionTime"],
            **told,
        }
        meta = body["metadata"]
        status = {"observedGeneration": 1, "conditions": [condition]}
        async with self._width:
            await self._client.patch(
                Resource.SERVERS,
                meta["namespace"],
                meta["name"],
                {"status": status},
                subresource="status",
            )

    async def _create(self, resource: Resource, body: bodies.Object) -> None:
        async with self._width:
            await self._client.create(resource, body["metadata"]["namespace"], body)


def _child(owner: kopf.Body, name: str, component: str, spec: Any) -> bodies.Object:
    application = owner["spec"].get("application", owner["metadata"]["name"])
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Server",
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "labels": names.labels(application, component, name),
            "ownerReferences": [reference],
        },
        "spec": spec,
    }


def _condition(body: kopf.Body) -> bodies.Object | None:
    conditions = body.get("status", {}).get("conditions", ())
    found: bodies.Object | None = next(
        (each for each in conditions if each["type"] == "Ready"), None
    )
    return found


async def _main(kubeconfig: Path) -> None:
    registry = kopf.OperatorRegistry()
    async with Client.connect(kubeconfig=str(kubeconfig)) as client:
        Direct(client).register(registry)
        kopf.on.login(registry=registry)(kopf.login_with_kubeconfig)

        @kopf.on.startup(registry=registry)
        async def start(settings: kopf.OperatorSettings, **_: object) -> None:
            settings.posting.enabled = False

        await kopf.operator(registry=registry, standalone=True, clusterwide=True)


def main() -> None:
    """Run until ended."""
    parser = argparse.ArgumentParser(prog="python -m bench.arms.direct", description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    uvloop.run(_main(parser.parse_args().kubeconfig))


if __name__ == "__main__":
    main()
