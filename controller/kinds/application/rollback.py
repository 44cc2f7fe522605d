"""When a component, or all of them, go back to the last proven revision, and when that ends.

Called by the Application planner. A revision is first rejected on its ControllerRevision; only
once that is seen is the set told the proven one, so the decision survives whatever fails between.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.api import conditions, names, objects, tags
from controller.api.choices import OnBudgetSpent, OnDeadline
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason
from controller.kinds.application.components import ComponentRow, ComponentTable
from controller.kinds.revisions import rejection
from controller.planning.plan import Patch

_CAUSES: Mapping[str, str] = {
    Reason.PROGRESS_DEADLINE_EXCEEDED: "missed its progress deadline",
    Reason.FAILURE_BUDGET_SPENT: "spent its failure budget",
}


def rejections(table: ComponentTable, application: objects.Application) -> list[Patch]:
    """Return the marks to set on revisions that are to be given up now."""
    if retry_pending(application):
        return []
    marks: dict[str, Patch] = {}
    for row in table.rows.values():
        cause = failure(row, application)
        if cause is None:
            continue
        rejected = rejection.Rejection(
            reason=cause, component=row.name, revision=row.wanted.revision
        )
        everything = row.component.recovery.on_budget_spent == OnBudgetSpent.REVERT_APPLICATION
        together = everything and cause == Reason.FAILURE_BUDGET_SPENT
        for each in table.rows.values() if together else (row,):
            stored = each.stored
            if stored is not None and rejection.read(stored) is None and _has_better(each):
                marks[stored.metadata.name] = rejection.reject(stored, rejected)
    return list(marks.values())


def clearings(
    table: ComponentTable,
    application: objects.Application,
    revisions: tuple[objects.ControllerRevision, ...],
) -> list[Patch]:
    """Return the marks to lift: a person said to retry, or what failed is asked for no longer."""
    asked = {
        names.controller_revision(application.metadata.name, name, revision): name
        for name, revision in table.wanted.items()
    }
    retrying = retry_pending(application)
    found = []
    for stored in sorted(revisions, key=lambda each: each.metadata.name):
        rejected = rejection.read(stored)
        if rejected is None:
            continue
        is_asked = stored.metadata.name in asked
        if retrying or not is_asked or not rejection.stands(rejected, table.wanted):
            found.append(rejection.clear(stored))
    return found


def failure(row: ComponentRow, application: objects.Application) -> Reason | None:
    """Return why the revision that is asked for should be given up, as its policy has it."""
    server_set = row.server_set
    if server_set is None or row.reverted or not row.observed:
        return None
    value = tags.retry_now(application.metadata)
    if value and server_set.status.last_handled_retry != value:
        # The set has not yet tried again: what it says is of before.
        return None
    if (
        server_set.status.deadline_missed
        and row.component.rollout.on_deadline == OnDeadline.ROLL_BACK
    ):
        return Reason.PROGRESS_DEADLINE_EXCEEDED
    if (
        server_set.status.budget_spent
        and row.component.recovery.on_budget_spent != OnBudgetSpent.HALT
    ):
        return Reason.FAILURE_BUDGET_SPENT
    return None


def without_fallback(row: ComponentRow, application: objects.Application) -> bool:
    """Return whether the component should go back to a proven revision, and has none."""
    return failure(row, application) is not None and not _has_better(row)


def retry_pending(application: objects.Application) -> bool:
    """Return whether a person's word to try again has yet to be followed."""
    value = tags.retry_now(application.metadata)
    return bool(value) and value != application.status.last_handled_retry


def explain(row: ComponentRow) -> str:
    """Return in a sentence why another revision runs than the user asks for."""
    rejected = row.rejected
    if rejected is None:
        return ""
    why = _CAUSES.get(rejected.reason)
    if rejected.component and rejected.component != row.name:
        culprit = f"component {rejected.component} {why or 'was rolled back'}"
    else:
        culprit = f"revision {row.wanted.revision} {why or 'was rolled back'}"
    return f"Component {row.name} runs its proven revision {row.target.revision}: {culprit}."


def stalled(row: ComponentRow) -> conditions.Condition | None:
    """Return the set's Stalled condition while it is true of the target."""
    if row.server_set is None or not row.observed:
        return None
    found = conditions.find(row.server_set.status.conditions, ConditionType.STALLED)
    return found if found is not None and found.status == "True" else None


def _has_better(row: ComponentRow) -> bool:
    """Whether the last proven revision is another one: what is proven itself is not to blame."""
    return row.fallback is not None and row.proven_revision != row.wanted.revision
