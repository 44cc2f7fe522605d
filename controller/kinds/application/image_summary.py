"""The status of the images of an application's components: the condition Built, and obstacles.

Called by the application's summary. Built stands beside Ready: a Build that fails leaves what runs,
and never makes it unready.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import clock, conditions, objects
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.kinds.application.builds import BuildStanding
from controller.kinds.application.components import ComponentRow, ComponentTable
from controller.kinds.application.reasons import ApplicationReason
from controller.planning import remedies

# Ends by which nothing is left that could be read.
_SILENT = frozenset({Reason.TIMED_OUT, Reason.CANCELLED})


def condition(table: ComponentTable, generation: int) -> conditions.Condition | None:
    """Return the condition Built; None where no component has a source."""
    rows = [row for row in table.rows.values() if row.standing is not None]
    if not rows:
        return None
    failed = [row for row in rows if _failure(row) is not None]
    waiting = [row for row in rows if _is_waiting(row)]
    if failed:
        told = failed[0]
        status, reason, message = "False", _reason(told), explain(told)
    elif waiting:
        reason, message = ApplicationReason.WAITING_FOR_IMAGE, explain(waiting[0])
        status = "Unknown"
    else:
        status, reason, message = "True", Reason.COMPLETED, "All images are built."
    return conditions.Condition(
        type=ConditionType.BUILT,
        status=status,
        reason=reason,
        message=message,
        observed_generation=generation,
    )


def is_awaited(table: ComponentTable) -> bool:
    """Return whether a change of a component waits for an image that is being built."""
    return any(row.held and _is_waiting(row) for row in table.rows.values())


def explain(row: ComponentRow) -> str:
    """Return in a sentence or two what the latest Build of a component is at, or how it failed."""
    failure = _failure(row)
    if failure is not None:
        how = _told(failure)
        return f"Component {row.name}: {failure.metadata.name} failed: {how.message}".strip()
    latest = row.standing.latest if row.standing is not None else None
    if latest is None:
        return f"Component {row.name} waits for a first image, whose build is yet to begin."
    said = f"Component {row.name}: {latest.metadata.name} has not ended"
    keeps = latest.status.blocked_by if latest.status.start_time is not None else ()
    return f"{said}: {keeps[0].reason}: {keeps[0].message}" if keeps else f"{said}."


def blocked(row: ComponentRow, namespace: str, now: float) -> Iterable[Blocked]:
    """Yield the Build that failed, or that a component waits for."""
    failure = _failure(row)
    if failure is not None:
        yield Blocked(
            object=f"Build/{failure.metadata.name}",
            reason=_reason(row),
            message=_told(failure).message,
            since=failure.status.completion_time,
            remedy=_remedy(failure),
        )
        return
    standing = row.standing
    if standing is None or standing.latest is None or not (row.held or row.unbuilt):
        return
    name = standing.latest.metadata.name
    yield Blocked(
        object=f"Build/{name}",
        reason=ApplicationReason.WAITING_FOR_IMAGE,
        message=explain(row),
        since=standing.latest.metadata.creation_timestamp or clock.stamp(now),
        remedy=remedies.why("build", name, namespace),
    )


def _remedy(build: objects.Build) -> str:
    """Return what shows more of a Build that failed, or another one where nothing is left of it.

    The pod of an attempt that was ended goes with it, and so does all that it printed.
    """
    if not build.status.phases:
        return remedies.why("build", build.metadata.name, build.metadata.namespace)
    if _told(build).reason in _SILENT:
        return remedies.build(build.spec.application, build.metadata.namespace)
    return remedies.logs(build)


def _failure(row: ComponentRow) -> objects.Build | None:
    return row.standing.failure if row.standing is not None else None


def _is_waiting(row: ComponentRow) -> bool:
    standing: BuildStanding | None = row.standing
    return standing is not None and (bool(standing.unfinished) or not standing.image)


def _reason(row: ComponentRow) -> str:
    failure = _failure(row)
    return _told(failure).reason if failure is not None else ""


def _told(build: objects.Build) -> conditions.Condition:
    found = conditions.find(build.status.conditions, ConditionType.SUCCEEDED)
    return found or conditions.Condition(type=ConditionType.SUCCEEDED, status="Unknown")
