"""The task protocol: what a server does about the one act that an operation asks of it.

Converging acts (Restart, Replace, Start, Stop) are done when the server is seen to be so. All other
acts are claimed first: `status.task` becomes Started under our name, with the resourceVersion it
was planned from, and only a later plan, made from that very claim, begins the act. So two
operators never both begin one, and one that is killed leaves a claim that its successor can read.

Called by the Server planner; `finished` by execution, when an act that it carries out has ended.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from controller.api import clock, objects
from controller.api.resources import Resource
from controller.planning import plan, snapshot
from controller.planning.server import attempts, checkpoints, orders

PENDING = "Pending"
STARTED = "Started"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
CANCELLED = "Cancelled"
UNKNOWN = "Unknown"
ENDS = frozenset({SUCCEEDED, FAILED, CANCELLED})

CAPABILITIES = {
    orders.EXEC: snapshot.Capability.EXEC,
    orders.SNAPSHOT: snapshot.Capability.SNAPSHOT,
    orders.RESTORE: snapshot.Capability.RESTORE,
}


# How long a Pending act waits before it is looked at again, should nothing else happen.
_LOOK_AGAIN = 30.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the Server planner saw, as far as acts care."""

    ready: bool = False  # as its spec wants it, for minReadySeconds
    stopped: bool = False
    running: bool = False  # the incarnation and revision of its spec, ready or not
    hopeless: str = ""  # why Argosy gave up making it
    frozen: bool = False  # nothing new may begin


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an act ended; `error_class` is Transient, Terminal or Unknown where it did not succeed.

    Unknown is for an act that may have taken effect: its stream was cut, or no trace was found.
    """

    task: str
    state: str
    message: str = ""
    error_class: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What to do about the task now. `status` and `passed` go with the server's status."""

    actions: tuple[plan.Action, ...] = ()
    status: objects.TaskStatus | None = None
    passed: tuple[objects.Checkpoint, ...] | None = None
    wake: float | None = None
    note: str = ""


NOTHING = Course()


def ended(server: objects.Server) -> bool:
    """Return whether the server has no task, or one that has come to its end."""
    task, seen = server.spec.task, server.status.task
    return task is None or (seen is not None and seen.id == task.id and seen.state in ENDS)


def state(server: objects.Server) -> objects.TaskStatus | None:
    """Return how the task of the spec goes: None without one, Pending before it is begun."""
    task, seen = server.spec.task, server.status.task
    if task is None:
        return None
    return seen if seen is not None and seen.id == task.id else objects.TaskStatus(id=task.id)


def course(look: snapshot.ServerSnapshot, seen: Seen) -> Course:
    """Return what the server does about its task now."""
    task, now = look.server.spec.task, state(look.server)
    if task is None or now is None or now.state in ENDS:
        return NOTHING
    given = orders.read(task)
    if given.fault:
        stop = _cancel_call(look, task) if look.acting == task.id else ()
        failed = _write(look, _end(look, now, FAILED, given.fault, attempts.TERMINAL))
        return dataclasses.replace(failed, actions=(*stop, *failed.actions))
    if task.action in orders.CONVERGING:
        return _converge(look, task, given, seen)
    if task.cancel:
        return _cancel(look, task, given, now)
    if now.state == PENDING:
        return _begin(look, task, given, now, seen)
    return _go_on(look, task, given, now)


def _converge(
    look: snapshot.ServerSnapshot, task: objects.Task, given: orders.Orders, seen: Seen
) -> Course:
    def end(state: str, message: str, error_class: str = "") -> Course:
        status = objects.TaskStatus(
            id=task.id,
            attempt=1,
            state=state,
            message=message,
            error_class=error_class,
            start_time=clock.stamp(given.given) if given.given else None,
            end_time=clock.stamp(look.now),
        )
        passed = checkpoints.after(
            look.server.status.checkpoints,
            task,
            given,
            incarnation=look.server.spec.incarnation,
            failed=state != SUCCEEDED,
        )
        return Course(status=status, passed=passed)

    if _converged(task.action, seen, power=look.server.spec.power):
        return end(SUCCEEDED, "")
    if task.cancel:
        return end(CANCELLED, "Cancelled; the server still comes to what its spec says.")
    if seen.hopeless:
        return end(FAILED, seen.hopeless, attempts.TERMINAL)
    left = _left(look, given.given, given.timeout_seconds)
    if left <= 0:
        return end(FAILED, f"Not done within {given.timeout_seconds} seconds.", attempts.TRANSIENT)
    return Course(wake=left, note=f"{task.action} is under way.")


