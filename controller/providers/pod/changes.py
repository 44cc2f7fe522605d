"""A table of the template's fields that may change while the pod stays, and what is read of them.

The provider answers by it whether one template becomes another in place, and makes of it the body
that is sent to `pods/resize`. A row is a field of containers. Whatever no row names takes a new
pod, and so does all that Kubernetes refuses: another QoS class, an amount that is taken away,
resources that are neither cpu nor memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from controller.api import names, objects, quantities, remembered
from controller.planning import rendering

CONTAINERS, INIT_CONTAINERS = "containers", "initContainers"
REQUESTS, LIMITS = "requests", "limits"
_PARTS = (REQUESTS, LIMITS)
_AMOUNTS = frozenset({"cpu", "memory"})

# The amounts of a container by part and resource: {("requests", "cpu"): "100m"}.
Amounts = Mapping[tuple[str, str], str]
_Container = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChangeableField:
    """A field of containers that may change in a living pod, where, and from what to what."""

    field: str
    fits: Callable[[str, _Container, _Container], bool]
    # The subresource of pods through which it changes; empty for the pod itself.
    through: str = ""


def _is_image_changeable(place: str, before: _Container, after: _Container) -> bool:
    """Init containers have run; a sidecar's image would be changed, but the pod not be at it."""
    del before, after
    return place == CONTAINERS


def _is_resizable(place: str, before: _Container, after: _Container) -> bool:
    """Return whether Kubernetes takes the new amounts of a container that runs."""
    if place != CONTAINERS and after.get("restartPolicy") != "Always":
        return False
    one, other = _resources(before), _resources(after)
    if one is None or other is None or _others(one) != _others(other):
        return False
    old, new = amounts(before), amounts(after)
    # Amounts that are taken away are refused.
    known = all(quantities.parse(each) is not None for each in (*old.values(), *new.values()))
    return known and old.keys() <= new.keys()


TABLE = (
    ChangeableField(field="image", fits=_is_image_changeable),
    ChangeableField(field="resources", fits=_is_resizable, through="resize"),
)
RESIZE = next(row.through for row in TABLE if row.through)


@remembered.by_content(256)
def can_become(
    before: bytes, after: bytes, *, served: frozenset[str] = frozenset({RESIZE})
) -> bool:
    """Return whether a living pod of one template can be brought to the other.

    `served` are the subresources of pods that the API server has.
    """
    one, other = _read(before), _read(after)
    if one is None or other is None:
        return False
    rows = [row for row in TABLE if not row.through or row.through in served]
    if not all(_become(rows, place, one, other) for place in (CONTAINERS, INIT_CONTAINERS)):
        return False
    if _bare(one) != _bare(other):
        return False
    if not _is_resized(one, other):
        return True
    return "resources" not in one["spec"] and _qos(one["spec"]) == _qos(other["spec"])


def _become(
    rows: list[ChangeableField], place: str, one: dict[str, Any], other: dict[str, Any]
) -> bool:
    """Return whether what differs of the containers of one place is in the table."""
    old, new = one["spec"].get(place) or [], other["spec"].get(place) or []
    if len(old) != len(new):
        return False
    for before, after in zip(old, new, strict=True):
        differing = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        fitting = {row.field for row in rows if row.fits(place, before, after)}
        if not differing <= fitting:
            return False
    return True


def _bare(template: dict[str, Any]) -> dict[str, Any]:
    spec = {
        key: each
        for key, each in template["spec"].items()
        if key not in (CONTAINERS, INIT_CONTAINERS)
    }
    return {**template, "spec": spec}


