"""Whose a claim is, before a server is given it, and how it grows. Called by the provider."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from controller import contract, errors
from controller.api import names, objects, resources, tags
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract.reasons import ProviderReason
from controller.kube import api as kube
from controller.kube import faults, informer, receipts
from controller.kube.receipts import WriteReceipt
from controller.planning import buckets, finalizers, relations
from controller.providers.pod import manifest
from controller.providers.pod.reasons import PodReason
from controller.providers.steps import refusals


class GrowthRefused(errors.Stalled):
    """A claim is not to grow, by its storage class or otherwise: the server runs on as it is."""

    policy = dataclasses.replace(errors.Stalled.policy, costs_attempt=False)


def of_component(
    cached: informer.Informer[objects.Claim] | None, component: tuple[str, str, str]
) -> tuple[contract.Claim, ...]:
    """Return the claims that are labelled as a component's; of all, where none is named."""
    namespace, application, name = component
    if cached is None:
        return ()
    if name:
        return tuple(map(told, cached.by(relations.CLAIMS_BY_COMPONENT, component).values()))
    return tuple(
        told(each)
        for path, each in cached.objects.items()
        if (path[0], each.metadata.labels.get(names.APPLICATION_LABEL)) == (namespace, application)
    )


def told(claim: objects.Claim) -> contract.Claim:
    """Return a claim as planning knows it."""
    meta = claim.metadata
    return contract.Claim(
        id=meta.uid,
        name=meta.name,
        server=meta.labels.get(names.SERVER_LABEL, ""),
        component=meta.labels.get(names.COMPONENT_LABEL, ""),
        domain=tags.domain(meta) or "",
        going=meta.deletion_timestamp is not None,
        kept=finalizers.keepers(meta),
        asked=meta.deletion_timestamp or "",
        resource=Resource.CLAIMS,
    )


def is_known(server: objects.Server, claim: objects.Claim) -> bool:
    """Return whether the claim has the labels by which it is the server's."""
    wanted = manifest.claim_labels(server)
    ours = (names.APPLICATION_LABEL, names.COMPONENT_LABEL, names.SERVER_LABEL)
    return all(claim.metadata.labels.get(key) == wanted[key] for key in ours)


def check(server: objects.Server, claim: objects.Claim) -> None:
    """Raise NameTaken where a claim is not the server's, and Waiting where it is going."""
    name = claim.metadata.name
    blocker = resources.thing(Resource.CLAIMS, name)
    if not is_known(server, claim):
        message = f"{Resource.CLAIMS}/{name} exists and is not this server's"
        raise errors.NameTaken(message, reason=Reason.NAME_TAKEN, blocker=blocker)
    if claim.metadata.deletion_timestamp is not None:
        kept = finalizers.keepers(claim.metadata)
        message = f"{Resource.CLAIMS}/{name} is on its way out{kept and f', {kept}'}"
        raise errors.Waiting(message, reason=PodReason.CLAIM_TERMINATING, blocker=blocker)


async def grow(
    api: kube.Api,
    cached: informer.Informer[objects.Claim] | None,
    server: objects.Server,
    call: contract.Call,
) -> contract.Receipt:
    """Have claims ask for as much as is wanted; what they have they keep."""
    written: list[WriteReceipt] = []
    for wanted in call.volume_claims:
        namespace = server.metadata.namespace
        name = names.claim(wanted.name, server.metadata.name)
        found = cached.objects.get((namespace, name)) if cached else None
        body = manifest.growth(found, wanted) if found is not None else None
        if body and found is not None:
            labelled = buckets.beside(found.metadata, body)
            written.append(await _grow(api, namespace, name, labelled))
    return tuple(written)


async def _grow(api: kube.Api, namespace: str, name: str, body: Mapping[str, Any]) -> WriteReceipt:
    try:
        answer = await api.patch(Resource.CLAIMS, namespace, name, body, style="merge")
    except (faults.NotFound, faults.Conflict) as error:
        message = f"{Resource.CLAIMS}/{name} has changed since it was looked at"
        raise errors.Waiting(message, reason=ProviderReason.INSTANCE_CHANGED) from error
    except (faults.Refused, faults.Denied, faults.Forbidden) as error:
        raise GrowthRefused(
            f"The claim {name} cannot grow: {error.words}",
            reason=PodReason.CLAIM_CANNOT_GROW,
            words=error.words,
            blocker=resources.thing(Resource.CLAIMS, name),
        ) from error
    return receipts.of(Resource.CLAIMS, refusals.decode(answer, objects.Claim))
