"""The ServerSet planner: one component's servers, how many, at which revision, in what order.

Called by `execution` for every ServerSet, and by `explain` and `why`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from controller.api import tags
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kinds.serverset import (
    checks,
    claims,
    disruption_budget,
    moves,
    occupancy,
    progress,
    records,
    relocation,
    remakers,
    remediation,
    resizing,
    service,
    summary,
    teardown,
    updates,
)
from controller.kinds.serverset import draft as drafts
from controller.kinds.serverset.draft import Draft
from controller.kinds.serverset.outlook import Outlook
from controller.kinds.serverset.reasons import ServerSetReason
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import (
    budget,
    events,
    finalizers,
    focus,
    obstacles,
    outcomes,
    ownership,
    verdict,
    words,
)
from controller.planning.census import Census, Facts
from controller.planning.plan import Plan, RecordEvent, soonest

# Where these stand in the way, nothing at all is written.
_ENDINGS = frozenset(
    {
        Reason.DELETING,
        Reason.NAMESPACE_TERMINATING,
        Reason.OBSERVED,
        Reason.PAUSED,
        ServerSetReason.ORPHANED,
    }
)


def plan(snapshot: ServerSetSnapshot) -> Plan:
    """Return what the set needs now, and how it stands."""
    if snapshot.server_set.metadata.deletion_timestamp is not None:
        return teardown.plan(snapshot)
    census = snapshot.servers.census(snapshot.server_set, snapshot.now)
    failed = outcomes.of(snapshot.outcomes)
    obstacle = checks.find(snapshot)
    if obstacle is not None:
        return _hindered(snapshot, census, failed, obstacle)
    if not finalizers.is_on(snapshot.server_set.metadata):
        made = Plan(
            actions=(finalizers.add(snapshot.server_set),),
            notes=("the finalizer, which somebody took off, comes before anything else",),
        )
        return outcomes.alone(made, failed, lambda: _as_it_stands(snapshot, census, failed))
    return _converge(snapshot, census, failed)


def _as_it_stands(snapshot: ServerSetSnapshot, census: Census, failed: outcomes.Outcomes) -> Plan:
    """Tell how the set stands, and decide nothing."""
    draft = drafts.begin(snapshot, census, failed)
    return _finish(_unchanged(draft), draft, census.soonest)


def _unchanged(draft: Draft) -> Outlook:
    """Return the outlook of a set for which nothing is decided."""
    return Outlook(
        snapshot=draft.snapshot,
        census=draft.census,
        progress=draft.stands,
        failed=draft.failed,
        remedy=draft.ill,
        budget_spent=draft.snapshot.server_set.status.budget_spent,
        handled_retry=draft.handled_retry,
    )


def _hindered(
    snapshot: ServerSetSnapshot,
    census: Census,
    failed: outcomes.Outcomes,
    obstacle: obstacles.Obstacle,
) -> Plan:
    draft = drafts.begin(snapshot, census, failed)
    draft.actions += obstacle.tries
    draft.notes.append(f"nothing is made or changed: {obstacle.message}")
    outlook = dataclasses.replace(_unchanged(draft), obstacle=obstacle)
    # An application on its way out says so itself; its sets need not, one write each.
    told = obstacle.reason != Reason.DELETING
    if obstacle.reason not in _ENDINGS:
        # Operations may go on, and wait for it.
        guard = disruption_budget.keep(snapshot, census, records.Records(snapshot), halted=True)
        guard.add_to(draft.actions, draft.notes)
        outlook = dataclasses.replace(outlook, guard=guard)
    return _finish(outlook, draft, census.soonest, worth_telling=told)


def _converge(snapshot: ServerSetSnapshot, census: Census, failed: outcomes.Outcomes) -> Plan:
    """Go through the stages, and tell how the set stands then."""
    # For all stages those that are being evicted are down, though they have yet to say so: with a
    # budget of 1 and web-3 being evicted, no stage takes web-4 down.
    draft = _begin(snapshot, disruption_budget.without(snapshot.evicted, census), failed)
    for stage in STAGES:
        stage(draft)
    outlook = Outlook(
        snapshot=snapshot,
        census=draft.census,
        progress=draft.stands,
        failed=failed,
        remedy=draft.ill,
        budget_spent=draft.spent,
        handled_retry=draft.handled_retry,
        left=draft.left,
        moving=draft.moving,
        guard=draft.guard,
        unmade=draft.unmade,
    )
    # No change of an object wakes the set for any of these. The first of the times does, and the
    # next plan finds the others again. Example: web-3 has been ready for 7 of its 10
    # minReadySeconds, and the deadline of the rollout is 200 s away: again in 3 s.
    room = occupancy.AGAIN if draft.unmade else None
    wake = soonest(census.soonest, draft.stands.wake_after, draft.ill.wake_after)
    wake = soonest(wake, draft.moves_again, room, snapshot.records_last)
    return _finish(outlook, draft, wake)


def _begin(snapshot: ServerSetSnapshot, census: Census, failed: outcomes.Outcomes) -> Draft:
    """Find what all stages go by: who is left to whom, and whether the rollout goes on."""
    server_set, draft = snapshot.server_set, drafts.begin(snapshot, census, failed)
    due = (each.server for each in census.due)
    draft.left = remakers.of(due, snapshot.operations, server_set)
    draft.moving = _moving(snapshot, census)
    draft.standing_in = bool(draft.moving) and moves.surges(server_set.spec)
    draft.focus = focus.of(census, snapshot.evicted, server_set.spec)
    retry, before = tags.retry_now(server_set.metadata), server_set.status.last_handled_retry
    draft.retrying = retry != before
    draft.spent = progress.budget_spent(server_set, census, standing_in=draft.standing_in)
    draft.late = progress.halted_before(server_set, census, retrying=draft.retrying)
    return draft


def _moving(snapshot: ServerSetSnapshot, census: Census) -> Mapping[int, moves.Move]:
    """Return the moves that are the set's to make: not those that come with an operation."""
    server_set = snapshot.server_set
    found = {**relocation.wanted(snapshot, census), **snapshot.moving}
    wanted = moves.wanted(found, census, server_set.spec)
    if not wanted or not budget.limit(census.desired, server_set.spec.rollout):
        return wanted  # an operation without a concurrency of its own takes no server down then
    servers = (census.servers[each] for each in wanted)
    left = remakers.of(servers, snapshot.operations, server_set)
    return {ordinal: move for ordinal, move in wanted.items() if ordinal not in left}


