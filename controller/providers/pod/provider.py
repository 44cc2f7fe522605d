"""Servers made of pods: each a pod of the server's name, with claims of its own.

`execution` calls it for the servers of fleets whose provider is `pod`. Observations come from the
informers; acts go to the API server, one request a call where nothing is in the way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from controller import contract, errors
from controller.api import names, objects, tags
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract.reasons import ProviderReason
from controller.kube import api as kube
from controller.kube import faults, informer, receipts
from controller.kube.receipts import WriteReceipt
from controller.planning import buckets
from controller.providers.pod import (
    adoption,
    changes,
    commands,
    drift,
    manifest,
    observation,
    reads,
    resizing,
    revisions,
)
from controller.providers.pod.claims import Claims, ClaimStanding
from controller.providers.steps import refusals, steps


class PodProvider(contract.AlwaysHeard, contract.NoClaims):
    """Makes, sees, changes and deletes pods, and what belongs to them."""

    def __init__(
        self,
        api: kube.Api,
        pods: informer.Informer[objects.Pod],
        claims: informer.Informer[objects.Claim] | None = None,
        *,
        act_steps: steps.Steps | None = None,
        clock: Callable[[], float] = time.time,
        served: frozenset[str] = frozenset(),
    ) -> None:
        self._api = api
        self._pods = pods
        self._claims = Claims(api, claims)
        self._clock = clock
        self._served = served
        self._exec = commands.PodExec(api)
        self._steps = act_steps or steps.Steps(api)

    def writes(self, server: objects.Server, call: contract.Call) -> tuple[contract.Place, ...]:
        """Return the server's pod and claims."""
        namespace, name = server.metadata.namespace, server.metadata.name
        claims = (names.claim(each.name, name) for each in call.volume_claims)
        return (
            (Resource.PODS, namespace, name),
            *((Resource.CLAIMS, namespace, each) for each in claims),
        )

    def observe(self, server: objects.Server) -> contract.Observation:
        """Return what the caches show of `server`."""
        meta = server.metadata
        if not self._pods.synced or (meta.namespace, meta.name) in self._pods.malformed:
            return contract.UNKNOWN
        volumes = self._claims.of(server) if server.spec.volume_claims else ()
        pod = self._pods.objects.get((meta.namespace, meta.name))
        if pod is not None:
            seen = observation.observe(pod, server, volumes, self._clock())
            return self._claims.count_lost(seen, server, pod)
        if volumes:
            return contract.Observation(phase=contract.Phase.ABSENT, volumes=volumes)
        return contract.ABSENT

    def claims(
        self, namespace: str, application: str, component: str = ""
    ) -> tuple[contract.Claim, ...]:
        """Return the claims that are labelled as the component's."""
        return self._claims.of_component((namespace, application, component))

    def instance(self, server: objects.Meta) -> str | None:
        """Return the uid of the pod of that name, if it is the server's."""
        if not self._pods.synced:
            return None
        meta = self._pods.seen(server.namespace, server.name)
        owner = meta.controller if meta is not None else None
        return meta.uid if meta and owner and owner.uid == server.uid else ""

    def instances(self) -> tuple[contract.Instance, ...] | None:
        """Return the pods in the cache, those that cannot be read among them."""
        return tuple(self._instances()) if self._pods.synced else None

    def _instances(self) -> Iterator[contract.Instance]:
        now = self._clock()
        for key, pod in self._pods.objects.items():
            if key not in self._pods.malformed:
                yield observation.instance(pod.metadata, observation.phase(pod, now))
        for odd in self._pods.malformed.values():
            yield observation.instance(odd.metadata, contract.Phase.UNKNOWN)

    def can_change(self, before: bytes, after: bytes) -> bool:
        """Return whether all that differs is in the table of what pods change in place."""
        return changes.can_become(before, after, served=self._served)

    def own_addresses(self, server: objects.Server) -> tuple[str, ...]:
        """Return the pod's address, unless it is its node's."""
        pod = self._pods.objects.get((server.metadata.namespace, server.metadata.name))
        if pod is None or pod.spec.host_network or not observation.is_ours(pod, server):
            return ()
        return (pod.status.pod_ip,) if pod.status.pod_ip else ()

    async def create(self, server: objects.Server, call: contract.Call) -> contract.Receipt:
        """Make the claims that are missing, then the pod; one that was let go of is taken up."""
        body = manifest.pod(
            server,
            call.template,
            call.alternative,
            call.volume_claims,
            call.placement,
            subdomain=call.subdomain,
        )
        namespace = server.metadata.namespace
        # Looked at before anything is written: what cannot be taken up is left as it is.
        left = await self._left(server, call.adopt) if call.adopt else None
        written = await self._claims.ensure(server, call)
        seen = self._pods.objects.get((namespace, server.metadata.name))
        if seen is not None and observation.is_let_go(seen, server):
            # Not asked for first: a quota that is used up by this very pod would refuse it.
            return (*written, *await self._take_up(seen, server))
        if left is not None:
            return (*written, *await self._adopt_left(left, server, call.template))
        try:
            with refusals.explained():
                answer = await self._api.create(Resource.PODS, namespace, body, strict=True)
        except faults.NotFound as error:
            message = f"the namespace {namespace} is gone"
            raise errors.Waiting(message, reason=Reason.NAMESPACE_TERMINATING) from error
        except faults.AlreadyExists:
            return (*written, *await self._adopt(server))
        spec, made = server.spec, refusals.decode(answer, objects.Pod)
        own = manifest.labels(server, incarnation=spec.incarnation, revision=spec.revision)
        return (*written, await self._seen(made, own))

    async def _seen(self, pod: objects.Pod, own: Mapping[str, str]) -> WriteReceipt:
        """Have a pod bear its labels that something took off as it was made, or just after."""
        if body := manifest.mend(pod, own):
            pod = await self._patched(pod, body, style="merge")
        drift.check_kept(pod, own)
        return receipts.of(Resource.PODS, pod)

    async def change(self, server: objects.Server, call: contract.Call) -> contract.Receipt:
        """Bring the pod's images and resources to the template; or mend labels, grow claims."""
        meta = server.metadata
        pod = self._pods.objects.get((meta.namespace, meta.name))
        if pod is None or pod.metadata.uid != call.instance:
            raise errors.Waiting(
                f"pods/{meta.name} is another by now", reason=ProviderReason.INSTANCE_CHANGED
            )
        if not call.template:
            standing = ClaimStanding(pod)
            claims = await self._claims.ensure(server, call, standing)
            mended = await self._mend(pod, server, relabelled=tuple(standing.relabelled))
            # Last, as the storage class may refuse that.
            return (*claims, *mended, *await self._claims.grow(server, call))
        if observation.incarnation(pod, server) != server.spec.incarnation:
            message = f"pods/{meta.name} is of another incarnation: it must be replaced"
            raise errors.Stalled(message, reason=ProviderReason.NOT_SUPPORTED)
        edited = drift.edited(pod, call.template)
        if call.leave is None:
            return await self._bring(pod, server, call, edited)
        theirs = set(await self._by_others(pod, edited)).difference(call.leave)
        body = manifest.change(
            server,
            pod,
            call.template,
            lambda field: field not in theirs,
            whole=not call.leave,
        )
        if not theirs:
            # An admission webhook made the images what they are, and somebody changed other fields.
            body = manifest.settle(pod)
        counted = await self._counted(pod, body, tuple(sorted(theirs)))
        return await self._patch(pod, counted, style="strategic")

    async def _bring(
        self, pod: objects.Pod, server: objects.Server, call: contract.Call, edited: tuple[str, ...]
    ) -> contract.Receipt:
        """Bring the pod to another revision: what the two have in common is left as it is.

        Resources first, as only they may be refused for want of room, and the pod is at its
        revision before until the rest is written. Begun again, it goes on; given up half way for
        another revision, nobody knows whose the amounts are: then all of them are set.
        """
        before = await revisions.before(self._api, pod, server, call)
        body = changes.resize(pod, None if changes.is_half(pod) else before, call.template)
        resized: contract.Receipt = ()
        if body:
            pod, resized = await resizing.resize(self._api, pod, body)
        kept = () if edited else drift.kept(pod, before, call.template)
        change = manifest.change(
            server, pod, call.template, lambda field: field in kept, resized=bool(body)
        )
        counted = await self._counted(pod, change, edited)
        return (*resized, *await self._patch(pod, counted, style="strategic"))

    async def _by_others(self, pod: objects.Pod, edited: tuple[str, ...]) -> tuple[str, ...]:
        if not edited:
            return ()
        meta = pod.metadata
        return drift.by_others(edited, await self._whole(meta))

    async def delete(self, server: objects.Server, call: contract.Call) -> contract.Receipt:
        """Delete the pod with the uid `call.instance`; its claims stay.

        Of a server that goes, only as the pod is cached: it may have been orphaned since.
        """
        meta = server.metadata
        seen = self._pods.objects.get((meta.namespace, meta.name))
        known = seen is not None and seen.metadata.uid == call.instance
        guarded = meta.deletion_timestamp is not None and known and call.grace_seconds != 0
        return await self._delete(
            meta.namespace,
            meta.name,
            uid=call.instance,
            grace_seconds=call.grace_seconds,
            version=seen.metadata.resource_version if seen is not None and guarded else "",
        )

    async def act(self, server: objects.Server, call: contract.Call) -> contract.Facts:
        """Run the task's command, request or Job; pods know no act of their own."""
        facts = await self._steps.run(server, call, self.own_addresses(server))
        return await self._exec.run(server, call) if facts is None else facts

    async def resume(self, server: objects.Server, call: contract.Call) -> contract.Facts:
        """Follow a detached command or a Job to its end."""
        facts = await self._steps.resume(server, call, self.own_addresses(server))
        return await self._exec.resume(server, call) if facts is None else facts

    async def cancel(self, server: objects.Server, call: contract.Call) -> contract.Facts:
        """End a detached command or a Job; anything else ended with its connection."""
        if not await self._steps.cancel(server, call):
            await self._exec.cancel(server, call)
        return {}

    async def collect(self, instance: str, server: str) -> contract.Receipt:
        """Delete the pod with this uid."""
        namespace, _, name = server.partition("/")
        return await self._delete(namespace, name, uid=instance, grace_seconds=None)

    async def _adopt(self, server: objects.Server) -> contract.Receipt:
        meta = server.metadata
        answer = await self._whole(meta)
        pod = refusals.decode(answer, objects.Pod)
        if observation.is_let_go(pod, server):
            return await self._take_up(pod, server)
        if observation.is_left_over(pod, server):
            message = f"pods/{meta.name} was left by an earlier server, and waits to be collected"
            raise errors.OwnerGone(message, reason=Reason.OWNER_GONE)
        if not observation.is_ours(pod, server):
            message = f"pods/{meta.name} exists and is not controlled by this server"
            raise errors.NameTaken(message, reason=Reason.NAME_TAKEN)
        if pod.metadata.deletion_timestamp is None and not drift.is_seen(pod, server):
            # Which incarnation it is may not be known any more: it is replaced once it is seen.
            return (await self._seen(pod, observation.own_labels(pod, server)),)
        seen = observation.incarnation(pod, server)
        if pod.metadata.deletion_timestamp is not None or seen != server.spec.incarnation:
            message = f"pods/{meta.name} is still there as incarnation {seen}"
            raise errors.Waiting(message, reason=ProviderReason.OLDER_INSTANCE)
        return await self._mend(pod, server) or (receipts.of(Resource.PODS, pod),)

    async def _left(self, server: objects.Server, adopt: str) -> objects.Pod | None:
        """Return the pod that what ran the server before left of it; None where there is none."""
        meta = server.metadata
        answer = await reads.left(self._api, Resource.PODS, meta.namespace, meta.name)
        if not answer:
            return None
        pod = refusals.decode(answer, objects.Pod)
        known = observation.is_ours, observation.is_let_go, observation.is_left_over
        if any(each(pod, server) for each in known):
            return None
        adoption.check(pod, adopt)
        return pod

    async def _adopt_left(
        self, pod: objects.Pod, server: objects.Server, template: bytes
    ) -> contract.Receipt:
        """Take up a pod as it runs; of the server's revision it is if it was made from the same."""
        held = b""
        if name := adoption.hash_of(pod):
            held = await reads.left(self._api, Resource.REVISIONS, pod.metadata.namespace, name)
        same = adoption.holds(held, template) and adoption.is_untouched(pod, template)
        return await self._patch(pod, adoption.take_up(pod, server, same=same), style="merge")

    async def _take_up(self, pod: objects.Pod, server: objects.Server) -> contract.Receipt:
        return await self._patch(pod, manifest.take_up(pod, server), style="merge")

    async def _mend(
        self, pod: objects.Pod, server: objects.Server, *, relabelled: tuple[str, ...] = ()
    ) -> contract.Receipt:
        if drift.is_left(pod.metadata):
            return contract.NOTHING
        body = manifest.mend(pod, observation.own_labels(pod, server))
        found = (*drift.labels(pod, observation.own_labels(pod, server)), *relabelled)
        if relabelled and not body:
            body = manifest.at(pod)
        return await self._patch(pod, await self._counted(pod, body, found), style="merge")

    async def _counted(
        self, pod: objects.Pod, body: dict[str, Any], found: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return the patch with the count of mends, which is what bounds them."""
        if not found or not body:
            return body
        meta = pod.metadata
        last = tags.mended(meta)[0] + 1 >= drift.MOST
        whole = await self._whole(meta) if last else b""
        marks = {**body["metadata"].get("annotations", {}), **drift.counted(pod, found, whole)}
        return {**body, "metadata": {**body["metadata"], "annotations": marks}}

    async def _whole(self, meta: objects.Meta) -> bytes:
        return await reads.whole(self._api, Resource.PODS, meta.namespace, meta.name)

    async def _patch(
        self, pod: objects.Pod, body: Mapping[str, Any], *, style: kube.PatchStyle
    ) -> contract.Receipt:
        if not body:
            return contract.NOTHING
        return (receipts.of(Resource.PODS, await self._patched(pod, body, style=style)),)

    async def _patched(
        self, pod: objects.Pod, body: Mapping[str, Any], *, style: kube.PatchStyle
    ) -> objects.Pod:
        meta, body = pod.metadata, buckets.beside(pod.metadata, body)
        try:
            with refusals.explained():
                answer = await self._api.patch(
                    Resource.PODS, meta.namespace, meta.name, body, style=style
                )
        except (faults.NotFound, faults.Conflict) as error:
            message = f"pods/{meta.name} has changed since it was looked at"
            raise errors.Waiting(message, reason=ProviderReason.INSTANCE_CHANGED) from error
        return refusals.decode(answer, objects.Pod)

    async def _delete(
        self,
        namespace: str,
        name: str,
        *,
        uid: str,
        grace_seconds: int | None,
        version: str = "",
    ) -> contract.Receipt:
        if not uid:
            # Without a precondition the delete could hit whatever has the name.
            return contract.NOTHING
        reached = 0
        try:
            answer = await self._api.delete(
                Resource.PODS,
                namespace,
                name,
                uid=uid,
                resource_version=version,
                grace_seconds=grace_seconds,
            )
            reached = refusals.version_of(answer, uid)
        except (faults.NotFound, faults.Conflict) as refused:
            if version and isinstance(refused, faults.Conflict):
                raise  # it is not what it was when this was planned
            # Gone, or another pod has the name. The cache may not show it yet, so it is told too.
        gone = WriteReceipt(
            resource=Resource.PODS,
            namespace=namespace,
            name=name,
            uid=uid,
            resource_version=reached,
            gone=True,
        )
        return (gone,)
