"""The act RollBack: the present revision of components is condemned, so the proven one runs.

Argosy never writes an Application's spec, and the Application planner alone decides what a
ServerSet runs; so an operation does what a missed deadline does, and watches what comes of it.
Called by the Operation planner.
"""

from __future__ import annotations

import dataclasses

import msgspec

from controller.api import conditions, names, objects
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.planning import condemnation, endings, plan, remedies, snapshot, telling
from controller.planning.telling import Word


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Retreat:
    """One component that leaves a revision."""

    component: str
    revision: str
    server_set: objects.ServerSet | None
    record: objects.ControllerRevision | None


def revisions_of(look: snapshot.OperationSnapshot) -> tuple[str, ...]:
    """Return the revisions to leave, as "component/revision": those that run when it begins."""
    wanted = look.operation.spec.components
    return tuple(
        f"{component}/{found.spec.revision}"
        for component, found in sorted(look.sets.items())
        if not wanted or component in wanted
    )


def advance(look: snapshot.OperationSnapshot) -> plan.Plan:
    """Return what is next: condemn, wait, or end."""
    retreats = [_retreat(look, each) for each in look.operation.status.targets]
    helpless = [each.component for each in retreats if _nothing_proven(each)]
    if helpless:
        message = f"No other revision of {', '.join(helpless)} ever ran in good health."
        return endings.end(look, Reason.FAILED, f"NothingProven: {message}")
    left = [each for each in retreats if not _arrived(each)]
    if not left:
        return endings.end(look, endings.COMPLETED, "The proven revisions run.")
    writes = tuple(_condemn(each) for each in left if each.record is not None)
    word = Word(
        reason=Reason.RUNNING,
        message="RollBack is under way.",
        blocked=tuple(_wait(look, each) for each in left),
    )
    total, done = len(retreats), len(retreats) - len(left)
    status = msgspec.structs.replace(
        telling.tell(look.operation, word, look.now),
        total=total,
        running=len(left),
        succeeded=done,
        progress=f"{done}/{total}",
    )
    return plan.Plan(
        actions=tuple(each for each in writes if each is not None),
        status=status if status != look.operation.status else None,
        settled=False,
        notes=(word.message,),
        urgency=plan.Urgency.PERSONAL,
    )


def _retreat(look: snapshot.OperationSnapshot, target: str) -> Retreat:
    component, _, revision = target.partition("/")
    name = names.controller_revision(look.operation.spec.application, component, revision)
    record = next((each for each in look.revisions if each.metadata.name == name), None)
    return Retreat(
        component=component,
        revision=revision,
        server_set=look.sets.get(component),
        record=record,
    )


def _nothing_proven(retreat: Retreat) -> bool:
    """Whether there is nowhere to go: asked only while it has not left."""
    found = retreat.server_set
    if found is None or found.spec.revision != retreat.revision or _condemned(retreat):
        return False
    return found.status.proven_revision in ("", retreat.revision)


def _condemned(retreat: Retreat) -> bool:
    return retreat.record is not None and condemnation.read(retreat.record) is not None


def _arrived(retreat: Retreat) -> bool:
    """A component that is no longer there has nothing to leave."""
    found = retreat.server_set
    if found is None:
        return True
    ready = conditions.find(found.status.conditions, "Ready")
    return (
        found.spec.revision != retreat.revision
        and ready is not None
        and ready.status == "True"
        and ready.observed_generation == found.metadata.generation
    )


def _condemn(retreat: Retreat) -> plan.Patch | None:
    if retreat.record is None or _condemned(retreat):
        return None
    if retreat.server_set is None or retreat.server_set.spec.revision != retreat.revision:
        return None
    sentence = condemnation.Sentence(
        reason="RollBack", component=retreat.component, revision=retreat.revision
    )
    return condemnation.condemn(retreat.record, sentence)


def _wait(look: snapshot.OperationSnapshot, retreat: Retreat) -> Blocked:
    application = look.operation.spec.application
    name = names.server_set(application, retreat.component)
    return Blocked(
        object=f"ServerSet/{name}",
        reason=Reason.ROLLING_OUT,
        message=f"{retreat.component} leaves revision {retreat.revision}.",
        remedy=remedies.why("serverset", name, look.operation.metadata.namespace),
    )
