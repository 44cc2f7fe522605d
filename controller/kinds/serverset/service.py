"""The Service by which a set's servers are found: made, and kept as its component describes it.

Called by the ServerSet planner. Only what the component says is kept, and what names in DNS rest
on; ports, labels and annotations that people add are theirs, as is what the API server fills in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from controller import contract
from controller.api import clock, names, objects
from controller.api.choices import ServiceType
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.kinds.serverset import service_manifest
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import outcomes, ownership, remedies, targets, writes
from controller.planning.plan import Action

_WHY = "servers are found by it in DNS"


def keep(snapshot: ServerSetSnapshot) -> Action | None:
    """Return what makes the Service, or puts right what was edited by hand; None if all is well."""
    if contract.Capability.DNS not in snapshot.fleet.capabilities:
        return None
    found = snapshot.service
    if not _is_wanted(snapshot):
        return _needless(snapshot)
    if found is None:
        return writes.create(service_manifest.body(snapshot.server_set), why=_WHY)
    if found.metadata.deletion_timestamp is not None or is_taken(snapshot):
        return None
    if is_let_go(snapshot):
        return ownership.take_up(found, Resource.SERVERSETS, snapshot.server_set)
    return _kept(snapshot.server_set, found)


def _kept(server_set: objects.ServerSet, found: objects.Service) -> Action | None:
    wanted, body = service_manifest.asked(server_set), service_manifest.body(server_set)
    headless = found.spec.cluster_ip == service_manifest.NO_ADDRESS
    if headless != (wanted.type == ServiceType.HEADLESS):
        why = f"the type becomes {wanted.type}, and a living Service keeps the address it has"
        return writes.delete(found, why=why, guarded=True)
    patch = _mended(found, body)
    if not patch:
        return None
    return writes.patch(
        found,
        body=patch,
        why=f"{_WHY}, and it differs from what its component says",
        # A list replaces a list, and another writer may have added to it.
        guarded="ports" in patch.get("spec", {}),
    )


def is_awaited(snapshot: ServerSetSnapshot) -> bool:
    """Return whether new servers wait for the Service: none starts before it is there."""
    if contract.Capability.DNS not in snapshot.fleet.capabilities or is_taken(snapshot):
        return False
    if not _is_wanted(snapshot):
        return False
    return snapshot.service is None or snapshot.service.metadata.deletion_timestamp is not None


def is_let_go(snapshot: ServerSetSnapshot) -> bool:
    """Return whether the Service is one that an earlier set of the name let go of."""
    spec, found = snapshot.server_set.spec, snapshot.service
    labels = names.labels(spec.application, spec.component)
    return found is not None and ownership.is_let_go(found.metadata, labels)


def is_taken(snapshot: ServerSetSnapshot) -> bool:
    """Return whether the Service of that name is somebody else's: it is told, and left alone.

    A chart's own Service has that name, too. Servers run without the names in DNS that ours gives.
    One without our labels is not cached: that it is there is known from the answer to a create.
    """
    if contract.Capability.DNS not in snapshot.fleet.capabilities or not _is_wanted(snapshot):
        return False
    if snapshot.service is not None:
        ours = ownership.owned_by(snapshot.service, snapshot.server_set)
        return not ours and not is_let_go(snapshot)
    return any(is_about(each, snapshot) for each in outcomes.of(snapshot.outcomes).refused)


def is_about(found: outcomes.Outcome, snapshot: ServerSetSnapshot) -> bool:
    """Return whether a call failed as somebody else's Service has the name of the set's."""
    target, name = found.target, service_manifest.name(snapshot.server_set)
    return (
        found.reason == Reason.NAME_TAKEN
        and isinstance(target, targets.ObjectTarget)
        and (target.resource, target.name) == (Resource.SERVICES, name)
    )


def taken(snapshot: ServerSetSnapshot) -> tuple[Blocked, ...]:
    """Return what to tell of a Service that is somebody else's."""
    if not is_taken(snapshot):
        return ()
    name = service_manifest.name(snapshot.server_set)
    message = (
        f"The Service {name} exists and belongs to something else, so servers have no names of"
        " their own in DNS."
    )
    return (
        Blocked(
            object=f"{PLACES[Resource.SERVICES].kind}/{name}",
            reason=Reason.NAME_TAKEN,
            message=message,
            since=clock.stamp(snapshot.now),
            remedy=remedies.show("services", name, snapshot.server_set.metadata.namespace),
        ),
    )


