"""The task protocol: what a server does about the one act that an operation asks of it.

Converging acts (Restart, Replace, Start, Stop) are done when the server is seen to be so. All other
acts are claimed first: `status.task` becomes Started under our name, with the resourceVersion it
was planned from, and only a later plan, made from that very claim, begins the act. So two
operators never both begin one, and one that is killed leaves a claim that its successor can read.

Called by the Server planner; `finished` by execution, when an act that it carries out has ended.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import msgspec

from controller import contract
from controller.api import clock, objects, texts
from controller.api.choices import ErrorClass, OnUnknown, Power, TaskState
from controller.contract import checkpoints, tasks
from controller.kinds.server import checks
from controller.kinds.server.snapshot import ServerSnapshot
from controller.planning import backoffs, plan, writes

# How long a Pending act waits before it is looked at again, should nothing else happen.
_LOOK_AGAIN = 30.0
# For how long a task that no operation asks for may keep rollouts and evictions off its server. The
# operation may only be unseen yet; where there is none, nobody would ever end the task.
UNASKED_SECONDS = 300
# The most that a status holds of the facts that an act has found out.
MOST_FACTS, LONGEST_NAME, LONGEST_FACT = 16, 63, 253


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The facts that the Server planner saw, as far as acts care."""

    ready: bool = False  # as its spec wants it, for minReadySeconds
    stopped: bool = False
    running: bool = False  # the incarnation and revision of its spec, ready or not
    hopeless: str = ""  # why Argosy gave up making it
    frozen: bool = False  # nothing new may begin


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The actions that the task needs now. `status` and `passed` go with the server's status."""

    actions: tuple[plan.Action, ...] = ()
    status: objects.TaskStatus | None = None
    passed: tuple[objects.Checkpoint, ...] | None = None
    wake: float | None = None
    note: str = ""


NOTHING = Course()


def course(snapshot: ServerSnapshot, seen: Seen) -> Course:
    """Return what the server does about its task now."""
    task, now = snapshot.server.spec.task, tasks.state(snapshot.server)
    if task is None or now is None or now.state in tasks.ENDS:
        return NOTHING
    if snapshot.acting == task.id and snapshot.concluded:
        # Neither its time nor a cancel can end it any more.
        return Course(note=f"The outcome of {task.action} is still to be written.")
    given = tasks.read(task)
    if snapshot.unasked and now.state == TaskState.PENDING:
        given = _distrusted(snapshot, given)
    if given.fault:
        stop = _cancel_call(snapshot, task) if snapshot.acting == task.id else ()
        failed = _write(
            snapshot, _end(snapshot, now, TaskState.FAILED, given.fault, ErrorClass.TERMINAL)
        )
        return dataclasses.replace(failed, actions=(*stop, *failed.actions))
    if task.action in tasks.CONVERGING:
        return _converge(snapshot, task, given, seen)
    if task.cancel:
        return _cancel(snapshot, task, given, now)
    begun = now.state != TaskState.PENDING
    return _go_on(snapshot, task, given, now) if begun else _begin(snapshot, task, given, now, seen)


def _distrusted(snapshot: ServerSnapshot, given: tasks.TaskParameters) -> tasks.TaskParameters:
    """Return the orders of a task that nobody asks for, whose times and bounds are anybody's."""
    since = given.given
    if not 0 < since <= snapshot.now + UNASKED_SECONDS:
        since = clock.parse(snapshot.server.metadata.creation_timestamp)
    bound = min(given.timeout_seconds, UNASKED_SECONDS)
    return msgspec.structs.replace(given, given=since, timeout_seconds=bound)


