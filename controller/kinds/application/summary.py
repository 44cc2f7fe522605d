"""The status of an application: its components' counts, and one verdict.

Called by the Application planner. Components' counts are what their sets last said.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import msgspec

from controller.api import clock, conditions, names, objects
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.kinds.application import (
    image_summary,
    operation_history,
    rollback,
    server_sets,
)
from controller.kinds.application.components import ComponentRow, ComponentTable
from controller.kinds.application.reasons import ApplicationReason
from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.planning import finalizers, obstacles, outcomes, remedies, words
from controller.planning.obstacles import Obstacle
from controller.planning.verdict import Verdict
from controller.reasons import AnyReason, ForeignReason

MOST_BLOCKED = 20
# Where nothing is being changed, a set's own reason says more than that it is under way.
_PASSED_ON = frozenset({Reason.SERVERS_UNAVAILABLE, Reason.REMEDIATION_HELD, Reason.STOPPED})
_COUNTS = ("desired", "current", "updated", "ready", "available", "failed")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationOutlook:
    """Everything the status is made from."""

    snapshot: ApplicationSnapshot
    table: ComponentTable
    failed: outcomes.Outcomes
    handled_retry: str
    # Why nothing is made or changed, if so.
    obstacle: Obstacle | None = None

    @property
    def application(self) -> objects.Application:
        """The application."""
        return self.snapshot.application


def status(outlook: ApplicationOutlook) -> objects.ApplicationStatus:
    """Return the whole status of the application."""
    application = outlook.application
    verdict = next(found for check in CHECKS if (found := check(outlook)))
    told = components(outlook.table)
    return objects.ApplicationStatus(
        observed_generation=application.metadata.generation,
        conditions=_conditions(outlook, verdict),
        components=told,
        blocked_by=outcomes.steady(
            application.status.blocked_by,
            tuple(_blocked(outlook))[:MOST_BLOCKED],
            outlook.snapshot.now,
        ),
        last_handled_retry=outlook.handled_retry,
        operations=operation_history.update(
            application,
            outlook.snapshot.ended,
            requesters_known=outlook.snapshot.requesters_known,
        ),
        selector=_selector(application),
        **_totals(told),
    )


def _selector(application: objects.Application) -> str:
    """Return what finds the pods of an application that is scaled as one; nothing of several."""
    parts = application.spec.components
    return names.selector(application.metadata.name, parts[0].name) if len(parts) == 1 else ""


def deleting(
    snapshot: ApplicationSnapshot,
    table: ComponentTable,
    held: Iterable[Blocked] = (),
    *,
    message: str = "",
) -> objects.ApplicationStatus:
    """Return the status of an application that is being taken down.

    `held` is what others keep of it, beside what they keep of its sets; a `message` is of what is
    waited for where no set is left.
    """
    left = [row.server_set for row in table.rows.values() if row.server_set is not None]
    left += table.removed.values()
    verdict = Verdict(
        reason=Reason.DELETING,
        message=message or _waits_for(left),
        reconciling=True,
    )
    told = components(table)
    blocked = list(outcomes.of(snapshot.outcomes).blocked(snapshot.application))
    blocked += (
        Blocked(
            object=f"ServerSet/{each.metadata.name}",
            reason=Reason.DELETING,
            message=_left_of(each),
            since=each.metadata.deletion_timestamp or clock.stamp(snapshot.now),
            remedy=_why(each),
        )
        for each in sorted(left, key=lambda each: each.metadata.name)
    )
    blocked += [told for each in left for told in each.status.blocked_by]
    blocked += held
    before = snapshot.application.status
    return msgspec.structs.replace(
        before,
        observed_generation=snapshot.application.metadata.generation,
        conditions=verdict.conditions(snapshot.application, snapshot.now),
        components=told,
        blocked_by=outcomes.steady(before.blocked_by, blocked[:MOST_BLOCKED], snapshot.now),
        **_totals(told),
    )


def _waits_for(left: Iterable[objects.ServerSet]) -> str:
    running = sorted(each.spec.component for each in left if not server_sets.has_no_server(each))
    if running:
        return f"Waiting for the servers of {', '.join(running)}."
    kept = sorted(each.spec.component for each in left)
    return f"All servers are gone. Others keep something of {', '.join(kept) or 'the application'}."


def _left_of(found: objects.ServerSet) -> str:
    kept = finalizers.keepers(found.metadata)
    if kept or not server_sets.has_no_server(found):
        return kept or f"{words.be(found.status.current, 'server')} still there."
    return "All servers are gone; others keep something of the set."


def released(
    snapshot: ApplicationSnapshot, table: ComponentTable
) -> objects.ApplicationStatus | None:
    """Return the status of an application that only others still keep; None where nobody does."""
    application = snapshot.application
    kept = finalizers.keepers(application.metadata)
    if not kept:
        return None
    verdict = Verdict(
        reason=Reason.DELETING,
        message=f"All that Argosy made for the application is gone. The application is {kept}.",
        reconciling=True,
    )
    told = components(table)
    return msgspec.structs.replace(
        application.status,
        observed_generation=application.metadata.generation,
        conditions=verdict.conditions(application, snapshot.now),
        components=told,
        blocked_by=(),
        **_totals(told),
    )


def write_status_now(before: objects.ApplicationStatus, after: objects.ApplicationStatus) -> bool:
    """Return whether what changed is more than counts that move."""
    if conditions.is_true(after.conditions, ConditionType.READY):
        return True

    def gist(told: objects.ApplicationStatus) -> tuple[object, ...]:
        return (
            {(each.type, each.status, each.reason) for each in told.conditions},
            told.observed_generation,
            {
                (each.name, each.revision, each.proven_revision, each.image)
                for each in told.components
            },
            told.last_handled_retry,
            told.operations,
        )

    return gist(before) != gist(after)


def _conditions(outlook: ApplicationOutlook, verdict: Verdict) -> conditions.Conditions:
    """Return the verdict's conditions, and Built beside them where anything is built."""
    application, now = outlook.application, outlook.snapshot.now
    usual = verdict.conditions(application, now)
    built = image_summary.condition(outlook.table, application.metadata.generation)
    if built is None:
        return usual
    return conditions.merge(application.status.conditions, (*usual, built), now)


