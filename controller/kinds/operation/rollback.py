"""The act RollBack: what the user asks for is rejected, so an earlier, proven revision runs.

Argosy never writes an Application's spec, and the Application planner alone decides what a
ServerSet runs; so an operation does what a missed deadline does, and watches what comes of it.
Called by the Operation planner.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import msgspec

from controller.api import conditions, names, objects
from controller.api.choices import UpdateStrategy
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.kinds.operation import completion, steps, summary
from controller.kinds.operation.reasons import OperationReason
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.kinds.operation.summary import Word
from controller.kinds.revisions import contents, images, proven_revisions, rejection
from controller.planning import ordinals, plan, remedies, words

# The parameter that names where to go back to: a revision's hash or its number.
REVISION_PARAMETER = "revision"
ROLL_BACK = OperationReason.ROLL_BACK


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ComponentRollback:
    """One component that leaves a revision.

    `rejected` stands on `record`, which is of the revision that the user asks for; that need not be
    the one to leave: who steps back twice leaves one that was never rejected.
    """

    component: str
    revision: str
    wanted: str
    server_set: objects.ServerSet | None
    record: objects.ControllerRevision | None
    rejected: rejection.Rejection | None
    fallback: objects.ControllerRevision | None

    @property
    def decided(self) -> bool:
        """Whether the set has left the revision, or is sure to be told to."""
        found = self.server_set
        if found is None or self.wanted != self.revision:
            # The user asks for another: it runs, unless it is rejected in favour of this one.
            runs = found is not None and found.spec.revision == self.revision
            kept = self.rejected is not None and self.rejected.fallback in ("", self.revision)
            return not (runs and kept)
        return self.rejected is not None


def revisions_of(snapshot: OperationSnapshot) -> tuple[str, ...]:
    """Return the revisions to leave, as "component/revision".

    A component leaves the one that the user asks for, or, where that is rejected, the one that runs
    instead.
    """
    wanted = snapshot.operation.spec.components
    return tuple(
        f"{component}/{_leaving(snapshot, component, found)}"
        for component, found in sorted(snapshot.sets.items())
        if not wanted or component in wanted
    )


def advance(snapshot: OperationSnapshot) -> plan.Plan:
    """Return what is next: reject, wait, or end."""
    rollbacks = _rollbacks(snapshot)
    helpless = [each.component for each in rollbacks if _nothing_proven(each)]
    if helpless:
        regret = conditions.because(Reason.NOTHING_PROVEN, _regret(snapshot, helpless))
        ended = completion.end(snapshot, Reason.FAILED, regret)
        counted = _counted(snapshot, ended.status, rollbacks, failed=len(helpless))
        return dataclasses.replace(ended, status=counted)
    left = [each for each in rollbacks if not _arrived(snapshot, each)]
    if not left:
        message = f"All servers of {_names(rollbacks)} run a proven revision."
        done = completion.end(snapshot, completion.COMPLETED, message)
        return dataclasses.replace(done, status=_counted(snapshot, done.status, rollbacks))
    writes = tuple(_reject(each) for each in left)
    word = Word(
        reason=Reason.RUNNING,
        message="RollBack is under way.",
        blocked=tuple(_wait(snapshot, each) for each in left),
    )
    status = _counted(snapshot, summary.tell(snapshot.operation, word, snapshot.now), rollbacks)
    return plan.Plan(
        actions=tuple(each for each in writes if each is not None),
        status=status,
        write_status_now=False,
        notes=(word.message,),
        urgency=plan.Urgency.INTERACTIVE,
    )


def take_back(snapshot: OperationSnapshot) -> tuple[plan.Patch, ...]:
    """Return the writes that a cancel takes: what has not arrived runs what it ran before.

    A rejection that the operation put on record is cleared; one that stood there before it, and
    that it gave an older fallback, gets its own fallback back.
    """
    found = (_restore(each) for each in _rollbacks(snapshot) if not _arrived(snapshot, each))
    return tuple(each for each in found if each is not None)


def _restore(rollback: ComponentRollback) -> plan.Patch | None:
    rejected, record = rollback.rejected, rollback.record
    if record is None or rejected is None or rejected.reason != ROLL_BACK or not rollback.decided:
        return None
    if rollback.revision == rollback.wanted:
        return rejection.clear(record)
    if rejected.fallback == rollback.revision:
        return None
    return rejection.reject(record, dataclasses.replace(rejected, fallback=rollback.revision))


def _rollbacks(snapshot: OperationSnapshot) -> list[ComponentRollback]:
    told = snapshot.operation.status
    # Until 0.1 the revisions to leave stood in `targets`.
    return [_rollback(snapshot, each) for each in told.leaving or told.targets]


def _names(rollbacks: Sequence[ComponentRollback]) -> str:
    return words.several([each.component for each in rollbacks])


def _counted(
    snapshot: OperationSnapshot,
    status: plan.Status | None,
    rollbacks: Sequence[ComponentRollback],
    *,
    failed: int = 0,
) -> plan.Status | None:
    """Return the status with how many components have got where they go.

    Where some cannot go back, nothing is on its way: the operation ends before any is told to.
    """
    if not isinstance(status, objects.OperationStatus):
        return status
    total, done = len(rollbacks), sum(_arrived(snapshot, each) for each in rollbacks)
    return msgspec.structs.replace(
        status,
        total=total,
        running=0 if failed else total - done,
        succeeded=done,
        failed=failed,
        progress=f"{done}/{total}",
    )


def _regret(snapshot: OperationSnapshot, helpless: Sequence[str]) -> str:
    components = ", ".join(helpless)
    named = steps.arguments(snapshot.operation).get(REVISION_PARAMETER, "")
    if named:
        never = "the revision is the one to leave, never ran in good health, or is no longer kept"
        return f"{components} cannot go back to revision {named}: {never}."
    return f"No earlier revision of {components} that is kept ever ran in good health."


def _leaving(snapshot: OperationSnapshot, component: str, found: objects.ServerSet) -> str:
    asked = _asked(snapshot)
    past = proven_revisions.past(snapshot.revisions, component, found.status.proven_revision)
    revision = asked.get(component, found.spec.revision)
    return found.spec.revision if _rejection(past.find(revision), asked) else revision


def _asked(snapshot: OperationSnapshot) -> dict[str, str]:
    """Return the revision that the user asks for, of each component."""
    components = snapshot.application.spec.components if snapshot.application is not None else ()
    return {each.name: _wanted(snapshot, each) for each in components}


def _wanted(snapshot: OperationSnapshot, component: objects.Component) -> str:
    found = snapshot.sets.get(component.name)
    current = found.spec.revision if found is not None else ""
    status = snapshot.application.status if snapshot.application is not None else None
    told = (each for each in status.components if each.name == component.name) if status else ()
    image = next((each.image for each in told), None)
    content = contents.of_server_set(found.spec) if found is not None else None
    wanted = images.as_told(component, image, content)
    return contents.of_component(wanted, snapshot.revisions, current=current).revision


def _rejection(
    record: objects.ControllerRevision | None, asked: Mapping[str, str]
) -> rejection.Rejection | None:
    found = rejection.read(record) if record is not None else None
    return found if found is not None and rejection.stands(found, asked) else None


def _rollback(snapshot: OperationSnapshot, target: str) -> ComponentRollback:
    component, _, revision = target.partition("/")
    asked, server_set = _asked(snapshot), snapshot.sets.get(component)
    wanted = asked.get(component, "")
    proven = server_set.status.proven_revision if server_set is not None else ""
    past = proven_revisions.past(snapshot.revisions, component, proven)
    record = past.find(wanted)
    named = steps.arguments(snapshot.operation).get(REVISION_PARAMETER, "")
    return ComponentRollback(
        component=component,
        revision=revision,
        wanted=wanted,
        server_set=server_set,
        record=record,
        rejected=_rejection(record, asked),
        fallback=past.choose({revision, wanted}, older_than=revision, named=named),
    )


def _nothing_proven(rollback: ComponentRollback) -> bool:
    """Whether there is nowhere to go: asked only while it has not left."""
    return not rollback.decided and rollback.fallback is None


def _arrived(snapshot: OperationSnapshot, rollback: ComponentRollback) -> bool:
    """Return whether the component has left its revision, as far as can be seen of its servers.

    A component that is no longer there has nothing to leave.
    """
    found = rollback.server_set
    if found is None:
        return True
    ready = conditions.find(found.status.conditions, ConditionType.READY)
    return (
        found.spec.revision != rollback.revision
        and ready is not None
        and ready.status == "True"
        and ready.observed_generation == found.metadata.generation
        and not _behind(snapshot, found)
    )


def _behind(snapshot: OperationSnapshot, found: objects.ServerSet) -> int:
    """Return how many servers have yet to run the set's revision.

    Servers that a person holds, or that the partition keeps, stay where they are.
    """
    spec = found.spec
    return sum(
        1
        for (component, ordinal), server in snapshot.servers.items()
        if component == spec.component
        and ordinal >= ordinals.free_from(spec)
        and not server.spec.held
        and server.metadata.deletion_timestamp is None
        and server.status.revision != spec.revision
    )


def _reject(rollback: ComponentRollback) -> plan.Patch | None:
    if rollback.record is None or rollback.fallback is None or rollback.decided:
        return None
    rejected = rejection.Rejection(
        reason=ROLL_BACK,
        component=rollback.component,
        revision=rollback.wanted,
        fallback=proven_revisions.revision_of(rollback.fallback),
    )
    return rejection.reject(rollback.record, rejected)


def _wait(snapshot: OperationSnapshot, rollback: ComponentRollback) -> Blocked:
    application = snapshot.operation.spec.application
    name = names.server_set(application, rollback.component)
    found = rollback.server_set
    message = f"Component {rollback.component} leaves revision {rollback.revision}."
    behind = _behind(snapshot, found) if found is not None else 0
    if found is not None and behind and found.spec.rollout.strategy == UpdateStrategy.ON_DELETE:
        left = words.count(behind, "server")
        message = f"{message} {left} must be deleted by hand, as the strategy OnDelete says."
    return Blocked(
        object=f"ServerSet/{name}",
        reason=Reason.ROLLING_OUT,
        message=message,
        remedy=remedies.why("serverset", name, snapshot.operation.metadata.namespace),
    )