def _converge(
    snapshot: ServerSnapshot, task: objects.Task, given: tasks.TaskParameters, seen: Seen
) -> Course:
    def end(state: str, message: str, error_class: str = "") -> Course:
        status = objects.TaskStatus(
            id=task.id,
            attempt=1,
            state=state,
            message=message,
            error_class=error_class,
            start_time=clock.stamp(given.given) if given.given else None,
            end_time=clock.stamp(snapshot.now),
        )
        passed = checkpoints.after(
            snapshot.server.status.checkpoints,
            task,
            given,
            incarnation=snapshot.server.spec.incarnation,
            failed=state != TaskState.SUCCEEDED,
        )
        return Course(status=status, passed=passed)

    if _converged(task.action, seen, power=snapshot.server.spec.power):
        return end(TaskState.SUCCEEDED, "")
    if task.cancel:
        return end(TaskState.CANCELLED, "Cancelled; the server still comes to what its spec says.")
    if seen.hopeless:
        return end(TaskState.FAILED, seen.hopeless, ErrorClass.TERMINAL)
    left = _left(snapshot, given.given, given.timeout_seconds)
    if left <= 0:
        return end(
            TaskState.FAILED,
            f"Not done within {given.timeout_seconds} seconds.",
            ErrorClass.TRANSIENT,
        )
    return Course(wake=left, note=f"{task.action} is under way.")


def _converged(action: str, seen: Seen, *, power: str) -> bool:
    """A server that is to be stopped has nothing to restart: it will start anew."""
    if action == tasks.STOP or power == Power.STOPPED:
        return seen.stopped
    return seen.ready


def _begin(
    snapshot: ServerSnapshot,
    task: objects.Task,
    given: tasks.TaskParameters,
    now: objects.TaskStatus,
    seen: Seen,
) -> Course:
    refusal = _hopeless(snapshot, task, seen)
    if refusal:
        return _write(snapshot, _end(snapshot, now, TaskState.FAILED, refusal, ErrorClass.TERMINAL))
    left = _left(snapshot, given.given, given.timeout_seconds) if now.attempt == 0 else _LOOK_AGAIN
    if left <= 0:
        message = f"Not begun within {given.timeout_seconds} seconds."
        return _write(
            snapshot, _end(snapshot, now, TaskState.FAILED, message, ErrorClass.TRANSIENT)
        )
    wait = _waits(snapshot, task, seen)
    if wait:
        soon = min(left, _LOOK_AGAIN) if snapshot.unasked else left
        return Course(wake=soon, note=f"{task.action} waits: {wait}.")
    pause = _pause(snapshot, given, now)
    if pause > 0:
        return Course(wake=pause, note=f"{task.action} is tried again after a while.")
    return _write(snapshot, _claim(snapshot, now, TaskState.STARTED, now.attempt + 1))


def _hopeless(snapshot: ServerSnapshot, task: objects.Task, seen: Seen) -> str:
    unsupported = tasks.unsupported(snapshot.fleet, (task.action,))
    return unsupported or (seen.hopeless if task.action in tasks.IN_SERVER else "")


def _waits(snapshot: ServerSnapshot, task: objects.Task, seen: Seen) -> str:
    if seen.frozen or not snapshot.holder:
        return "nothing new begins now"
    if snapshot.unasked:
        # Whoever wrote this task by hand may not be allowed to do what it says.
        return f"no operation {task.operation} of this application asks for this task"
    if task.action in tasks.IN_SERVER and not seen.running:
        return "the server does not run"
    return ""


def _go_on(
    snapshot: ServerSnapshot,
    task: objects.Task,
    given: tasks.TaskParameters,
    now: objects.TaskStatus,
) -> Course:
    """Begun already: by us, who may be at it, or by one that is no more."""
    left = _left(snapshot, clock.parse(now.start_time), given.timeout_seconds)
    if left <= 0:
        late = _end(snapshot, now, TaskState.FAILED, _too_late(given), ErrorClass.UNKNOWN)
        return _call_off(snapshot, task, given, late, grace=left + given.grace_seconds)
    if snapshot.acting == task.id:
        return Course(wake=left, note=f"{task.action} is under way.")
    if not snapshot.holder:
        return Course(note=f"{task.action} waits: this process may not act.")
    left_by_us = now.state == TaskState.STARTED and snapshot.left == (now.id, now.attempt)
    if left_by_us or now.claimed_by != snapshot.holder:
        return _write(snapshot, _claim(snapshot, now, TaskState.UNKNOWN, now.attempt))
    wait = _until_followed(snapshot, given, now)
    if wait > 0:
        return Course(wake=min(left, wait), note=f"{task.action} is followed after a while.")
    verb = contract.Verb.ACT if now.state == TaskState.STARTED else contract.Verb.RESUME
    call = contract.Call(
        verb=verb, why=task.action, task=task, instance=snapshot.observation.id, alternative=0
    )
    return Course(actions=(call,), wake=left, note=f"{task.action} begins.")