def components(table: ComponentTable) -> tuple[objects.ComponentStatus, ...]:
    """Return the components' counts, those on their way out last."""
    rows = [_component(row) for row in table.rows.values()]
    rows += [_counts(name, found, found.spec.replicas) for name, found in table.removed.items()]
    return tuple(rows)


def _component(row: ComponentRow) -> objects.ComponentStatus:
    found = row.server_set
    if found is None:
        return objects.ComponentStatus(
            name=row.name,
            desired=row.replicas,
            revision=row.target.revision,
            proven_revision=row.proven_revision,
            stopped=row.stopped,
            image=_image(row),
        )
    told = _counts(row.name, found, row.replicas)
    # Counts of an earlier target must not look like this one's.
    current = found.status.revision == row.target.revision
    return msgspec.structs.replace(
        told,
        updated=told.updated if current else 0,
        revision=row.target.revision,
        proven_revision=row.proven_revision,
        image=_image(row),
    )


def _image(row: ComponentRow) -> objects.ComponentImage | None:
    return row.standing.record if row.standing is not None else None


def _counts(name: str, found: objects.ServerSet, desired: int) -> objects.ComponentStatus:
    told = found.status
    return objects.ComponentStatus(
        name=name,
        desired=desired,
        current=told.current,
        updated=told.updated,
        ready=told.ready,
        available=told.available,
        failed=told.failed,
        revision=told.revision,
        proven_revision=told.proven_revision,
        stopped=found.spec.stopped,
    )


def _totals(told: tuple[objects.ComponentStatus, ...]) -> dict[str, int]:
    return {name: sum(getattr(each, name) for each in told) for name in _COUNTS}


def _converged(outlook: ApplicationOutlook) -> bool:
    rows = outlook.table.rows.values()
    return not outlook.table.removed and all(row.converged and not row.reverted for row in rows)


def _obstructed(outlook: ApplicationOutlook) -> Verdict | None:
    """Nothing may be done; an application that somebody wants to rest can be well so."""
    found = outlook.obstacle
    if found is None:
        return None
    if not found.asked:
        return Verdict(
            reason=found.reason,
            message=found.message,
            stalled=found.stalled,
            reconciling=not found.stalled,
        )
    state = "everything is as asked for" if _converged(outlook) else "changes wait"
    return Verdict(
        reason=found.reason,
        message=f"{found.message.removesuffix('.')}; {state}.",
        ready=_converged(outlook),
    )


