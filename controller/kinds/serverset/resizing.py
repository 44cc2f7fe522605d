"""Which servers of a set are made, taken away, brought to the target revision, and moved.

A stage of `planner`: `scaling` says how many and which, `rollout` who is next, `moves` who may go
elsewhere, and all of them count what the others take down.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from controller.api import objects
from controller.api.choices import Power
from controller.kinds.serverset import (
    creation,
    moves,
    occupancy,
    records,
    rollout,
    scaling,
    updates,
)
from controller.kinds.serverset.draft import Draft
from controller.kinds.serverset.reasons import ServerSetReason
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import words, writes
from controller.planning.census import Census
from controller.planning.plan import Delete, RecordEvent


def resize(draft: Draft) -> None:
    """Decide which servers are made, taken away, brought to the target revision, and moved."""
    snapshot, spec = draft.snapshot, draft.snapshot.server_set.spec
    known, creating = records.Records(snapshot), draft.counted
    stand_in = _stand_in(snapshot, draft, known) if draft.halted else ""
    sized = _sized(draft, stand_in)
    removed = {each.spec.ordinal for each in sized.removals}
    step = rollout.decide(
        draft.census,
        spec.rollout,
        removed,
        halted=draft.halted,
        left=draft.left,
        with_data=bool(spec.volume_claims),
        one=draft.focus,
    )
    draft.notes += (*sized.notes, *step.notes)
    draft.actions += [_delete(each, "one server too many") for each in sized.removals]
    draft.touched |= removed
    if not known.has_target and (sized.creates or step.updates or step.removals):
        draft.notes.append(f"waiting for ControllerRevision/{known.awaited}, which servers name")
        creating, step = False, rollout.RolloutStep()
    draft.actions += [_delete(each, "all go before any comes up") for each in step.removals]
    draft.touched |= {each.spec.ordinal for each in step.removals}
    _make(draft, sized, known, creating=creating and not step.creates_wait, stand_in=stand_in)
    _bring(snapshot, draft, step, known)
    _move(snapshot, draft, removed)
    draft.acting = bool(draft.failed.due(draft.actions, snapshot.server_set, snapshot.now))


def _sized(draft: Draft, stand_in: str) -> scaling.Scaling:
    """Return which servers there are too few of, or too many, as far as there is room for them."""
    snapshot, census, halted = draft.snapshot, draft.census, draft.halted
    sized = scaling.decide(
        census,
        snapshot.server_set.spec,
        blocked=creation.blocked(snapshot, census, draft.failed),
        surging=not halted or bool(stand_in),
        misfits=_misfits(census, moving=bool(stand_in)) if halted else (),
        moving=draft.moving,
        domains=snapshot.fleet.domains,
    )
    sized = _agreed(snapshot, sized)
    sized, draft.unmade = occupancy.within(snapshot.room, census, sized)
    return sized


def _make(
    draft: Draft,
    sized: scaling.Scaling,
    known: records.Records,
    *,
    creating: bool,
    stand_in: str,
) -> None:
    """Make the servers that are missing, where any may be made in this plan."""
    # At the target none comes up once the budget is spent: then those that stand in are made alone.
    made = tuple(each for each in sized.creates if not draft.spent or each in sized.spares)
    made = made if creating else ()
    draft.actions += creation.creates(
        draft.snapshot,
        draft.census,
        dataclasses.replace(sized, creates=made),
        known,
        draft.where,
        standing_in=stand_in,
    )
    if held_back := len(sized.creates) - len(made):
        draft.notes.append(f"{words.be(held_back, 'server')} not created for now")


def _stand_in(snapshot: ServerSetSnapshot, draft: Draft, known: records.Records) -> str:
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
        and each.server.spec.power != Power.STOPPED
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

    The application names another number than somebody scaled the set to: no server goes, and no
    claim with it, before the two agree.
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
    snapshot: ServerSetSnapshot, draft: Draft, step: rollout.RolloutStep, known: records.Records
) -> None:
    """Tell servers to run the target revision."""
    server_set = snapshot.server_set
    upkeep = updates.Upkeep(server_set, known, snapshot.fleet)
    for each in step.updates:
        why = f"the rollout to {server_set.spec.revision}"
        moving = each.ordinal in snapshot.moving or each.ordinal in draft.moving
        draft.actions.append(upkeep.bring(each, why=why, moves=moving, where=draft.where))
        draft.touched.add(each.ordinal)


def _move(snapshot: ServerSetSnapshot, draft: Draft, removed: Collection[int]) -> None:
    """Have servers made anew that are to be elsewhere, as many as may be down beside all others."""
    if not draft.moving:
        return
    census, where = draft.census, draft.where
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


def _delete(server: objects.Server, why: str) -> Delete:
    return writes.delete(server, why=why, guarded=False)
