"""The ServerSet planner: one component's servers, how many, at which revision, in what order.

Called by `execution` for every ServerSet, and by `explain` and `why`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from controller.api import objects, tags
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kinds.serverset import (
    assigning,
    checks,
    claims,
    creation,
    disruption_budget,
    moves,
    occupancy,
    progress,
    records,
    relocation,
    remakers,
    remediation,
    rollout,
    scaling,
    service,
    summary,
    teardown,
    updates,
)
from controller.kinds.serverset.outlook import Outlook
from controller.kinds.serverset.reasons import ServerSetReason
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import (
    budget,
    events,
    evictions,
    finalizers,
    focus,
    obstacles,
    outcomes,
    ownership,
    verdict,
    words,
    writes,
)
from controller.planning.census import Census, Facts
from controller.planning.plan import Action, Delete, Plan, RecordEvent, soonest

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


@dataclasses.dataclass(slots=True)
class _Draft:
    """What has been decided so far."""

    actions: list[Action] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    # The rollout or the scaling goes on in this very plan.
    acting: bool = False
    # Evictions are to end before servers are taken down: these stay as they are until then.
    closing: bool = False
    # Ordinals whose Server is written or deleted already: one write each in one plan.
    touched: set[int] = dataclasses.field(default_factory=set)
    # Servers that operations will make anew, by ordinal: the rollout leaves them to these.
    left: Mapping[int, objects.Operation] = dataclasses.field(default_factory=dict)
    # Where servers may be taken down, if in one failure domain only.
    focus: focus.Focus = dataclasses.field(default_factory=lambda: focus.Focus((), on=False))
    # How many servers are missing that the namespace has no room for.
    unmade: int = 0
    # Servers that are to move, by ordinal: all but those that an operation makes anew anyway.
    moving: Mapping[int, moves.Move] = dataclasses.field(default_factory=dict)
    # Whether spare servers may stand in for those.
    standing_in: bool = False


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
        return Plan(
            actions=(finalizers.add(snapshot.server_set),),
            notes=("the finalizer, which somebody took off, comes before anything else",),
        )
    return _converge(snapshot, census, failed)


def _hindered(
    snapshot: ServerSetSnapshot,
    census: Census,
    failed: outcomes.Outcomes,
    obstacle: obstacles.Obstacle,
) -> Plan:
    outlook = Outlook(
        snapshot=snapshot,
        census=census,
        progress=progress.idle(snapshot.server_set, census),
        failed=failed,
        remedy=remediation.idle(snapshot.server_set.status),
        obstacle=obstacle,
        budget_spent=snapshot.server_set.status.budget_spent,
        handled_retry=snapshot.server_set.status.last_handled_retry,
    )
    note = f"nothing is made or changed: {obstacle.message}"
    # An application on its way out says so itself; its sets need not, one write each.
    told = obstacle.reason != Reason.DELETING
    draft = _Draft(actions=list(obstacle.tries), notes=[note])
    if obstacle.reason not in _ENDINGS:
        # Operations may go on, and wait for it.
        guard = disruption_budget.keep(snapshot, census, records.Records(snapshot), halted=True)
        guard.add_to(draft.actions, draft.notes)
        outlook = dataclasses.replace(outlook, guard=guard)
    return _finish(outlook, draft, census.soonest, worth_telling=told)


def _converge(snapshot: ServerSetSnapshot, census: Census, failed: outcomes.Outcomes) -> Plan:
    server_set, census = snapshot.server_set, disruption_budget.without(snapshot.evicted, census)
    due = (each.server for each in census.due)
    draft = _Draft(left=remakers.of(due, snapshot.operations, server_set))
    draft.moving = _moving(snapshot, census)
    draft.focus = focus.of(census, snapshot.evicted, server_set.spec)
    where = assigning.Assigning(snapshot, census)
    retrying = tags.retry_now(server_set.metadata) != server_set.status.last_handled_retry
    draft.standing_in = bool(draft.moving) and moves.surges(server_set.spec)
    spent = progress.budget_spent(server_set, census, standing_in=draft.standing_in)
    halted = progress.halted_before(server_set, census, retrying=retrying)
    why = "more servers failed for good than failureBudget allows" if spent else ""
    why = why or ("the rollout missed its progress deadline" if halted else "")
    if (kept := service.keep(snapshot)) is not None:
        draft.actions.append(kept)
    step = moves.decide(census, draft.moving, server_set.spec, now=snapshot.now)
    away = any(not each.evicted for each in draft.moving.values())
    guard = disruption_budget.keep(
        snapshot,
        census,
        records.Records(snapshot),
        halted=bool(why),
        moving=bool(step.servers) or (away and not moves.surges(server_set.spec)),
        evicted=sum(1 for each in draft.moving.values() if each.evicted),
    )
    draft.closing = guard.closing
    if service.is_awaited(snapshot):
        draft.notes.append("new servers start once their Service is there")
    _take_up(snapshot, draft)
    # How many there are too few, or too many, is known once those are counted.
    creating = not draft.touched
    if not draft.closing:
        # Whatever it would count as up, an eviction may take down before that.
        _resize(snapshot, census, draft, failed, where, halted=why, spent=spent, creating=creating)
    moved = relocation.reassign(census, where, draft.touched) if snapshot.fleet.domains else {}
    draft.actions += moved.values()
    draft.touched |= moved.keys()
    stands = progress.assess(
        server_set,
        census,
        now=snapshot.now,
        watching_since=snapshot.watching_since,
        acting=draft.acting,
        retrying=retrying,
        halted=halted,
        outage=snapshot.fleet.outage.lasts or bool(draft.unmade and not draft.acting),
    )
    ill = (
        remediation.idle(server_set.status)
        if spent
        else _remediate(snapshot, census, draft, stands, guard)
    )
    guard.add_to(draft.actions, draft.notes, closing=draft.closing)
    _mend(census, draft)
    handled = _retry(snapshot, census, draft) if retrying else server_set.status.last_handled_retry
    gone = claims.after_scaling(snapshot)
    draft.actions += (*gone, *claims.told(snapshot, gone))
    outlook = Outlook(
        snapshot=snapshot,
        census=census,
        progress=stands,
        failed=failed,
        remedy=ill,
        budget_spent=spent,
        handled_retry=handled,
        left=draft.left,
        moving=draft.moving,
        guard=guard,
        unmade=draft.unmade,
    )
    room = occupancy.AGAIN if draft.unmade else None
    wake = soonest(census.soonest, stands.wake_after, ill.wake_after, step.wake_after, room)
    wake = soonest(wake, snapshot.records_last)
    return _finish(outlook, draft, wake)


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


def _take_up(snapshot: ServerSetSnapshot, draft: _Draft) -> None:
    """Take up servers that an earlier set of the name let go of, as they run."""
    server_set = snapshot.server_set
    for each in snapshot.let_go:
        draft.actions.append(ownership.take_up(each, Resource.SERVERSETS, server_set))
        draft.touched.add(each.spec.ordinal)
    if snapshot.let_go:
        count = words.count(len(snapshot.let_go), "server")
        draft.notes.append(f"taking up {count} that an earlier set let go of")


def _resize(
    snapshot: ServerSetSnapshot,
    census: Census,
    draft: _Draft,
    failed: outcomes.Outcomes,
    where: assigning.Assigning,
    *,
    halted: str,
    spent: bool,
    creating: bool,
) -> None:
    """Decide which servers are made, taken away, and brought to the target revision."""
    spec, known = snapshot.server_set.spec, records.Records(snapshot)
    stand_in = _stand_in(snapshot, draft, known) if halted else ""
    sized = scaling.decide(
        census,
        spec,
        blocked=creation.blocked(snapshot, census, failed),
        surging=not halted or bool(stand_in),
        misfits=_misfits(census, moving=bool(stand_in)) if halted else (),
        moving=draft.moving,
        domains=snapshot.fleet.domains,
    )
    sized = _agreed(snapshot, sized)
    sized, draft.unmade = occupancy.within(snapshot.room, census, sized)
    removed = {each.spec.ordinal for each in sized.removals}
    step = rollout.decide(
        census,
        spec.rollout,
        removed,
        halted=halted,
        left=draft.left,
        with_data=bool(spec.volume_claims),
        one=draft.focus,
    )
    draft.notes += (*sized.notes, *step.notes)
    draft.actions += [
        writes.delete(each, why="one server too many", guarded=False) for each in sized.removals
    ]
    draft.touched |= removed
    if not known.has_target and (sized.creates or step.updates or step.removals):
        draft.notes.append(f"waiting for ControllerRevision/{known.awaited}, which servers name")
        creating, step = False, rollout.Step()
    draft.actions += [_delete(each, "all go before any comes up") for each in step.removals]
    draft.touched |= {each.spec.ordinal for each in step.removals}
    # At the target none comes up once the budget is spent: then those that stand in are made alone.
    made = tuple(each for each in sized.creates if not spent or each in sized.spares)
    made = made if creating and not step.creates_wait else ()
    draft.actions += creation.creates(
        snapshot,
        census,
        dataclasses.replace(sized, creates=made),
        known,
        where,
        standing_in=stand_in,
    )
    if held_back := len(sized.creates) - len(made):
        draft.notes.append(f"{words.be(held_back, 'server')} not created for now")
    _bring(snapshot, draft, step, known, where)
    _move(snapshot, census, draft, removed, where)
    draft.acting = bool(failed.due(draft.actions, snapshot.server_set, snapshot.now))


def _stand_in(snapshot: ServerSetSnapshot, draft: _Draft, known: records.Records) -> str:
    """Return the revision of spare servers for what moves while the rollout is halted.

    At its target none comes up, and without one a drain would wait for as long as the halt lasts.
    """
    proven = snapshot.server_set.status.proven_revision
    return proven if draft.standing_in and known.find(proven) is not None else ""


def _misfits(census: Census, *, moving: bool) -> tuple[int, ...]:
    """Return the spare servers of a halted rollout that are of no use.

    While servers move, those at its target that do not come up; else those that stood in for them,
    once nobody is missing any more.
    """
    missing = any(
        not each.available
        and not census.is_spare(each.ordinal)
        and each.server.spec.power != "Stopped"
        for each in census.odd
    )
    if missing and not moving:
        return ()
    return tuple(
        each.ordinal
        for each in census.odd
        if census.is_spare(each.ordinal)
        and not each.operated
        and (not each.stale and not each.ready if moving else each.stale)
    )


def _agreed(snapshot: ServerSetSnapshot, sized: scaling.Scaling) -> scaling.Scaling:
    """Return the scaling without removals that the application is about to undo.

    It names another number than somebody scaled the set to: no server goes, and no claim with it,
    before the two agree.
    """
    spec, application = snapshot.server_set.spec, snapshot.application
    components = application.spec.components if application is not None else ()
    named = next((each.replicas for each in components if each.name == spec.component), None)
    if named is None or named == spec.replicas or not sized.removals:
        return sized
    kept = words.be(len(sized.removals), "server")
    note = f"{kept} kept: the set was scaled to {spec.replicas}, and the application names {named}"
    return dataclasses.replace(sized, removals=(), notes=(*sized.notes[:-1], note))


def _bring(
    snapshot: ServerSetSnapshot,
    draft: _Draft,
    step: rollout.Step,
    known: records.Records,
    where: assigning.Assigning,
) -> None:
    """Tell servers to run the target revision."""
    server_set = snapshot.server_set
    upkeep = updates.Upkeep(server_set, known, snapshot.fleet)
    for each in step.updates:
        why = f"the rollout to {server_set.spec.revision}"
        moving = each.ordinal in snapshot.moving or each.ordinal in draft.moving
        draft.actions.append(upkeep.bring(each, why=why, moves=moving, where=where))
        draft.touched.add(each.ordinal)


def _move(
    snapshot: ServerSetSnapshot,
    census: Census,
    draft: _Draft,
    removed: Collection[int],
    where: assigning.Assigning,
) -> None:
    """Have servers made anew that are to be elsewhere, as many as may be down beside all others."""
    if not draft.moving:
        return
    down = {each.ordinal for each in census.odd if not each.counts}
    gone = draft.touched.union(removed)
    step = moves.decide(
        census,
        draft.moving,
        snapshot.server_set.spec,
        now=snapshot.now,
        touched=gone,
        taken=sum(1 for each in gone if each in census.servers and each not in down),
        one=draft.focus,
    )
    draft.notes += step.notes
    for each in step.servers:
        move = draft.moving[each.spec.ordinal]
        to = where.again(each) if move.evicted else where.elsewhere(each)
        draft.actions.append(updates.move(each, to, why=f"the server moves, as {move.why}"))
        draft.touched.add(each.spec.ordinal)
    told: dict[str, list[str]] = {}
    for each in step.servers:
        told.setdefault(draft.moving[each.spec.ordinal].why, []).append(each.metadata.name)
    draft.actions += [
        RecordEvent(
            reason=ServerSetReason.MOVING,
            message=f"Moving {words.several(who)}, as {why}.",
            warning=False,
        )
        for why, who in told.items()
    ]


def _remediate(
    snapshot: ServerSetSnapshot,
    census: Census,
    draft: _Draft,
    stands: progress.Progress,
    guard: disruption_budget.Guard,
) -> remediation.Remediation:
    """Decide which of the ill servers are made anew, once evictions have ended."""
    ill = remediation.decide(
        census,
        now=snapshot.now,
        told=snapshot.server_set.status,
        policy=snapshot.server_set.spec.recovery.remediation,
        proven_revision=stands.proven_revision,
        limit=budget.limit(census.desired, snapshot.server_set.spec.rollout),
        evicted=snapshot.evicted,
    )
    draft.notes += ill.notes
    chosen = [each for each in ill.servers if each.ordinal not in draft.touched]
    if chosen and guard.close is not None:
        # One that gets well this moment is counted as up by the disruption controller.
        draft.closing = True
        return ill
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
    return ill


def _mend(census: Census, draft: _Draft) -> None:
    """Put right what was edited by hand; held servers are left alone."""
    mended = 0
    for each in census.odd:
        if each.ordinal in draft.touched or each.operated or each.server.spec.held:
            continue
        patch = updates.mend(each)
        if patch is not None:
            draft.actions.append(patch)
            draft.touched.add(each.ordinal)
            mended += 1
    if mended:
        draft.notes.append(f"putting right the labels of {words.count(mended, 'server')}")


def _retry(snapshot: ServerSetSnapshot, census: Census, draft: _Draft) -> str:
    """Pass a person's word to try again on to servers that failed; return what has been handled."""
    value = tags.retry_now(snapshot.server_set.metadata)
    untold = [each for each in census.odd if _must_hear(each, value)]
    told = [each for each in untold if each.ordinal not in draft.touched]
    draft.actions += [updates.retry_now(each.server, value) for each in told]
    if untold:
        draft.notes.append(f"telling {words.count(len(untold), 'server')} to try again now")
        return snapshot.server_set.status.last_handled_retry
    return value


