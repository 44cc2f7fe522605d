"""Changes of others to a pod, how often Argosy has mended them, and when Argosy lets them be.

Called for each look at a server (`observation`) and for each mend (`provider`). Drift is what
differs from what Argosy itself set: labels of its own, and of a pod whose spec others changed after
it was made the images, an earlier deadline, and ephemeral containers. Of these only images can be
put back on a living pod. Added tolerations do nothing to a pod that runs, and are not compared;
resources that others resize are an autoscaler's, and are only told. Defaults of the API server,
and changes of an admission webhook to a request, are what runs, and no drift. A field that is set
again and again after Argosy mended it is somebody's will: after a few times Argosy leaves it and
says so. The count stands on the pod, where every operator finds it; whoever removes the annotation
has Argosy try again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from controller import errors
from controller.api import names, objects, resources, tags
from controller.api.resources import Resource
from controller.planning import merge_patch
from controller.providers.pod import changes, manifest
from controller.providers.pod.reasons import PodReason

# How often Argosy mends a pod against somebody who sets the same again.
MOST = 3
LABEL = "label"
DEADLINE, EPHEMERAL = "activeDeadlineSeconds", "ephemeralContainers"


class LabelsRemoved(errors.Stalled):
    """A pod does not keep the labels by which it is seen: no fault of the server."""

    policy = dataclasses.replace(errors.Stalled.policy, costs_attempt=False, longest_wait=60.0)


def is_seen(pod: objects.Pod, server: objects.Server) -> bool:
    """Return whether the pod has the labels by which Argosy sees it, and knows whose it is."""
    spec = server.spec
    own = names.identity(spec.application, spec.component, server.metadata.name)
    return own.items() <= pod.metadata.labels.items()


def check_kept(pod: objects.Pod, own: Mapping[str, str]) -> None:
    """Raise LabelsRemoved where the pod has not its labels, though they were just written.

    Without one that says its revision it is seen, and told as changed.
    """
    needed = {key: each for key, each in own.items() if key != names.REVISION_LABEL}
    if lacking := labels(pod, needed):
        keys = ", ".join(each.removeprefix(f"{LABEL} ") for each in lacking)
        raise LabelsRemoved(
            f"pods/{pod.metadata.name} does not keep {keys}, by which Argosy knows it: something"
            " changes pods as they are written",
            reason=PodReason.LABELS_REMOVED,
            blocker=resources.thing(Resource.PODS, pod.metadata.name),
        )


def labels(pod: objects.Pod, wanted: Mapping[str, str]) -> tuple[str, ...]:
    """Return the labels of Argosy's own that are not as they were set."""
    found = pod.metadata.labels
    if wanted.items() <= found.items():
        return ()
    return tuple(sorted(f"{LABEL} {key}" for key in names.missing_or_changed(found, wanted)))


