"""The status of a Fleet: one answer to whether servers can be made, and figures.

Called by the Fleet planner. A fleet stands as the first thing that is in the way of its servers.
"""

from __future__ import annotations

import dataclasses

import msgspec

from controller.api import clock, conditions, objects
from controller.api.reasons import Reason
from controller.kinds.fleet.reasons import FleetReason
from controller.kinds.fleet.snapshot import FleetFailure, FleetSnapshot
from controller.planning import circuit as circuits
from controller.planning import outcomes, unclaimed, words
from controller.planning.circuit import CircuitState
from controller.planning.outcomes import Outcomes

# How long nothing is heard of the servers before that is told: one list that fails is no news.
SILENT_FOR = 60.0
# As many as are named of what could not be collected.
MOST_BLOCKED = 10


def tell(
    snapshot: FleetSnapshot, lost: tuple[objects.Unclaimed, ...], failed: Outcomes
) -> objects.FleetStatus:
    """Return the whole status, with `lost` instances and what `failed` of what was asked."""
    fleet = snapshot.fleet
    return msgspec.structs.replace(
        fleet.status,
        observed_generation=fleet.metadata.generation,
        conditions=_conditions(snapshot, lost),
        servers=servers(snapshot),
        circuit=snapshot.circuit,
        next_trial_time=_next_trial(snapshot),
        # Whatever was told first: in another place each of its servers would pass for gone.
        home=fleet.status.home or snapshot.home or None,
        unclaimed=lost,
        blocked_by=outcomes.steady(
            fleet.status.blocked_by, failed.blocked(fleet)[:MOST_BLOCKED], snapshot.now
        ),
    )


def _next_trial(snapshot: FleetSnapshot) -> str | None:
    is_open = snapshot.circuit == CircuitState.OPEN
    return clock.stamp(snapshot.circuit_until) if is_open else None


def servers(snapshot: FleetSnapshot) -> int:
    """Return how many servers to tell of: no fewer than before, while not all are counted.

    A fleet that is said to have none may be deleted.
    """
    if snapshot.all_counted:
        return snapshot.servers
    return max(snapshot.servers, snapshot.fleet.status.servers)


def _conditions(
    snapshot: FleetSnapshot, lost: tuple[objects.Unclaimed, ...]
) -> conditions.Conditions:
    told = _told(snapshot)
    ready = told.reason == Reason.AVAILABLE
    if ready and lost:
        message = f"{told.message} {unclaimed.message(lost)}"
        told = FleetFailure(reason=FleetReason.UNCLAIMED, message=message, stalled=False)
    return conditions.summarise(
        before=snapshot.fleet.status.conditions,
        ready=ready,
        reconciling=not ready and not told.stalled,
        stalled=told.stalled,
        reason=told.reason,
        message=told.message,
        generation=snapshot.fleet.metadata.generation,
        now=snapshot.now,
    )


def _told(snapshot: FleetSnapshot) -> FleetFailure:
    """Return what stands in the way of servers being made, or that nothing does."""
    provider = snapshot.fleet.spec.provider
    if not snapshot.known_provider:
        message = f"This operator has no provider {provider}."
        return FleetFailure(reason=Reason.UNKNOWN_FLEET, message=message, stalled=True)
    if not snapshot.open:
        opening = FleetFailure(
            reason=Reason.FLEET_OPENING,
            message=f"The provider {provider} is being opened.",
            stalled=False,
        )
        return snapshot.failure or opening
    if snapshot.circuit != CircuitState.CLOSED:
        message = circuits.message("the provider", snapshot.circuit_words)
        return FleetFailure(reason=Reason.CIRCUIT_OPEN, message=message, stalled=False)
    if (silence := _silence(snapshot)) is not None:
        return silence
    return FleetFailure(reason=Reason.AVAILABLE, message=_available(snapshot.held), stalled=False)


def _silence(snapshot: FleetSnapshot) -> FleetFailure | None:
    """Return why nothing is heard of the servers, once that has lasted for a while.

    No circuit tells of it: while nothing is to be made or changed, there is no call that fails.
    """
    silence = snapshot.silence
    if silence is None or snapshot.silent_for < SILENT_FOR:
        return None
    message = words.because("Nothing is heard of the fleet's servers", silence.message)
    message += " Servers are told as they were last seen."
    return dataclasses.replace(silence, message=message)


def _available(held: int) -> str:
    """Return that servers can be made; whoever may read a fleet need not know all namespaces."""
    if not held:
        return "Servers can be made."
    where = words.count(held, "namespace")
    return f"Servers can be made, but in {where} no write is answered in time."


def is_pressing(before: objects.FleetStatus, after: objects.FleetStatus) -> bool:
    """Return whether the change is told at once.

    How many there are may be told a little later; whether there are any, and all else, is not. A
    fleet that has servers cannot be deleted.
    """
    if bool(before.servers) != bool(after.servers):
        return True
    return msgspec.structs.replace(before, servers=after.servers) != after
