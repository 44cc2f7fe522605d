"""The next action of an operation: whose turn it is, which servers get a task, how it ends.

Called by `execution` for each Operation key, and by `explain`. Nothing of a flow is stored: where
each server is, is read from the servers; the status only keeps what they cannot tell.
"""

from __future__ import annotations

import collections
import dataclasses

import msgspec

from controller.api import clock, conditions, objects
from controller.api.choices import Action, OnFailure
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.kinds.operation import (
    allotment,
    assignments,
    checks,
    completion,
    conflicts,
    deadline,
    open_operations,
    power,
    retention,
    reversal,
    rollback,
    server_progress,
    servers_beside,
    slots,
    steps,
    stuck,
    summary,
    targets,
    templates,
)
from controller.kinds.operation.reasons import OperationReason
from controller.kinds.operation.server_progress import ServerState
from controller.kinds.operation.slots import Run
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.kinds.operation.summary import Word
from controller.planning import finalizers, outcomes, remedies, verdict, words
from controller.planning import plan as plans
from controller.planning.obstacles import Obstacle


def plan(snapshot: OperationSnapshot) -> plans.Plan:
    """Return what the operation does now, and what its writes meet that do not succeed."""
    return summary.with_failures(snapshot, _next(snapshot))


def _next(snapshot: OperationSnapshot) -> plans.Plan:
    operation = snapshot.operation
    if verdict.finished(operation):
        return completion.begin_retry(snapshot) or completion.rest(snapshot)
    if too_many := open_operations.refusal(snapshot):
        return completion.end(snapshot, Reason.FAILED, too_many)
    if not finalizers.is_on(operation.metadata):
        # Nothing was begun without it: where nothing will be, it would be a write for nothing.
        return completion.cut_short(snapshot) if checks.ending(snapshot) else _guard(snapshot)
    return _advance(snapshot)


def _guard(snapshot: OperationSnapshot) -> plans.Plan:
    """Stay until the end has been seen to."""
    operation = snapshot.operation
    if operation.metadata.deletion_timestamp is not None:
        return plans.Plan()
    made = plans.Plan(actions=(finalizers.add(operation),), urgency=plans.Urgency.INTERACTIVE)
    word = Word(reason=Reason.WAITING, message="The operation waits for its finalizer.")
    return outcomes.alone(
        made,
        outcomes.of(snapshot.outcomes),
        lambda: plans.Plan(status=summary.tell(operation, word, snapshot.now)),
    )


def _advance(snapshot: OperationSnapshot) -> plans.Plan:
    """Go through what may be the case, the most pressing first."""
    operation = snapshot.operation
    begun = operation.status.start_time is not None
    if checks.ending(snapshot):
        return completion.cut_short(snapshot)
    if operation.spec.cancelled or operation.metadata.deletion_timestamp is not None:
        return _cancel(snapshot)
    left = deadline.seconds_left(snapshot)
    if left <= 0:
        return _late(snapshot)
    rest = checks.rest(snapshot)
    if rest is not None:
        return _pause(snapshot, rest)
    outage = snapshot.fleet.outage.lasts
    if operation.status.pause_time is not None and not outage:
        return _unpause(snapshot)
    answer = _run(snapshot) if begun else _wait(snapshot)
    if begun:
        wake = plans.soonest(answer.wake_after, snapshot.records_last)
        answer = dataclasses.replace(answer, wake_after=wake)
    return _bounded(_stand_still(snapshot, answer) if outage else answer, left)


def _stand_still(snapshot: OperationSnapshot, answer: plans.Plan) -> plans.Plan:
    """Have the clock stand still while calls are tried again, whatever comes of them."""
    told = snapshot.operation.status
    status = answer.status or told
    if told.pause_time is not None or not isinstance(status, objects.OperationStatus):
        return answer
    stopped = msgspec.structs.replace(status, pause_time=clock.stamp(snapshot.now))
    return dataclasses.replace(answer, status=stopped)


def _bounded(answer: plans.Plan, left: float) -> plans.Plan:
    """Look again when the deadline passes, whatever else happens."""
    return dataclasses.replace(
        answer,
        wake_after=plans.soonest(answer.wake_after, left),
        urgency=plans.Urgency.INTERACTIVE,
    )


