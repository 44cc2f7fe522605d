"""What to do about one server: an ordered list of small rules; the first that knows answers.

Called by the Server planner, with attempts that `assessment` has brought up to date.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from controller.api import clock, conditions
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.planning import plan, remedies, snapshot
from controller.planning.server import attempts, teardown
from controller.planning.server.assessment import Look, proof, verdict_due
from controller.planning.server.summary import Verdict
from controller.planning.snapshot import Phase

# How long a refusal is kept; then what was refused is tried again.
REFUSED_FOR = 600.0

Rule = Callable[[Look], Verdict | None]


def decide(at: Look) -> Verdict:
    """Return what the first rule says that knows an answer, held back where changes must wait."""
    for rule in RULES:
        verdict = rule(at)
        if verdict is not None:
            return _restrain(at, verdict)
    return _starting(at)


def _fleet_problem(at: Look) -> Verdict | None:
    """What runs goes on running; only what would need the fleet has a problem."""
    fleet = at.at.fleet
    if not fleet.problem or (at.seen.ready and at.seen.incarnation == at.spec.incarnation):
        return None
    remedy = remedies.fleet(fleet)
    return _stall(f"Fleet/{fleet.name}", fleet.problem, fleet.message, remedy)


def _foreign(at: Look) -> Verdict | None:
    refused = at.refusal is not None and at.refusal.reason == Reason.NAME_TAKEN
    if at.seen.phase is not Phase.FOREIGN and not (refused and at.seen.phase is Phase.ABSENT):
        return None
    name, namespace = at.at.server.metadata.name, at.at.server.metadata.namespace
    message = at.seen.message or (at.refusal.message if at.refusal else "")
    message = message or f"The name {name} is taken by something that Argosy did not make."
    remedy = remedies.show("pods", name, namespace)
    taken = at.refusal.object if at.refusal and refused else at.name
    return _stall(taken, Reason.NAME_TAKEN, message, remedy)


def _replaced(at: Look) -> Verdict | None:
    """What is there must go: another incarnation is wanted, or what is there cannot become it."""
    seen, spec = at.seen, at.spec
    if seen.phase is Phase.ABSENT or seen.phase is Phase.FOREIGN:
        return None
    if seen.phase is Phase.TERMINATING:
        return _removal(at, Reason.TERMINATING, "Its instance is on its way out.")
    if seen.incarnation != spec.incarnation:
        message = f"Incarnation {seen.incarnation} makes room for {spec.incarnation}."
        return _removal(at, Reason.REPLACING, message)
    if seen.revision != spec.revision and not _changes_in_place(at):
        message = f"Revision {seen.revision} makes room for {spec.revision}."
        return _removal(at, Reason.REPLACING, message)
    return None


def _removal(at: Look, reason: str, message: str) -> Verdict | None:
    """Wait or delete, bounded; nothing where it is in nobody's way any more."""
    progress = teardown.persist(at.at, since=_going_since(at), reason=reason)
    if progress.gone:
        return None
    blocked = (progress.blocked,) if progress.blocked else ()
    return Verdict(
        reason=reason,
        message=message,
        trouble=bool(blocked),
        blocked=blocked,
        actions=progress.actions,
        wake=progress.wake,
    )


def _going_since(at: Look) -> float:
    """An instance that still answers is only now asked to go."""
    stuck = (Phase.TERMINATING, Phase.UNREACHABLE, Phase.UNKNOWN)
    return at.seen.since if at.seen.phase in stuck and at.seen.since else at.at.now


def _stopped(at: Look) -> Verdict | None:
    if at.spec.power != "Stopped":
        return None
    if at.seen.phase in (Phase.ABSENT, Phase.STOPPED):
        return Verdict(reason=Reason.STOPPED, message="It is stopped, as asked.", idle=True)
    if snapshot.Capability.STOP in at.at.fleet.capabilities:
        message = "It is being stopped."
        return Verdict(reason=Reason.STOPPING, message=message, actions=(_change(at, "Stop"),))
    return _removal(at, Reason.STOPPING, "It is being stopped: only its instance goes.")


def _absent(at: Look) -> Verdict | None:
    if at.seen.phase is not Phase.ABSENT and not _abandoned(at):
        return None
    if attempts.spent(at.spec.recovery, at.attempts):
        if not at.attempts.instance and at.refusal is None:
            return _create(at)  # a refusal that is no longer kept may be tried again
        return _exhausted(at)
    due = clock.parse(at.attempts.next_attempt_time)
    if due > at.at.now:
        return _backing_off(at, due)
    return _create(at)


