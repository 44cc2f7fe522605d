"""The headless Service by which a set's servers are found: made, and kept as it must be.

Called by the ServerSet planner. Only what names in DNS rest on is kept; ports and labels that
people add are theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller import contract
from controller.api import clock, names, objects
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.kinds.serverset import server_manifests
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import outcomes, ownership, remedies, targets, writes
from controller.planning.plan import Action


def keep(snapshot: ServerSetSnapshot) -> Action | None:
    """Return what makes the Service, or puts right what was edited by hand; None if all is well."""
    if contract.Capability.DNS not in snapshot.fleet.capabilities:
        return None
    wanted, found = server_manifests.service(snapshot.server_set), snapshot.service
    if found is None:
        return writes.create(wanted, why="servers are found by it in DNS")
    if found.metadata.deletion_timestamp is not None or is_taken(snapshot):
        return None
    if is_let_go(snapshot):
        return ownership.take_up(found, Resource.SERVERSETS, snapshot.server_set)
    body = _mended(found, wanted)
    if not body:
        return None
    return writes.patch(
        found,
        body=body,
        why="servers are found by it in DNS, and somebody changed it",
        guarded=False,
    )


def is_awaited(snapshot: ServerSetSnapshot) -> bool:
    """Return whether new servers wait for the Service: none starts before it is there."""
    if contract.Capability.DNS not in snapshot.fleet.capabilities or is_taken(snapshot):
        return False
    return snapshot.service is None or snapshot.service.metadata.deletion_timestamp is not None


def is_let_go(snapshot: ServerSetSnapshot) -> bool:
    """Return whether the Service is one that an earlier set of the name let go of."""
    spec, found = snapshot.server_set.spec, snapshot.service
    labels = names.labels(spec.application, spec.component)
    return found is not None and ownership.is_let_go(found.metadata, labels)


def is_taken(snapshot: ServerSetSnapshot) -> bool:
    """Return whether the Service of the set's name is somebody else's: it is told, and left alone.

    A chart's own Service has that name, too. Servers run without the names in DNS that ours gives.
    One without our labels is not cached: that it is there is known from the answer to a create.
    """
    if contract.Capability.DNS not in snapshot.fleet.capabilities:
        return False
    if snapshot.service is not None:
        ours = ownership.owned_by(snapshot.service, snapshot.server_set)
        return not ours and not is_let_go(snapshot)
    return any(is_about(each, snapshot) for each in outcomes.of(snapshot.outcomes).refused)


def is_about(found: outcomes.Outcome, snapshot: ServerSetSnapshot) -> bool:
    """Return whether a call failed as somebody else's Service has the set's name."""
    target, name = found.target, snapshot.server_set.metadata.name
    return (
        found.reason == Reason.NAME_TAKEN
        and isinstance(target, targets.Write)
        and (target.resource, target.name) == (Resource.SERVICES, name)
    )


def taken(snapshot: ServerSetSnapshot) -> tuple[Blocked, ...]:
    """Return what to tell of a Service that is somebody else's."""
    if not is_taken(snapshot):
        return ()
    meta = snapshot.server_set.metadata
    message = (
        f"The Service {meta.name} exists and belongs to something else, so servers have no names of"
        " their own in DNS."
    )
    return (
        Blocked(
            object=f"{PLACES[Resource.SERVICES].kind}/{meta.name}",
            reason=Reason.NAME_TAKEN,
            message=message,
            since=clock.stamp(snapshot.now),
            remedy=remedies.show("services", meta.name, meta.namespace),
        ),
    )


def _mended(found: objects.Service, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch by which `found` has our labels and picks our servers; {} for none."""
    body: dict[str, Any] = {}
    if labels := names.missing_or_changed(found.metadata.labels, wanted["metadata"]["labels"]):
        body["metadata"] = {"labels": labels}
    spec: dict[str, Any] = {}
    selector = wanted["spec"]["selector"]
    if found.spec.selector != selector:
        spec["selector"] = {each: None for each in found.spec.selector if each not in selector}
        spec["selector"] |= names.missing_or_changed(found.spec.selector, selector)
    if not found.spec.publish_not_ready_addresses:
        spec["publishNotReadyAddresses"] = True
    if spec:
        body["spec"] = spec
    return body