def observe(snapshot: OperationSnapshot) -> Run:
    """Return the run as the servers show it: of those it began with, or would begin with now."""
    operation = snapshot.operation
    plan_steps = steps.of(operation)
    fixed = bool(operation.status.retries) or operation.status.start_time is not None
    recorded = operation.status.targets
    if fixed and recorded:
        known = dict.fromkeys((*targets.recall(recorded), *power.strays(snapshot)))
        keys = targets.in_order(known, snapshot.application, operation.spec.order)
    else:
        keys = targets.choose(operation, snapshot.application, snapshot.servers)
    progress = tuple(
        server_progress.follow(
            operation,
            plan_steps,
            key,
            snapshot.servers.get(key),
            snapshot.now,
            min_ready_seconds=_min_ready(snapshot, key),
            evicted=key in snapshot.evicted,
            doubtful=key in snapshot.doubtful,
        )
        for key in keys
    )
    return Run(
        operation=operation,
        run=server_progress.run_id(operation),
        steps=plan_steps,
        progress=progress,
        allotments=allotment.of(snapshot, keys),
        down_beside=servers_beside.down(snapshot, progress),
        recorded=snapshot.recorded,
        foci=servers_beside.foci(snapshot),
        open=retention.going_on(snapshot),
        beside=frozenset(each.metadata.name for each in snapshot.others),
    )


def _min_ready(snapshot: OperationSnapshot, key: targets.Key) -> int:
    """Return how long the server at `key` must have been ready to count, as its set says."""
    found = snapshot.sets.get(key[0])
    return found.spec.rollout.min_ready_seconds if found is not None else 0


# ---- deadlines, pauses, ends


def _cancel(snapshot: OperationSnapshot) -> plans.Plan:
    """End all acts under way; what a RollBack put on record is taken back first."""
    message = "The operation was cancelled."
    back = rollback.take_back(snapshot) if _rolls_back(snapshot) else ()
    if not back:
        return _end_early(snapshot, Reason.CANCELLED, message)
    word = Word(
        reason=OperationReason.CANCELLING,
        message=f"{message} Revisions that it rejected may run again.",
    )
    return _answer(snapshot, summary.tell(snapshot.operation, word, snapshot.now), word, back)


def _rolls_back(snapshot: OperationSnapshot) -> bool:
    return snapshot.operation.spec.action == Action.ROLL_BACK


def _seen(snapshot: OperationSnapshot) -> Run | None:
    """Return the run as its servers show it; None for a RollBack, which gives servers no tasks."""
    return None if _rolls_back(snapshot) else observe(snapshot)


def _end_early(snapshot: OperationSnapshot, reason: Reason, message: str) -> plans.Plan:
    """End all acts under way; undo what was done, where that is asked for; then end."""
    run, left = _seen(snapshot), reversal.seconds_left(snapshot)
    if run is None or not reversal.is_due(snapshot) or left <= 0:
        asked = snapshot.operation.spec.on_failure == OnFailure.REVERT
        account = reversal.account(run) if run is not None and asked else ""
        return completion.call_off(snapshot, run, reason, message, account)
    acting = [each for each in run.of(ServerState.RUNNING) if not slots.is_undoing(each)]
    ending = completion.ending_acts(snapshot, run, acting, message) if acting else None
    if ending is not None:
        return ending
    if reversal.is_through(run):
        return completion.end(snapshot, reason, f"{message} {reversal.account(run)}".strip(), run)
    answer = _undo(snapshot, run, message)
    told = answer.status or snapshot.operation.status
    if isinstance(told, objects.OperationStatus) and told.cancel_time is None:
        told = msgspec.structs.replace(told, cancel_time=clock.stamp(snapshot.now))
        answer = dataclasses.replace(answer, status=told)
    return _bounded(answer, left)


def _undo(snapshot: OperationSnapshot, run: Run, trouble: str) -> plans.Plan:
    """Undo the last step that is not undone, on as many servers as may be at it."""
    given = slots.choose_undo(run)
    word = Word(
        reason=OperationReason.REVERTING,
        message=f"{trouble} All that was done is being undone.",
        blocked=() if given else slots.hindered(run),
    )
    return _give(snapshot, run, given, word)


def _late(snapshot: OperationSnapshot) -> plans.Plan:
    spec, told = snapshot.operation.spec, snapshot.operation.status
    if told.start_time is None:
        message = f"The operation's turn did not come within {spec.start_deadline_seconds} seconds."
        return completion.end(snapshot, Reason.TIMED_OUT, message)
    if told.cancel_time is not None and clock.parse(told.cancel_time) < deadline.of(snapshot):
        # Whoever cancelled it took that back, too late.
        return _cancel(snapshot)
    message = f"The operation did not end within {spec.timeout_seconds} seconds."
    return _end_early(snapshot, Reason.TIMED_OUT, message)