def _cancel(
    snapshot: ServerSnapshot,
    task: objects.Task,
    given: tasks.TaskParameters,
    now: objects.TaskStatus,
) -> Course:
    if now.state == TaskState.PENDING:
        return _write(
            snapshot, _end(snapshot, now, TaskState.CANCELLED, "Cancelled before it began.", "")
        )
    if snapshot.acting != task.id:
        message = (
            "Cancelled; the operator that began the act is gone, so how far the act came is"
            " unknown."
        )
        return _write(
            snapshot, _end(snapshot, now, TaskState.CANCELLED, message, ErrorClass.UNKNOWN)
        )
    left = _left(snapshot, given.cancelled or snapshot.now, given.grace_seconds)
    end = _end(snapshot, now, TaskState.CANCELLED, "Cancelled.", ErrorClass.UNKNOWN)
    return _call_off(snapshot, task, given, end, grace=left)


def _call_off(
    snapshot: ServerSnapshot,
    task: objects.Task,
    given: tasks.TaskParameters,
    end: objects.TaskStatus,
    *,
    grace: float,
) -> Course:
    """End the act first and record `end` after it, when `grace` seconds have not ended the act.

    Ending an act may itself run a command in the server. While one may run there, the claim
    stands, so that nobody gives the server its next task meanwhile.
    """
    if snapshot.acting != task.id:
        return _write(snapshot, end)
    stop = _cancel_call(snapshot, task)
    if grace > 0:
        return Course(actions=stop, wake=grace, note=f"{task.action} is being ended.")
    message = (
        f"{end.message} The act did not end within {given.grace_seconds} seconds and may still run."
    )
    ending = _write(snapshot, msgspec.structs.replace(end, message=message))
    return dataclasses.replace(ending, actions=(*stop, *ending.actions))


def _too_late(given: tasks.TaskParameters) -> str:
    return f"Not done within {given.timeout_seconds} seconds."


def _cancel_call(snapshot: ServerSnapshot, task: objects.Task) -> tuple[plan.Action, ...]:
    verb = contract.Verb.CANCEL
    return (contract.Call(verb=verb, why="Cancelled", task=task, instance=snapshot.observation.id),)


def finished(
    server: objects.Server, outcome: tasks.TaskResult, now: float
) -> objects.ServerStatus | None:
    """Return the server's status now that an act has ended; None where nobody waits for it.

    A transient failure goes back to Pending while attempts are left, and so does an unknown
    outcome of an act that may run again. An act that did not get through to the provider was none.
    One that could not be followed stays unknown: nobody has seen yet whether it took effect.
    """
    task, before = server.spec.task, server.status.task
    if task is None or before is None or not task.id == before.id == outcome.task:
        return None
    if before.state not in (TaskState.STARTED, TaskState.UNKNOWN):
        return None
    given = tasks.read(task)
    if given.fault:
        outcome = _unread(given, outcome)
    if before.state == TaskState.UNKNOWN and outcome.error_class == ErrorClass.WAITING:
        after = _not_followed(before, outcome, now)
        return msgspec.structs.replace(server.status, task=after)
    late = _left_at(now, clock.parse(before.start_time), given.timeout_seconds) <= 0
    late = late and outcome.state == TaskState.CANCELLED and not task.cancel
    if late:
        outcome = _called_off(given, outcome)
    may_run_again = outcome.state == TaskState.FAILED and not late and not task.cancel
    again = may_run_again and _again(task, given, before, outcome)
    after = msgspec.structs.replace(
        before,
        state=TaskState.PENDING if again else outcome.state,
        attempt=max(0, before.attempt - (outcome.error_class == ErrorClass.WAITING)),
        message=outcome.message,
        error_class=outcome.error_class,
        facts=_bounded(outcome.facts),
        claimed_by="",
        end_time=clock.stamp(now),
    )
    passed = server.status.checkpoints if again else _record(server, task, given, outcome.state)
    return msgspec.structs.replace(server.status, task=after, checkpoints=passed)


