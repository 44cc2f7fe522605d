"""The status of a server, and when telling it is worth a write.

A server that comes up in good health costs one write, when it is Ready. Until then it has no status
(or, while it is replaced, that of what it was, whose revision and incarnation tell), unless
something goes wrong or it takes longer than usual. Called by the Server planner.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from controller import contract
from controller.api import clock, conditions, objects
from controller.api.choices import Power
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.contract import tasks
from controller.kinds.server import attempts as counting
from controller.kinds.server.snapshot import ServerSnapshot
from controller.planning import availability, outcomes, plan, remedies
from controller.reasons import AnyReason, ForeignReason

# How long a server may take to come up before its status says that it does.
QUIET = 30.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerVerdict:
    """The decision of the Server planner, and how that is told.

    `trouble` makes it worth a write at once; `idle` is for a server that is as wanted, not Ready.
    """

    reason: AnyReason
    message: str
    ready: bool = False
    idle: bool = False
    stalled: bool = False
    trouble: bool = False
    blocked: tuple[Blocked, ...] = ()
    actions: tuple[plan.Action, ...] = ()
    wake: float | None = None


def tell(
    snapshot: ServerSnapshot, verdict: ServerVerdict, attempts: objects.Attempts
) -> objects.ServerStatus:
    """Return the whole status of the server as it is seen now; its task and checkpoints stay."""
    before, seen, server = snapshot.server.status, snapshot.observation, snapshot.server
    blocked = tuple(
        msgspec.structs.replace(each, since=each.since or clock.stamp(snapshot.now))
        for each in verdict.blocked or _awaited(snapshot, verdict)
    )
    return msgspec.structs.replace(
        before,
        observed_generation=server.metadata.generation,
        conditions=_conditions(snapshot, verdict),
        provider=_provider(before.provider, seen),
        revision=seen.revision,
        incarnation=seen.incarnation,
        power=_power(snapshot),
        attempts=counting.named(server, attempts),
        claims=_claims(before.claims, seen),
        blocked_by=outcomes.steady(before.blocked_by, blocked, snapshot.now),
    )


def _awaited(snapshot: ServerSnapshot, verdict: ServerVerdict) -> tuple[Blocked, ...]:
    """Return what a server waits for that is merely not there yet: itself, and in which words.

    The row goes with a write that is due anyway, and is worth none of its own.
    """
    if verdict.ready or verdict.idle:
        return ()
    meta = snapshot.server.metadata
    blocked = Blocked(
        object=f"Server/{meta.name}",
        reason=verdict.reason,
        message=verdict.message,
        remedy=remedies.why("server", meta.name, meta.namespace),
    )
    return (blocked,)


def worth_writing(
    snapshot: ServerSnapshot, verdict: ServerVerdict, told: objects.ServerStatus
) -> bool:
    """Return whether `told` must be written now; if not, `quiet_for` says when to look again."""
    before = snapshot.server.status
    if told == before:
        return False
    if verdict.ready or verdict.idle:
        return _without_generation(told) != _without_generation(before) or _observed_late(snapshot)
    if verdict.trouble or verdict.stalled or verdict.blocked:
        return True
    if told.attempts != before.attempts or told.task != before.task:
        return True
    if not on_its_way(snapshot) or _crashed(before):
        return True
    # The effect of an action will soon be seen; only waiting long is worth a word.
    return not verdict.actions and quiet_for(snapshot) <= 0


def _crashed(before: objects.ServerStatus) -> bool:
    """Return whether the status says that planning or telling failed, which may be over."""
    stalled = conditions.find(before.conditions, ConditionType.STALLED)
    return stalled is not None and stalled.reason in (
        Reason.INTERNAL_ERROR,
        Reason.STATUS_REFUSED,
    )


def on_its_way(snapshot: ServerSnapshot) -> bool:
    """Return whether the status tells by itself that it speaks of something earlier."""
    spec, before = snapshot.server.spec, snapshot.server.status
    if before.observed_generation == 0:
        return True
    told = (before.revision, before.incarnation, before.power)
    return told != (spec.revision, spec.incarnation, spec.power)


def quiet_for(snapshot: ServerSnapshot) -> float:
    """Return for how many seconds more a server on its way needs no words."""
    made = clock.parse(snapshot.server.metadata.creation_timestamp)
    return max(made, snapshot.observation.since) + QUIET - snapshot.now


def held_up(snapshot: ServerSnapshot, *blocked: Blocked) -> objects.ServerStatus:
    """Return the status of a server that does not go, or whose write is refused."""
    first = blocked[0]
    verdict = ServerVerdict(
        reason=ForeignReason(first.reason), message=first.message, blocked=blocked
    )
    return tell(snapshot, verdict, snapshot.server.status.attempts)


def _conditions(snapshot: ServerSnapshot, verdict: ServerVerdict) -> conditions.Conditions:
    before = snapshot.server.status
    # Readiness of another incarnation, or before a change, is not this one's: its time starts anew.
    same = (before.revision, before.incarnation, before.power) == (
        snapshot.observation.revision,
        snapshot.observation.incarnation,
        _power(snapshot),
    )
    made = clock.parse(snapshot.server.metadata.creation_timestamp)
    return conditions.summarise(
        before=before.conditions if same else (),
        ready=verdict.ready,
        reconciling=not (verdict.ready or verdict.idle or verdict.stalled),
        stalled=verdict.stalled,
        reason=verdict.reason,
        message=verdict.message,
        generation=snapshot.server.metadata.generation,
        # One that has yet to be ready for the first time is not ready since it was made: whoever
        # counts who is down tells it from one that was lost.
        now=made if availability.is_new(snapshot.server) and not verdict.ready else snapshot.now,
    )


def _provider(before: objects.ProviderStatus, seen: contract.Observation) -> objects.ProviderStatus:
    """An instance that cannot be seen now is told as it was, and so is one not ours any more."""
    if seen.phase in (contract.Phase.UNKNOWN, contract.Phase.UNREACHABLE):
        return before
    if seen.phase is contract.Phase.FOREIGN and seen.id:
        return before if seen.id == before.id else objects.ProviderStatus(id=seen.id)
    if seen.phase in (contract.Phase.ABSENT, contract.Phase.FOREIGN):
        return objects.ProviderStatus()
    return objects.ProviderStatus(id=seen.id, zone=seen.zone, addresses=seen.addresses)


def _claims(
    before: tuple[objects.ClaimSize, ...], seen: contract.Observation
) -> tuple[objects.ClaimSize, ...]:
    if seen.phase is contract.Phase.UNKNOWN:
        return before
    return tuple(
        objects.ClaimSize(name=each.name, size=each.size) for each in seen.volumes if each.size
    )


def _power(snapshot: ServerSnapshot) -> str:
    phase = snapshot.observation.phase
    if phase in (contract.Phase.RUNNING, contract.Phase.PENDING):
        return Power.RUNNING
    gone = phase is contract.Phase.ABSENT and snapshot.server.spec.power == Power.STOPPED
    if gone or phase is contract.Phase.STOPPED:
        return Power.STOPPED
    return snapshot.server.status.power if phase is contract.Phase.UNREACHABLE else ""


def generation_alone(before: objects.ServerStatus, told: objects.ServerStatus) -> dict[str, Any]:
    """Return what to add to a write of a task so that it tells the generation, too.

    Empty where there is more to tell than that: it is written by itself then.
    """
    if before == told or _without_generation(before) != _without_generation(told):
        return {}
    return {
        "observedGeneration": told.observed_generation,
        "conditions": msgspec.to_builtins(told.conditions),
    }


def _without_generation(status: objects.ServerStatus) -> objects.ServerStatus:
    """Compare as a reader does who knows that a task given raises the generation of a server."""
    plain = tuple(
        msgspec.structs.replace(each, observed_generation=0) for each in status.conditions
    )
    return msgspec.structs.replace(status, observed_generation=0, conditions=plain)


def _observed_late(snapshot: ServerSnapshot) -> bool:
    """A generation that changed nothing is told too, lest the object look as if it never came up.

    But not while a task is under way: its end changes the status anyway.
    """
    if not tasks.ended(snapshot.server):
        return False
    return snapshot.server.status.observed_generation != snapshot.server.metadata.generation
