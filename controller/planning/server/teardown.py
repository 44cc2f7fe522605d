"""How an instance goes: its act ended, drained, torn down; then the server's finalizer is lifted.

Called by the Server planner for a server that is deleted, and for an instance that must make room
for another. What cannot be reached is waited for, but not for ever.
"""

from __future__ import annotations

import dataclasses

from controller.api import clock, names, objects
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.planning import plan, remedies, snapshot
from controller.planning.server import grace

# How often what was forced is looked at again.
LOOK_AGAIN = 10.0
# How long a teardown may take beyond its drain before status speaks of it.
PATIENCE = 30.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What to do about an instance that must go. `gone` means it is in nobody's way any more."""

    actions: tuple[plan.Action, ...] = ()
    gone: bool = False
    wake: float | None = None
    blocked: Blocked | None = None
    note: str = ""


def persist(look: snapshot.ServerSnapshot, *, since: float, reason: str) -> Progress:
    """Return the next step towards the instance being gone, which has been wanted for some time."""
    seen = look.observation
    if seen.phase in (snapshot.Phase.ABSENT, snapshot.Phase.FOREIGN):
        return Progress(gone=True, note="Nothing of it is left.")
    instance = _instance(look)
    if instance in look.fleet.orphans:
        return Progress(gone=True, note=f"{instance} was abandoned and is on record as an orphan.")
    if seen.phase is snapshot.Phase.UNKNOWN and not look.fleet.problem:
        return Progress(note="Its provider has not said yet what is there.")
    policy = look.server.spec.deletion
    given = grace.of(look)
    late = look.now - (since or look.now) - given.seconds
    if late >= policy.timeout_seconds:
        return _give_up(look, since)
    left = policy.timeout_seconds - late
    stuck = snapshot.Phase.TERMINATING, snapshot.Phase.UNKNOWN
    if seen.phase in stuck:
        return _wait(look, since, late, left)
    note = f"It is deleted, and has {given.seconds} s to end."
    return Progress(actions=(_delete(look, reason),), wake=left, note=note)


def _delete(look: snapshot.ServerSnapshot, reason: str) -> plan.Call:
    return plan.Call(
        verb=plan.Verb.DELETE,
        reason=reason,
        instance=look.observation.id,
        grace_seconds=grace.of(look).asked,
    )


def _wait(look: snapshot.ServerSnapshot, since: float, late: float, left: float) -> Progress:
    blocked = _blocked(look, since) if late >= PATIENCE else None
    wake = left if blocked else min(left, PATIENCE - late)
    return Progress(wake=wake, blocked=blocked, note="It is on its way out.")


def _give_up(look: snapshot.ServerSnapshot, since: float) -> Progress:
    policy, seen = look.server.spec.deletion, look.observation
    blocked = _blocked(look, since)
    if policy.on_timeout == "Force" and seen.id:
        call = plan.Call(verb=plan.Verb.DELETE, reason="Forced", instance=seen.id, grace_seconds=0)
        note = f"Not gone after {policy.timeout_seconds} s: it is deleted without grace."
        return Progress(actions=(call,), wake=LOOK_AGAIN, blocked=blocked, note=note)
    if policy.on_timeout == "Abandon" and look.fleet.may_abandon:
        return _abandon(look, blocked)
    note = "It is waited for, as onTimeout says."
    if policy.on_timeout == "Abandon":
        note = "It is waited for: this operator may not write Fleets, so none would remember it."
    away = snapshot.Phase.TERMINATING, snapshot.Phase.UNKNOWN, snapshot.Phase.UNREACHABLE
    # What comes back was never told to go, or was told in vain.
    back = () if seen.phase in away else (_delete(look, "Returned"),)
    return Progress(actions=back, blocked=blocked, wake=PATIENCE, note=note)


def _abandon(look: snapshot.ServerSnapshot, blocked: Blocked) -> Progress:
    """Without a Fleet object there is no record to wait for: the cluster collects pods itself."""
    server, instance = look.server, _instance(look)
    message = f"Not gone after {server.spec.deletion.timeout_seconds} s: it is abandoned."
    event = plan.Emit(reason=Reason.ABANDONED, message=f"{instance}: {message}", warning=True)
    if not look.fleet.keeps_orphans or not instance:
        gone = server.metadata.deletion_timestamp is not None
        actions = (event,) if gone else ()
        return Progress(actions=actions, gone=gone, wake=LOOK_AGAIN, blocked=blocked, note=message)
    orphan = plan.Abandon(
        fleet=server.spec.fleet,
        instance=instance,
        server=f"{server.metadata.namespace}/{server.metadata.name}",
        message=look.observation.message or message,
        reason=Reason.ABANDONED,
    )
    return Progress(actions=(orphan, event), wake=LOOK_AGAIN, blocked=blocked, note=message)


def _instance(look: snapshot.ServerSnapshot) -> str:
    return look.observation.id or look.server.status.provider.id


def _blocked(look: snapshot.ServerSnapshot, since: float) -> Blocked:
    seen, meta = look.observation, look.server.metadata
    problem = look.fleet.message if look.fleet.problem else seen.message
    message = problem or f"Its instance {seen.id} is {seen.phase.value} and does not go."
    return Blocked(
        object=f"Server/{meta.name}",
        reason=Reason.TEARDOWN_BLOCKED,
        message=message,
        since=clock.stamp(since or look.now),
        remedy=remedies.force(look.server),
    )


def end_act(look: snapshot.ServerSnapshot) -> tuple[plan.Action, ...]:
    """Return the call that ends what this process still does in the server, if it does."""
    task = look.server.spec.task
    if task is None or look.acting != task.id:
        return ()
    verb = plan.Verb.CANCEL
    return (plan.Call(verb=verb, reason="Deleted", task=task, instance=look.observation.id),)


def let_go(server: objects.Server) -> plan.Patch:
    """Return the write that takes our finalizer, and no other, from the server."""
    rest = [each for each in server.metadata.finalizers if each != names.FINALIZER]
    return plan.Patch(
        resource=Resource.SERVERS,
        namespace=server.metadata.namespace,
        name=server.metadata.name,
        uid=server.metadata.uid,
        resource_version=server.metadata.resource_version,
        body={"metadata": {"finalizers": rest or None}},
        reason="Gone",
    )
