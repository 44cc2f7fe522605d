"""The next action for one server: decided by the only planner that calls a provider.

Called by `execution` for each Server key, and by `explain`. `checks` say why nothing is done,
`rules` decide about what the server is made of, `task` about what operations ask of it, `teardown`
how it goes, `summary` what is said of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from controller.api import clock, conditions, objects
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.contract import Phase, Verb
from controller.kinds.server import (
    assessment,
    attempts,
    checks,
    hold,
    rules,
    summary,
    task,
    teardown,
)
from controller.kinds.server.reasons import ServerReason
from controller.kinds.server.snapshot import ServerSnapshot
from controller.kinds.server.summary import ServerVerdict
from controller.planning import finalizers, management, obstacles, outcomes
from controller.planning import plan as plans
from controller.planning.obstacles import Obstacle


def plan(snapshot: ServerSnapshot) -> plans.Plan:
    """Return what the server needs now."""
    meta = snapshot.server.metadata
    # First: what goes needs nothing that follows, and nothing that follows may keep it.
    if meta.deletion_timestamp is not None:
        return _tear_down(snapshot)
    # Setting the finalizer needs no provider, so it need not wait for the first word of one.
    if not finalizers.is_on(meta):
        return _guard(snapshot)
    # An instance that is merely unseen must not be made again. Without a fleet nobody would ever
    # tell of one: that is an obstacle like others, and told below.
    if snapshot.observation.phase is Phase.UNKNOWN and not checks.is_without_fleet(snapshot):
        return plans.Plan(notes=("The provider has not reported yet whether an instance exists.",))
    going = checks.going(snapshot)
    if going is not None:
        return _rest(snapshot, going)
    return _stay(snapshot, checks.rests(snapshot))


def _stay(snapshot: ServerSnapshot, rests: tuple[Obstacle, ...]) -> plans.Plan:
    """Converge, and have a hold end in its time; a paused application keeps its own."""
    left = hold.seconds_left(snapshot.server, snapshot.now)
    if left is None or any(each.asked for each in rests):
        return _converge(snapshot, rests)
    if left <= 0:
        return _release(snapshot, rests)
    made = _converge(snapshot, rests)
    return dataclasses.replace(made, wake_after=plans.soonest(made.wake_after, left))


def _release(snapshot: ServerSnapshot, rests: tuple[Obstacle, ...]) -> plans.Plan:
    """End a hold that is over; where that fails, keep the server up as any that is held yet."""
    made = hold.release(snapshot.server)
    failed = outcomes.of(snapshot.outcomes).about(made.actions[0], snapshot.server)
    if not failed.told:
        return made
    # The rules know calls to the provider alone: this one says nothing of what the server is.
    others = tuple(each for each in snapshot.outcomes if each not in failed.every)
    kept = _converge(dataclasses.replace(snapshot, outcomes=others), rests)
    if any(_is_own(each, snapshot) for each in kept.actions):
        return kept  # One write to an object in one plan: the hold is seen to after this one.
    return outcomes.alone(made, failed, lambda: _kept_up(snapshot, kept, failed))


def _kept_up(snapshot: ServerSnapshot, kept: plans.Plan, failed: outcomes.Outcomes) -> plans.Plan:
    """Return the plan of a server whose hold does not end, with the reason in its blockedBy."""
    server, before = snapshot.server, snapshot.server.status
    told = kept.status if isinstance(kept.status, objects.ServerStatus) else before
    blocked = failed.blocked(server)
    known = {(each.object, each.reason) for each in blocked}
    others = (each for each in told.blocked_by if (each.object, each.reason) not in known)
    told = msgspec.structs.replace(
        told, blocked_by=outcomes.steady(before.blocked_by, (*blocked, *others), snapshot.now)
    )
    return dataclasses.replace(
        kept,
        actions=(*kept.actions, *outcomes.news(before.blocked_by, failed, server)),
        status=told if told != before else None,
    )


def _tear_down(snapshot: ServerSnapshot) -> plans.Plan:
    meta = snapshot.server.metadata
    if finalizers.is_orphaning(meta) or not finalizers.is_on(meta):
        return plans.Plan(
            status=_released(snapshot), notes=("The instance is not Argosy's to delete.",)
        )
    if management.is_observed(snapshot.application):
        return _kept(snapshot)
    since = clock.parse(meta.deletion_timestamp)
    progress = teardown.next_teardown_step(snapshot, since=since, why="Deleted")
    actions = (*teardown.end_act(snapshot), *progress.actions)
    status = None
    failed = outcomes.of(snapshot.outcomes).of(Verb.DELETE, Verb.CHANGE)
    blocked = failed.blocked(snapshot.server)
    if progress.blocked is not None and not progress.gone:
        blocked = (progress.blocked, *blocked)
    actions = (*actions, *outcomes.news(snapshot.server.status.blocked_by, failed, snapshot.server))
    if progress.gone:
        actions = (*actions, finalizers.remove(snapshot.server))
    if blocked:
        told = summary.held_up(snapshot, *blocked)
        status = told if told != snapshot.server.status else None
    return plans.Plan(
        actions=actions,
        status=status,
        wake_after=progress.wake,
        notes=(progress.note,),
        urgency=plans.Urgency.TEARDOWN,
    )


def _released(snapshot: ServerSnapshot) -> plans.Status | None:
    """Tell of a server that only others still keep, once its instance is gone."""
    server = snapshot.server
    kept = finalizers.keepers(server.metadata)
    if not kept or finalizers.is_orphaning(server.metadata):
        return None
    message = f"All that Argosy made for the server is gone. The server is {kept}."
    held = Blocked(
        object=f"Server/{server.metadata.name}",
        reason=Reason.DELETING,
        message=kept,
        since=server.metadata.deletion_timestamp,
    )
    verdict = ServerVerdict(reason=Reason.DELETING, message=message, blocked=(held,))
    told = summary.tell(snapshot, verdict, server.status.attempts)
    return told if told != server.status else None


def _kept(snapshot: ServerSnapshot) -> plans.Plan:
    """Tell that a server stays while its application is only observed: its instance would go."""
    found = obstacles.resting(snapshot)
    told = summary.held_up(snapshot, *found.blocked) if found is not None else None
    return plans.Plan(
        status=told if told != snapshot.server.status else None,
        notes=("The application is only observed: the instance is not deleted.",),
    )


def _guard(snapshot: ServerSnapshot) -> plans.Plan:
    """Put our finalizer in place, before anything is made that it must guard."""
    patch = finalizers.add(snapshot.server)
    found = outcomes.of(snapshot.outcomes)
    blocked = found.blocked(snapshot.server)
    told = summary.held_up(snapshot, *blocked) if blocked else None
    return plans.Plan(
        actions=(patch, *outcomes.news(snapshot.server.status.blocked_by, found, snapshot.server)),
        status=told if told != snapshot.server.status else None,
        notes=("Our finalizer goes in before anything is made.",),
    )


def _rest(snapshot: ServerSnapshot, going: Obstacle) -> plans.Plan:
    """The server's turn to go will come; until then only a cancelled act is seen to its end."""
    why = f"{going.message.removesuffix('.')}: nothing is created or changed."
    asked = snapshot.server.spec.task
    if asked is None or not asked.cancel:
        return plans.Plan(status=_lost(snapshot, why), notes=(why,))
    course = task.course(snapshot, task.Seen(frozen=True))
    return plans.Plan(actions=course.actions, wake_after=course.wake, notes=(why, course.note))