def of_spec(
    pod: objects.Pod, server: objects.Server, way: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the images that others changed after the pod was made, and what cannot be put back.

    Each change of a pod's spec raises its generation. Where that is higher than Argosy's own
    changes made it, somebody else's hand is in it; where it is not known, nothing is said.
    """
    added = (EPHEMERAL,) if pod.spec.ephemeral_containers else ()
    if not _is_touched(pod.metadata) or not (template := made_from(server, way)):
        return (), added
    return edited(pod, template), (*_deadline(pod, template), *added)


def made_from(server: objects.Server, way: int) -> bytes:
    """Return what pods of the server are made from in that way.

    Of an alternative that is in the list no more, nothing is known.
    """
    template, others = bytes(server.spec.template), server.spec.recovery.alternatives
    if 0 <= way < len(others):
        return merge_patch.merge_json(template, bytes(others[way].patch))
    return template if way >= 0 else b""


def edited(pod: objects.Pod, template: bytes) -> tuple[str, ...]:
    """Return the images that are not those of a template, by somebody else's hand."""
    return differing(pod, template) if _is_touched(pod.metadata) else ()


def differing(pod: objects.Pod, template: bytes) -> tuple[str, ...]:
    """Return the images that are not those of a template, by whatever hand."""
    try:
        wanted = manifest.images(template)
    except errors.TemplateRefused:
        return ()  # told elsewhere, and never asked for
    spec = pod.spec
    found = (
        (manifest.image_field(place, each.name), each.image)
        for place, containers in (
            (changes.CONTAINERS, spec.containers),
            (changes.INIT_CONTAINERS, spec.init_containers),
        )
        for each in containers
    )
    return tuple(sorted(name for name, image in found if wanted.get(name, image) != image))


def kept(pod: objects.Pod, before: bytes | None, after: bytes) -> frozenset[str]:
    """Return the images that two revisions have in common, and that are others on the pod.

    An admission webhook made them so, of what is not asked for anew.
    """
    if before is None:
        return frozenset()
    one, other = manifest.images(before), manifest.images(after)
    return frozenset(each for each in differing(pod, after) if one.get(each) == other.get(each))


def resized(pod: objects.Pod, template: bytes) -> tuple[str, ...]:
    """Return the resources that others changed after the pod was made, which are left to them."""
    return changes.differing(pod, template) if _is_touched(pod.metadata) else ()


def _deadline(pod: objects.Pod, template: bytes) -> tuple[str, ...]:
    """Return the deadline that somebody gave the pod: it can be brought forward, and not lifted."""
    try:
        wanted = manifest.deadline(template)
    except errors.TemplateRefused:
        return ()
    return (DEADLINE,) if pod.spec.active_deadline_seconds != wanted else ()


def by_others(found: Iterable[str], whole: bytes) -> tuple[str, ...]:
    """Return what of the images found somebody else than Argosy wrote last.

    Others are as an admission webhook made them of Argosy's own request. Where the pod does not
    tell who wrote what, all of them are somebody else's.
    """
    entries = _entries(whole)
    if not entries:
        return tuple(found)
    return tuple(each for each in found if next(_managers(entries, (each,)), None) is not None)


def _is_touched(meta: objects.Meta) -> bool:
    return 0 < tags.own_generation(meta) < meta.generation


def is_left(meta: objects.Meta) -> bool:
    """Return whether Argosy has mended a pod often enough, and leaves it as others want it."""
    return tags.mended(meta)[0] >= MOST


def counted(pod: objects.Pod, found: Iterable[str], whole: bytes) -> dict[str, str]:
    """Return the annotation that counts one more mend; the last names who changes what is found.

    `whole` is the pod as the API server holds it, which alone tells who set what.
    """
    count = tags.mended(pod.metadata)[0] + 1
    who = next(_managers(_entries(whole), found), "") if count >= MOST else ""
    return {names.MENDED_ANNOTATION: f"{count} {who}".strip()}


def _entries(whole: bytes) -> tuple[dict[str, Any], ...]:
    """Return who wrote what of a pod, as the API server keeps it."""
    try:
        entries = msgspec.json.decode(whole)["metadata"]["managedFields"]
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
        return ()
    found = entries if isinstance(entries, list) else ()
    return tuple(each for each in found if isinstance(each, dict))


def _managers(entries: Iterable[dict[str, Any]], found: Iterable[str]) -> Iterator[str]:
    """Yield the field managers, other than Argosy's, that hold what is found."""
    wanted = [_path(each) for each in found]
    for entry in entries:
        manager = entry.get("manager")
        if not isinstance(manager, str) or manager.startswith(names.SPEC_MANAGER):
            continue
        if any(_holds(entry.get("fieldsV1"), path) for path in wanted):
            yield manager


def _path(item: str) -> tuple[str, ...]:
    kind, _, name = item.partition(" ")
    if kind == LABEL:
        return ("f:metadata", "f:labels", f"f:{name}")
    place, _, name = item.removesuffix("].image").partition("[")
    return ("f:spec", f"f:{place}", f'k:{{"name":"{name}"}}', "f:image")


def _holds(fields: Any, path: Iterable[str]) -> bool:
    for step in path:
        if not isinstance(fields, dict) or step not in fields:
            return False
        fields = fields[step]
    return True
