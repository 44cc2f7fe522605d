"""Stages: each provider in a world of its own, which tests can look at, disturb and break.

`test_provider.py` plays on them, in virtual time, and on `real_stage`. What a stage tells of the
world is what is really there, never what the provider says.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import msgspec

from controller import contract, errors
from controller.api import names, objects
from controller.api.resources import Resource
from controller.kube.informer import Informer
from controller.providers import registry
from controller.providers.memory import kind as memory
from controller.providers.memory import machines as memory_fleet
from controller.providers.openstack import kind as openstack
from controller.providers.openstack import opening
from fakes.api_server import ApiServer, Behaviour, Faults, Kubelet, Verdict, chaos
from fakes.api_server.storage import Json
from fakes.machine_faults import MachineFaults
from fakes.openstack import EPOCH as CLOUD_EPOCH
from fakes.openstack import Cloud
from fakes.openstack import Fault as CloudFault
from fakes.openstack import Machine as CloudMachine

NAMESPACE = "default"
BROKEN = b"[]"
# In virtual time: within how long what is done at sight is done, and after how long nothing that
# was asked for is still on its way.
PROMPT_SECONDS, QUIET_SECONDS = 5.0, 300.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance that really exists."""

    id: str
    name: str
    incarnation: int
    revision: str
    template: str
    going: bool


class Stage(Protocol):
    """A provider, its world, and what may happen to it."""

    provider: contract.Provider
    kind: contract.ProviderKind
    # Called with the namespace and name of a server of which something else may be seen.
    listeners: list[contract.Changed]
    prompt_seconds: float
    quiet_seconds: float

    async def begin(self) -> None:
        """Build the world: in the test itself, since fixtures live in real time."""

    async def end(self) -> None:
        """Take it down."""

    async def server(self, ordinal: int = 0) -> objects.Server:
        """Make a Server, another one each time, and return it."""

    def template(self, content: str) -> bytes:
        """Return a template whose instances `content` can tell apart; it changes in place."""

    def instances(self) -> list[Instance]:
        """Return what exists, in the order of names."""

    def volumes(self) -> dict[str, str]:
        """Return the claims that exist, what tells each from any other by its name."""

    def disturb(self, verb: str, *, lost: bool) -> None:
        """Let the next `create`, `change`, `delete` or `claim` fail, or lose its answer."""

    def break_down(self, server: objects.Server) -> None:
        """Let the server's instance fail."""

    def silence(self, server: objects.Server, *, silent: bool) -> None:
        """Cut the server's instance off, or let it be heard again."""

    async def successor(self) -> contract.Provider:
        """Return another provider of the same world, as a new operator has it; it has looked."""


def with_spec(server: objects.Server, **changes: object) -> objects.Server:
    """Return `server` as a planner's writes have changed its spec."""
    spec = msgspec.structs.replace(server.spec, **changes)
    return msgspec.structs.replace(server, spec=spec)


async def eventually(seen: Callable[[], bool], *, seconds: float = 120.0) -> None:
    """Return once `seen` holds; fail when it does not within `seconds` of the loop's time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not seen():
        assert loop.time() < deadline, "what was waited for did not come"
        await asyncio.sleep(0.05)


async def watch_phase(
    provider: contract.Provider, server: objects.Server, phase: contract.Phase
) -> contract.Observation:
    """Return what is seen of `server` once it is in `phase`."""
    await eventually(lambda: provider.observe(server).phase is phase)
    return provider.observe(server)


async def watch_ready(provider: contract.Provider, server: objects.Server) -> contract.Observation:
    """Return what is seen of `server` once it is ready."""
    await eventually(lambda: provider.observe(server).ready)
    return provider.observe(server)


async def made(
    provider: contract.Provider,
    server: objects.Server,
    call: contract.Call,
    *,
    passes: tuple[type[errors.ArgosyError], ...] = (errors.Waiting, errors.UnknownOutcome),
) -> contract.Observation:
    """Have a server made as an engine does, again after each error that passes; see it ready."""
    async with asyncio.timeout(120):
        while True:
            try:
                await provider.create(server, call)
                break
            except passes as error:
                await asyncio.sleep(error.retry_after or 0.5)
    return await watch_ready(provider, server)


def create(
    template: bytes, *, alternative: int = 0, claims: tuple[objects.VolumeClaim, ...] = ()
) -> contract.Call:
    """Return a plan's wish for an instance."""
    return contract.Call(
        verb=contract.Verb.CREATE,
        why="test",
        template=template,
        volume_claims=claims,
        alternative=alternative,
    )


