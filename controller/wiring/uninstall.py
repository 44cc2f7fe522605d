"""The check of `helm uninstall`: may anything go, and if so, let go of what is managed.

`argosy uninstall` calls `run`, from the chart's pre-delete hook. Refuse only answers. Release stops
the operator, then lifts our finalizers, so that nothing waits for an operator that is gone. Owners
stay as they are: installed again, Argosy carries on where it left off, and whoever deletes an
application meanwhile has Kubernetes collect its pods. Both leave alone what another install looks
after: whoever was idle can go at any time.
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import AsyncIterator
from typing import Literal

import msgspec

from controller.api import names, nesting
from controller.api.builtin_choices import PodPhase
from controller.api.resources import PLACES, Resource
from controller.kinds.registry import KINDS
from controller.kube import faults, installs
from controller.kube.api import Api
from controller.kube.client import Client
from controller.kube.lease import LEADER
from controller.planning import finalizers, words
from controller.providers import registry

PAGE = 500
POLL_SECONDS = 1.0
NAMED = 20
# How a release lets go of all at its next uninstall: every other value stays as it was set.
LET_GO = "--reset-then-reuse-values --set uninstall.policy=Release --set uninstall.pods=Keep"
ENDED = frozenset({PodPhase.SUCCEEDED, PodPhase.FAILED})
# Owners last: while one is there, nobody takes what it owns for abandoned.
RELEASED = tuple(each.resource for each in reversed(KINDS))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UninstallOptions:
    """How to go; each is a flag of `argosy uninstall`."""

    policy: Literal["Refuse", "Release"]
    pods: Literal["Keep", "Delete"]
    namespace: str
    deployment: str
    # Only these were watched; empty: all.
    namespaces: tuple[str, ...] = ()


class _Owner(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    controller: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether one of our kinds controls the object, at whatever version of it."""
        return self.controller and self.api_version.startswith(f"{names.GROUP}/")


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[_Owner, ...] = ()


class _Spec(msgspec.Struct, frozen=True):
    fleet: str = ""
    provider: str = ""


class _Status(msgspec.Struct, frozen=True):
    phase: str = ""


class _Found(msgspec.Struct, frozen=True):
    metadata: _Meta
    spec: _Spec = _Spec()
    status: _Status = _Status()

    @property
    def key(self) -> str:
        return f"{self.metadata.namespace}/{self.metadata.name}"


class _ListMeta(msgspec.Struct, frozen=True):
    more: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct, frozen=True):
    items: list[_Found]
    metadata: _ListMeta = _ListMeta()


_page = msgspec.json.Decoder(_Page)


class _Selector(msgspec.Struct, frozen=True, rename="camel"):
    match_labels: dict[str, str]


class _DeploymentSpec(msgspec.Struct, frozen=True):
    selector: _Selector


class _Deployment(msgspec.Struct, frozen=True):
    spec: _DeploymentSpec


def main(options: UninstallOptions) -> int:
    """Carry the policy out on the cluster that this process is in, or that its kubeconfig names."""
    return asyncio.run(_main(options))


async def _main(options: UninstallOptions) -> int:
    async with Client.connect() as api:
        return await run(api, options)


async def run(api: Api, options: UninstallOptions) -> int:
    """Carry the policy out; return the exit status, which is not 0 where the answer is no.

    An install has nothing to ask for, or to let go of, where another one looks after all.
    """
    ours = await _ours(api, options)
    return await _carry_out(api, ours) if ours is not None else 0


async def _ours(api: Api, options: UninstallOptions) -> UninstallOptions | None:
    """Return the options for what this install looks after; None where that is nothing."""
    install = f"{options.namespace}/{LEADER}"
    others = await installs.elsewhere(api, install, options.namespaces)
    for scope, holder in others.items():
        what = f"namespace {scope}" if scope else "the whole cluster"
        _say(f"left alone: the install {holder} looks after {what}")
    left = tuple(each for each in options.namespaces if each not in others)
    return dataclasses.replace(options, namespaces=left) if left or not others else None


async def _carry_out(api: Api, options: UninstallOptions) -> int:
    if options.policy == "Refuse":
        return await _refuse(api, options)
    foreign = await _outside(api, options)
    if foreign:
        _say(
            f"refused: {_listed(foreign)} would go on running unrecorded, as their fleets are not"
            " pods. Delete their applications first."
        )
        return 1
    await _stop(api, options)
    for resource in RELEASED:
        if PLACES[resource].namespaced or not options.namespaces:
            await _lift(api, options, resource)
    if options.pods == "Delete":
        await _delete_pods(api, options)
    return 0