def _lost(snapshot: ServerSnapshot, why: str) -> plans.Status | None:
    """Take readiness back from a server whose instance is lost meanwhile; else there is no news.

    A namespace that is deleted takes all of it at once, and nobody reads what is said of it.
    """
    told = snapshot.server.status
    if snapshot.observation.ready or not conditions.is_true(told.conditions, ConditionType.READY):
        return None
    if snapshot.namespace_terminating:
        return None
    verdict = ServerVerdict(
        reason=Reason.DELETING, message=f"The server is not ready any more. {why}"
    )
    return summary.tell(snapshot, verdict, told.attempts)


def _converge(snapshot: ServerSnapshot, rests: tuple[Obstacle, ...]) -> plans.Plan:
    situation = dataclasses.replace(assessment.read(snapshot), rests=rests)
    verdict = rules.decide(situation)
    course = task.course(snapshot, _seen(situation, verdict))
    told = summary.tell(snapshot, verdict, situation.attempts)
    if course.status is not None:
        told = msgspec.structs.replace(told, task=course.status)
    if course.passed is not None:
        told = msgspec.structs.replace(told, checkpoints=course.passed)
    if assessment.handled(situation):
        told = msgspec.structs.replace(
            told, last_handled_retry=assessment.wish(snapshot.server, snapshot.application)
        )
    # A write to the server itself is alone: its resourceVersion would outdate another's. The next
    # plan tells the status, from what this write left. Example: web-0 gets Ready just as its act is
    # claimed: the claim goes out, then "Ready". Where nothing is new but the generation, the claim
    # tells that by the way (`more`), and there is no second write.
    patches = (*verdict.actions, *course.actions)
    alone = any(isinstance(each, plans.Patch) for each in patches if _is_own(each, snapshot))
    more = summary.generation_alone(snapshot.server.status, told) if alone else {}
    write = not alone and (
        course.status is not None or summary.worth_writing(snapshot, verdict, told)
    )
    # On its way, and not worth a word yet: no event says when its time to be quiet is over.
    quiet = (
        summary.quiet_for(snapshot)
        if not verdict.ready and not verdict.idle and not write
        else None
    )
    wakes = (verdict.wake, course.wake, quiet if quiet and quiet > 0 else None)
    acts = (_enrich(each, more) for each in course.actions)
    return plans.Plan(
        actions=(*verdict.actions, *acts, *_doubles(snapshot)),
        status=told if write else None,
        wake_after=plans.soonest(*wakes),
        notes=tuple(note for note in (verdict.message, course.note) if note),
    )