def _rolled_back(outlook: ApplicationOutlook) -> Verdict | None:
    reverted = [row for row in outlook.table.rows.values() if row.reverted]
    if not reverted:
        return None
    message = " ".join(rollback.explain(row) for row in reverted)
    return Verdict(reason=ApplicationReason.ROLLED_BACK, message=message, stalled=True)


def _refused(outlook: ApplicationOutlook) -> Verdict | None:
    first = next(iter(outlook.failed.refused), None)
    if first is not None:
        return Verdict(reason=first.reason, message=first.message, stalled=True)
    if not outlook.table.foreign:
        return None
    name = outlook.table.foreign[0].metadata.name
    message = f"serversets/{name} exists and belongs to something else"
    return Verdict(reason=Reason.NAME_TAKEN, message=message, stalled=True)


def _nothing_proven(outlook: ApplicationOutlook) -> Verdict | None:
    found = [
        row
        for row in outlook.table.rows.values()
        if rollback.without_fallback(row, outlook.application)
    ]
    if not found:
        return None
    message = f"Component {found[0].name} has no proven revision to go back to, and halts."
    return Verdict(reason=Reason.NOTHING_PROVEN, message=message, stalled=True)


def _unbuilt(outlook: ApplicationOutlook) -> Verdict | None:
    """No image of a component was ever built: a failure of that is a person's to mend."""
    rows = [row for row in outlook.table.rows.values() if row.unbuilt]
    failed = [row for row in rows if row.standing is not None and row.standing.failure is not None]
    if failed:
        message = image_summary.explain(failed[0])
        return Verdict(reason=Reason.BUILD_FAILED, message=message, stalled=True)
    if not rows:
        return None
    message = image_summary.explain(rows[0])
    return Verdict(reason=ApplicationReason.WAITING_FOR_IMAGE, message=message, reconciling=True)


def _component_stalled(outlook: ApplicationOutlook) -> Verdict | None:
    for row in outlook.table.rows.values():
        told = rollback.stalled(row)
        if told is not None:
            message = f"Component {row.name}: {told.message}"
            return Verdict(reason=ForeignReason(told.reason), message=message, stalled=True)
    return None


def _available(outlook: ApplicationOutlook) -> Verdict | None:
    if not _converged(outlook):
        return None
    total = sum(row.replicas for row in outlook.table.rows.values())
    message = f"{words.all_available(total)}."
    return Verdict(
        reason=Reason.AVAILABLE,
        message=message,
        ready=True,
        reconciling=image_summary.is_awaited(outlook.table),
    )


def _hampered(outlook: ApplicationOutlook) -> Verdict | None:
    """Writes fail, of the application's own or below it, and may succeed by themselves."""
    first = next(iter(outlook.failed.told), None)
    if first is not None:
        return Verdict(reason=first.reason, message=first.message, reconciling=True)
    for row in outlook.table.rows.values():
        told, found = row.ready, row.server_set
        if told is None or found is None or row.converged:
            continue
        if any(each.reason == told.reason for each in found.status.blocked_by):
            message = f"Component {row.name}: {told.message}"
            reason = ForeignReason(told.reason)
            return Verdict(reason=reason, message=message, reconciling=_is_work(reason))
    return None


def _is_work(reason: AnyReason) -> bool:
    """Return whether Argosy is at work where a set says so: servers are stopped because asked."""
    return reason != Reason.STOPPED


def _waiting(outlook: ApplicationOutlook) -> Verdict | None:
    told = [
        f"{row.name} waits for {' and '.join(waits)}"
        for row in outlook.table.rows.values()
        if (waits := _waits(outlook.table, row))
    ]
    if not told:
        return None
    message = "; ".join(told) + "."
    return Verdict(
        reason=ApplicationReason.WAITING_FOR_DEPENDENCY, message=message, reconciling=True
    )


