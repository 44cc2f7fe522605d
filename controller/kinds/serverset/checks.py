"""Why nothing may be made or changed below a set, whatever its servers need.

An ordered list of small checks; the first that finds something answers. Called by the ServerSet
planner before it decides anything.
"""

from __future__ import annotations

import dataclasses

from controller import contract
from controller.api import resources
from controller.api.choices import ServiceType
from controller.api.resources import Resource
from controller.contract.reasons import ProviderReason
from controller.kinds.serverset import service, service_manifest
from controller.kinds.serverset.reasons import ServerSetReason
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import obstacles, outcomes, remedies
from controller.planning.obstacles import Check, Obstacle


def find(snapshot: ServerSetSnapshot) -> Obstacle | None:
    """Return what keeps the set from making or changing anything, if something does."""
    return obstacles.first(snapshot, CHECKS)


def _orphaned(snapshot: ServerSetSnapshot) -> Obstacle | None:
    if snapshot.application is not None:
        return None
    meta, spec = snapshot.server_set.metadata, snapshot.server_set.spec
    message = (
        f"No application controls this set: {spec.application} is gone or let go of it. An"
        " application of that name, applied again, takes up what runs, as it is."
    )
    return obstacles.by(
        f"Application/{spec.application}",
        ServerSetReason.ORPHANED,
        message,
        now=snapshot.now,
        remedy=remedies.show("argset", meta.name, meta.namespace),
        stalled=True,
    )


def _application_deleting(snapshot: ServerSetSnapshot) -> Obstacle | None:
    found = obstacles.application_deleting(snapshot)
    if found is None:
        return None
    message = f"{found.message.removesuffix('.')}; this set waits for its turn."
    return dataclasses.replace(found, message=message)


def _claims(snapshot: ServerSetSnapshot) -> Obstacle | None:
    """Servers without the volumes that were asked for would lose what they write."""
    spec, fleet = snapshot.server_set.spec, snapshot.fleet
    if not spec.volume_claims or contract.Capability.CLAIMS in fleet.capabilities:
        return None
    return _unable(snapshot, "cannot give servers volumeClaims: take them")


def _names(snapshot: ServerSetSnapshot) -> Obstacle | None:
    """Servers that nobody finds would be ready all the same."""
    wanted, fleet = snapshot.server_set.spec.service, snapshot.fleet
    if wanted is None or wanted.type == ServiceType.NONE:
        return None
    if contract.Capability.DNS in fleet.capabilities:
        return None
    return _unable(snapshot, "cannot give servers a Service: take it")


def _unable(snapshot: ServerSetSnapshot, cannot: str) -> Obstacle:
    """Return the obstacle of a fleet that cannot do what its component asks for."""
    spec, fleet = snapshot.server_set.spec, snapshot.fleet
    message = (
        f"The fleet {fleet.name} {cannot} out of the component {spec.component}, or name a fleet"
        " that can."
    )
    return obstacles.by(
        f"Component/{spec.component}",
        ProviderReason.NOT_SUPPORTED,
        message,
        now=snapshot.now,
        remedy=remedies.edit_application(spec.application, snapshot.server_set.metadata.namespace),
        stalled=True,
    )


def _adopt(snapshot: ServerSetSnapshot) -> Obstacle | None:
    """Servers that are made beside what was to be taken up would be there twice."""
    fleet, application = snapshot.fleet, snapshot.application
    name = snapshot.server_set.spec.component
    components = application.spec.components if application is not None else ()
    asked = any(each.adopt is not None for each in components if each.name == name)
    if not asked or contract.Capability.ADOPT in fleet.capabilities:
        return None
    return _unable(snapshot, "cannot take up what a StatefulSet left: take adopt")


def _service(snapshot: ServerSetSnapshot) -> Obstacle | None:
    """Servers wait for their Service while it is refused; one that is there stands in no way."""
    if not service.is_awaited(snapshot):
        return None
    failed = outcomes.of(snapshot.outcomes)
    called = service_manifest.name(snapshot.server_set)
    if not failed.has_refused(Resource.SERVICES, called):
        return None
    name = resources.thing(Resource.SERVICES, called)
    refused = next(each for each in failed.refused if each.target.object == name)
    blocked = refused.blocked(snapshot.server_set)
    again = service.keep(snapshot)
    return Obstacle(
        reason=refused.reason,
        message=refused.message,
        stalled=True,
        blocked=(blocked,),
        tries=(again,) if again is not None else (),
    )


# The first that finds something is told; so what nobody can undo comes before what can be mended.
CHECKS: tuple[Check[ServerSetSnapshot], ...] = (
    # The namespace takes everything with it: nothing could be made in it any more.
    obstacles.namespace,
    # So does an application on its way out: before `_orphaned`, which it leads to.
    _application_deleting,
    # Nobody says what should be: what runs is kept as it is.
    _orphaned,
    # Somebody wants it to rest: before what is wrong, as nothing is to be mended meanwhile.
    obstacles.resting,
    # The fleet that makes the servers is missing or not allowed.
    obstacles.fleet_problem,
    # Or it is not to be called now.
    obstacles.fleet_pause,
    # The fleet could make servers, but not with the volumes that were asked for.
    _claims,
    # The same of names.
    _names,
    # The fleet could make servers, but not of what runs already.
    _adopt,
    # The fleet could make servers, but they would find no names in DNS.
    _service,
)
