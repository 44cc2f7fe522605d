"""Conditions, and what blocks an object: the words in which status speaks.

One summariser turns what a planner saw into Ready, Reconciling and Stalled; no planner sets
them by hand.
"""

from __future__ import annotations

import enum

import msgspec

from controller.api import clock
from controller.reasons import Vocabulary


class ConditionType(enum.StrEnum):
    """The types of our kinds' conditions; others may add conditions of their own."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    # Of bounded work: an Operation or a Build.
    SUCCEEDED = "Succeeded"
    # Of an Application: whether the images of its sources are there.
    BUILT = "Built"
    # Of a ServerSet: evictions do not keep to Argosy's budget.
    EVICTIONS_UNBOUNDED = "EvictionsUnbounded"


class Condition(msgspec.Struct, frozen=True, rename="camel", kw_only=True, gc=False):
    """One Kubernetes condition, as metav1.Condition has it."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: str = "1970-01-01T00:00:00Z"
    observed_generation: int = 0


class Blocked(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The obstacle of an object that has not converged, since when it waits, and the remedy."""

    object: str
    reason: str
    message: str = ""
    since: str | None = None
    next_attempt_time: str | None = None
    remedy: str = ""


Conditions = tuple[Condition, ...]


def find(conditions: Conditions, condition_type: str) -> Condition | None:
    """Return the condition of type `condition_type`, if there is one."""
    return next((each for each in conditions if each.type == condition_type), None)


def is_true(conditions: Conditions, condition_type: str) -> bool:
    """Return whether the condition of type `condition_type` is there and True."""
    found = find(conditions, condition_type)
    return found is not None and found.status == "True"


def because(reason: Vocabulary, message: str) -> str:
    """Return a message that begins with its own reason: where the condition's says less."""
    return f"{reason}: {message}"


def merge(before: Conditions, after: Conditions, now: float) -> Conditions:
    """Return `after` with the transition times that `before` already gave to the same statuses."""
    merged = []
    for each in after:
        old = find(before, each.type)
        moved = old is None or old.status != each.status
        when = clock.stamp(now) if moved or old is None else old.last_transition_time
        merged.append(msgspec.structs.replace(each, last_transition_time=when))
    return tuple(sorted(merged, key=lambda each: each.type))


def summarise(
    *,
    before: Conditions,
    ready: bool,
    reconciling: bool,
    stalled: bool,
    reason: str,
    message: str,
    generation: int,
    now: float,
) -> Conditions:
    """Return Ready, and Reconciling or Stalled only while true, as kstatus wants them.

    `reason` and `message` say why the object is as it is, whichever of the three that makes true.
    """

    def condition(condition_type: ConditionType, status: str) -> Condition:
        return Condition(
            type=condition_type,
            status=status,
            reason=reason,
            message=message,
            observed_generation=generation,
        )

    after = [condition(ConditionType.READY, "True" if ready else "False")]
    if reconciling:
        after.append(condition(ConditionType.RECONCILING, "True"))
    if stalled:
        after.append(condition(ConditionType.STALLED, "True"))
    return merge(before, tuple(after), now)


def keep_since(before: tuple[Blocked, ...], after: tuple[Blocked, ...]) -> tuple[Blocked, ...]:
    """Return `after` with the `since` that `before` already gave to the same object and reason."""
    since = {(each.object, each.reason): each.since for each in before}
    return tuple(
        msgspec.structs.replace(each, since=since.get((each.object, each.reason)) or each.since)
        for each in after
    )