def _create(at: Look) -> Verdict:
    if not at.at.published and snapshot.Capability.DNS in at.at.fleet.capabilities:
        message = "It waits for the headless Service that gives it its name."
        return Verdict(reason=Reason.PROGRESSING, message=message)
    way = at.attempts.alternative
    call = plan.Call(
        verb=plan.Verb.CREATE,
        reason="Create",
        template=attempts.template(at.at.server, way),
        alternative=way,
    )
    message = f"Incarnation {at.spec.incarnation} is being made."
    return Verdict(reason=Reason.CREATING, message=message, actions=(call,))


def _abandoned(at: Look) -> bool:
    return at.seen.id in at.at.fleet.orphans if at.seen.id else False


def _failed(at: Look) -> Verdict | None:
    if at.seen.phase is not Phase.FAILED:
        return None
    if at.spec.held:
        message = f"It failed, and is held for a person to look into: {at.seen.message}"
        remedy = remedies.release(at.at.server)
        return _stall(at.name, Reason.HELD, message, remedy)
    if attempts.spent(at.spec.recovery, at.attempts):
        return _exhausted(at)
    if at.at.server.status.attempts.instance != at.seen.id:
        # Counted first: what is torn down before its failure is on record would be forgotten.
        return Verdict(reason=Reason.FAILED, message=_error(at), trouble=True, blocked=(_ill(at),))
    return _removal(at, Reason.FAILED, "What failed makes room for another attempt.")


def _unreachable(at: Look) -> Verdict | None:
    if at.seen.phase is not Phase.UNREACHABLE:
        return None
    message = at.seen.message or "It cannot be reached."
    blocked = Blocked(
        object=at.name,
        reason=Reason.UNREACHABLE,
        message=message,
        since=clock.stamp(at.seen.since or at.at.now),
        remedy=remedies.delete("argsrv", at.at.server),
    )
    return Verdict(reason=Reason.UNREACHABLE, message=message, trouble=True, blocked=(blocked,))


def _changed(at: Look) -> Verdict | None:
    if at.seen.revision == at.spec.revision:
        return None
    if at.refusal is not None:
        return _refused(at, at.refusal)
    message = f"It is being changed in place to revision {at.spec.revision}."
    return Verdict(reason=Reason.CHANGING, message=message, actions=(_change(at, "Change"),))


def _changing(at: Look) -> Verdict | None:
    if not at.seen.changing:
        return None
    return Verdict(reason=Reason.CHANGING, message="Its change in place is not complete yet.")


def _drifted(at: Look) -> Verdict | None:
    """Mended once; a provider that refuses has its reasons, and readiness is not touched."""
    if not at.seen.drift or at.refusal is not None:
        return None
    call = plan.Call(verb=plan.Verb.CHANGE, reason="Drift", instance=at.seen.id)
    verdict = _ready(at) or _starting(at)
    note = f"{verdict.message} Changed by hand and mended: {', '.join(at.seen.drift)}."
    return dataclasses.replace(verdict, actions=(call,), message=note)


def _powered(at: Look) -> Verdict | None:
    if at.seen.phase is not Phase.STOPPED:
        return None
    return Verdict(
        reason=Reason.STARTING, message="It is being started.", actions=(_change(at, "Start"),)
    )


def _ready(at: Look) -> Verdict | None:
    if at.seen.phase is not Phase.RUNNING or not at.seen.ready:
        return None
    wakes = []
    for bound in (at.spec.min_ready_seconds, proof(at.spec) if at.attempts.count else 0):
        left = at.seen.ready_since + bound - at.at.now
        wakes.append(left if left > 0 else None)
    return Verdict(reason=Reason.RUNNING, message="It runs.", ready=True, wake=plan.soonest(*wakes))


def _stuck(at: Look) -> Verdict | None:
    """It does not come up: told, and counted by `_account`; taken down only for another way."""
    if not at.seen.error_class:
        return None
    if attempts.spent(at.spec.recovery, at.attempts):
        return _exhausted(at)
    counted = at.at.server.status.attempts
    moved_on = counted.instance == at.seen.id and at.attempts.alternative != at.seen.alternative
    if (moved_on or at.asked) and at.seen.phase is Phase.PENDING and not at.spec.held:
        return _removal(at, Reason.FAILED, "What did not come up makes room for another attempt.")
    left = verdict_due(at.at, at.attempts) - at.at.now
    ill = at.seen.phase is Phase.RUNNING and _was_ready(at)
    return Verdict(
        reason=Reason.UNHEALTHY if ill else at.seen.reason or Reason.PROGRESSING,
        message=at.seen.message or "It does not come up.",
        trouble=True,
        blocked=(_ill(at),),
        wake=max(left, 1.0),
    )


