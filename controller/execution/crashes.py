"""The status of an object that Argosy failed to visit, or whose own status was refused.

Both are faults of Argosy's own, never the object's. `failed_visits` asks, for the engine's guards
around each visit and each callback of a watch, and so does `status_writer`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from controller.api import clock, conditions, objects, texts
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.planning import plan, remedies
from controller.planning.keys import Key

# An error may quote what it stumbled over, which anybody may have written.
LONGEST = 512
_SUMMARISED = frozenset({ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED})


def status(item: objects.Object, error: Exception, now: float) -> plan.Status:
    """Return the status of `item` when looking at it has failed."""
    return stalled(item, Reason.INTERNAL_ERROR, _sentence("planning failed", error), now)


def refused(item: objects.Object, error: Exception, now: float) -> plan.Status:
    """Return the status of `item` when the API server does not take the one it should have."""
    message = f"the API server refused the status: {texts.cut(str(error), LONGEST)}"
    return stalled(item, Reason.STATUS_REFUSED, message, now)


def stalled(item: objects.Object, reason: Reason, message: str, now: float) -> plan.Status:
    """Return the status with why nothing is done, and all else as it was."""
    before: plan.Status = item.status  # type: ignore[attr-defined]  # planned kinds have one
    generation = item.metadata.generation
    after = conditions.summarise(
        before=before.conditions,
        ready=False,
        reconciling=False,
        stalled=True,
        reason=reason,
        message=message,
        generation=generation,
        now=now,
    )
    # Whether an operation succeeded is another matter.
    own = (each for each in before.conditions if each.type not in _SUMMARISED)
    told = tuple(sorted((*after, *own), key=lambda each: each.type))
    told_now = msgspec.structs.replace(before, conditions=told, observed_generation=generation)
    waits = getattr(told_now, "blocked_by", None)
    if waits is None:
        return told_now  # some have nothing to wait for
    # Views are named as their kinds are.
    blocked = conditions.Blocked(
        object=f"{type(item).__name__}/{item.metadata.name}",
        reason=reason,
        message=message,
        since=clock.stamp(now),
        remedy=remedies.of_fault(reason, item),
    )
    kept = conditions.keep_since(waits, (blocked,))
    return msgspec.structs.replace(told_now, blocked_by=kept)


def above(kinds: Iterable[Resource], meta: objects.Meta) -> Key | None:
    """Return the key of the object, of one of these kinds, that controls the one of that `meta`."""
    owner = meta.controller
    if owner is None:
        return None
    found = (Key(each, meta.namespace, owner.name) for each in kinds if _is(each, owner))
    return next(found, None)


def _is(resource: Resource, owner: objects.OwnerReference) -> bool:
    place = PLACES[resource]
    return (place.api_version, place.kind) == (owner.api_version, owner.kind)


def event(error: Exception) -> plan.RecordEvent:
    """Return the Event for a change that could not be passed on."""
    message = _sentence("a change of this object could not be passed on", error)
    return plan.RecordEvent(reason=Reason.INTERNAL_ERROR, message=message, warning=True)


def _sentence(failure: str, error: Exception) -> str:
    why = texts.cut(repr(error), LONGEST)
    return f"{failure}: {why}; please report this, with the operator's log"