# ---- stages


def _serve(draft: Draft) -> None:
    """Make the Service of the set, or bring it to what is asked for."""
    if (kept := service.keep(draft.snapshot)) is not None:
        draft.actions.append(kept)
    if service.is_awaited(draft.snapshot):
        draft.notes.append("new servers start once their Service is there")


def _guard(draft: Draft) -> None:
    """Decide what evictions may take down, and whether they are to end before anything else."""
    snapshot, spec = draft.snapshot, draft.snapshot.server_set.spec
    step = moves.decide(draft.census, draft.moving, spec, now=snapshot.now)
    away = any(not each.evicted for each in draft.moving.values())
    draft.moves_again = step.wake_after
    draft.guard = disruption_budget.keep(
        snapshot,
        draft.census,
        records.Records(snapshot),
        halted=bool(draft.halted),
        moving=bool(step.servers) or (away and not moves.surges(spec)),
        evicted=sum(1 for each in draft.moving.values() if each.evicted),
    )
    draft.closing = draft.guard.closing


def _take_up(draft: Draft) -> None:
    """Take up servers that an earlier set of the name let go of, as they run."""
    let_go, server_set = draft.snapshot.let_go, draft.snapshot.server_set
    for each in let_go:
        draft.actions.append(ownership.take_up(each, Resource.SERVERSETS, server_set))
        draft.touched.add(each.spec.ordinal)
    if let_go:
        count = words.count(len(let_go), "server")
        draft.notes.append(f"taking up {count} that an earlier set let go of")
    draft.counted = not let_go


def _resize(draft: Draft) -> None:
    """Make, take away, bring to the target and move servers, unless evictions are to end first."""
    if not draft.closing:
        resizing.resize(draft)


def _reassign(draft: Draft) -> None:
    """Give another failure domain to servers that wait in theirs."""
    if draft.snapshot.fleet.domains:
        moved = relocation.reassign(draft.census, draft.where, draft.touched)
        draft.actions += moved.values()
        draft.touched |= moved.keys()


def _assess(draft: Draft) -> None:
    """Tell how the rollout stands, and when it misses its deadline."""
    snapshot = draft.snapshot
    draft.stands = progress.assess(
        snapshot.server_set,
        draft.census,
        now=snapshot.now,
        watching_since=snapshot.watching_since,
        acting=draft.acting,
        retrying=draft.retrying,
        halted=draft.late,
        outage=snapshot.fleet.outage.lasts or bool(draft.unmade and not draft.acting),
    )


def _remediate(draft: Draft) -> None:
    """Decide which of the ill servers are made anew, once evictions have ended."""
    snapshot, census = draft.snapshot, draft.census
    if draft.spent:
        return
    draft.ill = remediation.decide(
        census,
        now=snapshot.now,
        told=snapshot.server_set.status,
        policy=snapshot.server_set.spec.recovery.remediation,
        proven_revision=draft.stands.proven_revision,
        limit=budget.limit(census.desired, snapshot.server_set.spec.rollout),
        evicted=snapshot.evicted,
    )
    draft.notes += draft.ill.notes
    chosen = [each for each in draft.ill.servers if each.ordinal not in draft.touched]
    if chosen and draft.guard.close is not None:
        # One that gets well this moment is counted as up by the disruption controller.
        draft.closing = True
        return
    for each in chosen:
        record = remediation.record(each.server, snapshot.now)
        draft.actions.append(updates.remediate(each.server, record))
        draft.touched.add(each.ordinal)
    if chosen:
        draft.actions.append(
            RecordEvent(
                reason=ServerSetReason.REMEDIATED,
                message=remediation.told(each.server.metadata.name for each in chosen),
                warning=True,
            )
        )


