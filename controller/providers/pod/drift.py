"""What others changed of a pod, how often Argosy has mended that, and when Argosy leaves it alone.

Called for each look at a server (`observation`) and for each mend (`provider`). Drift is what
differs from what Argosy itself set: labels of its own, and the images of a pod whose spec others
changed after it was made. What the API server defaults, or an admission webhook made of a request,
is what runs, and no drift. What is set again and again after Argosy mended it is somebody's will:
after a few times Argosy leaves it and says so. The count stands on the pod, where every operator
finds it; whoever removes the annotation has Argosy try again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from controller import errors
from controller.api import names, objects, tags
from controller.planning import merge_patch
from controller.providers.pod import manifest

# How often Argosy mends a pod against somebody who sets the same again.
MOST = 3
LABEL, IMAGE = "label", "image"


def labels(pod: objects.Pod, wanted: Mapping[str, str]) -> tuple[str, ...]:
    """Return the labels of Argosy's own that are not as they were set."""
    found = pod.metadata.labels
    if wanted.items() <= found.items():
        return ()
    return tuple(sorted(f"{LABEL} {key}" for key in names.missing_or_changed(found, wanted)))


def images(pod: objects.Pod, server: objects.Server, way: int) -> tuple[str, ...]:
    """Return the containers whose images others changed after the pod was made.

    Each change of a pod's spec raises its generation. Where that is higher than Argosy's own
    changes made it, somebody else's hand is in it; where it is not known, nothing is said.
    """
    if way < 0 or not _is_touched(pod.metadata):
        return ()  # of an alternative that is in the list no more, nothing is known
    template, others = bytes(server.spec.template), server.spec.recovery.alternatives
    if way < len(others):
        template = merge_patch.merge_json(template, bytes(others[way].patch))
    return edited(pod, template)


def edited(pod: objects.Pod, template: bytes) -> tuple[str, ...]:
    """Return the containers whose images are not those of a template, by somebody else's hand."""
    if not _is_touched(pod.metadata):
        return ()
    try:
        wanted = manifest.images(template)
    except errors.TemplateRefused:
        return ()  # told elsewhere, and never asked for
    return tuple(
        sorted(
            f"{IMAGE} {each.name}"
            for each in pod.spec.containers
            if wanted.get(each.name, each.image) != each.image
        )
    )


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
    who = next(_managers(whole, found), "") if count >= MOST else ""
    return {names.MENDED_ANNOTATION: f"{count} {who}".strip()}


def _managers(whole: bytes, found: Iterable[str]) -> Iterator[str]:
    """Yield the field managers, other than Argosy's, that hold what is found."""
    try:
        entries = msgspec.json.decode(whole)["metadata"]["managedFields"]
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
        return
    wanted = [_path(each) for each in found]
    for entry in entries if isinstance(entries, list) else ():
        manager = entry.get("manager") if isinstance(entry, dict) else None
        if not isinstance(manager, str) or manager.startswith(names.SPEC_MANAGER):
            continue
        if any(_holds(entry.get("fieldsV1"), path) for path in wanted):
            yield manager


def _path(item: str) -> tuple[str, ...]:
    kind, _, name = item.partition(" ")
    if kind == LABEL:
        return ("f:metadata", "f:labels", f"f:{name}")
    return ("f:spec", "f:containers", f'k:{{"name":"{name}"}}', "f:image")


def _holds(fields: Any, path: Iterable[str]) -> bool:
    for step in path:
        if not isinstance(fields, dict) or step not in fields:
            return False
        fields = fields[step]
    return True
