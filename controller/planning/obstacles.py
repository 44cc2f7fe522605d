"""Why nothing may be made or changed: the checks that kinds share, and how each kind asks its own.

A kind lists the checks that it heeds, some of these and some that only it knows; the first that
finds something answers, and what is told of it in a status comes from that answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from controller import contract
from controller.api import clock, objects, resources
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.planning import management, plan, remedies
from controller.reasons import AnyReason


class Above(Protocol):
    """The objects above an object of an application: its snapshot has them, whatever the kind."""

    @property
    def now(self) -> float:
        """The time of the plan, in seconds of Unix time."""

    @property
    def application(self) -> objects.Application | None:
        """The application, if there is one."""

    @property
    def namespace_terminating(self) -> bool:
        """Whether the namespace is being deleted."""


class OnFleet(Above, Protocol):
    """The same of an object whose servers are of a fleet."""

    @property
    def fleet(self) -> contract.FleetFacts:
        """The fleet."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why nothing is done: until a person changes something (`stalled`), or until that passes."""

    reason: AnyReason
    message: str
    stalled: bool = False
    # Argosy goes on by itself then: a set that is not Ready is Reconciling.
    passing: bool = False
    # A person asked that nothing is done: an application that is well stays Ready.
    asked: bool = False
    # No wait can change it: an Operation or a Build ends by it.
    ends: bool = False
    blocked: tuple[Blocked, ...] = ()
    # Actions that are tried all the same, since they may end the obstacle.
    tries: tuple[plan.Action, ...] = ()


S = TypeVar("S")
Check = Callable[[S], Obstacle | None]


def first(snapshot: S, checks: Iterable[Check[S]]) -> Obstacle | None:
    """Return what the first check finds that finds something."""
    return next((found for check in checks if (found := check(snapshot)) is not None), None)


def every(snapshot: S, checks: Iterable[Check[S]]) -> tuple[Obstacle, ...]:
    """Return what each check finds that finds something, in their order."""
    return tuple(found for check in checks if (found := check(snapshot)) is not None)


def by(
    thing: str,
    reason: AnyReason,
    message: str,
    *,
    now: float,
    remedy: str = "",
    stalled: bool = False,
) -> Obstacle:
    """Return the obstacle of one thing, which `blockedBy` names in the same words."""
    blocked = Blocked(
        object=thing, reason=reason, message=message, since=clock.stamp(now), remedy=remedy
    )
    return Obstacle(reason=reason, message=message, stalled=stalled, blocked=(blocked,))


def namespace(above: Above) -> Obstacle | None:
    """Nothing new could be made in a namespace that takes everything with it."""
    if not above.namespace_terminating:
        return None
    return Obstacle(reason=Reason.NAMESPACE_TERMINATING, message="The namespace is being deleted.")


# Nobody is left to say what should be. Whether a missing application is gone, or is still to come,
# a kind knows.
APPLICATION_GONE = Obstacle(reason=Reason.DELETING, message="The application is gone.", ends=True)


def application_gone(above: Above) -> Obstacle | None:
    """Nothing is made without an application, where there was one."""
    return APPLICATION_GONE if above.application is None else None


def application_deleting(above: Above) -> Obstacle | None:
    """Nothing is made below an application on its way out."""
    application = above.application
    if application is None or application.metadata.deletion_timestamp is None:
        return None
    return Obstacle(reason=Reason.DELETING, message="The application is being deleted.")


def resting(above: Above) -> Obstacle | None:
    """Nothing begins for an application that is paused, or only observed."""
    rest = management.rest(above.application)
    if rest is None:
        return None
    blocked = rest.blocked(above.now)
    return Obstacle(reason=rest.reason, message=rest.message, asked=True, blocked=(blocked,))


def fleet_problem(above: OnFleet) -> Obstacle | None:
    """Nothing is asked of a fleet that is missing or not allowed."""
    fleet = above.fleet
    if not fleet.problem:
        return None
    return by(
        resources.thing(Resource.FLEETS, fleet.name),
        fleet.problem,
        fleet.message or f"The fleet {fleet.name} cannot be used.",
        now=above.now,
        remedy=remedies.fleet(fleet),
        stalled=True,
    )


def fleet_pause(above: OnFleet) -> Obstacle | None:
    """Nothing is asked of a fleet that is not to be called for now."""
    pause = above.fleet.pause
    if pause is None:
        return None
    blocked = _paused(above.fleet, pause, above.now)
    return Obstacle(reason=pause.reason, message=pause.message, passing=True, blocked=(blocked,))


def _paused(fleet: contract.FleetFacts, pause: contract.Pause, now: float) -> Blocked:
    near = pause.namespace
    return Blocked(
        object=resources.thing(
            Resource.NAMESPACES if near else Resource.FLEETS, near or fleet.name
        ),
        reason=pause.reason,
        message=pause.message,
        since=clock.stamp(now),
        next_attempt_time=clock.stamp(pause.until) if pause.until else None,
        remedy=remedies.webhooks() if near else remedies.fleet(fleet),
    )
