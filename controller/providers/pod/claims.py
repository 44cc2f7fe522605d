"""The claims of a server: made before its pod, found again, taken up, and missed where they went.

Called by the provider. Whose a claim is, and how it grows, says `volumes`.
"""

from __future__ import annotations

import dataclasses

from controller import contract, errors
from controller.api import names, objects
from controller.api.resources import Resource
from controller.contract.reasons import ProviderReason
from controller.kube import api as kube
from controller.kube import faults, informer, receipts
from controller.kube.receipts import WriteReceipt
from controller.planning import buckets
from controller.providers.pod import adoption, drift, manifest, reads, volumes
from controller.providers.steps import refusals

_STANDING = frozenset({contract.Phase.PENDING, contract.Phase.RUNNING})


@dataclasses.dataclass(frozen=True, slots=True)
class ClaimStanding:
    """A server's own pod, which runs, and the claims that are known as the server's again."""

    pod: objects.Pod
    relabelled: list[str] = dataclasses.field(default_factory=list)


class Claims:
    """Makes and sees the claims of servers; none where the cluster's are not watched."""

    def __init__(self, api: kube.Api, cached: informer.Informer[objects.Claim] | None) -> None:
        self._api = api
        self._cached = cached

    def of_component(self, component: tuple[str, str, str]) -> tuple[contract.Claim, ...]:
        """Return the claims that are labelled as a component's; of all, where none is named."""
        return volumes.of_component(self._cached, component)

    async def grow(self, server: objects.Server, call: contract.Call) -> contract.Receipt:
        """Have a server's claims ask for as much as they should by now."""
        return await volumes.grow(self._api, self._cached, server, call)

    def of(self, server: objects.Server) -> tuple[contract.Volume, ...]:
        """Return those of a server's claims that the cache has."""
        if self._cached is None:
            return ()
        meta, cached = server.metadata, self._cached.objects
        found = (
            (each.name, cached.get((meta.namespace, names.claim(each.name, meta.name))))
            for each in server.spec.volume_claims
        )
        return tuple(
            contract.Volume(
                name=name,
                asked=claim.asked,
                size=claim.size,
                going=claim.metadata.deletion_timestamp is not None,
            )
            for name, claim in found
            if claim is not None
        )

    def count_lost(
        self, seen: contract.Observation, server: objects.Server, pod: objects.Pod
    ) -> contract.Observation:
        """Count claims that went from under a pod as drift: it waits for them for ever.

        So are their labels by which they are the server's: without these no other pod gets them.
        """
        wanted = server.spec.volume_claims
        if not wanted or self._cached is None or seen.phase not in _STANDING:
            return seen
        there, found = seen.claims, self._cached.objects
        lost = tuple(f"claim {each.name}" for each in wanted if each.name not in there)
        meta = server.metadata
        edited = tuple(
            f"labels of claim {each.name}"
            for each in wanted
            if (claim := found.get((meta.namespace, names.claim(each.name, meta.name))))
            and not volumes.is_known(server, claim)
        )
        if edited and drift.is_left(pod.metadata):
            seen = dataclasses.replace(seen, left=(*edited, *seen.left))
            edited = ()
        return dataclasses.replace(seen, drift=(*lost, *edited, *seen.drift))

    async def ensure(
        self, server: objects.Server, call: contract.Call, standing: ClaimStanding | None = None
    ) -> contract.Receipt:
        """Make the claims that are missing, and have known as ours those that its pod mounts."""
        written: list[WriteReceipt] = []
        for wanted in call.volume_claims:
            written += await self._ensure_one(server, wanted, call, standing)
        return tuple(written)

    async def _ensure_one(
        self,
        server: objects.Server,
        wanted: objects.VolumeClaim,
        call: contract.Call,
        standing: ClaimStanding | None,
    ) -> contract.Receipt:
        namespace = server.metadata.namespace
        name = names.claim(wanted.name, server.metadata.name)
        if self._cached is not None and (cached := self._cached.objects.get((namespace, name))):
            return await self._kept(server, cached, standing)
        # Asked for first where one may be left: a quota that it uses up itself would refuse it.
        answer = (
            await reads.left(self._api, Resource.CLAIMS, namespace, name) if call.adopt else b""
        )
        try:
            with refusals.explained():
                body = manifest.claim(server, wanted, call.placement)
                answer = answer or await self._api.create(
                    Resource.CLAIMS, namespace, body, strict=True
                )
        except faults.AlreadyExists:
            answer = await reads.whole(self._api, Resource.CLAIMS, namespace, name)
        claim = refusals.decode(answer, objects.Claim)
        if call.adopt and adoption.is_unclaimed(claim):
            return (await self._adopt(claim, server),)
        written = await self._kept(server, claim, standing)
        return written or (receipts.of(Resource.CLAIMS, claim),)

    async def _kept(
        self, server: objects.Server, claim: objects.Claim, standing: ClaimStanding | None
    ) -> contract.Receipt:
        """Have a claim that the server's own pod mounts known as its own, whoever relabelled it.

        No pod is made with a claim that is not the server's: so one that it mounts is.
        """
        if (
            volumes.is_known(server, claim)
            or standing is None
            or drift.is_left(standing.pod.metadata)
        ):
            volumes.check(server, claim)
            return contract.NOTHING
        meta, name = standing.pod.metadata, claim.metadata.name
        whole = await reads.whole(self._api, Resource.PODS, meta.namespace, meta.name)
        if name not in manifest.mounted(whole, meta.uid):
            volumes.check(server, claim)
        standing.relabelled.append(name)
        return (await self._adopt(claim, server),)

    async def _adopt(self, claim: objects.Claim, server: objects.Server) -> WriteReceipt:
        """Have a claim that a StatefulSet left known as the server's, and leave it as it is."""
        adoption.check_claim(claim)
        meta = claim.metadata
        body = buckets.beside(meta, adoption.claim(claim, server))
        try:
            answer = await self._api.patch(
                Resource.CLAIMS, meta.namespace, meta.name, body, style="merge"
            )
        except (faults.NotFound, faults.Conflict) as error:
            message = f"{Resource.CLAIMS}/{meta.name} has changed since it was looked at"
            raise errors.Waiting(message, reason=ProviderReason.INSTANCE_CHANGED) from error
        taken = refusals.decode(answer, objects.Claim)
        volumes.check(server, taken)
        return receipts.of(Resource.CLAIMS, taken)