def _progressing(outlook: ApplicationOutlook) -> Verdict:
    told = components(outlook.table)
    available = sum(min(each.available, each.desired) for each in told)
    desired = sum(each.desired for each in told)
    under_way = [row for row in outlook.table.rows.values() if not row.converged]
    names_told = ", ".join([*(row.name for row in under_way), *outlook.table.removed])
    reasons = {row.ready.reason if row.ready else "" for row in under_way}
    reason = next((each for each in _PASSED_ON if reasons == {each}), None)
    if reason is not None and not outlook.table.removed:
        message = f"{available} of {words.be(desired, 'server')} available: see {names_told}."
        return Verdict(reason=reason, message=message, reconciling=_is_work(reason))
    message = f"{available} of {words.be(desired, 'server')} available; under way: {names_told}."
    return Verdict(reason=Reason.PROGRESSING, message=message, reconciling=True)


# The first that answers is what people read. First why nothing is done, then what a person must see
# to, then that all is well, then what is waited for; the last one always answers.
CHECKS: tuple[Callable[[ApplicationOutlook], Verdict | None], ...] = (
    # The namespace goes, somebody wants the application to rest, or its fleet cannot be used.
    _obstructed,
    # Another revision runs than is asked for. Before `_available`: all servers may be well so.
    _rolled_back,
    # The API server refuses a write of the application's own, or a set's name is taken.
    _refused,
    # A component should go back, and there is nothing to go back to. Before `_component_stalled`,
    # which would tell the missed deadline alone.
    _nothing_proven,
    # A component has no image to be made from.
    _unbuilt,
    # One component stands still: its own words are told.
    _component_stalled,
    # All is as asked for.
    _available,
    # Calls fail, here or below, that may succeed by themselves.
    _hampered,
    # Components wait for others that they depend on.
    _waiting,
    # Something is under way.
    _progressing,
)


def _waits(table: ComponentTable, row: ComponentRow) -> tuple[str, ...]:
    """Return what the component waits for: nothing, if its set has been told the target already."""
    found = row.server_set
    if found is not None and (row.going or found.spec.revision == row.target.revision):
        return ()
    return table.waits_for(row)


def _blocked(outlook: ApplicationOutlook) -> Iterable[Blocked]:
    snapshot, table = outlook.snapshot, outlook.table
    # Told while the application rests, too: whoever wakes it should know before.
    fleet = obstacles.fleet_problem(snapshot)
    if fleet is not None:
        yield from fleet.blocked
    yield from outlook.failed.blocked(snapshot.application)
    for row in table.rows.values():
        yield from _blocked_component(outlook, row)
    yield from _causes(table)


def _blocked_component(outlook: ApplicationOutlook, row: ComponentRow) -> Iterable[Blocked]:
    application, now = outlook.application, outlook.snapshot.now
    meta = application.metadata
    if row.reverted:
        yield Blocked(
            object=f"Component/{row.name}",
            reason=ApplicationReason.ROLLED_BACK,
            message=rollback.explain(row),
            since=clock.stamp(now),
            remedy=remedies.retry_now(application),
        )
    if waits := _waits(outlook.table, row):
        first = outlook.table.first_made(row)
        kind, name = ("ServerSet", first.metadata.name) if first else ("Application", meta.name)
        yield Blocked(
            object=f"{kind}/{name}",
            reason=ApplicationReason.WAITING_FOR_DEPENDENCY,
            message=f"{row.name} waits for {' and '.join(waits)}.",
            since=clock.stamp(now),
            remedy=remedies.why(kind.lower(), name, meta.namespace),
        )
    yield from image_summary.blocked(row, meta.namespace, now)
    told = rollback.stalled(row)
    if told is not None and row.server_set is not None:
        yield Blocked(
            object=f"ServerSet/{row.server_set.metadata.name}",
            reason=told.reason,
            message=told.message,
            since=told.last_transition_time,
            remedy=_why(row.server_set),
        )
        yield from row.server_set.status.blocked_by


def _causes(table: ComponentTable) -> Iterable[Blocked]:
    """Yield what is in the way below components, also where all servers serve; each thing once.

    Their servers are left to them, but for the one by which a component is not Ready; and what is
    stalled was told in full.
    """
    told: set[tuple[str, str]] = set()
    for row in table.rows.values():
        if row.server_set is None or rollback.stalled(row) is not None:
            continue
        why = row.ready.reason if row.ready is not None and not row.converged else ""
        for each in row.server_set.status.blocked_by:
            left = each.object.startswith("Server/") and each.reason != why
            if not left and (each.object, each.reason) not in told:
                told.add((each.object, each.reason))
                yield each


def _why(found: objects.ServerSet) -> str:
    return remedies.why("serverset", found.metadata.name, found.metadata.namespace)
