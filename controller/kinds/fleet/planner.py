"""The status of a fleet, and the fate of instances that no Server stands for.

Called by `execution` for each Fleet key. An orphan is on record from when it is abandoned until
its provider says that it is gone; one that comes back is torn down. An instance that nobody
abandoned is listed once its Server has been gone for a while, and torn down only if a person asks.
"""

from __future__ import annotations

import dataclasses

from controller.api import objects
from controller.api.reasons import Reason
from controller.kinds.fleet import summary
from controller.kinds.fleet.reasons import FleetReason
from controller.kinds.fleet.snapshot import FleetSnapshot
from controller.planning import circuit as circuits
from controller.planning import orphans, outcomes, unclaimed, words
from controller.planning import plan as plans
from controller.planning.circuit import CircuitState

# How often orphans, and what else is no server's any more, are looked for: no cache tells of them.
LOOK_AGAIN = 30.0
# How often it is asked whether there are any.
WATCH = 60.0
# How often it is asked whether servers are heard again, once it is told that they are not.
LISTEN = 10.0


def plan(snapshot: FleetSnapshot) -> plans.Plan:
    """Return the fleet's status, and the orphans to collect."""
    if snapshot.fleet.metadata.deletion_timestamp is not None:
        return plans.Plan(notes=("The fleet is being deleted.",))
    fleet = snapshot.fleet
    left = tuple(each for each in fleet.status.orphans if each.id not in snapshot.gone)
    notes = (
        f"{words.count(summary.servers(snapshot), 'server')}, {words.count(len(left), 'orphan')}.",
        *unclaimed.narrated(fleet.status.unclaimed),
    )
    write = _put_right(snapshot, left)
    if write is None:
        return dataclasses.replace(_tell(snapshot, left), notes=notes)
    # Alone: another write of this plan would make it one onto a version that is gone.
    made = plans.Plan(actions=(write,), notes=notes)
    failed = outcomes.of(snapshot.outcomes).about(write, fleet)
    return outcomes.alone(made, failed, lambda: _tell(snapshot, left))


def _put_right(snapshot: FleetSnapshot, left: tuple[objects.Orphan, ...]) -> plans.Patch | None:
    """Return the write that takes off what is gone: of the orphans, or of what is to be collected.

    None where both are as they should be.
    """
    fleet, known = snapshot.fleet, snapshot.unclaimed
    if len(left) < len(fleet.status.orphans):
        return orphans.write(fleet, left, why="orphans are gone")
    return unclaimed.withdrawn(fleet, known) if known is not None else None


def _tell(snapshot: FleetSnapshot, left: tuple[objects.Orphan, ...]) -> plans.Plan:
    """Return the status, and what is collected of what no Server stands for."""
    fleet, known = snapshot.fleet, snapshot.unclaimed
    before = fleet.status.unclaimed
    told = unclaimed.listed(fleet, known, snapshot.now) if known is not None else before
    failed = outcomes.of(snapshot.outcomes)
    status = summary.tell(snapshot, told, failed)
    return plans.Plan(
        actions=(
            *_returned(snapshot, left),
            *(unclaimed.collected(fleet, told, known) if known is not None else ()),
            *_news(snapshot),
            *_lost(before, told),
            *outcomes.news(fleet.status.blocked_by, failed, fleet),
        ),
        status=status if status != fleet.status else None,
        write_status_now=summary.is_pressing(fleet.status, status),
        wake_after=_look_again(snapshot, looks_for=bool(left or known or told)),
    )


def _returned(
    snapshot: FleetSnapshot, left: tuple[objects.Orphan, ...]
) -> tuple[plans.DeleteOrphan, ...]:
    """Return the deletes of orphans on record that their provider can reach again."""
    return tuple(
        plans.DeleteOrphan(instance=each.id, server=each.server, why="Returned")
        for each in left
        if each.id in snapshot.returned
    )


def _look_again(snapshot: FleetSnapshot, *, looks_for: bool) -> float | None:
    watch = WATCH if snapshot.outside else None
    usual = LOOK_AGAIN if looks_for else watch
    if snapshot.silence is None:
        return usual
    left = summary.SILENT_FOR - snapshot.silent_for
    return plans.soonest(usual, max(left, 1.0) if left > 0 else LISTEN)


def _news(snapshot: FleetSnapshot) -> tuple[plans.RecordEvent, ...]:
    """Return the Event of a circuit that has opened or closed; its trials in between are none."""
    before, after = snapshot.fleet.status.circuit, snapshot.circuit
    if before == CircuitState.CLOSED and after != CircuitState.CLOSED:
        message = circuits.message("the provider", snapshot.circuit_words)
        return (plans.RecordEvent(reason=Reason.CIRCUIT_OPEN, message=message, warning=True),)
    if before != CircuitState.CLOSED and after == CircuitState.CLOSED:
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
