"""How an instance goes: its act ended, drained, torn down; then the server's finalizer is lifted.

Called by the Server planner for a server that is deleted, and for an instance that must make room
for another. An instance that cannot be reached is waited for, but not for ever.
"""

from __future__ import annotations

import dataclasses

from controller import contract
from controller.api import clock, objects, tags
from controller.api.choices import DeletionTimeout
from controller.api.conditions import Blocked
from controller.kinds.server import checks, grace
from controller.kinds.server.reasons import ServerReason
from controller.kinds.server.snapshot import ServerSnapshot
from controller.planning import orphans, plan, remedies

# How often what was forced is looked at again.
LOOK_AGAIN = 10.0
# How long a teardown may take beyond its drain before status speaks of it.
PATIENCE = 30.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TeardownProgress:
    """The progress of an instance that must go. `gone` means it is in nobody's way any more."""

    actions: tuple[plan.Action, ...] = ()
    gone: bool = False
    wake: float | None = None
    blocked: Blocked | None = None
    note: str = ""


def next_teardown_step(snapshot: ServerSnapshot, *, since: float, why: str) -> TeardownProgress:
    """Return the next step towards the instance being gone, which has been wanted for some time."""
    seen = snapshot.observation
    if seen.phase in (contract.Phase.ABSENT, contract.Phase.FOREIGN):
        return TeardownProgress(gone=True, note="No instance is left.")
    instance = _instance(snapshot)
    if instance in snapshot.fleet.orphans:
        return TeardownProgress(
            gone=True, note=f"{instance} was abandoned and is on record as an orphan."
        )
    if _is_unseen(seen) and not checks.is_without_fleet(snapshot):
        return TeardownProgress(
            note="The provider has not reported yet whether an instance exists."
        )
    policy = snapshot.server.spec.deletion
    given = grace.of(snapshot)
    # Whoever is to delete it may be away.
    asked = snapshot.fleet.outage.clock(since or snapshot.now, snapshot.now)
    late = snapshot.now - asked - given.seconds
    hurry = _hurry(snapshot)
    if hurry or late >= policy.timeout_seconds:
        return _force(snapshot, since, hurry) if hurry else _give_up(snapshot, since)
    left = policy.timeout_seconds - late
    if seen.phase is contract.Phase.TERMINATING or _is_unseen(seen):
        return _wait(snapshot, since, late, left)
    note = f"The instance is deleted, and has {given.seconds} s to end."
    return TeardownProgress(actions=(_delete(snapshot, why),), wake=left, note=note)


def _is_unseen(seen: contract.Observation) -> bool:
    """Return whether nobody knows of any instance: of one with an id only the state is unknown."""
    return seen.phase is contract.Phase.UNKNOWN and not seen.id


def _hurry(snapshot: ServerSnapshot) -> str:
    """Return why the instance gets no more time to end, or nothing where it does."""
    if tags.forces(snapshot.server.metadata, snapshot.observation.id):
        return "As asked for"
    return "Lost with its node, and without data" if is_lost(snapshot) else ""


def is_lost(snapshot: ServerSnapshot) -> bool:
    """Return whether another instance can take the place of one that nobody confirms to have ended.

    As a Deployment does, and a StatefulSet does not: with claims, two might write the same data.
    The cluster has told the instance to go, as it does minutes after a node stops answering.
    """
    spec = snapshot.server.spec
    staying = snapshot.server.metadata.deletion_timestamp is None
    return staying and snapshot.observation.abandoned and not spec.volume_claims and not spec.held


def _delete(snapshot: ServerSnapshot, why: str) -> contract.Call:
    return contract.Call(
        verb=contract.Verb.DELETE,
        why=why,
        instance=snapshot.observation.id,
        grace_seconds=grace.of(snapshot).asked,
    )


def _wait(snapshot: ServerSnapshot, since: float, late: float, left: float) -> TeardownProgress:
    blocked = _blocked(snapshot, since) if late >= PATIENCE else None
    wake = left if blocked else min(left, PATIENCE - late)
    return TeardownProgress(wake=wake, blocked=blocked, note="The instance is being deleted.")


