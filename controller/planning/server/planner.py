"""What one server needs next: the only planner that calls a provider.

Called by `execution` for each Server key, and by `explain`. `rules` decide about what the server is
made of, `task` about what operations ask of it, `teardown` how it goes, `summary` what is
said of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec

from controller.api import clock, names
from controller.api.resources import Resource
from controller.planning import plan as plans
from controller.planning import snapshot
from controller.planning.server import assessment as looks
from controller.planning.server import attempts, rules, summary, task, teardown
from controller.planning.server.summary import Verdict
from controller.planning.snapshot import Phase


def plan(look: snapshot.ServerSnapshot) -> plans.Plan:
    """Return what the server needs now."""
    meta = look.server.metadata
    if meta.deletion_timestamp is not None:
        return _tear_down(look)
    if names.FINALIZER not in meta.finalizers:
        return _guard(look)
    if look.observation.phase is Phase.UNKNOWN and not look.fleet.problem:
        return plans.Plan(notes=("Its provider has not said yet what is there.",))
    going = _below_what_goes(look)
    return _rest(look, going) if going else _converge(look)


def _tear_down(look: snapshot.ServerSnapshot) -> plans.Plan:
    meta = look.server.metadata
    if "orphan" in meta.finalizers or names.FINALIZER not in meta.finalizers:
        return plans.Plan(notes=("What it is made of is not ours to delete.",))
    since = clock.parse(meta.deletion_timestamp)
    progress = teardown.persist(look, since=since, reason="Deleted")
    actions = (*teardown.end_act(look), *progress.actions)
    status = None
    if progress.gone:
        actions = (*actions, teardown.let_go(look.server))
    elif progress.blocked is not None:
        told = summary.deleting(look, progress.blocked)
        status = told if told != look.server.status else None
    return plans.Plan(
        actions=actions,
        status=status,
        wake_after=progress.wake,
        notes=(progress.note,),
        urgency=plans.Urgency.TEARDOWN,
    )


def _guard(look: snapshot.ServerSnapshot) -> plans.Plan:
    """Put our finalizer in place, before anything is made that it must guard."""
    meta = look.server.metadata
    patch = plans.Patch(
        resource=Resource.SERVERS,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
        body={"metadata": {"finalizers": [*meta.finalizers, names.FINALIZER]}},
        reason="Guarded",
    )
    return plans.Plan(actions=(patch,), notes=("Our finalizer goes in before anything is made.",))


def _below_what_goes(look: snapshot.ServerSnapshot) -> str:
    """Return why nothing may be made or changed any more, if so."""
    application = look.application
    if look.namespace_terminating:
        return "Its namespace is being deleted: nothing is made or changed."
    if application is None:
        return "Its application is gone: nothing is made or changed."
    if application.metadata.deletion_timestamp is not None:
        return "Its application is being deleted: nothing is made or changed."
    return ""


def _rest(look: snapshot.ServerSnapshot, why: str) -> plans.Plan:
    """Its turn to go will come; until then only a cancelled act is still seen to its end."""
    asked = look.server.spec.task
    if asked is None or not asked.cancel:
        return plans.Plan(notes=(why,))
    course = task.course(look, task.Seen(frozen=True))
    return plans.Plan(actions=course.actions, wake_after=course.wake, notes=(why, course.note))


def _converge(look: snapshot.ServerSnapshot) -> plans.Plan:
    at = looks.read(look)
    verdict = rules.decide(at)
    course = task.course(look, _seen(at, verdict))
    told = summary.tell(look, verdict, at.attempts)
    if course.status is not None:
        told = msgspec.structs.replace(told, task=course.status)
    if course.passed is not None:
        told = msgspec.structs.replace(told, checkpoints=course.passed)
    if looks.handled(at):
        told = msgspec.structs.replace(told, last_handled_retry=looks.wish(look))
    # A task's write is alone: it carries a resourceVersion that another write would outdate.
    alone = any(isinstance(each, plans.Patch) for each in course.actions)
    more = summary.generation_alone(look.server.status, told)
    write = not alone and (course.status is not None or summary.worth_writing(look, verdict, told))
    quiet = (
        summary.quiet_for(look) if not verdict.ready and not verdict.idle and not write else None
    )
    wakes = (verdict.wake, course.wake, quiet if quiet and quiet > 0 else None)
    return plans.Plan(
        actions=(*verdict.actions, *(_enrich(each, more) for each in course.actions)),
        status=told if write else None,
        wake_after=plans.soonest(*wakes),
        notes=tuple(note for note in (verdict.message, course.note) if note),
    )


def _enrich(action: plans.Action, more: Mapping[str, Any]) -> plans.Action:
    if not isinstance(action, plans.Patch) or not more:
        return action
    return dataclasses.replace(action, body={"status": {**action.body["status"], **more}})


def _seen(at: looks.Look, verdict: Verdict) -> task.Seen:
    seen, spec = at.seen, at.spec
    application = at.at.application
    paused = application is not None and application.spec.paused
    current = (seen.incarnation, seen.revision) == (spec.incarnation, spec.revision)
    long = at.at.now - seen.ready_since >= spec.min_ready_seconds
    hopeless = verdict.stalled and attempts.spent(spec.recovery, at.attempts)
    return task.Seen(
        ready=verdict.ready and current and long,
        stopped=verdict.idle,
        running=current and seen.phase is Phase.RUNNING and not seen.changing,
        hopeless=verdict.message if hopeless else "",
        frozen=paused or spec.held or at.at.fleet.problem != "",
    )