def _pause(snapshot: OperationSnapshot, why: Obstacle) -> plans.Plan:
    """Let servers at work finish, and begin nothing new; before the start, list its targets."""
    run = _seen(snapshot)
    message = f"{why.message} Nothing new begins."
    word = Word(reason=why.reason, message=message, blocked=why.blocked)
    status = summary.tell(snapshot.operation, word, snapshot.now, run)
    since = snapshot.operation.status.pause_time or clock.stamp(snapshot.now)
    return _answer(snapshot, msgspec.structs.replace(status, pause_time=since), word)


def _unpause(snapshot: OperationSnapshot) -> plans.Plan:
    told = snapshot.operation.status
    paused = snapshot.now - clock.parse(told.pause_time)
    word = Word(reason=Reason.WAITING, message="The operation goes on.")
    status = msgspec.structs.replace(
        summary.tell(snapshot.operation, word, snapshot.now),
        pause_time=None,
        paused_seconds=told.paused_seconds + max(0, round(paused)),
    )
    return _answer(snapshot, status, word)


def _answer(
    snapshot: OperationSnapshot,
    status: objects.OperationStatus,
    word: Word,
    actions: tuple[plans.Action, ...] = (),
    notes: tuple[str, ...] = (),
) -> plans.Plan:
    """Progress may be told a little later; another phase is told at once."""
    before = conditions.find(snapshot.operation.status.conditions, ConditionType.SUCCEEDED)
    return plans.Plan(
        actions=actions,
        status=status,
        write_status_now=before is None or before.reason != word.reason,
        notes=(word.message, *notes),
        urgency=plans.Urgency.INTERACTIVE,
    )


# ---- its turn


def _wait(snapshot: OperationSnapshot) -> plans.Plan:
    """Wait for the application, and for those whose turn is before; then begin."""
    operation = snapshot.operation
    turn = conflicts.turn(operation, snapshot.others, snapshot.servers)
    if turn.superseded_by is not None:
        later = turn.superseded_by.metadata.name
        return completion.end(snapshot, Reason.SUPERSEDED, f"Operation {later} asks for the same.")
    if blocked := _hindrances(snapshot, turn):
        return _stay(snapshot, blocked)
    found = checks.start(snapshot)
    if found is not None and found.ends:
        return completion.end(snapshot, found.reason, found.message)
    if found is not None:
        return _stay(snapshot, found.blocked)
    return _begin(snapshot)


def _stay(
    snapshot: OperationSnapshot, blocked: tuple[Blocked, ...], run: Run | None = None
) -> plans.Plan:
    """Tell whom the operation waits for."""
    word = Word(reason=Reason.WAITING, message=blocked[0].message, blocked=blocked)
    return _answer(snapshot, summary.tell(snapshot.operation, word, snapshot.now, run), word)


def _hindrances(snapshot: OperationSnapshot, turn: conflicts.Turn) -> tuple[Blocked, ...]:
    found = checks.hindrance(snapshot)
    if found is not None:
        return found.blocked
    # The last of those before it waits for the others itself: one change has one plan follow.
    return tuple(_behind(each) for each in turn.behind[-1:])


def _behind(other: objects.Operation) -> Blocked:
    name = other.metadata.name
    return Blocked(
        object=f"Operation/{name}",
        reason=Reason.CONFLICT,
        message=f"Operation {name} acts on the same servers and goes first.",
        remedy=remedies.cancel(other),
    )


def _begin(snapshot: OperationSnapshot) -> plans.Plan:
    """Fix the targets and the time; tasks are given once this is seen."""
    run = _seen(snapshot)
    word = _under_way(snapshot)
    status = msgspec.structs.replace(
        summary.tell(snapshot.operation, word, snapshot.now, run),
        start_time=clock.stamp(snapshot.now),
        last_progress_time=clock.stamp(snapshot.now),
    )
    if run is not None:
        servers = words.count(len(run.progress), "server")
        message = f"{snapshot.operation.spec.action} begins on {servers}."
    else:
        leaving = rollback.revisions_of(snapshot)
        status = msgspec.structs.replace(
            status, run=server_progress.run_id(snapshot.operation), leaving=leaving
        )
        message = f"RollBack begins: leaving {', '.join(leaving)}."
    event = plans.RecordEvent(reason=OperationReason.STARTED, message=message)
    return _answer(snapshot, status, word, actions=(event,), notes=(message,))