def _not_followed(
    before: objects.TaskStatus, outcome: tasks.TaskResult, now: float
) -> objects.TaskStatus:
    """Return the status of an act that was begun, and could not be asked how it went.

    The claim and the time of the beginning stay: its timeout runs, and its time to be asked comes.
    """
    return msgspec.structs.replace(
        before, message=outcome.message, error_class=outcome.error_class, end_time=clock.stamp(now)
    )


def _bounded(facts: Mapping[str, str]) -> dict[str, str]:
    """Return as many facts as a status holds, in the order in which the act told them."""
    first = itertools.islice(facts.items(), MOST_FACTS)
    return {texts.cut(name, LONGEST_NAME): texts.cut(each, LONGEST_FACT) for name, each in first}


def _replacing(
    before: objects.TaskStatus | None, facts: Mapping[str, str]
) -> dict[str, Any] | None:
    """Return the patch that puts these facts in the place of those of before."""
    gone = before.facts if before is not None else {}
    return {**dict.fromkeys(gone), **facts} if facts else None


def _unread(given: tasks.TaskParameters, outcome: tasks.TaskResult) -> tasks.TaskResult:
    """Say of an act whose orders were overwritten how it went, though it counts for nothing."""
    ending = f"{given.fault} The act itself has {outcome.state}. {outcome.message}"
    return dataclasses.replace(
        outcome, state=TaskState.FAILED, error_class=ErrorClass.TERMINAL, message=ending.strip()
    )


def _called_off(given: tasks.TaskParameters, outcome: tasks.TaskResult) -> tasks.TaskResult:
    """Say of an act that nobody cancelled, but that was ended, that its time had run out."""
    message = f"{_too_late(given)} {outcome.message}".strip()
    return dataclasses.replace(
        outcome, state=TaskState.FAILED, error_class=ErrorClass.UNKNOWN, message=message
    )


def _record(
    server: objects.Server, task: objects.Task, given: tasks.TaskParameters, state: str
) -> checkpoints.Checkpoints:
    if given.fault:
        incarnation = server.spec.incarnation
        return checkpoints.broken(server.status.checkpoints, task, incarnation=incarnation)
    return checkpoints.after(
        server.status.checkpoints,
        task,
        given,
        incarnation=given.incarnation,
        failed=state != TaskState.SUCCEEDED,
    )


def _again(
    task: objects.Task,
    given: tasks.TaskParameters,
    before: objects.TaskStatus,
    outcome: tasks.TaskResult,
) -> bool:
    if outcome.error_class == ErrorClass.WAITING:
        return True
    # Answers may be lost for as long as an outage lasts, which is no fault of the act.
    bounded = outcome.crashed or outcome.error_class != ErrorClass.UNKNOWN
    if bounded and before.attempt >= given.attempts:
        return False
    if outcome.error_class == ErrorClass.UNKNOWN:
        return task.action in tasks.IDEMPOTENT or given.on_unknown == OnUnknown.RERUN
    return outcome.error_class == ErrorClass.TRANSIENT


