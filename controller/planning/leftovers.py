"""Parts of something that goes, kept by others' finalizers: asked to go, told, waited for awhile.

Called by planners of what has parts that the garbage collector would take: it comes to them once
their owner is gone, which is too late to tell anybody. Parts that nobody keeps are left to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from controller.api import clock, objects, resources
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.planning import finalizers, words, writes
from controller.planning.plan import Delete, RecordEvent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """The parts that go with an object and are kept by others: their deletes, and what is told.

    `left` is how long they are waited for yet, in seconds; 0 where that time is over.
    """

    deletes: tuple[Delete, ...] = ()
    held: tuple[Blocked, ...] = ()
    left: float = 0.0


def of(
    parts: Iterable[objects.Object],
    *,
    beside: tuple[Blocked, ...] = (),
    timeout: float,
    now: float,
    why: str,
) -> Leftovers:
    """Return what others keep of these parts; `beside` are those that are told already."""
    kept = tuple(each for each in parts if finalizers.others(each.metadata))
    going = tuple(each for each in kept if each.metadata.deletion_timestamp is not None)
    held = (*beside, *map(_held, going))
    since = max((clock.parse(each.since) for each in held), default=0.0)
    return Leftovers(
        deletes=tuple(
            writes.delete(each, why=why, guarded=True) for each in kept if each not in going
        ),
        held=held,
        left=max(0.0, since + timeout - now),
    )


def news(found: Leftovers, *, about: objects.Object | None = None) -> Iterable[RecordEvent]:
    """Yield the warning that names what is no longer waited for: what told of it goes."""
    if not found.held:
        return
    named = words.several([f"{each.object} is {each.message}" for each in found.held])
    yield RecordEvent(
        reason=Reason.LEFT_BEHIND,
        message=f"No longer waited for: {named}.",
        warning=True,
        about=about,
    )


def _held(part: objects.Object) -> Blocked:
    meta = part.metadata
    return finalizers.held(
        resources.of(type(part)),
        meta.name,
        meta.namespace,
        kept=finalizers.keepers(meta),
        since=meta.deletion_timestamp or "",
    )
