"""How an operation ends, what becomes of it then, and how a retry takes it up again.

Called by the Operation planner. Every way to an end is bounded: an act that does not answer a
cancel is given up after its grace.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from controller.api import clock, conditions, objects
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason
from controller.kinds.operation import (
    assignments,
    open_operations,
    power,
    server_progress,
    steps,
    summary,
)
from controller.kinds.operation.reasons import OperationReason
from controller.kinds.operation.server_progress import ServerProgress, ServerState
from controller.kinds.operation.slots import Run
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.kinds.operation.summary import Word
from controller.planning import finalizers, outcomes, plan, writes
from controller.reasons import AnyReason, ForeignReason

# How long, beyond its grace, a cancelled act may take to be recorded as ended.
SLACK = 15.0
# Ends after which a retry goes on.
RETRIED = frozenset({Reason.FAILED, Reason.TIMED_OUT, Reason.CANCELLED})
COMPLETED = Reason.COMPLETED
# Ends that leave no set behind that could remember anything, or that came before any beginning.
_AT_ONCE = frozenset({Reason.APPLICATION_DELETED, Reason.SUPERSEDED})
# As many retries as status holds; the oldest fall out.
MOST = 100
# How often a retry looks whether there is room for it.
LOOK_AGAIN = 30.0


def end(
    snapshot: OperationSnapshot,
    reason: AnyReason,
    message: str,
    run: Run | None = None,
) -> plan.Plan:
    """Return the plan that ends the operation, for good unless it is retried.

    First the sets are left with what is true of their servers, where that is not what was asked.
    Without a run, counts stay as they were last seen, but that nothing is under way any more.
    """
    good = reason == COMPLETED
    owed = () if good or reason in _AT_ONCE else power.settle(snapshot)
    if owed:
        return _settle(snapshot, owed, message, run)
    word = Word(reason=reason, message=message, succeeded="True" if good else "False")
    event = plan.RecordEvent(reason=reason, message=message, warning=not good)
    status = summary.tell(snapshot.operation, word, snapshot.now, run)
    if run is None:
        stopped = tuple(msgspec.structs.replace(each, running=0) for each in status.steps)
        status = msgspec.structs.replace(status, running=0, steps=stopped)
    return plan.Plan(
        actions=(event,),
        status=status,
        urgency=plan.Urgency.INTERACTIVE,
        notes=(message,),
    )


def _settle(
    snapshot: OperationSnapshot, owed: tuple[plan.Patch, ...], message: str, run: Run | None
) -> plan.Plan:
    """Return the plan that leaves the sets with what is true; the end itself comes after it."""
    note = f"{message} The sets are told which servers are stopped."
    made = plan.Plan(actions=owed, urgency=plan.Urgency.INTERACTIVE, notes=(note,))
    told = conditions.find(snapshot.operation.status.conditions, ConditionType.SUCCEEDED)
    word = Word(reason=ForeignReason(told.reason) if told else Reason.WAITING, message=note)
    return outcomes.alone(
        made,
        outcomes.of(snapshot.outcomes),
        lambda: plan.Plan(status=summary.tell(snapshot.operation, word, snapshot.now, run)),
    )


def cut_short(snapshot: OperationSnapshot) -> plan.Plan:
    """Return the plan that ends the operation because its application is deleted.

    How far it had come stays as it was last seen: its servers are on their way out.
    """
    # Interactive: a share beside the teardown of a thousand servers, and not all of it.
    return end(snapshot, Reason.APPLICATION_DELETED, "The application is deleted.")


def call_off(
    snapshot: OperationSnapshot,
    run: Run | None,
    reason: Reason,
    message: str,
    account: str = "",
) -> plan.Plan:
    """Return the plan that ends all acts under way, and then the operation.

    `account` is what is said in the end of what was done.
    """
    acting = run.of(ServerState.RUNNING) if run is not None else []
    calling = ending_acts(snapshot, run, acting, message) if run is not None and acting else None
    return calling or end(snapshot, reason, f"{message} {account}".strip(), run)


def ending_acts(
    snapshot: OperationSnapshot, run: Run, acting: Sequence[ServerProgress], message: str
) -> plan.Plan | None:
    """Return the plan that ends these acts; None once their grace is over."""
    told = snapshot.operation.status
    since = clock.parse(told.cancel_time) if told.cancel_time else snapshot.now
    left = since + snapshot.operation.spec.cancel_grace_seconds + SLACK - snapshot.now
    if left <= 0:
        return None
    word = Word(
        reason=OperationReason.CANCELLING, message=f"{message} Acts under way are being ended."
    )
    status = summary.tell(snapshot.operation, word, snapshot.now, run)
    status = msgspec.structs.replace(status, cancel_time=clock.stamp(since))
    return plan.Plan(
        actions=assignments.call_off(acting, snapshot.now),
        status=status,
        wake_after=left,
        urgency=plan.Urgency.TEARDOWN,
        notes=(f"{len(acting)} acts are being ended, within {left:.0f} s.",),
    )


def rest(snapshot: OperationSnapshot) -> plan.Plan:
    """Return the plan for an operation that has ended: it is let go, and deleted in its time."""
    operation, meta = snapshot.operation, snapshot.operation.metadata
    if finalizers.is_on(meta):
        return plan.Plan(
            actions=(finalizers.remove(operation),), notes=("The operation has ended.",)
        )
    if meta.deletion_timestamp is not None:
        return plan.Plan()
    ended = clock.parse(operation.status.completion_time)
    left = ended + operation.spec.ttl_seconds_after_finished - snapshot.now
    if left > 0:
        return plan.Plan(
            wake_after=left, notes=(f"The operation has ended, and is kept for {left:.0f} s.",)
        )
    delete = writes.delete(
        snapshot.operation,
        why="Expired",
        guarded=False,
    )
    return plan.Plan(
        actions=(delete,), notes=("The operation ended long enough ago to be deleted.",)
    )


def patch(operation: objects.Operation, body: plan.Manifest, why: str) -> plan.Patch:
    """Return a write on the operation itself, as it was planned from."""
    return writes.patch(
        operation,
        body=body,
        why=why,
        guarded=True,
    )


def begin_retry(snapshot: OperationSnapshot) -> plan.Plan | None:
    """Return the plan that opens the run that a retry asks for; None where none does."""
    operation, told = snapshot.operation, snapshot.operation.status
    retry = operation.spec.retry
    if retry is None or operation.spec.cancelled or not _may_go_on(snapshot):
        return None
    if retry.id in {each.id for each in server_progress.runs(operation)}:
        return None
    if open_operations.is_full(snapshot):
        message = f"Retry {retry.id} waits until fewer operations are open."
        return plan.Plan(wake_after=LOOK_AGAIN, notes=(message,))
    message = f"Retry {retry.id} waits for its turn."
    status = msgspec.structs.replace(
        summary.tell(operation, Word(reason=Reason.WAITING, message=message), snapshot.now),
        run=retry.id,
        parameters=retry.parameters,
        retries=(*told.retries, objects.Retried(id=retry.id, from_step=retry.from_step))[-MOST:],
        steps=_forget(operation, retry.from_step),
        failures=(),
        failed=0,
        start_time=None,
        cancel_time=None,
        pause_time=None,
        paused_seconds=0,
        # The deadlines of the new run count from here.
        last_progress_time=clock.stamp(snapshot.now),
    )
    event = plan.RecordEvent(reason=OperationReason.RETRIED, message=message)
    return plan.Plan(actions=(event,), status=status, urgency=plan.Urgency.INTERACTIVE)


def can_be_retried(operation: objects.Operation) -> bool:
    """Return whether the operation ended in a way that leaves something to take up."""
    told = conditions.find(operation.status.conditions, ConditionType.SUCCEEDED)
    return told is not None and told.reason in RETRIED


def _may_go_on(snapshot: OperationSnapshot) -> bool:
    application = snapshot.application
    if application is None or application.metadata.deletion_timestamp is not None:
        return False
    going = snapshot.operation.metadata.deletion_timestamp is not None
    return can_be_retried(snapshot.operation) and not going


def _forget(operation: objects.Operation, start: str) -> tuple[objects.StepStatus, ...]:
    order = [each.name for each in steps.of(operation)]
    first = order.index(start) if start in order else len(order)
    return tuple(
        msgspec.structs.replace(
            each,
            running=0,
            failed=0,
            passed=each.passed if each.name in order[:first] else 0,
        )
        for each in operation.status.steps
    )
