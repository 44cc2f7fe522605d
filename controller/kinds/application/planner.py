"""The Application planner: which sets there are, at which revision, in which order.

Called by `execution` for every Application, and by `explain` and `why`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from controller.api import objects, tags
from controller.api.choices import DeletionOrder
from controller.api.resources import Resource
from controller.kinds.application import (
    builds,
    checks,
    leftovers,
    operation_history,
    revisions,
    rollback,
    server_sets,
    summary,
)
from controller.kinds.application.components import ComponentTable, tabulate
from controller.kinds.application.reasons import ApplicationReason
from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.planning import (
    events,
    finalizers,
    outcomes,
    ownership,
    verdict,
    words,
)
from controller.planning import leftovers as kept_by_others
from controller.planning.obstacles import Obstacle
from controller.planning.plan import Action, Plan, RecordEvent, Urgency

# Of servers that are left behind, so many are told one by one.
MOST_TOLD = 5


def plan(snapshot: ApplicationSnapshot) -> Plan:
    """Return what the application needs now, and how it stands."""
    table = tabulate(snapshot)
    if snapshot.application.metadata.deletion_timestamp is not None:
        return _teardown(snapshot, table)
    failed = outcomes.of(snapshot.outcomes)
    obstacle = checks.find(snapshot)
    if obstacle is not None:
        note = f"nothing is made or changed: {obstacle.message}"
        return _finish(snapshot, table, failed, [], [note], obstacle=obstacle)
    if not finalizers.is_on(snapshot.application.metadata):
        made = Plan(
            actions=(finalizers.add(snapshot.application),),
            notes=("the finalizer comes before anything below the application is made",),
        )
        return outcomes.alone(made, failed, lambda: _finish(snapshot, table, failed, [], []))
    return _converge(snapshot, table, failed)


def _converge(
    snapshot: ApplicationSnapshot, table: ComponentTable, failed: outcomes.Outcomes
) -> Plan:
    application = snapshot.application
    actions: list[Action] = []
    notes: list[str] = []
    marks = [
        *rollback.clearings(table, application, snapshot.revisions),
        *rollback.rejections(table, application),
    ]
    notes += [f"{each.name}: {each.why}" for each in marks]
    actions += marks
    actions += _records(snapshot, table, failed, marked={each.name for each in marks})
    for row in table.rows.values():
        shape = server_sets.shape(table, row, application)
        actions += shape.actions
        notes += shape.notes
    removed = server_sets.take_down_removed(table, application)
    actions += removed.actions
    notes += removed.notes
    actions += builds.decide(snapshot, table.standings)
    return dataclasses.replace(
        _finish(snapshot, table, failed, actions, notes),
        wake_after=builds.wake_after(snapshot, table.standings),
    )


def _records(
    snapshot: ApplicationSnapshot,
    table: ComponentTable,
    failed: outcomes.Outcomes,
    *,
    marked: set[str],
) -> Iterable[Action]:
    """Yield the writes to ControllerRevisions; records are numbered after those taken up.

    One that somebody made so that it cannot be taken up is not waited for.
    """
    application = snapshot.application
    for found in snapshot.let_go:
        yield ownership.take_up(found, Resource.APPLICATIONS, application)
    if any(not failed.has_refused(Resource.REVISIONS, x.metadata.name) for x in snapshot.let_go):
        return
    for each in revisions.decide(table, application, snapshot.revisions, snapshot.in_use):
        # One write to an object in one plan.
        if getattr(each, "name", "") not in marked:
            yield each


def _finish(
    snapshot: ApplicationSnapshot,
    table: ComponentTable,
    failed: outcomes.Outcomes,
    actions: list[Action],
    notes: list[str],
    *,
    obstacle: Obstacle | None = None,
) -> Plan:
    application = snapshot.application
    before = application.status
    handled = before.last_handled_retry
    if rollback.retry_pending(application) and not any(
        row.rejected is not None for row in table.rows.values()
    ):
        handled = tags.retry_now(application.metadata)
    after = summary.status(
        summary.ApplicationOutlook(
            snapshot=snapshot,
            table=table,
            failed=failed,
            handled_retry=handled,
            obstacle=obstacle,
        )
    )
    return Plan(
        actions=(
            *actions,
            *events.alarm(before.conditions, after.conditions),
            *outcomes.news(before.blocked_by, failed, application),
            *operation_history.news(before.operations, after.operations),
        ),
        status=after,
        write_status_now=summary.write_status_now(before, after),
        first_status_can_wait=verdict.first_can_wait(before, after),
        notes=tuple(notes),
    )


def _teardown(snapshot: ApplicationSnapshot, table: ComponentTable) -> Plan:
    """Take the sets down, dependents first; let go of the application once none is left.

    Under a foreground delete the API server has marked every set already, so that no order can
    hold; what is left to do is the same.
    """
    application = snapshot.application
    if finalizers.is_orphaning(application.metadata):
        return Plan(notes=("the sets are being orphaned: nothing is done until they are",))
    if not finalizers.is_on(application.metadata):
        return Plan(
            status=summary.released(snapshot, table),
            notes=("nothing of the application is left to Argosy",),
        )
    sets = dict(table.removed)
    sets |= {name: row.server_set for name, row in table.rows.items() if row.server_set is not None}
    if not sets:
        return _let_go(snapshot, table)
    parallel = application.spec.deletion.order == DeletionOrder.PARALLEL
    shape = server_sets.take_down(
        sets, (), parallel=parallel, why="the application is being deleted"
    )
    after = summary.deleting(snapshot, table)
    return Plan(
        actions=(*_take_down_builds(snapshot), *shape.actions),
        status=after,
        write_status_now=summary.write_status_now(application.status, after),
        notes=shape.notes,
        urgency=Urgency.TEARDOWN,
    )


def _let_go(snapshot: ApplicationSnapshot, table: ComponentTable) -> Plan:
    """Let go of an application without sets; what others keep of it is waited for awhile."""
    application, rest = snapshot.application, leftovers.of(snapshot)
    taken_down = _take_down_builds(snapshot)
    if rest.deletes or rest.left:
        after = summary.deleting(snapshot, table, rest.held)
        return Plan(
            actions=_once((*taken_down, *rest.deletes)),
            status=after,
            write_status_now=summary.write_status_now(application.status, after),
            wake_after=rest.left if rest.held else None,
            notes=tuple(f"{each.object} is {each.message}" for each in rest.held),
            urgency=Urgency.TEARDOWN,
        )
    last = finalizers.remove(application)
    made = Plan(
        actions=(*_left(snapshot), *taken_down, *kept_by_others.news(rest), last),
        notes=("nothing below the application is left: letting go of the application",),
        urgency=Urgency.TEARDOWN,
    )
    failed = outcomes.of(snapshot.outcomes).about(last, application)
    return outcomes.alone(made, failed, lambda: _stay(snapshot, table, failed))


def _stay(snapshot: ApplicationSnapshot, table: ComponentTable, failed: outcomes.Outcomes) -> Plan:
    """Tell of an application that has nothing left, and that cannot be let go of."""
    application, before = snapshot.application, snapshot.application.status
    told = outcomes.steady(before.blocked_by, failed.blocked(application), snapshot.now)
    kept = "All that Argosy made for the application is gone. The application keeps its finalizer"
    message = words.because(kept, told[0].message)
    after = summary.deleting(snapshot, table, message=message)
    return Plan(
        actions=tuple(outcomes.news(before.blocked_by, failed, application)),
        status=after,
        write_status_now=summary.write_status_now(before, after),
    )


def _take_down_builds(snapshot: ApplicationSnapshot) -> tuple[Action, ...]:
    return (*leftovers.jobs_with_builds(snapshot), *builds.take_down(snapshot))


def _once(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Return the actions without a second delete of the same object."""
    found: dict[tuple[object, str], Action] = {}
    for each in actions:
        found.setdefault((getattr(each, "resource", ""), getattr(each, "name", "")), each)
    return tuple(found.values())


def _left(snapshot: ApplicationSnapshot) -> Iterable[RecordEvent]:
    """Tell of servers that stay: on the application, which goes, and on some of themselves."""
    if not snapshot.left:
        return
    told = words.several([each.metadata.name for each in snapshot.left])
    yield RecordEvent(
        reason=ApplicationReason.SERVERS_LEFT,
        message=f"Left running, as the application does not control them: {told}.",
        warning=True,
    )
    for each in snapshot.left[:MOST_TOLD]:
        yield RecordEvent(
            reason=ApplicationReason.SERVERS_LEFT,
            message=(
                f"The application {snapshot.application.metadata.name} is gone, and this server"
                f" stays: {_whose(each)} it."
            ),
            warning=True,
            about=each,
        )


def _whose(server: objects.Server) -> str:
    owner = server.metadata.controller
    return f"{owner.kind}/{owner.name} controls" if owner is not None else "nothing controls"