def _converged(action: str, seen: Seen, *, power: str) -> bool:
    """A server that is to be stopped has nothing to restart: it will start anew."""
    if action == orders.STOP or power == "Stopped":
        return seen.stopped
    return seen.ready


def _begin(
    look: snapshot.ServerSnapshot,
    task: objects.Task,
    given: orders.Orders,
    now: objects.TaskStatus,
    seen: Seen,
) -> Course:
    refusal = _hopeless(look, task, seen)
    if refusal:
        return _write(look, _end(look, now, FAILED, refusal, attempts.TERMINAL))
    left = _left(look, given.given, given.timeout_seconds) if now.attempt == 0 else _LOOK_AGAIN
    if left <= 0:
        message = f"Not begun within {given.timeout_seconds} seconds."
        return _write(look, _end(look, now, FAILED, message, attempts.TRANSIENT))
    wait = _waits(look, task, seen)
    if wait:
        return Course(wake=left, note=f"{task.action} waits: {wait}.")
    pause = _pause(look, given, now)
    if pause > 0:
        return Course(wake=pause, note=f"{task.action} is tried again after a while.")
    return _write(look, _claim(look, now, STARTED, now.attempt + 1))


def _hopeless(look: snapshot.ServerSnapshot, task: objects.Task, seen: Seen) -> str:
    needed = CAPABILITIES.get(task.action)
    if needed is not None and needed not in look.fleet.capabilities:
        return f"NotSupported: fleet {look.fleet.name} cannot do {task.action}."
    return seen.hopeless if task.action in orders.IN_SERVER else ""


def _waits(look: snapshot.ServerSnapshot, task: objects.Task, seen: Seen) -> str:
    if seen.frozen or not look.holder:
        return "nothing new begins now"
    if task.action in orders.IN_SERVER and not seen.running:
        return "the server does not run"
    return ""


def _go_on(
    look: snapshot.ServerSnapshot, task: objects.Task, given: orders.Orders, now: objects.TaskStatus
) -> Course:
    """Begun already: by us, who may be at it, or by one that is no more."""
    left = _left(look, clock.parse(now.start_time), given.timeout_seconds)
    if left <= 0:
        message = f"Not done within {given.timeout_seconds} seconds."
        stop = _cancel_call(look, task) if look.acting == task.id else ()
        failed = _write(look, _end(look, now, FAILED, message, attempts.UNKNOWN))
        return dataclasses.replace(failed, actions=(*stop, *failed.actions))
    if look.acting == task.id:
        return Course(wake=left, note=f"{task.action} is under way.")
    if not look.holder:
        return Course(note=f"{task.action} waits: this process may not act.")
    if now.claimed_by != look.holder:
        return _write(look, _claim(look, now, UNKNOWN, now.attempt))
    verb = plan.Verb.ACT if now.state == STARTED else plan.Verb.RESUME
    call = plan.Call(
        verb=verb, reason=task.action, task=task, instance=look.observation.id, alternative=0
    )
    return Course(actions=(call,), wake=left, note=f"{task.action} begins.")


def _cancel(
    look: snapshot.ServerSnapshot, task: objects.Task, given: orders.Orders, now: objects.TaskStatus
) -> Course:
    if now.state == PENDING:
        return _write(look, _end(look, now, CANCELLED, "Cancelled before it began.", ""))
    if look.acting != task.id:
        message = "Cancelled; the operator that began it is gone, so how far it came is unknown."
        return _write(look, _end(look, now, CANCELLED, message, attempts.UNKNOWN))
    left = _left(look, given.cancelled or look.now, given.grace_seconds)
    if left > 0:
        return Course(
            actions=_cancel_call(look, task), wake=left, note=f"{task.action} is being cancelled."
        )
    message = f"Cancelled; it did not end within {given.grace_seconds} seconds and may still run."
    ending = _write(look, _end(look, now, CANCELLED, message, attempts.UNKNOWN))
    return dataclasses.replace(ending, actions=(*_cancel_call(look, task), *ending.actions))


def _cancel_call(look: snapshot.ServerSnapshot, task: objects.Task) -> tuple[plan.Action, ...]:
    verb = plan.Verb.CANCEL
    return (plan.Call(verb=verb, reason="Cancelled", task=task, instance=look.observation.id),)


