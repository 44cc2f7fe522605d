"""The status of a set: one verdict from an ordered list of checks.

Called by the ServerSet planner with everything that it decided.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import msgspec

from controller.api import conditions, names, objects
from controller.api.choices import Power
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.kinds.serverset import (
    blockers,
    causes,
    service,
)
from controller.kinds.serverset.outlook import Outlook, converged
from controller.kinds.serverset.reasons import ServerSetReason
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import finalizers, outcomes, words
from controller.planning.census import Census
from controller.planning.plan import RecordEvent
from controller.planning.verdict import Verdict
from controller.reasons import ForeignReason, Vocabulary


def status(outlook: Outlook) -> objects.ServerSetStatus:
    """Return the whole status of the set."""
    seen = causes.find(outlook.snapshot, outlook.census, outlook.failed)
    outlook = dataclasses.replace(outlook, causes=seen)
    server_set, census, now = outlook.snapshot.server_set, outlook.census, outlook.snapshot.now
    spec = server_set.spec
    verdict = next(found for check in CHECKS if (found := check(outlook)))
    return objects.ServerSetStatus(
        observed_generation=server_set.metadata.generation,
        conditions=_with_evictions(verdict.conditions(server_set, now), outlook),
        replicas=census.present,
        desired=census.desired,
        current=census.present,
        updated=census.updated,
        ready=census.ready,
        available=census.available,
        failed=census.failed,
        selector=names.selector(spec.application, spec.component),
        revision=spec.revision,
        proven_revision=outlook.progress.proven_revision,
        last_progress_time=outlook.progress.since,
        deadline_missed=outlook.progress.missed,
        budget_spent=outlook.budget_spent,
        remediation_held=outlook.remedy.held,
        last_remediation_hold=outlook.remedy.last_hold,
        blocked_by=blockers.of(outlook, _epidemic(outlook)),
        last_handled_retry=outlook.handled_retry,
    )


def _with_evictions(told: conditions.Conditions, outlook: Outlook) -> conditions.Conditions:
    """Add that evictions do not keep to the component's budget, while that is so."""
    guard, server_set = outlook.guard, outlook.snapshot.server_set
    if guard.theirs:
        reason = ServerSetReason.FOREIGN_BUDGET
        message = (
            f"PodDisruptionBudget/{guard.theirs} is somebody else's, and decides alone what"
            " evictions may do: they do not wait for rollouts and operations."
        )
    elif guard.unwritten:
        reason = ServerSetReason.BUDGET_UNWRITTEN
        message = (
            f"PodDisruptionBudget/{server_set.metadata.name} cannot be written: evictions may take"
            " down more servers than maxUnavailable."
        )
    else:
        return told
    one = conditions.Condition(
        type=ConditionType.EVICTIONS_UNBOUNDED,
        status="True",
        reason=reason,
        message=message,
        observed_generation=server_set.metadata.generation,
    )
    before = server_set.status.conditions
    return conditions.merge(before, (*told, one), outlook.snapshot.now)


def write_status_now(before: objects.ServerSetStatus, after: objects.ServerSetStatus) -> bool:
    """Return whether what changed is more than counts that move: others wait for it."""
    if conditions.is_true(after.conditions, ConditionType.READY):
        return True

    def gist(told: objects.ServerSetStatus) -> tuple[object, ...]:
        return (
            {(each.type, each.status, each.reason) for each in told.conditions},
            told.observed_generation,
            told.revision,
            told.proven_revision,
            told.deadline_missed,
            told.budget_spent,
            told.last_handled_retry,
        )

    return gist(before) != gist(after)


def deleting(snapshot: ServerSetSnapshot, left: int) -> objects.ServerSetStatus:
    """Return the status of a set whose servers are being torn down, and what keeps them."""
    server_set = snapshot.server_set
    stuck = list(outcomes.of(snapshot.outcomes).blocked(server_set))
    stuck += [
        blocked
        for _, server in sorted(snapshot.servers.items())
        for blocked in server.status.blocked_by
    ]
    verdict = Verdict(
        reason=Reason.DELETING,
        message=f"{words.be(left, 'server')} still there.",
        reconciling=True,
    )
    return _going(snapshot, verdict, left, stuck)


def discarding(
    snapshot: ServerSetSnapshot, held: Sequence[Blocked] = ()
) -> objects.ServerSetStatus | None:
    """Return the status of a set whose claims do not go as they should; None while nothing is odd.

    Of a set that goes without a hitch no status is worth a write. `held` is what others keep of it.
    """
    stuck = tuple(outcomes.of(snapshot.outcomes).blocked(snapshot.server_set))
    stuck = (*stuck, *held)
    if not stuck and snapshot.claims is not None:
        return None
    message = "All servers are gone; the claims of the set are to go."
    if held:
        message = f"No server is left. {held[0].object} is {held[0].message}."
    if snapshot.claims is None:
        message = "No server is left; which claims are to go is not known yet."
    # By this its application knows that it has no server any more: no other status says so.
    reason = Reason.KEPT_BY_OTHERS if held else Reason.DELETING
    verdict = Verdict(reason=reason, message=message, reconciling=True)
    return _going(snapshot, verdict, 0, stuck)