def _is_resized(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return any(
        before.get("resources") != after.get("resources")
        for place in (CONTAINERS, INIT_CONTAINERS)
        for before, after in zip(
            one["spec"].get(place) or [], other["spec"].get(place) or [], strict=True
        )
    )


def _read(template: bytes) -> dict[str, Any] | None:
    """Return a template whose containers can be told apart, or None."""
    value = msgspec.json.decode(rendering.canonical(msgspec.Raw(template)))
    spec = value.get("spec") if isinstance(value, dict) else None
    if not isinstance(spec, dict) or not spec.get(CONTAINERS):
        return None
    for place in (CONTAINERS, INIT_CONTAINERS):
        found = spec.get(place) or []
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            return None
    return dict(value)


def _resources(container: _Container) -> dict[str, Any] | None:
    """Return what a container asks for; None for what nobody can read."""
    found = container.get("resources") or {}
    if not isinstance(found, dict):
        return None
    whole = all(isinstance(found.get(part) or {}, dict) for part in _PARTS)
    return found if whole else None


def _others(resources: dict[str, Any]) -> dict[str, Any]:
    """Return what of a container's resources is fixed while it lives."""
    given = {part: resources.get(part) or {} for part in _PARTS}
    parts = {
        part: {key: each for key, each in found.items() if key not in _AMOUNTS}
        for part, found in given.items()
    }
    rest = {key: each for key, each in resources.items() if key not in _PARTS}
    return {**rest, **parts}


def amounts(container: _Container) -> Amounts:
    """Return the cpu and memory of a container; a limit alone is its request, too."""
    found = _resources(container) or {}
    limits, requests = found.get(LIMITS) or {}, found.get(REQUESTS) or {}
    parts = {REQUESTS: {**limits, **requests}, LIMITS: limits}
    return {
        (part, key): str(each)
        for part, given in parts.items()
        for key, each in given.items()
        if key in _AMOUNTS
    }


def _qos(spec: dict[str, Any]) -> str:
    """Return the QoS class that Kubernetes gives pods of a spec; no pod ever changes its own."""
    found = [
        amounts(each) for place in (CONTAINERS, INIT_CONTAINERS) for each in spec.get(place) or []
    ]
    if not any(quantities.parse(each) for some in found for each in some.values()):
        return "BestEffort"
    return "Guaranteed" if all(_is_guaranteed(each) for each in found) else "Burstable"


def _is_guaranteed(found: Amounts) -> bool:
    return all(
        quantities.parse(found.get((LIMITS, key), ""))
        and is_same(found[LIMITS, key], found.get((REQUESTS, key), ""))
        for key in _AMOUNTS
    )


def is_same(one: str, other: str) -> bool:
    """Return whether two amounts are the same, however they are written."""
    return one == other or (
        quantities.parse(one) is not None and quantities.parse(one) == quantities.parse(other)
    )


@remembered.by_content(512)
def wanted(template: bytes) -> Mapping[tuple[str, str], Amounts]:
    """Return the amounts that a template gives its containers, by place and name."""
    read = _read(template)
    if read is None:
        return {}
    return {
        (place, str(each.get("name", ""))): amounts(each)
        for place in (CONTAINERS, INIT_CONTAINERS)
        for each in read["spec"].get(place) or []
        if place == CONTAINERS or each.get("restartPolicy") == "Always"
    }


@remembered.by_content(512)
def _living(resources: bytes) -> Amounts:
    try:
        return amounts({"resources": msgspec.json.decode(resources)})
    except msgspec.DecodeError:
        return {}


def _of_pod(pod: objects.Pod) -> Iterator[tuple[str, str, Amounts]]:
    places = (CONTAINERS, pod.spec.containers), (INIT_CONTAINERS, pod.spec.init_containers)
    for place, containers in places:
        for each in containers:
            yield place, each.name, _living(bytes(each.resources))


def sizes(pod: objects.Pod) -> str:
    """Return a short text that is another one where any amount of the pod is."""
    found = [
        [place, name, *sorted([*key, each] for key, each in has.items())]
        for place, name, has in _of_pod(pod)
    ]
    return names.digest(msgspec.json.encode(found))


def is_half(pod: objects.Pod) -> bool:
    """Return whether the pod was resized, and the change that this is part of is not whole."""
    before = pod.metadata.annotations.get(names.RESIZED_FROM_ANNOTATION)
    return before is not None and before != sizes(pod)


def differing(pod: objects.Pod, template: bytes) -> tuple[str, ...]:
    """Return the containers of a pod whose amounts are not those of a template, as fields."""
    asked = wanted(template)
    found = (
        f"{place}[{name}].resources"
        for place, name, has in _of_pod(pod)
        if any(
            not is_same(has.get(key, ""), each)
            for key, each in asked.get((place, name), {}).items()
        )
    )
    return tuple(sorted(found))


def resize(pod: objects.Pod, before: bytes | None, after: bytes) -> dict[str, Any]:
    """Return the strategic merge patch of `pods/resize` that brings a pod's amounts to a template.

    Of what the two templates say alike nothing is touched: it may be an autoscaler's by now. {}
    where nothing is to change. Holds for the version of the pod that it was made from alone.
    """
    old, new = wanted(before) if before is not None else {}, wanted(after)
    spec: dict[str, list[dict[str, Any]]] = {}
    for place, name, has in _of_pod(pod):
        given: dict[str, dict[str, str]] = {}
        for (part, key), each in new.get((place, name), {}).items():
            kept = is_same(old.get((place, name), {}).get((part, key), ""), each)
            if not kept and not is_same(has.get((part, key), ""), each):
                given.setdefault(part, {})[key] = each
        if given:
            spec.setdefault(place, []).append({"name": name, "resources": given})
    if not spec:
        return {}
    meta = pod.metadata
    return {"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version}, "spec": spec}