def _give_up(snapshot: ServerSnapshot, since: float) -> TeardownProgress:
    policy, seen = snapshot.server.spec.deletion, snapshot.observation
    blocked = _blocked(snapshot, since)
    if policy.on_timeout == DeletionTimeout.FORCE and seen.id:
        return _force(snapshot, since, f"Not gone after {policy.timeout_seconds} s")
    if policy.on_timeout == DeletionTimeout.ABANDON and snapshot.fleet.may_abandon:
        return _abandon(snapshot, blocked)
    note = "Waiting for the instance to go, as onTimeout says."
    if policy.on_timeout == DeletionTimeout.ABANDON:
        note = "Waiting for the instance to go: this operator may not record orphans on Fleets."
    away = contract.Phase.TERMINATING, contract.Phase.UNREACHABLE
    # An instance that comes back was never told to go, or was told in vain.
    back = () if seen.phase in away or _is_unseen(seen) else (_delete(snapshot, "Returned"),)
    return TeardownProgress(actions=back, blocked=blocked, wake=PATIENCE, note=note)


def _force(snapshot: ServerSnapshot, since: float, why: str) -> TeardownProgress:
    call = contract.Call(
        verb=contract.Verb.DELETE,
        why="Forced",
        instance=snapshot.observation.id,
        grace_seconds=0,
    )
    return TeardownProgress(
        actions=(call,),
        wake=LOOK_AGAIN,
        blocked=_blocked(snapshot, since),
        note=f"{why}: the instance is deleted without grace.",
    )


def _abandon(snapshot: ServerSnapshot, blocked: Blocked) -> TeardownProgress:
    """Without a Fleet object there is no record to wait for: the cluster collects pods itself."""
    server, instance = snapshot.server, _instance(snapshot)
    seconds = server.spec.deletion.timeout_seconds
    message = f"The instance was not gone after {seconds} s, and is abandoned."
    event = plan.RecordEvent(
        reason=ServerReason.ABANDONED, message=f"{instance}: {message}", warning=True
    )
    record = snapshot.fleet.record
    if record is None or not instance:
        gone = server.metadata.deletion_timestamp is not None
        actions = (event,) if gone else ()
        return TeardownProgress(
            actions=actions, gone=gone, wake=LOOK_AGAIN, blocked=blocked, note=message
        )
    if len(record.status.orphans) >= orphans.MOST:
        note = (
            f"The fleet {record.metadata.name} has {orphans.MOST} orphans on record: no more fit."
        )
        return TeardownProgress(wake=LOOK_AGAIN, blocked=blocked, note=note)
    orphan = objects.Orphan(
        id=instance,
        server=f"{server.metadata.namespace}/{server.metadata.name}",
        since=clock.stamp(snapshot.now),
    )
    write = orphans.write(record, (*record.status.orphans, orphan), why=ServerReason.ABANDONED)
    return TeardownProgress(actions=(write, event), wake=LOOK_AGAIN, blocked=blocked, note=message)


def _instance(snapshot: ServerSnapshot) -> str:
    return snapshot.observation.id or snapshot.server.status.provider.id


def _blocked(snapshot: ServerSnapshot, since: float) -> Blocked:
    seen, meta = snapshot.observation, snapshot.server.metadata
    problem = snapshot.fleet.message if checks.is_without_fleet(snapshot) else seen.message
    message = problem or f"Instance {seen.id} is {seen.phase.value} and does not go."
    # To force takes an object of the cluster away, whatever that waits for. Elsewhere it may be
    # something else that does not go, such as an address, and only the provider knows which.
    known = "" if snapshot.fleet.in_cluster else seen.remedy
    return Blocked(
        object=f"Server/{meta.name}",
        reason=ServerReason.TEARDOWN_BLOCKED,
        message=message,
        since=clock.stamp(since or snapshot.now),
        remedy=known or remedies.force(snapshot.server),
    )


def end_act(snapshot: ServerSnapshot) -> tuple[plan.Action, ...]:
    """Return the call that ends what this process still does in the server, if it does."""
    task = snapshot.server.spec.task
    if task is None or snapshot.acting != task.id or snapshot.concluded:
        return ()
    verb = contract.Verb.CANCEL
    return (contract.Call(verb=verb, why="Deleted", task=task, instance=snapshot.observation.id),)