def _starting(at: Look) -> Verdict:
    if at.seen.phase is Phase.RUNNING and _was_ready(at):
        message = at.seen.message or "It was ready and is not any more."
        return Verdict(reason=Reason.UNHEALTHY, message=message)
    pending = at.seen.phase is Phase.PENDING
    usual = "It is coming up." if pending else "It runs but is not ready yet."
    reason = at.seen.reason or Reason.PROGRESSING
    return Verdict(reason=reason, message=at.seen.message or usual)


def _was_ready(at: Look) -> bool:
    """Whether this incarnation has been ready before, as its status tells."""
    before = at.at.server.status
    told = conditions.find(before.conditions, "Ready")
    if told is None or before.incarnation != at.seen.incarnation:
        return False
    return told.status == "True" or told.reason == Reason.UNHEALTHY


RULES: tuple[Rule, ...] = (
    _fleet_problem,
    _foreign,
    _replaced,
    _stopped,
    _absent,
    _failed,
    _unreachable,
    _powered,
    _changed,
    _changing,
    _drifted,
    _ready,
    _stuck,
    _starting,
)


def _restrain(at: Look, verdict: Verdict) -> Verdict:
    """A paused application plans and reports, and changes nothing."""
    application = at.at.application
    if application is None or not application.spec.paused or not verdict.actions:
        return verdict
    blocked = Blocked(
        object=f"Application/{application.metadata.name}",
        reason=Reason.PAUSED,
        message=f"The application is paused. {verdict.message}",
        remedy=remedies.resume(application),
    )
    if verdict.ready:
        return dataclasses.replace(verdict, actions=())
    return dataclasses.replace(verdict, actions=(), reason=Reason.PAUSED, blocked=(blocked,))


def _changes_in_place(at: Look) -> bool:
    able = snapshot.Capability.CHANGE_IN_PLACE in at.at.fleet.capabilities
    return able and at.seen.phase in (Phase.RUNNING, Phase.PENDING)


def _change(at: Look, reason: str) -> plan.Call:
    template = attempts.template(at.at.server, at.seen.alternative)
    return plan.Call(
        verb=plan.Verb.CHANGE,
        reason=reason,
        template=template,
        alternative=at.seen.alternative,
        instance=at.seen.id,
    )


def _exhausted(at: Look) -> Verdict:
    count = at.attempts.count
    message = f"{count} attempts failed, the last one so: {_error(at)}"
    remedy = remedies.retry_now(at.at.server)
    refused = at.refusal is not None and at.refusal.terminal
    reason = at.refusal.reason if at.refusal is not None and refused else Reason.ATTEMPTS_EXHAUSTED
    wake = at.refusal.time + REFUSED_FOR - at.at.now if at.refusal else None
    verdict = _stall(at.name, reason, message, remedy)
    return dataclasses.replace(verdict, wake=max(wake, 1.0) if wake is not None else None)


def _refused(at: Look, refusal: snapshot.Refusal) -> Verdict:
    remedy = remedies.edit(at.at.server)
    return _stall(refusal.object, refusal.reason, refusal.message, remedy)


def _backing_off(at: Look, due: float) -> Verdict:
    return Verdict(
        reason=Reason.BACKING_OFF,
        message=_error(at),
        trouble=True,
        blocked=(_ill(at),),
        wake=due - at.at.now,
    )


def _ill(at: Look) -> Blocked:
    return Blocked(
        object=at.name,
        reason=at.seen.reason or "Failed",
        message=at.seen.message or _error(at),
        next_attempt_time=at.attempts.next_attempt_time,
        remedy=remedies.retry_now(at.at.server),
    )


def _error(at: Look) -> str:
    error = at.attempts.last_error
    return error.message if error is not None else at.seen.message


def _stall(blocker: str, reason: str, message: str, remedy: str) -> Verdict:
    blocked = Blocked(object=blocker, reason=reason, message=message, remedy=remedy)
    return Verdict(reason=reason, message=message, stalled=True, trouble=True, blocked=(blocked,))
