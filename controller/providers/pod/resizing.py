"""Requests and limits of a pod that runs on: how they are asked for, and how far that has come.

`provider` asks by it for `pods/resize`; `observation` reads of a pod's conditions whether the
kubelet has done that, cannot yet, or never will. A size that somebody else asked for, such as an
autoscaler, is not waited for: the pod is theirs to size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from controller import contract, errors
from controller.api import names, objects
from controller.api.builtin_choices import PodConditionType
from controller.api.resources import Resource
from controller.contract.reasons import ProviderReason
from controller.kube import api as kube
from controller.kube import faults, receipts
from controller.providers.pod import changes
from controller.providers.pod.reasons import KubeletReason
from controller.providers.steps import refusals
from controller.reasons import NOTHING, AnyReason, ForeignReason


class CannotChange(errors.Stalled):
    """The API server takes no such change of a living pod: a new one may have it."""

    policy = dataclasses.replace(errors.Stalled.policy, costs_attempt=False)


@dataclasses.dataclass(frozen=True, slots=True)
class ResizeProgress:
    """How far a resize of Argosy's own has come; `unfit` where this node will never do it."""

    under_way: bool = False
    unfit: bool = False
    reason: AnyReason = NOTHING
    message: str = ""


DONE = ResizeProgress()


def progress(pod: objects.Pod, template: bytes) -> ResizeProgress:
    """Return how far the resize to `template` has come, as the kubelet says."""
    found = {each.type: each for each in pod.status.conditions if each.status == "True"}
    pending = found.get(PodConditionType.RESIZE_PENDING)
    begun = found.get(PodConditionType.RESIZE_IN_PROGRESS)
    if (pending is None and begun is None) or changes.differing(pod, template):
        return DONE  # or somebody else's
    told = pending or begun
    if told is None or not told.reason:
        return ResizeProgress(under_way=True)
    unfit = told is pending and told.reason == KubeletReason.INFEASIBLE
    message = f"the node {pod.spec.node_name} does not resize the pod yet: {told.message}"
    if unfit:
        message = f"the node {pod.spec.node_name} cannot resize the pod: {told.message}"
    return ResizeProgress(
        under_way=True, unfit=unfit, reason=ForeignReason(told.reason), message=message.strip(": ")
    )


async def resize(
    api: kube.Api, pod: objects.Pod, body: Mapping[str, Any]
) -> tuple[objects.Pod, contract.Receipt]:
    """Ask for other resources, and return the pod as it is then.

    Noted before it is asked, with what the pod has: whoever is killed before the pod is at its new
    revision leaves one that is at none, and not one whose size nobody knows. The note stays where
    the resize is refused: a write that took it off would have the refused one tried again at once.
    A change that the API server takes of no living pod is raised as CannotChange. Quotas and
    policies are not: they would refuse a new pod as well, and then there would be none.
    """
    meta = pod.metadata
    noted: contract.Receipt = ()
    if names.RESIZED_FROM_ANNOTATION not in meta.annotations:
        mark = {names.RESIZED_FROM_ANNOTATION: changes.sizes(pod)}
        first = {**body["metadata"], "annotations": mark}
        pod, noted = await _patch(api, pod, {"metadata": first})
    meta = pod.metadata
    version = {**body["metadata"], "resourceVersion": meta.resource_version}
    try:
        now, resized = await _patch(
            api, pod, {**body, "metadata": version}, subresource=changes.RESIZE
        )
    except faults.NotFound as error:
        raise await _not_found(api, pod) from error
    except refusals.PolicyRefused:
        raise
    except errors.TemplateRefused as error:
        message = f"pods/{meta.name} cannot be resized: {error.words or error}"
        raise CannotChange(
            message, reason=ProviderReason.CANNOT_CHANGE, words=error.words
        ) from error
    return now, (*noted, *resized)


async def _patch(
    api: kube.Api, pod: objects.Pod, body: Mapping[str, Any], *, subresource: str = ""
) -> tuple[objects.Pod, contract.Receipt]:
    meta = pod.metadata
    try:
        with refusals.explained():
            answer = await api.patch(
                Resource.PODS,
                meta.namespace,
                meta.name,
                body,
                subresource=subresource,
                style="strategic",
            )
    except faults.Conflict as error:
        raise _changed(pod) from error
    now = refusals.decode(answer, objects.Pod)
    return now, (receipts.of(Resource.PODS, now),)


def _changed(pod: objects.Pod) -> errors.Waiting:
    message = f"pods/{pod.metadata.name} has changed since it was looked at"
    return errors.Waiting(message, reason=ProviderReason.INSTANCE_CHANGED)


async def _not_found(api: kube.Api, pod: objects.Pod) -> errors.ArgosyError:
    """Tell a pod that is gone from an API server that knows no resize."""
    meta = pod.metadata
    gone = _changed(pod)
    try:
        found = refusals.decode(
            await api.get(Resource.PODS, meta.namespace, meta.name), objects.Pod
        )
    except faults.NotFound:
        return gone
    if found.metadata.uid != meta.uid:
        return gone
    message = f"pods/{meta.name} cannot be resized: the API server has no pods/{changes.RESIZE}"
    return CannotChange(message, reason=ProviderReason.CANNOT_CHANGE)