def change(
    instance: str, template: bytes = b"", *, claims: tuple[objects.VolumeClaim, ...] = ()
) -> contract.Call:
    """Return a plan's wish for a change in place, or for mending."""
    return contract.Call(
        verb=contract.Verb.CHANGE,
        why="test",
        template=template,
        volume_claims=claims,
        instance=instance,
    )


def delete(instance: str, *, grace: int | None = 5) -> contract.Call:
    """Return a plan's wish for an instance to go."""
    return contract.Call(
        verb=contract.Verb.DELETE, why="test", instance=instance, grace_seconds=grace
    )


def fleet(provider: str) -> objects.Fleet:
    """Return a Fleet of that provider, without settings."""
    meta = objects.Meta(name="anywhere", uid="fleet-1")
    return objects.fleet(meta, objects.FleetSpec(provider=provider))


def tell(listeners: list[contract.Changed], namespace: str, name: str) -> None:
    """Tell all who listen of a change."""
    for each in tuple(listeners):
        each(namespace, name)


def phase_of(provider: contract.Provider, instance: str) -> contract.Phase:
    """Return what is seen of an instance by its id; ABSENT where there is none."""
    found = provider.instances()
    assert found is not None
    return {each.id: each.phase for each in found}.get(instance, contract.Phase.ABSENT)


class PodStage:
    """Pods, on an API server in memory whose kubelets work."""

    prompt_seconds, quiet_seconds = PROMPT_SECONDS, QUIET_SECONDS

    def __init__(self) -> None:
        self.kind = registry.kinds()["pod"]
        self.listeners: list[contract.Changed] = []
        self.fates: dict[str, Behaviour] = {}
        self.faults = Faults()
        self._owners = 0
        self._running: list[asyncio.Task[None]] = []
        self._open = contextlib.AsyncExitStack()

    async def begin(self) -> None:
        """Build the cluster."""
        self.kubelet = Kubelet(lambda body: self.fates.get(body["metadata"]["name"], Behaviour()))
        self.api = ApiServer(faults=self.faults, kubelet=self.kubelet)
        self.provider = await self._make()

    async def end(self) -> None:
        """Stop watching."""
        await self._open.aclose()
        for each in self._running:
            each.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def server(self, ordinal: int = 0) -> objects.Server:
        """Make a Server; one of an earlier name is let go, and leaves its pod behind."""
        name = names.server("shop", "web", ordinal)
        earlier = self.api.objects[Resource.SERVERS].get((NAMESPACE, name))
        if earlier is not None:
            uid = earlier["metadata"]["uid"]
            await self.api.delete(Resource.SERVERS, NAMESPACE, name, uid=uid, propagation="Orphan")
            await eventually(lambda: not self.api.objects[Resource.SERVERS].get((NAMESPACE, name)))
            self._adopt_out(name, uid)
        body = {
            "metadata": {"name": name},
            "spec": {
                "application": "shop",
                "component": "web",
                "ordinal": ordinal,
                "revision": "one",
            },
        }
        answer = await self.api.create(Resource.SERVERS, NAMESPACE, body)
        return msgspec.json.decode(answer, type=objects.Server)

    def template(self, content: str) -> bytes:
        """Return a pod template with an image called `content`."""
        return msgspec.json.encode(
            {
                "metadata": {"labels": {"tier": "front"}, "annotations": {"note": "kept"}},
                "spec": {"containers": [{"name": "app", "image": content}, _SIDECAR]},
            }
        )

    def instances(self) -> list[Instance]:
        """Return the pods that have a server's name."""
        return [_instance(body) for _, body in sorted(self.pods().items())]

    def pods(self) -> dict[tuple[str, str], Json]:
        """Return the pods as they are."""
        return dict(self.api.objects[Resource.PODS])

    def volumes(self) -> dict[str, str]:
        """Return the uids of the PersistentVolumeClaims."""
        found = self.api.objects[Resource.CLAIMS]
        return {name: body["metadata"]["uid"] for (_, name), body in found.items()}

    def disturb(self, verb: str, *, lost: bool) -> None:
        """Let the next such request for a pod, or for a claim, fail, or lose its answer."""
        verdict = Verdict(after=chaos.lost("test")) if lost else Verdict(before=chaos.busy("test"))
        if verb == "claim":
            self.faults.on("create", Resource.CLAIMS, verdict=verdict)
        else:
            self.faults.on({"change": "patch"}.get(verb, verb), Resource.PODS, verdict=verdict)

    def break_down(self, server: objects.Server) -> None:
        """Evict the pod."""
        self.kubelet.fail(NAMESPACE, server.metadata.name)

    def silence(self, server: objects.Server, *, silent: bool) -> None:
        """Lose the pod's node, or let it return."""
        node = self.pods()[NAMESPACE, server.metadata.name]["spec"]["nodeName"]
        if silent:
            self.kubelet.lost.add(node)
        else:
            self.kubelet.return_node(node)

    async def successor(self) -> contract.Provider:
        """Return a provider with caches of its own."""
        return await self._make()

    async def _make(self) -> contract.Provider:
        pods: Informer[objects.Pod] = Informer(
            self.api, Resource.PODS, label_selector=names.SERVER_LABEL
        )
        claims: Informer[objects.Claim] = Informer(self.api, Resource.CLAIMS)
        self.claims = claims
        for each in (pods, claims):
            self._running.append(asyncio.create_task(each.run()))
        context = contract.Context(
            api=self.api,
            informers={Resource.PODS: pods, Resource.CLAIMS: claims},
            clock=self.api.now,
            changed=lambda *server: tell(self.listeners, *server),
        )
        made = await self._open.enter_async_context(self.kind.open(context, fleet("pod")))
        await asyncio.gather(pods.wait(), claims.wait())
        return made

    def _adopt_out(self, name: str, uid: str) -> None:
        """Let the pod be controlled by the Server that was, as it is until it is collected."""
        found = self.pods().get((NAMESPACE, name))
        if found is not None:
            owner = {"apiVersion": names.API_VERSION, "kind": "Server", "name": name, "uid": uid}
            owners = [{**owner, "controller": True}]
            self.api.registry.patch(
                Resource.PODS, NAMESPACE, name, {"metadata": {"ownerReferences": owners}}
            )


