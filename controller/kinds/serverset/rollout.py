"""Which servers come to the target revision now, and how.

Called by the ServerSet planner, after scaling has decided which servers stay.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from controller.api import objects
from controller.api.choices import Power, UpdateStrategy
from controller.planning import budget, focus, words
from controller.planning.census import Census, Facts


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStep:
    """Servers to bring to the target revision, and servers to take away so that they can be."""

    updates: tuple[Facts, ...] = ()
    removals: tuple[objects.Server, ...] = ()
    # Recreate: nothing is made before everything old is down.
    creates_wait: bool = False
    notes: tuple[str, ...] = ()


def decide(
    census: Census,
    rollout: objects.Rollout,
    removed: Collection[int],
    *,
    halted: str,
    left: Collection[int] = (),
    with_data: bool = False,
    one: focus.Focus | None = None,
) -> RolloutStep:
    """Return the next step of the rollout; `removed` are ordinals that scaling takes away now.

    `left` are those that an operation will make anew, at the target revision, in its own time.
    `halted` says why nothing further may be touched, or is empty. Servers `with_data` may be a
    quorum: those that are down come to the target one at a time, too, lest none is left that knows
    what the others must catch up with.
    """
    due = [each for each in census.due if each.ordinal not in removed and each.ordinal not in left]
    old_leaving = rollout.strategy == UpdateStrategy.RECREATE and any(
        each.spec.revision != census.target for each in census.leaving
    )
    if not due:
        return RolloutStep(
            creates_wait=old_leaving,
            notes=("waiting for the old servers to be gone (Recreate)",) if old_leaving else (),
        )
    if halted:
        note = f"{words.count(len(due), 'server')} not yet updated: {halted}"
        return RolloutStep(creates_wait=rollout.strategy == UpdateStrategy.RECREATE, notes=(note,))
    if rollout.strategy == UpdateStrategy.ON_DELETE:
        return RolloutStep(
            notes=(
                f"{words.count(len(due), 'server')} at older revisions until deleted (OnDelete)",
            )
        )
    if rollout.strategy == UpdateStrategy.RECREATE:
        return _recreate(due)
    one = one or focus.Focus((), on=False)
    return _rolling(census, rollout, due, removed, one, with_data=with_data)


def _recreate(due: list[Facts]) -> RolloutStep:
    # The Server objects go, too: a server knows no state between its old and its new revision in
    # which it would wait for the others to be down.
    free = [each for each in due if not each.operated]
    notes = (
        [f"taking down {words.count(len(free), 'server')} before any comes up (Recreate)"]
        if free
        else []
    )
    if len(free) < len(due):
        notes.append(_operated(len(due) - len(free)))
    return RolloutStep(
        removals=tuple(each.server for each in free), creates_wait=True, notes=tuple(notes)
    )


def _rolling(
    census: Census,
    rollout: objects.Rollout,
    due: list[Facts],
    removed: Collection[int],
    one: focus.Focus,
    *,
    with_data: bool,
) -> RolloutStep:
    """Update all that are down already, and of the others as many as the budget allows.

    A server that is down costs nothing to change; so a newer revision takes over from a stuck one
    without waiting for it. A server that is ready, if not yet for minReadySeconds, is at work and
    not down. The highest ordinals go first, as the partition keeps the lowest; `one` domain after
    the other, where that is asked for.
    """
    order = sorted(due, key=lambda each: (one.key(each.server), -each.ordinal))
    free = [each for each in order if not each.operated]
    down = [each for each in free if not each.ready]
    up = sorted((each for each in free if each.ready), key=lambda each: each.available)
    counting = census.counting - _counting_among(census, removed)
    allowed = budget.Budget(
        desired=census.desired, limit=budget.limit(census.desired, rollout), available=counting
    )
    taken = _taken(up, allowed.allowance, one)
    notes = []
    if with_data and down:
        down, taken, note = _one_of(census, down, taken)
        notes.append(note)
    elif down:
        notes.append(
            f"updating {words.count(len(down), 'server')} down anyway, which costs no budget"
        )
    if taken:
        ready = words.count(len(up), "ready server")
        notes.append(f"updating {len(taken)} of {ready}: {_limits(allowed)}")
    elif up:
        notes.append(f"{words.count(len(up), 'ready server')} still to update: {_limits(allowed)}")
    if len(free) < len(due):
        notes.append(_operated(len(due) - len(free)))
    return RolloutStep(updates=(*down, *taken), notes=tuple(notes))


def _taken(up: list[Facts], most: int, one: focus.Focus) -> list[Facts]:
    """Return whom of those that are up the rollout takes down: at most so many, in one domain."""
    if not one.on:
        return up[:most]
    taken: list[Facts] = []
    for each in up:
        if len(taken) < most and one.take(each.server):
            taken.append(each)
    return taken


def _one_of(
    census: Census, down: list[Facts], taken: list[Facts]
) -> tuple[list[Facts], list[Facts], str]:
    """Return the next of the servers that are down, once the one before it has come up.

    One that failed at the target for good keeps nobody waiting: it is for the failure budget.
    """
    coming = [
        each
        for each in census.odd
        if not (each.stale or each.available or each.kept or each.failed)
        and each.server.spec.power != Power.STOPPED
    ]
    count = words.be(len(down), "server")
    if coming or census.leaving:
        return [], taken, f"{count} down: the next comes to the target once the last is up"
    return down[:1], [], f"updating the first of what is down, as data may be catching up: {count}"


def _counting_among(census: Census, removed: Collection[int]) -> int:
    """Return how many of the removed servers count as available."""
    if not removed:
        return 0
    down = {each.ordinal for each in census.odd if not each.counts}
    return sum(1 for each in removed if each not in down)


def _operated(number: int) -> str:
    return f"{words.be(number, 'server')} left alone until operations end"


def _limits(allowed: budget.Budget) -> str:
    return f"{allowed.unavailable} of {allowed.desired} unavailable, at most {allowed.limit} may be"