async def _refuse(api: Api, options: UninstallOptions) -> int:
    there = [each.key async for each in _all(api, options, Resource.APPLICATIONS)]
    if not there:
        return 0
    _say(
        f"refused: there are applications: {_listed(there)}. Delete these applications and"
        " uninstall again. Or let go of them and leave their pods running: helm rollback to the"
        f" revision that runs, then helm upgrade with {LET_GO}, then uninstall again."
    )
    return 1


async def _outside(api: Api, options: UninstallOptions) -> list[str]:
    """Return the servers that are outside the cluster, or may be: it collects none of those."""
    inside = {name: each for name, each in registry.kinds().items() if each.in_cluster}
    fleets = {each.built_in.fleet for each in inside.values() if each.built_in is not None}
    if not options.namespaces:
        async for found in _all(api, options, Resource.FLEETS):
            if found.spec.provider in inside:
                fleets.add(found.metadata.name)
    return [
        found.key
        async for found in _all(api, options, Resource.SERVERS)
        if found.spec.fleet not in fleets
    ]


async def _stop(api: Api, options: UninstallOptions) -> None:
    """Scale the operator down and wait: a replica that still ran would put finalizers back."""
    where = (options.namespace, options.deployment)
    text = await api.get(Resource.DEPLOYMENTS, *where)
    labels = msgspec.json.decode(text, type=_Deployment).spec.selector.match_labels
    body = {"spec": {"replicas": 0}}
    await api.patch(Resource.DEPLOYMENTS, *where, body, subresource="scale")
    while await _runs(api, options, labels):  # noqa: ASYNC110 - the API server is what is asked
        await asyncio.sleep(POLL_SECONDS)
    _say(f"stopped {options.namespace}/{options.deployment}")


async def _runs(api: Api, options: UninstallOptions, labels: dict[str, str]) -> bool:
    """Return whether any pod may run still; of a count of replicas those that end are left out."""
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    own = dataclasses.replace(options, namespaces=(options.namespace,))
    async for each in _all(api, own, Resource.PODS, selector=selector):
        if each.status.phase not in ENDED:
            return True
    return False


async def _lift(api: Api, options: UninstallOptions, resource: Resource) -> None:
    lifted, again = 0, True
    while again:
        again = False
        async for each in _all(api, options, resource):
            meta = each.metadata
            kept = finalizers.without_ours(meta.finalizers)
            if len(kept) == len(meta.finalizers):
                continue
            # Written here, as a plan's patch is carried out by an engine, and none runs any more.
            # With the version that was read: another's finalizer, added meanwhile, is not lost.
            body = {"uid": meta.uid, "resourceVersion": meta.resource_version, "finalizers": kept}
            try:
                await api.patch(resource, meta.namespace, meta.name, {"metadata": body})
                lifted += 1
            except faults.NotFound:
                continue
            except faults.Conflict:
                again = True
    _say(f"let go of {lifted} {resource}")


async def _delete_pods(api: Api, options: UninstallOptions) -> None:
    """Delete the pods that Servers control, and no other that has their label.

    Pods that were exported keep the label, and a StatefulSet has them: with `Release` the owners
    stay as they are, so a pod that no Server controls is somebody else's, or nobody's.
    """
    deleted = kept = 0
    async for each in _all(api, options, Resource.PODS, selector=names.SERVER_LABEL):
        if not any(owner.is_ours for owner in each.metadata.owner_references):
            kept += 1
            continue
        try:
            await api.delete(
                Resource.PODS, each.metadata.namespace, each.metadata.name, uid=each.metadata.uid
            )
            deleted += 1
        except (faults.NotFound, faults.Conflict):
            continue  # gone, or another pod of that name already
    noun = PLACES[Resource.PODS].kind.lower()
    if kept:
        _say(f"left alone: {words.count(kept, noun)} that no Server controls")
    _say(f"deleted {words.count(deleted, noun)}")


async def _all(
    api: Api, options: UninstallOptions, resource: Resource, *, selector: str = ""
) -> AsyncIterator[_Found]:
    for namespace in options.namespaces or ("",):
        more = ""
        while True:
            text = await api.list(
                resource, namespace, label_selector=selector, limit=PAGE, continue_token=more
            )
            page = nesting.decode(_page, text)
            for each in page.items:
                yield each
            more = page.metadata.more
            if not more:
                break


def _listed(keys: list[str]) -> str:
    shown = ", ".join(sorted(keys)[:NAMED])
    rest = len(keys) - NAMED
    return f"{shown} and {rest} more" if rest > 0 else shown


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
