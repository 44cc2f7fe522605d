"""The template with which a Restart or Replace makes servers anew: the one that they are to have.

A server that is made for an operation and again for a new template goes down twice for nothing. So
a new template that waits for a dependency keeps the operation waiting too, and a server that the
rollout has not reached gets its new revision with its new instance. Called by the Operation
planner.

Example: db and web get new templates, web depends on db, and all are restarted. The servers of web
wait for db to be well at its new template; then each is made once, at its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.api import conditions, names, objects
from controller.api.choices import UpdateStrategy
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.contract import tasks
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import ordinals, remedies


def awaited(snapshot: OperationSnapshot, component: str) -> Blocked | None:
    """Return what keeps the component from its new template, where the operation is to wait for it.

    Not where that needs a person: the operation may be the cure.
    """
    application = snapshot.application
    if application is None or snapshot.operation.spec.action not in tasks.REMAKING:
        return None
    told, found = application.status, snapshot.sets.get(component)
    name, namespace = application.metadata.name, application.metadata.namespace
    if told.observed_generation < application.metadata.generation:
        return Blocked(
            object=f"Application/{name}",
            reason=Reason.PENDING,
            message=f"The latest change of application {name} has yet to be looked at.",
            remedy=remedies.why("application", name, namespace),
        )
    row = next((each for each in told.components if each.name == component), None)
    if found is None or row is None or not row.revision:
        return None
    if row.revision == found.spec.revision == found.status.revision:
        # Told, and looked at: what the set says of its rollout is about this revision.
        return None
    return _dependency(snapshot, application, found)


def revision_for(snapshot: OperationSnapshot, server: objects.Server) -> str:
    """Return the revision that a server made anew is to have, where that is not the one it has.

    As the rollout would: none for what the partition keeps, nor where the rollout has come to a
    halt; a revision that is not on record can be made by nobody.
    """
    found, told = snapshot.sets.get(server.spec.component), server.spec
    if found is None or snapshot.operation.spec.action not in tasks.REMAKING:
        return ""
    spec, status = found.spec, found.status
    kept = (
        spec.rollout.strategy != UpdateStrategy.ROLLING_UPDATE
        or told.ordinal < ordinals.free_from(spec)
    )
    halted = status.revision != spec.revision or status.deadline_missed or status.budget_spent
    if kept or halted or told.revision == spec.revision:
        return ""
    record = names.controller_revision(told.application, told.component, spec.revision)
    there = any(
        each.metadata.name == record and each.metadata.deletion_timestamp is None
        for each in snapshot.revisions
    )
    return spec.revision if there else ""


def reached(name: str, needs: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return all components that `name` depends on, by however many others."""
    found: set[str] = set()
    ahead = list(needs.get(name, ()))
    while ahead:
        each = ahead.pop()
        if each not in found and each != name:
            found.add(each)
            ahead.extend(needs.get(each, ()))
    return found


def _dependency(
    snapshot: OperationSnapshot, application: objects.Application, found: objects.ServerSet
) -> Blocked | None:
    """Return the set that the template waits for; the component's own where none is in the way."""
    component = found.spec.component
    needs = {each.name: each.depends_on for each in application.spec.components}
    below = [snapshot.sets[each] for each in sorted(reached(component, needs) & set(snapshot.sets))]
    if any(conditions.is_true(each.status.conditions, ConditionType.STALLED) for each in below):
        return None
    first = next(
        (
            each
            for each in below
            if not conditions.is_true(each.status.conditions, ConditionType.READY)
        ),
        found,
    )
    name, namespace = first.metadata.name, first.metadata.namespace
    return Blocked(
        object=f"ServerSet/{name}",
        reason=Reason.ROLLING_OUT,
        message=f"The servers of {component} are made anew with their new template, which waits.",
        remedy=remedies.why("serverset", name, namespace),
    )
