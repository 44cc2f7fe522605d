"""How an object of several servers stands, in one sentence: what its conditions are made from.

The application's and the set's statuses are decided by lists of checks; the first that has
something to say gives the verdict.
"""

from __future__ import annotations

import dataclasses

from controller.api import conditions, objects
from controller.api.conditions import ConditionType
from controller.reasons import AnyReason


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The reason, the sentence, and which conditions they make true."""

    reason: AnyReason
    message: str
    ready: bool = False
    stalled: bool = False
    reconciling: bool = False

    def conditions(
        self, planned: objects.Application | objects.ServerSet, now: float
    ) -> conditions.Conditions:
        """Return the conditions of `planned`, at its generation, that say so."""
        return conditions.summarise(
            before=planned.status.conditions,
            ready=self.ready,
            reconciling=self.reconciling,
            stalled=self.stalled,
            reason=self.reason,
            message=self.message,
            generation=planned.metadata.generation,
            now=now,
        )


def first_can_wait(
    before: objects.ApplicationStatus | objects.ServerSetStatus,
    after: objects.ApplicationStatus | objects.ServerSetStatus,
) -> bool:
    """Return whether a status would be the first of its object, and tells of nothing wrong.

    Such an object has just been created and comes up: in a moment there is more to tell.
    """
    if before.observed_generation or after.failed or after.blocked_by:
        return False
    told = after.conditions
    reconciling = conditions.is_true(told, ConditionType.RECONCILING)
    return reconciling and not conditions.is_true(told, ConditionType.STALLED)


def finished(work: objects.Operation | objects.Build) -> bool:
    """Return whether bounded work has come to an end, and no retry asks it to go on."""
    told = conditions.find(work.status.conditions, ConditionType.SUCCEEDED)
    return told is not None and told.status != "Unknown"


def of_bounded_work(
    planned: objects.Operation | objects.Build,
    *,
    succeeded: str,
    reason: AnyReason,
    message: str,
    now: float,
) -> conditions.Conditions:
    """Return the conditions of work that comes to an end; `succeeded` is Unknown until then."""
    before, generation = planned.status.conditions, planned.metadata.generation
    usual = conditions.summarise(
        before=before,
        ready=succeeded == "True",
        reconciling=succeeded == "Unknown",
        stalled=succeeded == "False",
        reason=reason,
        message=message,
        generation=generation,
        now=now,
    )
    own = conditions.Condition(
        type=ConditionType.SUCCEEDED,
        status=succeeded,
        reason=reason,
        message=message,
        observed_generation=generation,
    )
    return conditions.merge(before, (*usual, own), now)