# ---- the run


def _run(snapshot: OperationSnapshot) -> plans.Plan:
    turn = conflicts.turn(snapshot.operation, snapshot.others, snapshot.servers)
    blocked = _hindrances(snapshot, turn)
    run = _seen(snapshot)
    if blocked:
        return _stay(snapshot, blocked, run)
    if run is None:
        return rollback.advance(snapshot)
    trouble = _trouble(run) or reversal.goes_on(snapshot, run)
    if trouble:
        return _halt(snapshot, run, trouble)
    remembered = power.owed(snapshot)
    if remembered:
        # Sets are told before servers: what is made meanwhile is as they remember.
        word = _under_way(snapshot)
        status = summary.tell(snapshot.operation, word, snapshot.now, run)
        return _answer(snapshot, status, word, actions=remembered)
    given = slots.choose(run)
    if not given and _through(run):
        return _finish(snapshot, run)
    found = stuck.among(run, snapshot.now)
    blocked = found.blocked + (() if given else slots.hindered(run))
    answer = _give(snapshot, run, given, _under_way(snapshot, blocked))
    return dataclasses.replace(answer, wake_after=found.wake)


def _under_way(snapshot: OperationSnapshot, blocked: tuple[Blocked, ...] = ()) -> Word:
    message = f"{snapshot.operation.spec.action} is under way."
    return Word(reason=Reason.RUNNING, message=message, blocked=blocked)


def _give(
    snapshot: OperationSnapshot, run: Run, given: tuple[slots.Grant, ...], word: Word
) -> plans.Plan:
    writes = tuple(patch for each in given if (patch := _assign(snapshot, run, each)) is not None)
    notes = tuple(f"{each.step.name} begins on {_name(each)}." for each in given)
    status = summary.tell(snapshot.operation, word, snapshot.now, run)
    return _answer(snapshot, status, word, actions=writes, notes=notes)


def _assign(snapshot: OperationSnapshot, run: Run, given: slots.Grant) -> plans.Patch | None:
    server = given.progress.server
    revision = templates.revision_for(snapshot, server) if server is not None else ""
    return assignments.give(run, given, snapshot.now, revision=revision)


def _name(given: slots.Grant) -> str:
    server = given.progress.server
    return server.metadata.name if server is not None else "/".join(map(str, given.progress.key))


def _trouble(run: Run) -> str:
    """Return why nothing new may begin any more, if so."""
    lost = slots.failed(run)
    stop = slots.barrier(run)
    if stop is not None and slots.barrier_failed(run, stop):
        return f"Step {stop.step.name} failed, and all later steps need that step."
    for component, count in sorted(collections.Counter(each.key[0] for each in lost).items()):
        most = run.allotments[component].losses
        if count > most:
            failed = words.count(count, "server")
            return f"{failed} of {component} failed, more than the failureBudget of {most}."
    return ""


def _halt(snapshot: OperationSnapshot, run: Run, trouble: str) -> plans.Plan:
    """Let what runs finish; then end, or undo what was done."""
    reverting = reversal.is_due(snapshot)
    undo_only = all(slots.is_undoing(each) for each in run.of(ServerState.RUNNING))
    if run.of(ServerState.RUNNING) and not (reverting and undo_only):
        found = stuck.among(run, snapshot.now)
        message = f"{trouble} The servers that have begun finish first."
        word = Word(reason=Reason.RUNNING, message=message, blocked=found.blocked)
        return dataclasses.replace(_give(snapshot, run, (), word), wake_after=found.wake)
    if not reverting:
        return completion.end(snapshot, Reason.FAILED, trouble, run)
    if reversal.is_through(run):
        reason = OperationReason.REVERTED if reversal.is_complete(run) else Reason.FAILED
        return completion.end(snapshot, reason, f"{trouble} {reversal.account(run)}".strip(), run)
    return _undo(snapshot, run, trouble)


def _through(run: Run) -> bool:
    return not run.of(ServerState.WAITING, ServerState.RUNNING) and slots.barrier(run) is None


def _finish(snapshot: OperationSnapshot, run: Run) -> plans.Plan:
    lost = slots.failed(run)
    if not lost:
        return completion.end(
            snapshot, completion.COMPLETED, f"{run.operation.spec.action} is done.", run
        )
    message = f"{len(lost)} of {len(run.present)} servers failed, within the failureBudget."
    return completion.end(snapshot, Reason.FAILED, message, run)