def patch(
    server: objects.Server, status: objects.TaskStatus, passed: checkpoints.Checkpoints
) -> plan.Patch:
    """Return the write that makes `status` the task's, onto the very server it was planned from."""
    body: dict[str, Any] = {
        "id": status.id,
        "attempt": status.attempt,
        "state": status.state,
        "message": status.message or None,
        "errorClass": status.error_class or None,
        # A patch that merges would leave facts of an earlier attempt or task among these.
        "facts": _replacing(server.status.task, status.facts),
        "claimedBy": status.claimed_by or None,
        "startTime": status.start_time,
        "endTime": status.end_time,
    }
    more: dict[str, Any] = {}
    if passed != server.status.checkpoints:
        more = {"checkpoints": msgspec.to_builtins(passed)}
    return writes.patch(
        server,
        subresource="status",
        body={"status": {"task": body, **more}},
        why=f"Task{status.state}",
        guarded=True,
    )


def finish_patch(
    server: objects.Server, outcome: tasks.TaskResult, now: float
) -> plan.Patch | None:
    """Return the write that records how an act ended; None where nobody waits for it."""
    after = finished(server, outcome, now)
    if after is None or after.task is None:
        return None
    return patch(server, after.task, after.checkpoints)


def _write(snapshot: ServerSnapshot, status: objects.TaskStatus) -> Course:
    server, task = snapshot.server, snapshot.server.spec.task
    passed = server.status.checkpoints
    if task is not None and status.state in tasks.ENDS:
        passed = _record(server, task, tasks.read(task), status.state)
    write = patch(server, status, passed)
    return Course(actions=(write,), note=f"The task is {status.state}. {status.message}".strip())


def _claim(
    snapshot: ServerSnapshot, now: objects.TaskStatus, state: str, attempt: int
) -> objects.TaskStatus:
    start = now.start_time if state == TaskState.UNKNOWN else clock.stamp(snapshot.now)
    return objects.TaskStatus(
        id=now.id, attempt=attempt, state=state, claimed_by=snapshot.holder, start_time=start
    )


def _end(
    snapshot: ServerSnapshot,
    now: objects.TaskStatus,
    state: str,
    message: str,
    error_class: str,
) -> objects.TaskStatus:
    return msgspec.structs.replace(
        now,
        state=state,
        message=message,
        error_class=error_class,
        claimed_by="",
        end_time=clock.stamp(snapshot.now),
    )


def _left(snapshot: ServerSnapshot, since: float, seconds: float) -> float:
    """Return how many seconds of a bound are left; while the provider is away none pass."""
    now = snapshot.now
    return _left_at(now, snapshot.fleet.outage.clock(since or now, now), seconds)


def _left_at(now: float, since: float, seconds: float) -> float:
    return (since or now) + seconds - now


def _pause(snapshot: ServerSnapshot, given: tasks.TaskParameters, now: objects.TaskStatus) -> float:
    if now.end_time is None or not (now.attempt or now.error_class == ErrorClass.WAITING):
        return 0.0
    wait = backoffs.delay(given.backoff, max(now.attempt, 1), now.id)
    return clock.parse(now.end_time) + wait - snapshot.now


def _until_followed(
    snapshot: ServerSnapshot, given: tasks.TaskParameters, now: objects.TaskStatus
) -> float:
    """Return for how long an act that another process began is not asked about, in seconds.

    The server's fleet may not be to be called for now. An act that was asked about in vain is left
    alone for as long again as it has been under way, within the bounds of its backoff, as no
    attempt counts how often that was. Example: begun at 0:00 and asked about at 0:10, it is asked
    about at 0:20.
    """
    if now.state != TaskState.UNKNOWN:
        return 0.0
    if checks.is_away(snapshot):
        return _LOOK_AGAIN
    if now.end_time is None:
        return 0.0
    tried = clock.parse(now.end_time)
    first, most = max(given.backoff.initial_seconds, 1), max(given.backoff.max_seconds, 1)
    return tried + min(max(tried - clock.parse(now.start_time), first), most) - snapshot.now