def _doubles(snapshot: ServerSnapshot) -> Iterator[plans.RecordEvent]:
    """Yield an Event for each thing that was made twice: its provider deletes that, or cannot."""
    for each in snapshot.observation.doubles:
        message = (
            f"The {each} was made a second time, as an answer was lost. This second one is deleted."
        )
        yield plans.RecordEvent(
            reason=ServerReason.DUPLICATE_REMOVED, message=message, cause=each, warning=True
        )
    for each in snapshot.observation.stuck:
        message = f"Made a second time, as an answer was lost, and not deleted: {each}."
        yield plans.RecordEvent(reason=ServerReason.DUPLICATE_STAYS, message=message, warning=True)


def _is_own(action: plans.Action, snapshot: ServerSnapshot) -> bool:
    return isinstance(action, plans.Patch) and action.uid == snapshot.server.metadata.uid


def _enrich(action: plans.Action, more: Mapping[str, Any]) -> plans.Action:
    if not isinstance(action, plans.Patch) or not more:
        return action
    return dataclasses.replace(action, body={"status": {**action.body["status"], **more}})


def _seen(situation: assessment.Situation, verdict: ServerVerdict) -> task.Seen:
    seen, spec = situation.seen, situation.spec
    current = (seen.incarnation, seen.revision) == (spec.incarnation, spec.revision)
    long = situation.snapshot.now - seen.ready_since >= spec.min_ready_seconds
    # An instance that is there and is what it should be may come up without a record.
    comes = current and seen.phase in (Phase.PENDING, Phase.RUNNING, Phase.STOPPED)
    lost = not situation.snapshot.recorded and not verdict.ready and not comes
    hopeless = verdict.stalled and (lost or attempts.spent(spec.recovery, situation.attempts))
    return task.Seen(
        ready=verdict.ready and current and long,
        stopped=verdict.idle,
        running=current and seen.phase is Phase.RUNNING and not seen.changing,
        hopeless=verdict.message if hopeless else "",
        frozen=bool(situation.rests) or spec.held,
    )