def finished(server: objects.Server, outcome: Outcome, now: float) -> objects.ServerStatus | None:
    """Return the server's status now that an act has ended; None where nobody waits for it.

    A transient failure goes back to Pending while attempts are left, and so does an unknown
    outcome of an act that may run again.
    """
    task, before = server.spec.task, server.status.task
    if task is None or before is None or not task.id == before.id == outcome.task:
        return None
    if before.state not in (STARTED, UNKNOWN):
        return None
    given = orders.read(task)
    if given.fault:
        outcome = _unread(given, outcome)
    again = outcome.state == FAILED and not task.cancel and _again(task, given, before, outcome)
    after = msgspec.structs.replace(
        before,
        state=PENDING if again else outcome.state,
        message=outcome.message,
        error_class=outcome.error_class,
        claimed_by="",
        end_time=clock.stamp(now),
    )
    passed = server.status.checkpoints if again else _record(server, task, given, outcome.state)
    return msgspec.structs.replace(server.status, task=after, checkpoints=passed)


def _unread(given: orders.Orders, outcome: Outcome) -> Outcome:
    """Say of an act whose orders were overwritten how it went, though it counts for nothing."""
    ending = f"{given.fault} The act itself has {outcome.state}. {outcome.message}"
    return dataclasses.replace(
        outcome, state=FAILED, error_class=attempts.TERMINAL, message=ending.strip()
    )


def _record(
    server: objects.Server, task: objects.Task, given: orders.Orders, state: str
) -> checkpoints.Checkpoints:
    if given.fault:
        incarnation = server.spec.incarnation
        return checkpoints.broken(server.status.checkpoints, task, incarnation=incarnation)
    return checkpoints.after(
        server.status.checkpoints,
        task,
        given,
        incarnation=given.incarnation,
        failed=state != SUCCEEDED,
    )


def _again(
    task: objects.Task, given: orders.Orders, before: objects.TaskStatus, outcome: Outcome
) -> bool:
    if before.attempt >= given.attempts and outcome.error_class != attempts.UNKNOWN:
        return False
    if outcome.error_class == attempts.UNKNOWN:
        return task.action in orders.IDEMPOTENT or given.on_unknown == "Rerun"
    return outcome.error_class == attempts.TRANSIENT


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
        "claimedBy": status.claimed_by or None,
        "startTime": status.start_time,
        "endTime": status.end_time,
    }
    more: dict[str, Any] = {}
    if passed != server.status.checkpoints:
        more = {"checkpoints": msgspec.to_builtins(passed)}
    return plan.Patch(
        resource=Resource.SERVERS,
        namespace=server.metadata.namespace,
        name=server.metadata.name,
        uid=server.metadata.uid,
        resource_version=server.metadata.resource_version,
        subresource="status",
        body={"status": {"task": body, **more}},
        reason=f"Task{status.state}",
    )


def finish_patch(server: objects.Server, outcome: Outcome, now: float) -> plan.Patch | None:
    """Return the write that records how an act ended; None where nobody waits for it."""
    after = finished(server, outcome, now)
    if after is None or after.task is None:
        return None
    return patch(server, after.task, after.checkpoints)


def _write(look: snapshot.ServerSnapshot, status: objects.TaskStatus) -> Course:
    server, task = look.server, look.server.spec.task
    passed = server.status.checkpoints
    if task is not None and status.state in ENDS:
        passed = _record(server, task, orders.read(task), status.state)
    write = patch(server, status, passed)
    return Course(actions=(write,), note=f"The task is {status.state}. {status.message}".strip())


def _claim(
    look: snapshot.ServerSnapshot, now: objects.TaskStatus, state: str, attempt: int
) -> objects.TaskStatus:
    start = now.start_time if state == UNKNOWN else clock.stamp(look.now)
    return objects.TaskStatus(
        id=now.id, attempt=attempt, state=state, claimed_by=look.holder, start_time=start
    )


def _end(
    look: snapshot.ServerSnapshot,
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
        end_time=clock.stamp(look.now),
    )


def _left(look: snapshot.ServerSnapshot, since: float, seconds: float) -> float:
    return (since or look.now) + seconds - look.now


def _pause(look: snapshot.ServerSnapshot, given: orders.Orders, now: objects.TaskStatus) -> float:
    if now.attempt == 0 or now.end_time is None:
        return 0.0
    wait = attempts.delay(given.backoff, now.attempt, now.id)
    return clock.parse(now.end_time) + wait - look.now
