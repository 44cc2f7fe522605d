"""The status of an operation. Called by the Operation planner, for every phase."""

from __future__ import annotations

import dataclasses

import msgspec

from controller.api import clock, conditions, objects
from controller.api.choices import StepScope
from controller.api.conditions import Blocked, ConditionType
from controller.kinds.operation import slots, steps, targets
from controller.kinds.operation.server_progress import ServerState
from controller.kinds.operation.slots import Run
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import outcomes, plan, verdict
from controller.reasons import AnyReason

MAX_FAILURES = 20
MAX_BLOCKED = 8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """The reason of the condition Succeeded, in one word and in a sentence.

    `succeeded` is Unknown until the end.
    """

    reason: AnyReason
    message: str
    succeeded: str = "Unknown"
    blocked: tuple[Blocked, ...] = ()


def tell(
    operation: objects.Operation, word: Word, now: float, run: Run | None = None
) -> objects.OperationStatus:
    """Return the operation's whole status; without a `run`, its counts stay as they were."""
    before = operation.status
    told = before if run is None else _count(before, run)
    if (told.succeeded, told.failed, told.steps) != (
        before.succeeded,
        before.failed,
        before.steps,
    ):
        told = msgspec.structs.replace(told, last_progress_time=clock.stamp(now))
    ended = word.succeeded != "Unknown"
    blocked = tuple(
        msgspec.structs.replace(each, since=each.since or clock.stamp(now))
        for each in word.blocked[:MAX_BLOCKED]
    )
    return msgspec.structs.replace(
        told,
        observed_generation=operation.metadata.generation,
        conditions=verdict.of_bounded_work(
            operation,
            succeeded=word.succeeded,
            reason=word.reason,
            message=word.message,
            now=now,
        ),
        completion_time=(before.completion_time or clock.stamp(now)) if ended else None,
        blocked_by=outcomes.steady(before.blocked_by, blocked, now),
    )


def with_failures(snapshot: OperationSnapshot, made: plan.Plan) -> plan.Plan:
    """Return the plan with what the operation's own writes met told in its status, once as Events.

    Every plan goes through here, so that no way through the planner leaves that out. Nothing else
    follows from a write that fails: the run goes on, and the write is tried again in its time.
    """
    operation, before = snapshot.operation, snapshot.operation.status
    found = outcomes.of(snapshot.outcomes)
    after = _hampered(snapshot, made.status, found)
    # Whom it waits for is read by whoever decides which operations a change concerns.
    moved = after is not None and _objects(before) != _objects(after)
    return dataclasses.replace(
        made,
        actions=(*made.actions, *outcomes.news(before.blocked_by, found, operation)),
        status=after if after != before else None,
        write_status_now=made.write_status_now or moved,
    )


def _hampered(
    snapshot: OperationSnapshot, status: plan.Status | None, found: outcomes.Outcomes
) -> objects.OperationStatus | None:
    """Return the status with the failures in its blockedBy, and the first in its sentence.

    How an operation has ended is not said anew: after that, blockedBy alone tells what fails yet.
    """
    operation, before = snapshot.operation, snapshot.operation.status
    ended = status is None and verdict.finished(operation)
    told = msgspec.structs.replace(before, blocked_by=()) if ended else status
    if not isinstance(told, objects.OperationStatus):
        return None
    known = {(each.object, each.reason) for each in told.blocked_by}
    blocked = [x for x in found.blocked(operation) if (x.object, x.reason) not in known]
    failing = outcomes.steady(before.blocked_by, blocked[:MAX_BLOCKED], snapshot.now)
    if not failing:
        return told
    said = told.conditions
    if not ended and not conditions.is_true(said, ConditionType.SUCCEEDED):
        said = tuple(_add(each, failing[0]) for each in said)
    return msgspec.structs.replace(told, conditions=said, blocked_by=(*failing, *told.blocked_by))


def _add(told: conditions.Condition, first: Blocked) -> conditions.Condition:
    """Return the condition with whose words keep a write from succeeding, after its own."""
    more = f"Not every write of the operation has succeeded. {first.reason}: {first.message}"
    return msgspec.structs.replace(told, message=f"{told.message} {more}")


def _objects(status: objects.OperationStatus) -> list[str]:
    return [each.object for each in status.blocked_by]


def _count(before: objects.OperationStatus, run: Run) -> objects.OperationStatus:
    total, done = len(run.present), len(run.of(ServerState.PASSED))
    failures = [each.failure for each in slots.failed(run) if each.failure is not None]
    return msgspec.structs.replace(
        before,
        run=run.run,
        total=total,
        progress=f"{done}/{total}",
        pending=len(run.of(ServerState.WAITING)),
        running=len(run.of(ServerState.RUNNING)),
        succeeded=done,
        failed=len(failures),
        failures=tuple(failures[:MAX_FAILURES]),
        targets=targets.record(each.key for each in run.progress),
        steps=tuple(_count_step(before, run, each) for each in run.steps),
    )


def _count_step(
    before: objects.OperationStatus, run: Run, step: steps.OperationStep
) -> objects.StepStatus:
    failed = sum(
        1 for each in run.present if each.failure is not None and each.failure.step == step.name
    )
    passed = sum(1 for each in run.present if step.name in each.ever)
    if step.scope != StepScope.SERVER:
        # A step that a server did for all stays done once the server is gone.
        told = next((each for each in before.steps if each.name == step.name), None)
        passed = max(told.passed if told else 0, passed)
        stop = slots.barrier(run)
        if stop is not None and stop.step is step and slots.barrier_failed(run, stop):
            failed = max(1, failed)
    return objects.StepStatus(
        name=step.name,
        passed=passed,
        running=sum(1 for each in run.present if slots.is_at(each, step.name)),
        failed=failed,
    )
