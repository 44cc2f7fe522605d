"""The pods and claims that a StatefulSet left: which of them a server takes up, at which revision.

Both sides consent: whoever wrote the application names the StatefulSet, and nothing controls its
pods any more. Labels of Argosy's own and an ownerReference are all that a pod gets, labels all that
a claim gets; whatever else is on them stays, as it is what another StatefulSet would know them by.
Called by `provider` before it makes a pod.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from controller import errors
from controller.api import names, objects, resources
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.planning import ownership, rendering
from controller.providers.pod import drift, manifest
from controller.providers.pod.reasons import PodReason


class StillControlled(errors.Waiting):
    """The former controller still runs the pod: the pod is taken up once that lets go of it."""

    policy = dataclasses.replace(errors.Waiting.policy, told_after=1, longest_wait=15.0)


class ClaimOwned(errors.Stalled):
    """A claim would be collected with something else: no fault of the server."""

    policy = dataclasses.replace(errors.Stalled.policy, costs_attempt=False, longest_wait=30.0)


class _Spec(msgspec.Struct, frozen=True):
    template: msgspec.Raw = objects.NULL


class _Held(msgspec.Struct, frozen=True):
    spec: _Spec = _Spec()


def check(pod: objects.Pod, adopt: str) -> None:
    """Raise unless the pod is one that the StatefulSet `adopt` left, and that nothing controls."""
    meta = pod.metadata
    owner = meta.controller
    # First the controller that is named: it is about to let go of the pod, so this is worth waiting
    # for. Whatever else controls a pod keeps it.
    if owner is not None and f"{owner.kind}/{owner.name}" == adopt:
        raise StillControlled(
            f"{adopt} controls the pod {meta.name}, which is taken up once {adopt} is deleted with"
            " its pods orphaned (--cascade=orphan)",
            reason=PodReason.STILL_CONTROLLED,
            blocker=adopt,
        )
    if owner is not None:
        message = f"the pod {meta.name} is controlled by {owner.kind}/{owner.name}, not by {adopt}"
        raise errors.NameTaken(message, reason=Reason.NAME_TAKEN)
    # Nothing controls it: its labels alone tell that it was a StatefulSet that made it.
    if meta.labels.get(names.STATEFUL_POD) != meta.name or not hash_of(pod):
        message = f"the pod {meta.name} was not made by a StatefulSet"
        raise errors.NameTaken(message, reason=Reason.NAME_TAKEN)
    # Last, as it might have been taken up: the server makes its own once this one is gone.
    if meta.deletion_timestamp is not None:
        message = f"the pod {meta.name} is on its way out"
        raise errors.Waiting(message, reason=Reason.DELETING)


def hash_of(pod: objects.Pod) -> str:
    """Return the name of the ControllerRevision that the pod was made from, if it says one."""
    return pod.metadata.labels.get(names.STATEFUL_HASH, "")


def holds(revision: bytes, template: bytes) -> bool:
    """Return whether a StatefulSet's ControllerRevision holds just that template.

    So it does where the template was exported from the StatefulSet, whose own is complete: one that
    leaves a default out says the same, but not in a way that could be known.
    """
    try:
        data = msgspec.json.decode(revision, type=objects.ControllerRevision).data
        held = msgspec.json.decode(bytes(data), type=_Held).spec.template
        return _plain(bytes(held)) == _plain(template)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        return False


def is_untouched(pod: objects.Pod, template: bytes) -> bool:
    """Return whether nobody changed the pod's images after it was made."""
    return pod.metadata.generation <= 1 or not drift.differing(pod, template)


def take_up(pod: objects.Pod, server: objects.Server, *, same: bool) -> dict[str, Any]:
    """Return the merge patch by which `server` controls a pod that a StatefulSet left.

    Where its content is not the `same` as the server's revision, its revision is that of the
    StatefulSet: the component's rollout then replaces it, within its budget.
    """
    # Example: web-0 was made from ControllerRevision web-7f9c, and its server is to run 3b1d. If
    # web-7f9c holds the template of 3b1d, the label says 3b1d, and nothing restarts. If not, the
    # label says web-7f9c; the Server is told so (`_adopted` in its rules), counts as up, and is
    # replaced when its turn comes.
    meta, spec = pod.metadata, server.spec
    owner = ownership.owner_reference(Resource.SERVERS, server)
    revision = spec.revision if same else hash_of(pod)
    wanted = manifest.labels(server, incarnation=spec.incarnation, revision=revision)
    return {
        "metadata": {
            **ownership.taken_up(meta, owner),
            "labels": names.missing_or_changed(meta.labels, wanted),
        }
    }


def is_at_another(pod: objects.Pod) -> bool:
    """Return whether the pod was taken up at a revision that is the StatefulSet's alone."""
    found = pod.metadata.labels.get(names.REVISION_LABEL, "")
    return bool(found) and found == hash_of(pod)


def claim(found: objects.Claim, server: objects.Server) -> dict[str, Any]:
    """Return the merge patch by which the server's claim is known as its own: labels alone."""
    meta = found.metadata
    spec = server.spec
    wanted = names.identity(spec.application, spec.component, server.metadata.name)
    return {
        "metadata": {
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
            "labels": names.missing_or_changed(meta.labels, wanted),
        }
    }


def is_unclaimed(found: objects.Claim) -> bool:
    """Return whether Argosy knows the claim as nobody's."""
    return not any(key.startswith(f"{names.GROUP}/") for key in found.metadata.labels)


def check_claim(found: objects.Claim) -> None:
    """Raise where the claim would be collected with something that owns it."""
    meta = found.metadata
    owner = next(iter(meta.owner_references), None)
    if owner is not None:
        name = f"{owner.kind}/{owner.name}"
        raise ClaimOwned(
            f"the claim {meta.name} belongs to {name} and would be deleted with it: take its"
            " ownerReferences off first",
            reason=PodReason.CLAIM_OWNED,
            blocker=resources.thing(Resource.CLAIMS, meta.name),
        )


def _plain(template: bytes) -> bytes:
    """Return a template as one text, without what Kubernetes adds where it keeps one."""
    value: dict[str, Any] = msgspec.json.decode(
        rendering.canonical(msgspec.Raw(template)), type=dict
    )
    return rendering.canonical(
        {key: each for key, each in value.items() if key != "$patch" and each != {}}
    )
