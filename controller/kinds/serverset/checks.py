"""Why nothing may be made or changed below a set, whatever its servers need.

An ordered list of small checks; the first that finds something answers. Called by the ServerSet
planner before it decides anything.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from controller import contract
from controller.api import clock, resources
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract.reasons import ProviderReason
from controller.kinds.serverset import service, service_manifest
from controller.kinds.serverset.reasons import ServerSetReason
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import management, obstacles, outcomes, remedies

Check = Callable[[ServerSetSnapshot], obstacles.Obstacle | None]


def find(snapshot: ServerSetSnapshot) -> obstacles.Obstacle | None:
    """Return what keeps the set from making or changing anything, if something does."""
    return next((found for check in CHECKS if (found := check(snapshot))), None)


def _namespace(snapshot: ServerSetSnapshot) -> obstacles.Obstacle | None:
    if not snapshot.namespace_terminating:
        return None
    return obstacles.Obstacle(
        reason=Reason.NAMESPACE_TERMINATING, message="The namespace is being deleted."
    )


def _orphaned(snapshot: ServerSetSnapshot) -> obstacles.Obstacle | None:
    if snapshot.application is not None:
        return None
    meta, spec = snapshot.server_set.metadata, snapshot.server_set.spec
    message = (
        f"No application controls this set: {spec.application} is gone or let go of it. Applied"
        " again, it takes up what runs, as it is."
    )
    blocked = Blocked(
        object=f"Application/{spec.application}",
        reason=ServerSetReason.ORPHANED,
        message=message,
        since=clock.stamp(snapshot.now),
        remedy=remedies.show("argset", meta.name, meta.namespace),
    )
    return obstacles.Obstacle(
        reason=ServerSetReason.ORPHANED, message=message, stalled=True, blocked=(blocked,)
    )


def _application_deleting(snapshot: ServerSetSnapshot) -> obstacles.Obstacle | None:
    application = snapshot.application
    if application is None or application.metadata.deletion_timestamp is None:
        return None
    return obstacles.Obstacle(
        reason=Reason.DELETING,
        message="The application is being deleted; this set waits for its turn.",
    )


def _paused(snapshot: ServerSetSnapshot) -> obstacles.Obstacle | None:
    rest = management.rest(snapshot.application)
    if rest is None:
        return None
    blocked = msgspec.structs.replace(rest, since=clock.stamp(snapshot.now))
    return obstacles.Obstacle(reason=rest.reason, message=rest.message, blocked=(blocked,))


def _fleet(snapshot: ServerSetSnapshot) -> obstacles.Obstacle | None:
    fleet, now = snapshot.fleet, snapshot.now
    return obstacles.fleet_problem(fleet, now) or obstacles.fleet_pause(fleet, now)


def _claims(snapshot: ServerSetSnapshot) -> obstacles.Obstacle | None:
    """Servers without the volumes that were asked for would lose what they write."""
    spec, fleet = snapshot.server_set.spec, snapshot.fleet
    if not spec.volume_claims or contract.Capability.CLAIMS in fleet.capabilities:
        return None
    return _unable(snapshot, "cannot give servers volumeClaims: take them")


def _names(snapshot: ServerSetSnapshot) -> obstacles.Obstacle | None:
    """Servers that nobody finds would be ready all the same."""
    wanted, fleet = snapshot.server_set.spec.service, snapshot.fleet
    if wanted is None or wanted.type == service_manifest.NO_SERVICE:
        return None
    if contract.Capability.DNS in fleet.capabilities:
        return None
    return _unable(snapshot, "cannot give servers a Service: take it")


def _unable(snapshot: ServerSetSnapshot, cannot: str) -> obstacles.Obstacle:
    """Return the obstacle of a fleet that cannot do what its component asks for."""
    spec, fleet = snapshot.server_set.spec, snapshot.fleet
    message = (
        f"The fleet {fleet.name} {cannot} out of the component {spec.component}, or name a fleet"
        " that can."
    )
    blocked = Blocked(
        object=f"Component/{spec.component}",
        reason=ProviderReason.NOT_SUPPORTED,
        message=message,
        since=clock.stamp(snapshot.now),
        remedy=remedies.edit_application(spec.application, snapshot.server_set.metadata.namespace),
    )
    return obstacles.Obstacle(
        reason=ProviderReason.NOT_SUPPORTED, message=message, stalled=True, blocked=(blocked,)
    )


def _adopt(snapshot: ServerSetSnapshot) -> obstacles.Obstacle | None:
    """Servers that are made beside what was to be taken up would be there twice."""
    fleet, application = snapshot.fleet, snapshot.application
    name = snapshot.server_set.spec.component
    components = application.spec.components if application is not None else ()
    asked = any(each.adopt is not None for each in components if each.name == name)
    if not asked or contract.Capability.ADOPT in fleet.capabilities:
        return None
    return _unable(snapshot, "cannot take up what a StatefulSet left: take adopt")


def _service(snapshot: ServerSetSnapshot) -> obstacles.Obstacle | None:
    """Servers wait for their Service while it is refused; one that is there stands in no way."""
    if not service.is_awaited(snapshot):
        return None
    failed = outcomes.of(snapshot.outcomes)
    called = service_manifest.name(snapshot.server_set)
    if not failed.has_refused(Resource.SERVICES, called):
        return None
    name = resources.thing(Resource.SERVICES, called)
    blocked = next(
        each.blocked(snapshot.server_set) for each in failed.refused if each.target.object == name
    )
    again = service.keep(snapshot)
    return obstacles.Obstacle(
        reason=blocked.reason,
        message=blocked.message,
        stalled=True,
        blocked=(blocked,),
        tries=(again,) if again is not None else (),
    )


# The first that finds something is told; so what nobody can undo comes before what can be mended.
CHECKS: tuple[Check, ...] = (
    # The namespace takes everything with it: nothing could be made in it any more.
    _namespace,
    # So does an application on its way out: before `_orphaned`, which it leads to.
    _application_deleting,
    # Nobody says what should be: what runs is kept as it is.
    _orphaned,
    # Somebody wants it to rest: before what is wrong, as nothing is to be mended meanwhile.
    _paused,
    # What servers are made by is missing, not allowed, or not to be called now.
    _fleet,
    # It could make servers, but not with the volumes that were asked for.
    _claims,
    # The same of names.
    _names,
    # It could make servers, but not of what runs already.
    _adopt,
    # It could make servers, but they would find no names in DNS.
    _service,
)