def owner(ordinal: int, uid: str) -> objects.Server:
    """Return a Server that is in no API server: whoever calls sees to its uid alone."""
    meta = objects.Meta(name=names.server("shop", "web", ordinal), namespace=NAMESPACE, uid=uid)
    spec = objects.ServerSpec(application="shop", component="web", ordinal=ordinal, revision="one")
    return objects.Server(metadata=meta, spec=spec)


class MemoryStage:
    """Machines in memory."""

    prompt_seconds, quiet_seconds = PROMPT_SECONDS, QUIET_SECONDS

    def __init__(self) -> None:
        self.listeners: list[contract.Changed] = []
        self._owners = 0
        self._open = contextlib.AsyncExitStack()

    async def begin(self) -> None:
        """Build the fleet."""
        loop = asyncio.get_running_loop()
        settings = memory_fleet.MachineSettings(call_seconds=0.002)
        self.fleet = memory_fleet.MemoryFleet(settings, clock=loop.time)
        self.kind = memory.kind(lambda *_: self.fleet)
        self.provider = await self.successor()
        self._faults = MachineFaults(self.fleet)

    async def end(self) -> None:
        """Stop listening."""
        await self._open.aclose()

    async def server(self, ordinal: int = 0) -> objects.Server:
        """Make a Server with a uid of its own."""
        self._owners += 1
        return owner(ordinal, f"server-{self._owners}")

    def template(self, content: str) -> bytes:
        """Return a template with an image called `content`."""
        return msgspec.json.encode({"spec": {"image": content}})

    def instances(self) -> list[Instance]:
        """Return the machines."""
        return [
            Instance(
                id=each.id,
                name=each.key[1],
                incarnation=each.incarnation,
                revision=each.revision,
                template=msgspec.json.decode(each.template)["spec"]["image"],
                going=each.gone_at is not None,
            )
            for each in sorted(self.fleet.machines, key=lambda machine: machine.key)
        ]

    def volumes(self) -> dict[str, str]:
        """Return nothing: machines in memory have none."""
        return {}

    def disturb(self, verb: str, *, lost: bool) -> None:
        """Let the next such call fail, or lose its answer."""
        self._faults.disturb(verb, lost=lost)

    def break_down(self, server: objects.Server) -> None:
        """Break the machine."""
        self.fleet.break_down((NAMESPACE, server.metadata.name))

    def silence(self, server: objects.Server, *, silent: bool) -> None:
        """Cut the machine off, or let it be heard again."""
        self.fleet.silence((NAMESPACE, server.metadata.name), silent=silent)

    async def successor(self) -> contract.Provider:
        """Return another provider of the fleet."""
        context = contract.Context(
            api=ApiServer(),
            informers={},
            clock=asyncio.get_running_loop().time,
            changed=lambda *server: tell(self.listeners, *server),
        )
        return await self._open.enter_async_context(self.kind.open(context, fleet("memory")))


