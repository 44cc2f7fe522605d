"""How the fleets stand: what they are, how they are called, what no Server stands for.

The dashboard comes here, and `why` for what waits for a fleet's circuit.
"""

from __future__ import annotations

import dataclasses

from controller.api import conditions, objects, resources
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.api.views.fleet_parts import FleetLimits, Orphan, Unclaimed
from controller.kube import api as kube
from controller.planning.circuit import CircuitState
from controller.presentation import reading


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DomainPicture:
    """A failure domain: whether servers may come to it, and its share of them."""

    name: str
    state: str
    weight: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FleetPicture:
    """One fleet."""

    name: str
    provider: str
    ready: str
    reason: str
    message: str
    servers: int
    circuit: str
    # When the provider is tried again; empty while calls go through.
    next_trial: str
    limits: FleetLimits
    domains: tuple[DomainPicture, ...]
    orphans: tuple[Orphan, ...]
    unclaimed: tuple[Unclaimed, ...]


async def read(api: kube.Api) -> list[FleetPicture]:
    """Return the fleets that somebody wrote, by name; raises Forbidden."""
    found = await reading.many(api, objects.Fleet, "")
    return sorted(map(picture, found), key=lambda each: each.name)


def circuit_wait(found: objects.Fleet) -> Blocked | None:
    """Return what waits for a fleet's circuit are told: since when, and when it is tried next."""
    ready = conditions.find(found.status.conditions, ConditionType.READY)
    if found.status.circuit == CircuitState.CLOSED or ready is None:
        return None
    return Blocked(
        object=resources.thing(Resource.FLEETS, found.metadata.name),
        reason=Reason.CIRCUIT_OPEN,
        message=ready.message,
        since=ready.last_transition_time,
        next_attempt_time=found.status.next_trial_time,
    )


def picture(found: objects.Fleet) -> FleetPicture:
    """Return the picture of a fleet."""
    spec, status = found.spec, found.status
    ready = conditions.find(status.conditions, ConditionType.READY)
    return FleetPicture(
        name=found.metadata.name,
        provider=spec.provider,
        ready=ready.status if ready else "Unknown",
        reason=ready.reason if ready else Reason.PENDING,
        message=ready.message if ready else "Argosy has not looked at the object yet.",
        servers=status.servers,
        circuit=status.circuit,
        next_trial="" if status.circuit == CircuitState.CLOSED else status.next_trial_time or "",
        limits=spec.limits,
        domains=tuple(
            DomainPicture(name=each.name, state=each.state, weight=each.weight)
            for each in spec.failure_domains
        ),
        orphans=status.orphans,
        unclaimed=status.unclaimed,
    )
