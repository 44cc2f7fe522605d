"""Pods as a provider: the line that the registry has of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from controller import contract, errors
from controller.api import names, objects
from controller.api.resources import Resource
from controller.contract import Capability
from controller.kube import informer
from controller.planning import relations
from controller.providers.pod import changes, rights
from controller.providers.pod.provider import PodProvider
from controller.providers.pod.reasons import KubeletReason, PodReason
from controller.providers.steps import rights as step_rights
from controller.providers.steps import steps


def kind() -> contract.ProviderKind:
    """Return pods as the registry lists them.

    Pods cannot be stopped and stay what they are, nor be photographed.
    """
    return contract.ProviderKind(
        name="pod",
        makes="pods",
        capabilities=frozenset(
            {
                Capability.DNS,
                Capability.EVICTIONS,
                Capability.CLAIMS,
                Capability.ADOPT,
                Capability.CHANGE_IN_PLACE,
                Capability.EXEC,
            }
        ),
        open=open_pods,
        reasons=(PodReason, KubeletReason),
        rights=(*rights.RIGHTS, *step_rights.RIGHTS),
        sees=(objects.Pod, objects.Claim, objects.Job),
        in_cluster=True,
        dry_runs=True,
        display=contract.Display(resource=Resource.PODS),
        built_in=contract.BuiltIn(
            fleet=names.BUILT_IN_FLEET, command="kubectl get --raw '/readyz?verbose'"
        ),
    )


async def _served(context: contract.Context) -> frozenset[str]:
    """Return the subresources by which pods may change here; none where nobody says."""
    try:
        served = await context.api.serves(Resource.PODS, changes.RESIZE)
    except errors.Stalled:
        return frozenset()  # not allowed to ask: then pods are replaced, which works everywhere
    return frozenset({changes.RESIZE}) if served else frozenset()


@contextlib.asynccontextmanager
async def open_pods(
    context: contract.Context, fleet: objects.Fleet
) -> AsyncIterator[contract.Provider]:
    """Lend a provider of pods that sees by the operator's own caches."""
    del fleet  # it has no settings
    pods: informer.Informer[objects.Pod] = context.informers[Resource.PODS]
    claims: informer.Informer[objects.Claim] | None = context.informers.get(Resource.CLAIMS)

    def pod_changed(old: objects.Pod | None, new: objects.Pod | None) -> None:
        pod = new or old
        if pod is not None:
            context.changed(pod.metadata.namespace, pod.metadata.name)

    def claim_changed(old: objects.Claim | None, new: objects.Claim | None) -> None:
        if new is None and old is not None:
            name = old.metadata.labels.get(names.SERVER_LABEL)
            if name:
                context.changed(old.metadata.namespace, name)

    pods.subscribe(pod_changed)
    if claims is not None:
        claims.add_index(relations.CLAIMS_BY_COMPONENT, relations.CLAIMS_BY_COMPONENT.key)
        claims.subscribe(claim_changed)
    try:
        async with steps.opened(context) as shared:
            yield PodProvider(
                context.api,
                pods,
                claims,
                act_steps=shared,
                clock=context.clock,
                served=await _served(context),
            )
    finally:
        pods.unsubscribe(pod_changed)
        if claims is not None:
            claims.unsubscribe(claim_changed)