def bare(snapshot: ServerSetSnapshot, failed: outcomes.Outcomes) -> objects.ServerSetStatus:
    """Return the status of a set that has nothing left, and that a failing write keeps."""
    server_set = snapshot.server_set
    told = outcomes.steady(server_set.status.blocked_by, failed.blocked(server_set), snapshot.now)
    message = words.because("No server is left. The set keeps its finalizer", told[0].message)
    verdict = Verdict(reason=Reason.DELETING, message=message, reconciling=True)
    return _going(snapshot, verdict, 0, told)


def released(snapshot: ServerSetSnapshot) -> objects.ServerSetStatus | None:
    """Return the status of a set that only others still keep; None where nobody does."""
    kept = finalizers.keepers(snapshot.server_set.metadata)
    if not kept:
        return None
    message = f"No server is left. The set is {kept}."
    return _going(
        snapshot, Verdict(reason=Reason.DELETING, message=message, reconciling=True), 0, ()
    )


def _going(
    snapshot: ServerSetSnapshot, verdict: Verdict, left: int, stuck: Sequence[Blocked]
) -> objects.ServerSetStatus:
    server_set = snapshot.server_set
    return msgspec.structs.replace(
        server_set.status,
        observed_generation=server_set.metadata.generation,
        conditions=verdict.conditions(server_set, snapshot.now),
        replicas=left,
        current=left,
        updated=0,
        ready=0,
        available=0,
        blocked_by=outcomes.steady(
            server_set.status.blocked_by, tuple(stuck[: blockers.MOST_BLOCKED]), snapshot.now
        ),
    )


def _hindered(outlook: Outlook) -> Verdict | None:
    found = outlook.obstacle
    if found is None:
        return None
    ready = not found.stalled and converged(outlook.census, outlook.spec.rollout.strategy)
    return Verdict(
        reason=found.reason,
        message=f"{found.message} {_counts(outlook.census)}",
        ready=ready,
        stalled=found.stalled,
        reconciling=found.reason == Reason.DELETING or (found.passing and not ready),
    )


def _refused(outlook: Outlook) -> Verdict | None:
    snapshot = outlook.snapshot
    refused = (each for each in outlook.failed.refused if not service.is_about(each, snapshot))
    first = next(refused, None)
    if first is None:
        return None
    return Verdict(reason=first.reason, message=first.message, stalled=True)


def _hampered(outlook: Outlook) -> Verdict | None:
    """Writes of the set's own, or of its servers, fail, and may succeed by themselves."""
    first = outlook.causes.first
    if first is None:
        return None
    message = f"{_counts(outlook.census)}{_because(outlook)}"
    return Verdict(reason=ForeignReason(first.reason), message=message, reconciling=True)


def _spent(outlook: Outlook) -> Verdict | None:
    if not outlook.budget_spent:
        return None
    message = (
        f"{words.count(outlook.census.failed, 'server')} failed for good, more than failureBudget"
        f" ({outlook.spec.recovery.failure_budget}) allows. {_counts(outlook.census)}"
        f"{_because(outlook)}"
    )
    return Verdict(reason=Reason.FAILURE_BUDGET_SPENT, message=message, stalled=True)


def _late(outlook: Outlook) -> Verdict | None:
    if not outlook.progress.missed:
        return None
    message = (
        f"The rollout to {outlook.census.target} made no progress for"
        f" {outlook.spec.rollout.progress_deadline_seconds} seconds. {_counts(outlook.census)}"
        f"{_because(outlook)}"
    )
    return Verdict(reason=Reason.PROGRESS_DEADLINE_EXCEEDED, message=message, stalled=True)


def _epidemic(outlook: Outlook) -> Verdict | None:
    if not outlook.remedy.held or not outlook.remedy.ill:
        return None
    message = (
        f"{outlook.remedy.ill} of {words.be(outlook.census.desired, 'server')} ill at once;"
        " the cause is likely not theirs. None is replaced until most are well, or one has been ill"
        f" for {outlook.spec.recovery.remediation.max_hold_seconds} seconds."
    )
    return Verdict(reason=Reason.REMEDIATION_HELD, message=message, reconciling=True)


def _ailing(outlook: Outlook) -> Verdict | None:
    """The hold in the words of what ails the servers, where that is known: it helps more."""
    held, first = _epidemic(outlook), outlook.causes.first
    if held is None or first is None:
        return held
    message = f"{held.message} {_counts(outlook.census)}{_because(outlook)}"
    return dataclasses.replace(held, reason=ForeignReason(first.reason), message=message)


def _as_wanted(outlook: Outlook) -> Verdict | None:
    census = outlook.census
    moving = bool(outlook.moving)
    if not converged(census, outlook.spec.rollout.strategy, moving=moving):
        return None
    older = sum(1 for each in census.odd if each.stale)
    message = words.all_available(census.desired)
    message += f"; {older} kept at older revisions." if older else "."
    for each in outlook.causes.shared[:1]:
        message += f" {each.message}"
    return Verdict(reason=Reason.AVAILABLE, message=message, ready=True)