def _end_evictions(draft: Draft) -> None:
    """Have evictions keep to the budget, or end where servers are about to be taken down."""
    draft.guard.add_to(draft.actions, draft.notes, closing=draft.closing)


def _mend(draft: Draft) -> None:
    """Put right what was edited by hand; held servers are left alone."""
    mended = 0
    for each in draft.census.odd:
        if each.ordinal in draft.touched or each.operated or each.server.spec.held:
            continue
        patch = updates.mend(each)
        if patch is not None:
            draft.actions.append(patch)
            draft.touched.add(each.ordinal)
            mended += 1
    if mended:
        draft.notes.append(f"putting right the labels of {words.count(mended, 'server')}")


def _retry(draft: Draft) -> None:
    """Pass a person's word to try again on to servers that failed; once all know, it is handled."""
    if not draft.retrying:
        return
    value = tags.retry_now(draft.snapshot.server_set.metadata)
    untold = [each for each in draft.census.odd if _must_hear(each, value)]
    told = [each for each in untold if each.ordinal not in draft.touched]
    draft.actions += [updates.retry_now(each.server, value) for each in told]
    if untold:
        draft.notes.append(f"telling {words.count(len(untold), 'server')} to try again now")
    else:
        draft.handled_retry = value


def _must_hear(each: Facts, value: str) -> bool:
    """Return whether a server would not try again by itself when its application hears the wish.

    One that waits follows its application's, unless an older wish of its own hides that.
    """
    own, attempts = tags.retry_now(each.server.metadata), each.server.status.attempts
    tried = each.failed or attempts.count or (own and attempts.next_attempt_time)
    return bool(tried) and own != value


def _collect(draft: Draft) -> None:
    """Delete the claims of servers that were scaled away, where that is asked for."""
    gone = claims.after_scaling(draft.snapshot)
    draft.actions += (*gone, *claims.told(draft.snapshot, gone))


# Each stage needs what those before it have decided. Whatever is more urgent for a server comes
# first, as a Server is written once in one plan: who comes later leaves alone what was touched.
STAGES: tuple[Callable[[Draft], None], ...] = (
    # New servers start once their Service is there: it is asked for before any of them is made.
    _serve,
    # Evictions take servers down from the same budget: whether they are to end first is known
    # before any stage takes a server down, and binds all of them.
    _guard,
    # Servers that run already count from the next plan on: in this one none is made in their place.
    _take_up,
    # How many, and at which revision, is all that the set is for. Not while evictions are to end:
    # whatever this would count as up, an eviction may take down before it is done.
    _resize,
    # Only for servers that stay where they are until then: one that goes, or that was just brought
    # to the target or moved, has its domain by now, and domains are given one after the other.
    _reassign,
    # Behind all that brings the rollout further: what does so in this very plan misses no deadline.
    _assess,
    # Only servers at the revision that was just found to be proven are ill by themselves. Servers
    # that the rollout takes down come back anyway. Evictions may have to end for this, too.
    _remediate,
    # No stage from here on takes servers down: by now it is known whether evictions are to end.
    _end_evictions,
    # No server is worse without the labels that this puts right: any other write goes before it.
    _mend,
    # Servers that were written above hear it by the next plan: until then it is not handled.
    _retry,
    # Claims are left by servers that have gone already: no stage goes by them.
    _collect,
)


def _finish(
    outlook: Outlook, draft: Draft, wake: float | None, *, worth_telling: bool = True
) -> Plan:
    """Return the plan, with an Event where the set has come to a halt."""
    before = outlook.snapshot.server_set.status
    after = summary.status(outlook)
    alarm = events.alarm(before.conditions, after.conditions)
    alarm += events.alarm(
        before.conditions, after.conditions, condition_type=ConditionType.EVICTIONS_UNBOUNDED
    )
    news = outcomes.news(before.blocked_by, outlook.failed, outlook.snapshot.server_set)
    return Plan(
        actions=(*draft.actions, *alarm, *news, *summary.warnings(outlook)),
        status=after if worth_telling else None,
        write_status_now=summary.write_status_now(before, after),
        first_status_can_wait=verdict.first_can_wait(before, after),
        wake_after=wake,
        notes=tuple(draft.notes),
    )
