"""What is said of an operation in its status. Called by the Operation planner, for every phase."""

from __future__ import annotations

import dataclasses

import msgspec

from controller.api import clock, objects
from controller.api.choices import StepScope
from controller.api.conditions import Blocked
from controller.kinds.operation import slots, steps, targets
from controller.kinds.operation.server_progress import ServerState
from controller.kinds.operation.slots import Run
from controller.planning import outcomes, verdict
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
        # What a server that is gone did for all stays done.
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
