"""A Stop as sets remember it: the ordinals whose servers are stopped, also those made later.

An operation tells the sets first and their servers then, so that a server made in between is as
the set remembers. Called by the Operation planner.

Example: a Stop of web's servers 0-1 writes "0-1" on the set, one of all of web writes "0-". A Start
of server 0 leaves "1-". A Stop that is cancelled when it has stopped 0 and 1 of five leaves "0-1".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from controller.api import objects
from controller.api.choices import Power, StepScope
from controller.api.limits import LONGEST_STOPPED
from controller.api.resources import Resource
from controller.contract import tasks
from controller.kinds.operation import steps, targets
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import ordinals, outcomes, plan, writes

_LEAVES: Mapping[str, Power] = {tasks.STOP: Power.STOPPED, tasks.START: Power.RUNNING}


def left_by(operation: objects.Operation) -> Power | None:
    """Return the power in which the operation leaves its servers; None where it changes none.

    Steps leave them as their last Stop or Start does.
    """
    acts = (each.act.action for each in steps.of(operation) if each.scope == StepScope.SERVER)
    return next((_LEAVES[each] for each in reversed(list(acts)) if each in _LEAVES), None)


def is_about_power(operation: objects.Operation) -> bool:
    """Return whether the operation is a Stop or a Start, and nothing else."""
    return operation.spec.action in _LEAVES


def owed(snapshot: OperationSnapshot) -> tuple[plan.Patch, ...]:
    """Return the writes that tell the sets what the operation leaves, before servers are told."""
    power = left_by(snapshot.operation)
    if not power:
        return ()
    combine = ordinals.union if power == Power.STOPPED else ordinals.without
    claim = snapshot.operation.spec.servers or ordinals.ALL
    return tuple(
        _remember(found, wanted)
        for found in _sets(snapshot)
        if (wanted := combine(found.spec.stopped, claim)) != found.spec.stopped
    )


def without_room(snapshot: OperationSnapshot) -> str:
    """Return the set that could not remember what the operation leaves, if there is one."""
    for each in owed(snapshot):
        if len(each.body["spec"]["stopped"] or "") > LONGEST_STOPPED:
            return each.name
    return ""


def settle(snapshot: OperationSnapshot) -> tuple[plan.Patch, ...]:
    """Return the writes that leave the sets with what is true, as the operation ends undone.

    Where all its servers were told, what it asked for holds for later ones, too. A set whose write
    is refused keeps nobody from an end.
    """
    power = left_by(snapshot.operation)
    if not power or snapshot.operation.status.start_time is None or _goes_on(snapshot, power):
        return ()
    refused = outcomes.of(snapshot.outcomes)
    told = _told(snapshot)
    found: list[plan.Patch] = []
    for each in _sets(snapshot):
        stopped, running = told.get(each.spec.component, (set(), set()))
        wanted = each.spec.stopped
        if power == Power.STOPPED and running:
            claim = snapshot.operation.spec.servers or ordinals.ALL
            wanted = ordinals.without(wanted, claim)
        if power == Power.RUNNING or running:
            wanted = ordinals.union(wanted, ordinals.render(stopped))
        known = refused.has_refused(Resource.SERVERSETS, each.metadata.name)
        if wanted != each.spec.stopped and not known and len(wanted) <= LONGEST_STOPPED:
            found.append(_remember(each, wanted))
    return tuple(found)


def strays(snapshot: OperationSnapshot) -> Iterator[targets.Key]:
    """Yield the servers that are in the other power than a Stop or Start leaves them in.

    One that was made as the run began, before its set was told, belongs to the run all the same.
    """
    if not is_about_power(snapshot.operation):
        return
    power = left_by(snapshot.operation)
    for key, server in _concerned(snapshot):
        if server.spec.power != power:
            yield key


def _goes_on(snapshot: OperationSnapshot, power: Power) -> bool:
    """Return whether another operation that has begun leaves the same servers in that power."""
    return any(
        each.status.start_time is not None
        and left_by(each) == power
        and targets.meet(snapshot.operation.spec, each.spec)
        for each in snapshot.others
    )


def _told(snapshot: OperationSnapshot) -> dict[str, tuple[set[int], set[int]]]:
    """Return which ordinals of each component are told to be stopped, and which to run."""
    found: dict[str, tuple[set[int], set[int]]] = {}
    for (component, ordinal), server in _concerned(snapshot):
        stopped, running = found.setdefault(component, (set(), set()))
        (stopped if server.spec.power == Power.STOPPED else running).add(ordinal)
    return found


def _concerned(snapshot: OperationSnapshot) -> Iterator[tuple[targets.Key, objects.Server]]:
    spec = snapshot.operation.spec
    for key, server in snapshot.servers.items():
        going = server.metadata.deletion_timestamp is not None
        if targets.includes(spec, key) and not server.spec.held and not going:
            yield key, server


def _sets(snapshot: OperationSnapshot) -> Iterable[objects.ServerSet]:
    wanted = snapshot.operation.spec.components
    for name, each in sorted(snapshot.sets.items()):
        if (not wanted or name in wanted) and each.metadata.deletion_timestamp is None:
            yield each


def _remember(found: objects.ServerSet, stopped: str) -> plan.Patch:
    return writes.patch(
        found,
        body={"spec": {"stopped": stopped or None}},
        why="the servers are stopped" if stopped else "the servers run",
        guarded=True,
    )