class CloudStage:
    """Servers of a cloud in memory."""

    prompt_seconds, quiet_seconds = PROMPT_SECONDS, QUIET_SECONDS

    def __init__(self) -> None:
        self.listeners: list[contract.Changed] = []
        self._owners = 0
        self._open = contextlib.AsyncExitStack()

    async def begin(self) -> None:
        """Build the cloud."""
        self.cloud = Cloud()
        self.kind = openstack.kind(self._connect)
        self.provider = await self.successor()

    async def end(self) -> None:
        """Stop looking."""
        await self._open.aclose()

    async def server(self, ordinal: int = 0) -> objects.Server:
        """Make a Server with a uid of its own."""
        self._owners += 1
        return owner(ordinal, f"server-{self._owners}")

    def template(self, content: str) -> bytes:
        """Return a template with an image called `content`."""
        spec = {"flavor": "small", "image": content, "networks": [{"name": "tenant"}]}
        return msgspec.json.encode({"spec": spec})

    def instances(self) -> list[Instance]:
        """Return the servers that stay."""
        there = [each for each in self.cloud.settle() if each.gone_at is None or each.silent]
        return [
            Instance(
                id=each.id,
                name=each.name,
                incarnation=int(each.tags[0].split(".")[2]),
                revision=each.metadata["argosy.revision"],
                template=self.cloud.images[each.body["imageRef"]].name,
                going=False,
            )
            for each in sorted(there, key=lambda machine: machine.name)
        ]

    def volumes(self) -> dict[str, str]:
        """Return the ids of Cinder's volumes; there must not be two of one name."""
        self.cloud.settle()
        found = [each for each in self.cloud.volumes.values() if not each.gone]
        assert len({each.name for each in found}) == len(found), found
        return {each.name: each.id for each in found}

    def disturb(self, verb: str, *, lost: bool) -> None:
        """Let the next such request not be sent, or be carried out without an answer."""
        method, path = {
            "create": ("POST", "/servers$"),
            "change": ("POST", "/action$"),
            "delete": ("DELETE", "/servers/"),
            "claim": ("POST", "/volumes$"),
        }[verb]
        fault = CloudFault(method=method, path=path, lost=lost, unsent=not lost)
        self.cloud.faults.append(fault)

    def break_down(self, server: objects.Server) -> None:
        """Put the server into ERROR."""
        machine = self._of(server)
        machine.status, machine.fault = "ERROR", "the host is on fire"
        machine.updated = self.cloud.now

    def silence(self, server: objects.Server, *, silent: bool) -> None:
        """Take the server's host and cell from the cloud, or bring them back."""
        machine = self._of(server)
        machine.silent, machine.updated = silent, self.cloud.now

    async def successor(self) -> contract.Provider:
        """Return another provider of the cloud, once it has looked."""
        context = contract.Context(
            api=ApiServer(),
            informers={},
            clock=lambda: CLOUD_EPOCH + asyncio.get_running_loop().time(),
            changed=lambda *server: tell(self.listeners, *server),
        )
        made = await self._open.enter_async_context(self.kind.open(context, self.fleet()))
        await eventually(lambda: made.instances() is not None)
        return made

    def _of(self, server: objects.Server) -> CloudMachine:
        return next(each for each in self.cloud.settle() if each.name == server.metadata.name)

    @staticmethod
    def fleet() -> objects.Fleet:
        """Return a Fleet of the cloud."""
        meta = objects.Meta(name="anywhere", uid="fleet-1")
        settings = {"cloud": "test", "rebuild": "WhenPossible", "probeCIDRs": ["10.0.0.0/16"]}
        raw = msgspec.Raw(msgspec.json.encode(settings))
        return objects.fleet(meta, objects.FleetSpec(provider="openstack"), raw)

    @contextlib.asynccontextmanager
    async def _connect(self, *_: object) -> AsyncIterator[opening.CloudConnection]:
        yield opening.CloudConnection(tokens=self.cloud, transport=self.cloud, prober=self.cloud)


_SIDECAR = {"name": "side", "image": "side:1"}


def _instance(body: Json) -> Instance:
    meta = body["metadata"]
    labels = meta.get("labels", {})
    return Instance(
        id=meta["uid"],
        name=meta["name"],
        incarnation=int(labels.get(names.INCARNATION_LABEL, 0)),
        revision=labels.get(names.REVISION_LABEL, ""),
        template=body["spec"]["containers"][0]["image"],
        going="deletionTimestamp" in meta,
    )


# One for each provider of the registry.
STAGES: dict[str, Callable[[], Stage]] = {
    "pod": PodStage,
    "memory": MemoryStage,
    "openstack": CloudStage,
}
