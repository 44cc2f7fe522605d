"""What a fleet says of itself, and what becomes of instances that no Server stands for.

Called by `execution` for each Fleet key. An orphan is on record from when it is abandoned until
its provider says that it is gone; one that comes back is torn down. What nobody abandoned is listed
once its Server has been gone for a while, and torn down only if a person says so.
"""

from __future__ import annotations

import dataclasses

import msgspec

from controller.api import clock, conditions, objects
from controller.api.reasons import Reason
from controller.kinds.fleet.reasons import FleetReason
from controller.kinds.fleet.snapshot import Failure, FleetSnapshot
from controller.planning import circuit as circuits
from controller.planning import orphans, outcomes, unclaimed, words
from controller.planning import plan as plans
from controller.planning.circuit import State

# How often orphans, and what else is no server's any more, are looked for: no cache tells of them.
LOOK_AGAIN = 30.0
# How often it is asked whether there are any.
WATCH = 60.0
# How long nothing is heard of the servers before that is told: one list that fails is no news.
SILENT_FOR = 60.0
# How often it is asked then whether they are heard again.
LISTEN = 10.0
# As many as are named of what could not be collected.
MOST_BLOCKED = 10


def plan(snapshot: FleetSnapshot) -> plans.Plan:
    """Return the fleet's status, and the orphans to collect."""
    if snapshot.fleet.metadata.deletion_timestamp is not None:
        return plans.Plan(notes=("The fleet is being deleted.",))
    fleet = snapshot.fleet
    left = tuple(each for each in fleet.status.orphans if each.id not in snapshot.gone)
    servers = _servers(snapshot)
    notes = (
        f"{servers} servers, {len(left)} orphans.",
        *unclaimed.narrated(fleet.status.unclaimed),
    )
    if len(left) < len(fleet.status.orphans):
        # Alone: another write of this plan would make it one onto a version that is gone.
        write = orphans.write(fleet, left, why="orphans are gone")
        return plans.Plan(actions=(write,), notes=notes)
    known, told = snapshot.unclaimed, fleet.status.unclaimed
    if known is not None:
        withdrawn = unclaimed.withdrawn(fleet, known)
        if withdrawn is not None:
            return plans.Plan(actions=(withdrawn,), notes=notes)
        told = unclaimed.listed(fleet, known, snapshot.now)
    failed = outcomes.of(snapshot.outcomes)
    status = msgspec.structs.replace(
        fleet.status,
        observed_generation=fleet.metadata.generation,
        conditions=_conditions(snapshot, told),
        servers=servers,
        circuit=snapshot.circuit,
        next_trial_time=_next_trial(snapshot),
        # Whatever was told first: in another place each of its servers would pass for gone.
        home=fleet.status.home or snapshot.home or None,
        unclaimed=told,
        blocked_by=outcomes.steady(
            fleet.status.blocked_by, failed.blocked(fleet)[:MOST_BLOCKED], snapshot.now
        ),
    )
    collected = tuple(
        plans.DeleteOrphan(instance=each.id, server=each.server, why="Returned")
        for each in left
        if each.id in snapshot.returned
    )
    return plans.Plan(
        actions=(
            *collected,
            *(unclaimed.collected(fleet, told, known) if known is not None else ()),
            *_news(snapshot),
            *_lost(fleet.status.unclaimed, told),
            *outcomes.news(fleet.status.blocked_by, failed, fleet),
        ),
        status=status if status != fleet.status else None,
        write_status_now=_pressing(fleet.status, status),
        wake_after=_look_again(snapshot, looks_for=bool(left or known or told)),
        notes=notes,
    )


def _next_trial(snapshot: FleetSnapshot) -> str | None:
    is_open = snapshot.circuit == State.OPEN
    return clock.stamp(snapshot.circuit_until) if is_open else None


def _servers(snapshot: FleetSnapshot) -> int:
    """Return how many servers to tell of: no fewer than before, while not all are counted.

    A fleet that is said to have none may be deleted.
    """
    if snapshot.all_counted:
        return snapshot.servers
    return max(snapshot.servers, snapshot.fleet.status.servers)


def _look_again(snapshot: FleetSnapshot, *, looks_for: bool) -> float | None:
    watch = WATCH if snapshot.outside else None
    usual = LOOK_AGAIN if looks_for else watch
    if snapshot.silence is None:
        return usual
    left = SILENT_FOR - snapshot.silent_for
    return plans.soonest(usual, max(left, 1.0) if left > 0 else LISTEN)


def _conditions(
    snapshot: FleetSnapshot, lost: tuple[objects.Unclaimed, ...]
) -> conditions.Conditions:
    told = _told(snapshot)
    ready = told.reason == Reason.AVAILABLE
    if ready and lost:
        message = f"{told.message} {unclaimed.message(lost)}"
        told = Failure(reason=FleetReason.UNCLAIMED, message=message, stalled=False)
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


def _told(snapshot: FleetSnapshot) -> Failure:
    """Return what stands in the way of servers being made, or that nothing does."""
    provider = snapshot.fleet.spec.provider
    if not snapshot.known_provider:
        message = f"This operator has no provider {provider}."
        return Failure(reason=Reason.UNKNOWN_FLEET, message=message, stalled=True)
    if not snapshot.open:
        opening = Failure(
            reason=Reason.FLEET_OPENING,
            message=f"The provider {provider} is being opened.",
            stalled=False,
        )
        return snapshot.failure or opening
    if snapshot.circuit != "Closed":
        message = circuits.message("the provider", snapshot.circuit_words)
        return Failure(reason=Reason.CIRCUIT_OPEN, message=message, stalled=False)
    if (silence := _silence(snapshot)) is not None:
        return silence
    return Failure(reason=Reason.AVAILABLE, message=_available(snapshot.held), stalled=False)


def _silence(snapshot: FleetSnapshot) -> Failure | None:
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


def _news(snapshot: FleetSnapshot) -> tuple[plans.RecordEvent, ...]:
    """Return the Event of a circuit that has opened or closed; its trials in between are none."""
    before, after = snapshot.fleet.status.circuit, snapshot.circuit
    if before == "Closed" and after != "Closed":
        message = circuits.message("the provider", snapshot.circuit_words)
        return (plans.RecordEvent(reason=Reason.CIRCUIT_OPEN, message=message, warning=True),)
    if before != "Closed" and after == "Closed":
        message = "The provider works again: calls go through."
        return (plans.RecordEvent(reason=FleetReason.CIRCUIT_CLOSED, message=message),)
    return ()


def _lost(
    before: tuple[objects.Unclaimed, ...], after: tuple[objects.Unclaimed, ...]
) -> tuple[plans.RecordEvent, ...]:
    """Return the Event of instances that are told for the first time."""
    if {each.id for each in after} <= {each.id for each in before}:
        return ()
    message = unclaimed.message(after)
    return (plans.RecordEvent(reason=FleetReason.UNCLAIMED, message=message, warning=True),)


def _pressing(before: objects.FleetStatus, after: objects.FleetStatus) -> bool:
    """How many there are may be told a little later; whether there are any, and all else, is not.

    A fleet that has servers cannot be deleted.
    """
    if bool(before.servers) != bool(after.servers):
        return True
    return msgspec.structs.replace(before, servers=after.servers) != after