def _is_wanted(snapshot: ServerSetSnapshot) -> bool:
    return service_manifest.asked(snapshot.server_set).type != ServiceType.NONE


def _needless(snapshot: ServerSetSnapshot) -> Action | None:
    """Return the delete of the set's own Service, where the component wants none any more."""
    found = snapshot.service
    if found is None or found.metadata.deletion_timestamp is not None:
        return None
    if not ownership.owned_by(found, snapshot.server_set):
        return None
    return writes.delete(found, why="the component says that there is to be none", guarded=True)


def _mended(found: objects.Service, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch by which `found` is what the component says; {} for none.

    Entries that the component named before but not now go; those that somebody else added stay.
    """
    meta, had = wanted["metadata"], found.metadata
    asked: Mapping[str, str] = meta.get("annotations", {})
    before = _said(had.annotations)
    dropped = before - _said(asked)
    labels = _changed(had.labels, meta["labels"], dropped, "label:")
    annotations = _changed(had.annotations, asked, dropped, "annotation:")
    if names.SAID_ANNOTATION in had.annotations and names.SAID_ANNOTATION not in asked:
        annotations[names.SAID_ANNOTATION] = None
    parts = {"labels": labels, "annotations": annotations}
    body: dict[str, Any] = {}
    if any(parts.values()):
        body["metadata"] = {key: each for key, each in parts.items() if each}
    if spec := _mended_spec(found.spec, wanted["spec"], dropped):
        body["spec"] = spec
    return body


def _mended_spec(
    found: objects.ServiceSpec, wanted: Mapping[str, Any], dropped: frozenset[str]
) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    selector = wanted["selector"]
    if found.selector != selector:
        spec["selector"] = {each: None for each in found.selector if each not in selector}
        spec["selector"] |= names.missing_or_changed(found.selector, selector)
    if found.publish_not_ready_addresses != wanted["publishNotReadyAddresses"]:
        spec["publishNotReadyAddresses"] = wanted["publishNotReadyAddresses"]
    ports = msgspec.convert(wanted.get("ports", []), tuple[objects.ServicePort, ...])
    if (after := _ports(found.ports, ports, dropped)) is not None:
        spec["ports"] = msgspec.to_builtins(after)
    return spec


def _ports(
    found: tuple[objects.ServicePort, ...],
    wanted: tuple[objects.ServicePort, ...],
    dropped: frozenset[str],
) -> tuple[objects.ServicePort, ...] | None:
    """Return the ports as they should be, others' among them; None where they are.

    A name that others use with another number is the component's.
    """
    there = {_token(each): each for each in found}
    names_of_ours = {each.name for each in wanted}
    merged = tuple(_completed(each, there.get(_token(each)), dropped) for each in wanted)
    gone = dropped | {_token(each) for each in wanted}
    others = tuple(
        each for each in found if _token(each) not in gone and each.name not in names_of_ours
    )
    same = {*merged, *others} == set(found) and len(merged) + len(others) == len(found)
    return None if same else merged + others


def _completed(
    wanted: objects.ServicePort, found: objects.ServicePort | None, dropped: frozenset[str]
) -> objects.ServicePort:
    """Return the port with what the API server or others gave it, where the component is silent."""
    if found is None:
        return wanted
    protocol = wanted.app_protocol
    if protocol is None and service_manifest.app_token(wanted.port, wanted.protocol) not in dropped:
        protocol = found.app_protocol
    return msgspec.structs.replace(wanted, node_port=found.node_port, app_protocol=protocol)


def _token(port: objects.ServicePort) -> str:
    return service_manifest.port_token(port.port, port.protocol)


def _said(annotations: Mapping[str, str]) -> frozenset[str]:
    """Return what the component said of its Service when that was last written."""
    return frozenset(filter(None, annotations.get(names.SAID_ANNOTATION, "").split(",")))


def _changed(
    found: Mapping[str, str], wanted: Mapping[str, str], dropped: frozenset[str], kind: str
) -> dict[str, str | None]:
    gone = (each.removeprefix(kind) for each in dropped if each.startswith(kind))
    taken_off = {key: None for key in gone if key in found and key not in wanted}
    return {**taken_off, **names.missing_or_changed(found, wanted)}
