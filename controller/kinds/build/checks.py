"""Why a Build ends early, or does not begin: lists of small checks.

The first of a list that finds something answers. Called by the Build planner: for what ends it at
every step, for its turn until it begins. A Build whose turn has not come waits until something
changes, or ends where nothing can change it.
"""

from __future__ import annotations

from controller.api import clock
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.kinds.build import run_policies
from controller.kinds.build.reasons import BuildReason
from controller.kinds.build.snapshot import BuildSnapshot
from controller.planning import builds, obstacles, remedies
from controller.planning.obstacles import Check, Obstacle


def find(snapshot: BuildSnapshot) -> Obstacle | None:
    """Return why the Build does not begin, or None where its turn has come."""
    return obstacles.first(snapshot, CHECKS)


def ending(snapshot: BuildSnapshot) -> Obstacle | None:
    """Return what has taken the application that the Build is of, if something has."""
    return obstacles.first(snapshot, ENDINGS)


def _application_gone(snapshot: BuildSnapshot) -> Obstacle | None:
    """One that nobody has taken up waits for its application, which may still come."""
    if snapshot.application is not None and snapshot.is_taken_up:
        return None
    owner = snapshot.build.metadata.controller
    begun = snapshot.build.status.start_time is not None
    if not begun and (owner is None or owner.kind != "Application"):
        return None
    return obstacles.APPLICATION_GONE


def _application_deleting(snapshot: BuildSnapshot) -> Obstacle | None:
    """Another one of that name, which has not taken the Build up, takes nothing with it."""
    return obstacles.application_deleting(snapshot) if snapshot.is_taken_up else None


def _sourceless(snapshot: BuildSnapshot) -> Obstacle | None:
    if snapshot.source is not None:
        return None
    spec = snapshot.build.spec
    message = f"{spec.application} has no component {spec.component} with a source."
    thing = f"Application/{spec.application}"
    # One that is not there cannot be shown: those that are there can.
    missing = snapshot.application is None
    remedy = remedies.applications(snapshot.build.metadata.namespace) if missing else ""
    return _awaits(snapshot, thing, BuildReason.NO_SOURCE, message, remedy)


def _not_taken_up(snapshot: BuildSnapshot) -> Obstacle | None:
    if snapshot.is_taken_up:
        return None
    name = snapshot.build.metadata.name
    message = f"{snapshot.build.spec.application} has not taken {name} up."
    return _awaits(snapshot, f"Build/{name}", BuildReason.NOT_TAKEN_UP, message)


def _other_source(snapshot: BuildSnapshot) -> Obstacle | None:
    """Nobody builds by a Build what the application does not say."""
    source = snapshot.source
    if source is None or builds.source_key(source) == builds.source_key(snapshot.build.spec.source):
        return None
    return Obstacle(
        reason=Reason.SUPERSEDED,
        message="The component has another source than the Build.",
        ends=True,
    )


def _overtaken(snapshot: BuildSnapshot) -> Obstacle | None:
    later = run_policies.overtaken_by(snapshot)
    if later is None:
        return None
    message = f"{later.metadata.name} was asked for before this Build began."
    return Obstacle(reason=Reason.SUPERSEDED, message=message, ends=True)


def _not_allowed(snapshot: BuildSnapshot) -> Obstacle | None:
    repository = snapshot.build.spec.source.image
    if snapshot.builder.allows(repository, snapshot.build.metadata.namespace):
        return None
    return Obstacle(
        reason=BuildReason.REPOSITORY_NOT_ALLOWED,
        message=f"Images of this namespace may not be pushed to {repository}.",
        ends=True,
    )


def _earlier(snapshot: BuildSnapshot) -> Obstacle | None:
    before = run_policies.waited_for(snapshot)
    if before is None:
        return None
    blocked = Blocked(
        object=f"Build/{before.metadata.name}",
        reason=BuildReason.WAITING_FOR_BUILD,
        message=f"{before.metadata.name} must end first.",
        since=clock.stamp(snapshot.now),
        remedy=remedies.cancel(before),
    )
    return Obstacle(
        reason=Reason.WAITING,
        message=f"Waiting for {before.metadata.name}.",
        blocked=(blocked,),
    )


def _not_set_up(snapshot: BuildSnapshot) -> Obstacle | None:
    builder, blocked = snapshot.builder, snapshot.build.status.blocked_by
    said = any(each.reason == BuildReason.NOT_SET_UP for each in blocked)
    set_up = builder.is_set_up if builder.is_known else not said
    if set_up or snapshot.build.spec.activates:
        return None
    name = snapshot.build.metadata.name
    message = "The operator was given no daemon that builds images for this namespace."
    return _awaits(snapshot, f"Build/{name}", BuildReason.NOT_SET_UP, message)


def _awaits(
    snapshot: BuildSnapshot, thing: str, reason: BuildReason, message: str, remedy: str = ""
) -> Obstacle:
    remedy = remedy or remedies.unblock(thing, snapshot.build.metadata.namespace)
    return obstacles.by(thing, reason, message, now=snapshot.now, remedy=remedy)


# Endings that take the whole Build, whatever else is so.
ENDINGS: tuple[Check[BuildSnapshot], ...] = (
    # All at once.
    obstacles.namespace,
    # The Build had an application, which is not there any more.
    _application_gone,
    # The application goes, and the Build with it.
    _application_deleting,
)

# The first that answers is what people read. First what no wait can change, then whose turn it is.
CHECKS: tuple[Check[BuildSnapshot], ...] = (
    # Applied beside its application, it may be seen first.
    _sourceless,
    # The source that the Build is for is asked for no longer, or never was.
    _other_source,
    # Somebody made it, and its application looks at it in a moment.
    _not_taken_up,
    # Another one builds what is newer.
    _overtaken,
    # No credential of the namespace's makes that right.
    _not_allowed,
    # Nothing new begins.
    obstacles.resting,
    # The Build's turn has not come.
    _earlier,
    # Last: whoever waits for others may be told so first.
    _not_set_up,
)