def _lost(outlook: Outlook) -> Verdict | None:
    census = outlook.census
    if not census.failed or census.failed + census.available < census.desired or census.due:
        return None
    return Verdict(
        reason=Reason.SERVERS_FAILED,
        message=f"{words.count(census.failed, 'server')} failed for good. {_counts(census)}"
        f"{_because(outlook)}",
        stalled=True,
    )


def _full(outlook: Outlook) -> Verdict | None:
    """The namespace may have no more servers, and what it has takes none of them away by itself."""
    found = next(iter(blockers.crowded(outlook)), None)
    if found is None:
        return None
    message = f"{found.message} {_counts(outlook.census)}"
    return Verdict(reason=ServerSetReason.NAMESPACE_FULL, message=message, stalled=True)


def _stopped(outlook: Outlook) -> Verdict | None:
    """Nothing is under way where all that is missing was stopped by somebody who asked for it."""
    census = outlook.census
    if census.present != census.desired or census.leaving or census.due:
        return None
    down = [each.server for each in census.odd if not each.available]
    if not down or not all(each.spec.power == each.status.power == Power.STOPPED for each in down):
        return None
    message = f"{words.be(len(down), 'server')} stopped, as asked. {_counts(census)}"
    return Verdict(reason=Reason.STOPPED, message=message)


def _under_way(outlook: Outlook) -> Verdict:
    census = outlook.census
    return Verdict(reason=_movement(outlook), message=_counts(census), reconciling=True)


def _movement(outlook: Outlook) -> Vocabulary:
    """Return what kind of change the set is in."""
    census, proven = outlook.census, outlook.progress.proven_revision
    if not proven:
        # Coming up for the first time, which is one thing to users and so one reason.
        return Reason.PROGRESSING
    if census.due or any(_changing(each.server, census) for each in census.odd):
        return Reason.ROLLING_OUT
    if any(
        each.spec.revision != census.target and each.spec.ordinal >= census.partition
        for each in census.leaving
    ):
        return Reason.ROLLING_OUT
    if outlook.moving:
        return ServerSetReason.MOVING
    coming = any(not each.server.status.revision for each in census.odd)
    if census.present != census.desired or census.leaving or coming:
        return Reason.SCALING
    return Reason.SERVERS_UNAVAILABLE if proven == census.target else Reason.ROLLING_OUT


def _changing(server: objects.Server, census: Census) -> bool:
    """Return whether the server still runs another revision than it was told."""
    running = server.status.revision
    return bool(running) and server.spec.revision == census.target != running


# The first that answers is what people read. First why nothing is done, then why it halts, then
# that all is well, then what is missed, and why; the last one always answers.
CHECKS: tuple[Callable[[Outlook], Verdict | None], ...] = (
    # Somebody or something above the set keeps it from acting at all.
    _hindered,
    # The API server refuses what the set would write, and will again.
    _refused,
    # Too many servers failed for good: nothing further is touched. Before `_late`, which it causes.
    _spent,
    # The rollout stands still. Before `_as_wanted`: availability does not end a missed deadline.
    _late,
    # All is as asked for; before the troubles below, which then are nobody's loss.
    _as_wanted,
    # So many are ill that none is replaced: the cause is told, not the servers one by one.
    _ailing,
    # The namespace has no room for what is missing; before troubles of those that are there.
    _full,
    # Some failed for good, within the budget, and all others are well: nothing more will happen.
    _lost,
    # Calls fail that may succeed by themselves.
    _hampered,
    # The missing servers were stopped by a person: nothing is under way.
    _stopped,
    # Scaling, rolling out, or coming up.
    _under_way,
)


def _counts(census: Census) -> str:
    # Spare servers of a rollout are not among those asked for.
    available = min(census.available, census.desired)
    told = f"{available} of {words.be(census.desired, 'server')} available"
    return f"{told}; {census.updated} run {census.target}."


def _because(outlook: Outlook) -> str:
    """Return the words of the first cause, to follow a sentence; those of failures come first."""
    failed = next(iter(blockers.trouble(outlook)), None) if outlook.census.failed else None
    first = failed or outlook.causes.first
    return f" {causes.words(first)}" if first is not None and first.message else ""


def warnings(outlook: Outlook) -> Iterable[RecordEvent]:
    """Yield an Event for what newly keeps servers from being made, as a ReplicaSet's: once each."""
    told = outlook.snapshot.server_set.status.blocked_by
    known = {(each.object, each.reason) for each in told}
    for each in outlook.census.odd:
        name, error = each.server.metadata.name, each.server.status.attempts.last_error
        if error is None or not each.server.status.attempts.next_attempt_time:
            continue
        for blocked in each.server.status.blocked_by:
            thing = (blocked.object, blocked.reason)
            if blocked.object == f"Server/{name}" or thing in known:
                continue
            known.add(thing)
            message = f"Failed to create Server/{name}: {blocked.message}"
            yield RecordEvent(
                reason=Reason.FAILED_CREATE,
                message=message,
                warning=True,
                cause=f"{blocked.object} {blocked.reason}",
            )
