"""The decision about one server: an ordered list of small rules; the first that knows answers.

Called by the Server planner, with attempts that `assessment` has brought up to date.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from controller import contract
from controller.api import conditions, resources, tags
from controller.api.choices import ErrorClass, Power
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.contract import Phase
from controller.kinds.server import attempts, changing, making, records, removal, teardown
from controller.kinds.server.assessment import (
    Situation,
    is_create,
    proof,
    verdict_due,
)
from controller.kinds.server.reasons import ServerReason
from controller.kinds.server.restraint import FORGOTTEN_SECONDS, restrain
from controller.kinds.server.summary import ServerVerdict
from controller.planning import outcomes, plan, remedies, words, writes

Rule = Callable[[Situation], ServerVerdict | None]
# After how long a server that runs and is not ready is told to be in trouble: many starts take so
# long, and each word costs a write.
SLOW_SECONDS = 120.0


def decide(situation: Situation) -> ServerVerdict:
    """Return what the first rule says that knows an answer, held back where changes must wait."""
    for rule in RULES:
        verdict = rule(situation)
        if verdict is not None:
            break
    else:
        verdict = _starting(situation)
    return restrain(situation, records.keep(situation, _hampered(situation, verdict)))


def _fleet_problem(situation: Situation) -> ServerVerdict | None:
    """A server that runs goes on running; only what would need the fleet has a problem."""
    seen = situation.seen
    found = next((each for each in situation.rests if each.stalled), None)
    if found is None or (seen.ready and seen.incarnation == situation.spec.incarnation):
        return None
    return ServerVerdict(
        reason=found.reason,
        message=found.message,
        stalled=found.stalled,
        trouble=True,
        blocked=found.blocked,
    )


def _foreign(situation: Situation) -> ServerVerdict | None:
    seen, meta = situation.seen, situation.snapshot.server.metadata
    made = situation.snapshot.fleet.display.resource
    if seen.phase is not Phase.FOREIGN:
        return None
    message = (
        seen.message or f"The name {meta.name} is taken by something that Argosy did not make."
    )
    remedy = seen.remedy or (
        remedies.show(made, meta.name, meta.namespace)
        if made is not None
        else remedies.fleet(situation.snapshot.fleet)
    )
    if seen.error_class != ErrorClass.WAITING:
        return making.stall(situation.name, Reason.NAME_TAKEN, message, remedy)
    thing = resources.thing(made, meta.name) if made is not None else situation.name
    blocked = Blocked(object=thing, reason=seen.reason, message=message, remedy=remedy)
    return ServerVerdict(reason=seen.reason, message=message, trouble=True, blocked=(blocked,))


def _adopted(situation: Situation) -> ServerVerdict | None:
    """The instance was taken up at a revision of its own: the set's rollout replaces it in turn.

    The Server is told so, and counts as up. A rollout that tells it another raises the incarnation.
    """
    seen, spec = situation.seen, situation.spec
    if not seen.adopted or seen.revision == spec.revision or seen.incarnation != spec.incarnation:
        return None
    patch = writes.patch(
        situation.snapshot.server,
        body={"spec": {"revision": seen.revision}},
        why="the instance was taken up at another revision, which the rollout is to replace",
        guarded=True,
    )
    message = f"Taken up at revision {seen.revision}, which a rollout replaces."
    return ServerVerdict(reason=ServerReason.ADOPTED, message=message, actions=(patch,))


def _replaced(situation: Situation) -> ServerVerdict | None:
    """The instance must go: another incarnation is wanted, or the instance cannot become it."""
    seen, spec = situation.seen, situation.spec
    if seen.phase is Phase.ABSENT or seen.phase is Phase.FOREIGN:
        return None
    if seen.phase is Phase.TERMINATING:
        cause = f": {seen.message}" if seen.message else ""
        message = f"The instance is being deleted{cause}."
        going = removal.remove(situation, ServerReason.TERMINATING, message)
        return going if going is None or not seen.error_class else _going_in_vain(situation, going)
    if changing.awaits_word(situation) or _goes_down_as_it_is(situation):
        return None
    if seen.incarnation != spec.incarnation and not changing.begins_anew(situation):
        message = f"Replacing incarnation {seen.incarnation} with {spec.incarnation}."
        return removal.remove(situation, ServerReason.REPLACING, message)
    if seen.revision != spec.revision and not changing.is_able(situation):
        message = f"Replacing revision {seen.revision} with {spec.revision}."
        return removal.remove(situation, ServerReason.REPLACING, message)
    return None


def _goes_down_as_it_is(situation: Situation) -> bool:
    """The server could not be made again, so a Stop keeps it, whatever it was to become."""
    return not situation.snapshot.recorded and records.stops_in_place(situation)


def _going_in_vain(situation: Situation, going: ServerVerdict) -> ServerVerdict:
    """Whoever is to confirm its end is away: told at once, and not when its time is over."""
    blocked = going.blocked or (making.ill(situation),)
    reason = going.reason if going.blocked else situation.seen.reason
    return dataclasses.replace(going, reason=reason, trouble=True, blocked=blocked)


def _stopped(situation: Situation) -> ServerVerdict | None:
    seen = situation.seen
    if situation.spec.power != Power.STOPPED:
        return None
    if seen.phase is Phase.ABSENT:
        return ServerVerdict(reason=Reason.STOPPED, message="Stopped, as asked.", idle=True)
    if seen.phase is Phase.STOPPED:
        # Whoever starts it later has what was asked for by then, where that is on record.
        recorded = situation.snapshot.recorded
        return (
            changing.under_way(situation)
            or (changing.changed(situation) if recorded else None)
            or ServerVerdict(reason=Reason.STOPPED, message="Stopped, as asked.", idle=True)
        )
    if records.stops_in_place(situation):
        return _stopping(situation)
    return removal.remove(
        situation,
        ServerReason.STOPPING,
        "The server is being stopped: its instance is deleted, its claims stay.",
    )


def _stopping(situation: Situation) -> ServerVerdict | None:
    """The server keeps what it has as it goes down: asked to, once nothing else is under way."""
    if situation.seen.phase is Phase.UNREACHABLE:
        return _unreachable(situation)
    return changing.in_other_hands(situation) or ServerVerdict(
        reason=ServerReason.STOPPING,
        message="The server is being stopped.",
        actions=changing.asks(situation, "Stop"),
    )


def _failed(situation: Situation) -> ServerVerdict | None:
    if situation.seen.phase is not Phase.FAILED:
        return None
    if situation.spec.held:
        message = (
            f"The server failed, and is held for a person to look into: {situation.seen.message}"
        )
        remedy = remedies.release(situation.snapshot.server)
        return making.stall(situation.name, Reason.HELD, message, remedy)
    if attempts.spent(situation.spec.recovery, situation.attempts):
        return _failed_for_good(situation)
    if situation.snapshot.server.status.attempts.instance != situation.seen.id:
        # Counted first: what is torn down before its failure is on record would be forgotten.
        return ServerVerdict(
            reason=Reason.FAILED,
            message=making.last_words(situation),
            trouble=True,
            blocked=(making.ill(situation),),
        )
    return removal.remove(
        situation, Reason.FAILED, "The failed instance is deleted to make room for another attempt."
    )


def _failed_for_good(situation: Situation) -> ServerVerdict:
    """A failed instance stays to be looked at, until the next attempt is due."""
    verdict = making.exhausted(situation)
    counted = situation.snapshot.server.status.attempts.instance == situation.seen.id
    if situation.spec.recovery.give_up or not counted:
        return verdict
    left = making.tries_again(situation) - situation.snapshot.now
    if left > 0:
        return dataclasses.replace(verdict, wake=left)
    gone = removal.remove(situation, Reason.FAILED, verdict.message)
    return dataclasses.replace(verdict, actions=gone.actions if gone is not None else ())


def _unreachable(situation: Situation) -> ServerVerdict | None:
    if situation.seen.phase is not Phase.UNREACHABLE:
        return None
    away = removal.away(situation, since=situation.seen.since or situation.snapshot.now)
    meta = situation.snapshot.server.metadata
    if teardown.is_lost(situation.snapshot) or tags.forces(meta, situation.seen.id):
        why = f"Replacing what is lost: {away.message}."
        return removal.remove(situation, ServerReason.REPLACING, why)
    reason = removal.why_away(situation)
    return ServerVerdict(reason=reason, message=away.message, trouble=True, blocked=(away,))


def _drifted(situation: Situation) -> ServerVerdict | None:
    """Mended, told or left; claims grow by the way; only what runs touches readiness."""
    seen, sizes = situation.seen, situation.sizes
    if not (seen.drift or seen.left or seen.lasting or seen.ignored or sizes.short):
        return None
    verdict = _ready(situation) or _starting(situation)
    message = f"{verdict.message}{_difference(situation)}"
    if seen.altered:
        blocked = Blocked(
            object=situation.name,
            reason=ServerReason.DRIFTED,
            message=message,
            remedy=remedies.edit(situation.snapshot.server),
        )
        verdict = dataclasses.replace(
            verdict, reason=ServerReason.DRIFTED, ready=False, trouble=True, blocked=(blocked,)
        )
    held = situation.spec.held and bool(seen.altered)
    due = sizes.short or (seen.drift and not held)
    actions = (_mend(situation),) if due else ()
    return dataclasses.replace(verdict, actions=actions, message=message)


def _mend(situation: Situation) -> contract.Call:
    drift = situation.seen.drift
    if situation.seen.altered and drift and not situation.spec.held:
        call = changing.call(situation, "Drift")
        return dataclasses.replace(call, leave=situation.seen.ignored, mends=drift)
    return contract.Call(
        verb=contract.Verb.CHANGE,
        why="Drift" if drift else "Grow",
        mends=drift,
        volume_claims=situation.spec.volume_claims,
        instance=situation.seen.id,
    )


def _difference(situation: Situation) -> str:
    """Say what differs, and what becomes of it; the same words for as long as it is so."""
    seen = situation.seen
    lasting = (
        f" Changed by hand, which only a new instance undoes: {', '.join(seen.lasting)}."
        if seen.lasting
        else ""
    )
    if seen.ignored:
        lasting += (
            f" Changed by others, and left to them (drift.ignore): {', '.join(seen.ignored)}."
        )
    if seen.drift:
        return f" Changed by hand and mended: {', '.join(seen.drift)}.{lasting}"
    if not seen.left:
        return lasting
    who = seen.left_by or "a policy or a program of the cluster"
    times = words.count(seen.mended, "time")
    return (
        f" Set again by {who} after Argosy mended it {times}, and left so: {', '.join(seen.left)}."
        f"{lasting}"
    )


def _powered(situation: Situation) -> ServerVerdict | None:
    if situation.seen.phase is not Phase.STOPPED:
        return None
    return ServerVerdict(
        reason=Reason.STARTING,
        message="The server is being started.",
        actions=changing.asks(situation, "Start"),
    )


def _ready(situation: Situation) -> ServerVerdict | None:
    if situation.seen.phase is not Phase.RUNNING or not situation.seen.ready:
        return None
    wakes = []
    for bound in (
        situation.spec.min_ready_seconds,
        proof(situation.spec) if situation.attempts.count or situation.attempts.used_up else 0,
    ):
        left = situation.seen.ready_since + bound - situation.snapshot.now
        wakes.append(left if left > 0 else None)
    return ServerVerdict(
        reason=Reason.RUNNING,
        message=" ".join(("Running and ready.", *situation.sizes.notes, *_resized(situation))),
        ready=True,
        wake=plan.soonest(*wakes),
    )


def _resized(situation: Situation) -> tuple[str, ...]:
    """Say what somebody, such as an autoscaler, has resized: that is theirs to do."""
    found = situation.seen.resized
    return (f"Resized by others, and left to them: {', '.join(found)}.",) if found else ()


def _stuck(situation: Situation) -> ServerVerdict | None:
    """The server does not come up: told, counted by `assessment`; deleted only for another way."""
    if not situation.seen.error_class:
        return None
    if attempts.spent(situation.spec.recovery, situation.attempts):
        return making.exhausted(situation)
    counted = situation.snapshot.server.status.attempts
    moved_on = (
        counted.instance == situation.seen.id
        and situation.attempts.alternative != situation.seen.alternative
    )
    if (
        (moved_on or situation.asked)
        and situation.seen.phase is Phase.PENDING
        and not situation.spec.held
    ):
        return removal.remove(
            situation,
            Reason.FAILED,
            "The instance that did not come up is deleted to make room for another attempt.",
        )
    left = max(verdict_due(situation.snapshot, situation.attempts) - situation.snapshot.now, 1.0)
    # A start that costs no attempt is not awaited from second to second.
    waits = situation.seen.error_class == ErrorClass.WAITING
    ill = situation.seen.phase is Phase.RUNNING and _was_ready(situation)
    return ServerVerdict(
        reason=Reason.UNHEALTHY if ill else situation.seen.reason or Reason.PROGRESSING,
        message=situation.seen.message or "The server does not come up.",
        trouble=True,
        blocked=(making.ill(situation),),
        wake=max(left, FORGOTTEN_SECONDS) if waits else left,
    )


def _starting(situation: Situation) -> ServerVerdict:
    """The server is on its way; after a while it is told by whose word it is not there yet."""
    verdict = _on_its_way(situation)
    if situation.seen.phase is not Phase.RUNNING or not situation.seen.reason:
        return verdict
    left = situation.seen.since + SLOW_SECONDS - situation.snapshot.now
    if left > 0:
        return dataclasses.replace(verdict, wake=left)
    ill = verdict.reason == Reason.UNHEALTHY
    reason = verdict.reason if ill else situation.seen.reason
    blocked = (making.ill(situation),)
    return dataclasses.replace(verdict, reason=reason, trouble=True, blocked=blocked)


def _on_its_way(situation: Situation) -> ServerVerdict:
    if situation.seen.phase is Phase.RUNNING and _was_ready(situation):
        message = situation.seen.message or "The server was ready and is not any more."
        return ServerVerdict(reason=Reason.UNHEALTHY, message=message)
    pending = situation.seen.phase is Phase.PENDING
    usual = "The server is starting." if pending else "Running, but not ready yet."
    running = situation.seen.phase is Phase.RUNNING
    reason = Reason.PROGRESSING if running else situation.seen.reason or Reason.PROGRESSING
    return ServerVerdict(reason=reason, message=situation.seen.message or usual)


def _was_ready(situation: Situation) -> bool:
    """Whether this incarnation has been ready before, as its status tells."""
    before = situation.snapshot.server.status
    told = conditions.find(before.conditions, ConditionType.READY)
    if told is None or before.incarnation != situation.seen.incarnation:
        return False
    return told.status == "True" or told.reason == Reason.UNHEALTHY


# The first that knows an answer is the last that is asked. First who may not act at all, then what
# must go, then what must come, then what must change, then what is well; the rest is on its way.
RULES: tuple[Rule, ...] = (
    # The server's fleet is no fleet for it: nothing that follows could be done. A server that runs,
    # runs on.
    _fleet_problem,
    # The name is somebody else's: whatever is wanted, it must not be wanted of that.
    _foreign,
    # The instance was taken up at a revision of before: the rollout is to replace it, within its
    # budget, and not the next rule, which knows of none.
    _adopted,
    # The instance is another incarnation, or cannot become this one: it goes before anything
    # else is made of the name. Before `_failed`, as it makes no odds how the old one fares.
    _replaced,
    # A person wants it down, so its being down is no trouble: before `absent` would make it. Here,
    # too, what is down comes to another revision: behind `_powered` nothing is down any more.
    _stopped,
    # Nothing is there, and something should be: made, or held back until the next attempt.
    making.absent,
    # The instance broke. Counted, then taken down for another attempt; for good after the last.
    _failed,
    # Nobody hears of it: waited for as long as the policy says, as it may still be at work.
    _unreachable,
    # The instance is of the incarnation before, and may become the next: else `_replaced` had
    # answered.
    changing.renewed,
    # The server is down, of the right incarnation, and should be up.
    _powered,
    # The instance runs another revision and may become this one in place; else `_replaced` had
    # answered.
    changing.changed,
    # The instance is in the midst of a change: ready or not, it is not yet what was asked for.
    changing.under_way,
    # The instance is as asked for, but for what somebody changed by hand: mended, or told and left.
    _drifted,
    # The server is well: the only rule that says so, and so behind all that could be wrong.
    _ready,
    # The server does not come up, and says why: counted, and made anew where there is another way.
    _stuck,
    # The server is on its way, or was ready and is not: time will tell.
    _starting,
)


def _hampered(situation: Situation, verdict: ServerVerdict) -> ServerVerdict:
    """Tell of calls that failed, other than creates: what should go or change does not.

    A server that is as wanted stays Ready; the others say in whose words why they are not.
    """
    told = [each for each in outcomes.of(situation.snapshot.outcomes).told if not is_create(each)]
    if not told:
        return verdict
    found = outcomes.Outcomes(tuple(told))
    server = situation.snapshot.server
    blocked = (*verdict.blocked, *found.blocked(server))
    actions = (*verdict.actions, *_warnings(situation, found))
    if verdict.ready or verdict.idle or verdict.trouble:
        return dataclasses.replace(verdict, blocked=blocked, actions=actions, trouble=True)
    first = found.told[0]
    changes = first.verb is contract.Verb.CHANGE
    return dataclasses.replace(
        verdict,
        reason=first.reason,
        message=first.message,
        # Budgets are about servers that cannot be made as told, not about those that do not go.
        stalled=first.refused and changes,
        trouble=True,
        blocked=blocked,
        actions=actions,
    )


def _warnings(situation: Situation, found: outcomes.Outcomes) -> tuple[plan.Action, ...]:
    server = situation.snapshot.server
    return tuple(outcomes.news(server.status.blocked_by, found, server))
