"""What stays of a set that goes, as others' finalizers keep it: told, and waited for awhile.

Called by the ServerSet planner once no server is left, and where a set tells what is in the way.
What nobody keeps is the garbage collector's, once the set is gone: that is not waited for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from controller.api import clock, objects, resources
from controller.api.conditions import Blocked
from controller.api.resources import Resource
from controller.kinds.serverset import claims
from controller.kinds.serverset.reasons import ServerSetReason
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import finalizers, ownership, words, writes
from controller.planning.plan import Delete, RecordEvent

# What a set makes of itself, beside its servers.
Part = objects.Service | objects.DisruptionBudget


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What is to go with a set, and is kept by others: how it is asked to, and what is told of it.

    `left` is how long it is waited for yet, in seconds; 0 where that time is over.
    """

    deletes: tuple[Delete, ...] = ()
    held: tuple[Blocked, ...] = ()
    left: float = 0.0


def of(snapshot: ServerSetSnapshot) -> Leftovers:
    """Return what stays of a set whose servers are gone.

    A set that was deleted by hand comes back, and needs what is there: nothing of it is waited for.
    """
    if not claims.goes_for_good(snapshot):
        return Leftovers()
    kept = tuple(each for each in _parts(snapshot) if finalizers.others(each.metadata))
    going = tuple(each for each in kept if each.metadata.deletion_timestamp is not None)
    held = (*scaled(snapshot), *map(_held, going))
    since = max((clock.parse(each.since) for each in held), default=0.0)
    timeout = snapshot.server_set.spec.deletion.timeout_seconds
    return Leftovers(
        # The garbage collector comes to them once the set is gone, which is too late to be told.
        deletes=tuple(
            writes.delete(each, why="its set is being deleted", guarded=True)
            for each in kept
            if each not in going
        ),
        held=held,
        left=max(0.0, since + timeout - snapshot.now),
    )


def scaled(snapshot: ServerSetSnapshot) -> tuple[Blocked, ...]:
    """Return what to tell of claims whose servers are gone, and which should be."""
    namespace = snapshot.server_set.metadata.namespace
    found = sorted(claims.held(snapshot), key=lambda each: each.name)
    return tuple(
        finalizers.held(
            each.resource or Resource.CLAIMS,
            each.name,
            namespace,
            kept=each.kept,
            since=each.asked,
        )
        for each in found
    )


def news(snapshot: ServerSetSnapshot, found: Leftovers) -> Iterable[RecordEvent]:
    """Yield the warning that names what is no longer waited for: the set that told of it goes."""
    if not found.held:
        return
    named = words.several([f"{each.object} is {each.message}" for each in found.held])
    yield RecordEvent(
        reason=ServerSetReason.LEFT_BEHIND,
        message=f"No longer waited for: {named}.",
        warning=True,
        about=snapshot.application,
    )


def _parts(snapshot: ServerSetSnapshot) -> Iterable[Part]:
    every = (snapshot.service, *snapshot.disruption_budgets)
    return (
        each for each in every if each is not None and ownership.owned_by(each, snapshot.server_set)
    )


def _held(part: Part) -> Blocked:
    meta = part.metadata
    return finalizers.held(
        resources.of(type(part)),
        meta.name,
        meta.namespace,
        kept=finalizers.keepers(meta),
        since=meta.deletion_timestamp or "",
    )
