"""The whole engine in virtual time: real caches, real planners, an API server in memory.

    async with Universe() as universe:
        await universe.apply(application("shop", web=3))
        await universe.settle()

Only the process and the network are not real. `crash` ends the engine as kill -9 does, and starts
another that knows nothing but what the API server holds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, Self

from controller import contract
from controller.api.resources import Resource
from controller.execution.ownership import Ownership
from controller.kinds import registry as kinds_registry
from controller.kinds.kind import Kind
from controller.planning.builders import Builder
from controller.providers.memory import kind as memory
from controller.providers.memory.machines import MemoryFleet
from fakes.api_server import ApiServer, Faults, Kubelet
from fakes.operator import Kinds, Operator

Json = dict[str, Any]
# Virtual seconds after which an engine that has not come to rest never will.
PATIENCE = 1200.0
OURS = (
    Resource.APPLICATIONS,
    Resource.SERVERSETS,
    Resource.SERVERS,
    Resource.OPERATIONS,
    Resource.BUILDS,
)
# What builds images, unless a test says otherwise; `fakes.forge` ends its Jobs.
BUILDER = Builder(image="forge:1", address="tcp://daemon:1234")


def with_kind(changed: Kind[Any, Any]) -> Kinds:
    """Return all kinds, with this one in the place of its own."""
    return [changed if each.view is changed.view else each for each in kinds_registry.KINDS]


class Process(Operator):
    """One operator process: what is lost when it is killed."""

    def __init__(
        self,
        server: ApiServer,
        name: str,
        machines: MemoryFleet,
        kinds: Kinds = kinds_registry.KINDS,
        providers: Sequence[contract.ProviderKind] = (),
        *,
        ownership: Ownership | None = None,
        servers_per_namespace: int = 0,
        builder: Builder = BUILDER,
    ) -> None:
        listed = (memory.kind(lambda *_: machines), *providers)
        super().__init__(
            server,
            name=name,
            clock=server.now,
            kinds=kinds,
            providers={each.name: each for each in listed},
            ownership=ownership,
            servers_per_namespace=servers_per_namespace,
            builder=builder,
        )
        loop = asyncio.get_running_loop()
        self.tasks = [
            loop.create_task(self.caches.run(), name=f"{name} caches"),
            loop.create_task(self.engine.lead(), name=f"{name} engine"),
        ]

    async def kill(self) -> None:
        """End everything of this process at once; what is in flight may be carried out or not."""
        for task in self.tasks:
            task.cancel()
        await self.engine.stop()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class Universe:
    """A cluster, and the operator that runs in it."""

    def __init__(
        self,
        *,
        faults: Faults | None = None,
        kubelet: Kubelet | None = None,
        kinds: Kinds = kinds_registry.KINDS,
        providers: Sequence[contract.ProviderKind] = (),
        servers_per_namespace: int = 0,
        builder: Builder = BUILDER,
    ) -> None:
        self.faults = faults or Faults()
        self.kubelet = kubelet or Kubelet()
        self.server = ApiServer(faults=self.faults, kubelet=self.kubelet)
        # What servers of memory fleets are made of: like a cloud, it outlives the operator.
        self.machines = MemoryFleet(clock=self.server.now)
        self.kinds = kinds
        self._providers = providers
        # How many servers a namespace may have; the next operator that starts keeps to it.
        self.servers_per_namespace = servers_per_namespace
        # What builds images, of the next operator that starts.
        self.builder = builder
        self._number = 0
        self.process: Process

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.process.kill()

    def start(self, *, ownership: Ownership | None = None) -> None:
        """Start an operator process; without an `ownership` it owns everything."""
        self._number += 1
        self.process = Process(
            self.server,
            f"operator-{self._number}",
            self.machines,
            self.kinds,
            self._providers,
            ownership=ownership,
            servers_per_namespace=self.servers_per_namespace,
            builder=self.builder,
        )

    async def crash(self) -> None:
        """Kill the operator and start another."""
        await self.process.kill()
        self.start()

    async def apply(self, body: Json) -> Json:
        """Apply a manifest as a user does."""
        resource = KINDS[body["kind"]]
        meta = body["metadata"]
        answer = await self.server.apply(
            resource,
            meta.get("namespace", "default"),
            meta["name"],
            json.dumps(body).encode(),
            field_manager="user",
            force=True,
        )
        return dict(json.loads(answer))

    async def delete(self, resource: Resource, name: str, **options: Any) -> None:
        """Delete an object as a user does."""
        uid = self.get(resource, name)["metadata"]["uid"]
        await self.server.delete(resource, "default", name, uid=uid, **options)

    async def merge(self, resource: Resource, name: str, body: Json, **options: Any) -> None:
        """Patch an object as a user does."""
        await self.server.patch(resource, "default", name, body, field_manager="user", **options)

    def get(self, resource: Resource, name: str) -> Json:
        """Return an object as it is now."""
        return dict(self.server.objects[resource]["default", name])

    def names(self, resource: Resource) -> list[str]:
        """Return the names of what is there, sorted."""
        return sorted(name for _, name in self.server.objects.get(resource, {}))

    def condition(self, resource: Resource, name: str, kind: str = "Ready") -> Json:
        """Return a condition of an object; empty where it has none."""
        body = self.server.objects.get(resource, {}).get(("default", name), {})
        status = body.get("status", {})
        found = (each for each in status.get("conditions", []) if each["type"] == kind)
        return dict(next(found, {}))

    def is_ready(self, name: str = "shop") -> bool:
        """Return whether an application is there, and Ready at its current generation."""
        body = self.server.objects.get(Resource.APPLICATIONS, {}).get(("default", name), {})
        seen = body.get("status", {}).get("observedGeneration")
        return (
            self.condition(Resource.APPLICATIONS, name).get("status") == "True"
            and seen == body["metadata"]["generation"]
        )

    async def bring_up(self, body: Json) -> None:
        """Apply an application, and let time pass until it is Ready and rests."""
        await self.apply(body)
        await self.until(lambda: self.is_ready(body["metadata"]["name"]))
        await self.settle()

    async def until(self, true: Callable[[], bool], *, patience: float = PATIENCE) -> None:
        """Let time pass until `true` says so."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + patience
        while not true():
            for task in self.process.tasks:
                if task.done() and not task.cancelled():
                    task.result()
            if loop.time() > limit:
                raise AssertionError(f"not so after {patience} virtual seconds:\n{self.describe()}")
            await asyncio.sleep(0.05)

    async def settle(self, *, quiet: float = 10.0) -> None:
        """Let time pass until nothing of ours is written for `quiet` seconds."""
        loop = asyncio.get_running_loop()
        seen, since = -1, loop.time()
        limit = since + PATIENCE
        while loop.time() - since < quiet:
            if loop.time() > limit:
                raise AssertionError(f"never came to rest:\n{self.describe()}")
            await asyncio.sleep(0.25)
            for task in self.process.tasks:
                if task.done() and not task.cancelled():
                    task.result()
            now = len(self.server.writes)
            if now != seen or not self.process.engine.idle():
                seen, since = now, loop.time()

    def describe(self) -> str:
        """Return what is there, for a failure's message."""
        lines = []
        for resource in (*OURS, Resource.PODS):
            for (_, name), body in sorted(self.server.objects.get(resource, {}).items()):
                status = body.get("status", {})
                said = {
                    each["type"]: (each["status"], each.get("reason"), each.get("message"))
                    for each in status.get("conditions", [])
                }
                going = " going" if body["metadata"].get("deletionTimestamp") else ""
                lines.append(f"{resource}/{name}{going}: {said} {status.get('blockedBy', '')}")
        return "\n".join(lines)


KINDS = {
    "Application": Resource.APPLICATIONS,
    "Operation": Resource.OPERATIONS,
    "Build": Resource.BUILDS,
    "Fleet": Resource.FLEETS,
    "Service": Resource.SERVICES,
    "Pod": Resource.PODS,
    "StatefulSet": Resource.STATEFULSETS,
    "Deployment": Resource.DEPLOYMENTS,
}


def component(name: str, replicas: int | None, *, image: str = "app:1", **more: Any) -> Json:
    """Return a component of one container."""
    body: Json = {
        "name": name,
        "template": {"spec": {"containers": [{"name": "main", "image": image}]}},
        **more,
    }
    return body if replicas is None else body | {"replicas": replicas}


def application(name: str, *components: Json, **spec: Any) -> Json:
    """Return an Application."""
    return {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"components": list(components), **spec},
    }


def operation(name: str, app: str, action: str, **spec: Any) -> Json:
    """Return an Operation."""
    return {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Operation",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"application": app, "action": action, **spec},
    }