def _must_hear(each: Facts, value: str) -> bool:
    """Return whether a server would not try again by itself when its application hears the wish.

    One that waits follows its application's, unless an older wish of its own hides that.
    """
    own, attempts = tags.retry_now(each.server.metadata), each.server.status.attempts
    tried = each.failed or attempts.count or (own and attempts.next_attempt_time)
    return bool(tried) and own != value


def _finish(
    outlook: Outlook, draft: _Draft, wake: float | None, *, worth_telling: bool = True
) -> Plan:
    """Return the plan, with an Event where the set has come to a halt."""
    before = outlook.snapshot.server_set.status
    after = summary.status(outlook)
    alarm = events.alarm(before.conditions, after.conditions)
    alarm += events.alarm(before.conditions, after.conditions, kind=evictions.UNBOUNDED)
    news = outcomes.news(before.blocked_by, outlook.failed, outlook.snapshot.server_set)
    return Plan(
        actions=(*draft.actions, *alarm, *news, *summary.warnings(outlook)),
        status=after if worth_telling else None,
        write_status_now=summary.write_status_now(before, after),
        first_status_can_wait=verdict.first_can_wait(before, after),
        wake_after=wake,
        notes=tuple(draft.notes),
    )


def _delete(server: objects.Server, why: str) -> Delete:
    return writes.delete(server, why=why, guarded=False)
