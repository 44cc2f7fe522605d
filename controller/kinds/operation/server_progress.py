"""How far each targeted server is with an operation: read from the servers, stored nowhere else.

A server's checkpoints tell what it has passed, over all runs of the operation; its task, what it is
at. Called by the Operation planner.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence

from controller.api import objects
from controller.api.choices import ErrorClass, Power, StepScope
from controller.contract import checkpoints, tasks
from controller.kinds.operation import conflicts, power, steps, targets
from controller.planning import availability

FIRST_RUN = "0"


class ServerState(enum.StrEnum):
    """How a server stands in a run now."""

    LEFT = "Left"  # gone, held by a person, or made after the run began: passed by
    WAITING = "Waiting"
    RUNNING = "Running"
    PASSED = "Passed"
    FAILED = "Failed"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerProgress:
    """One server's way through the steps of an operation.

    `reached` are the steps that count as passed for what the server is now, `ever` also those of
    earlier incarnations, `undone` and `not_undone` the compensations that went well, and ill.
    """

    key: targets.Key
    state: ServerState
    server: objects.Server | None = None
    reached: frozenset[str] = frozenset()
    ever: frozenset[str] = frozenset()
    undone: frozenset[str] = frozenset()
    not_undone: frozenset[str] = frozenset()
    failure: objects.FailureRecord | None = None
    # The server does its work; or it should, does not, and may yet do so again.
    available: bool = False
    down: bool = False
    # The server counts as down by the record of an eviction alone: it works, and may go on so.
    doubtful: bool = False


def run_id(operation: objects.Operation) -> str:
    """Return the run that is under way, or the one before the first has begun."""
    return operation.status.run or FIRST_RUN


def runs(operation: objects.Operation) -> tuple[objects.Retried, ...]:
    """Return all runs so far, oldest first."""
    return (objects.Retried(id=FIRST_RUN), *operation.status.retries)


def follow(
    operation: objects.Operation,
    plan_steps: Sequence[steps.OperationStep],
    key: targets.Key,
    server: objects.Server | None,
    now: float,
    *,
    min_ready_seconds: int = 0,
    evicted: bool = False,
    doubtful: bool = False,
) -> ServerProgress:
    """Return how far the server at `key` is; its set says how long it must have been ready.

    One that is being `evicted` is down, whatever it has yet to say; where that is `doubtful`, it
    counts as down, but is not lost yet.
    """
    if server is None or server.metadata.deletion_timestamp is not None:
        return ServerProgress(key=key, state=ServerState.LEFT)
    # By its identity, too: one of the same name that was deleted before has passed nothing for it.
    name, own = operation.metadata.name, checkpoints.identity_of(operation)
    marks = [
        each
        for each in server.status.checkpoints
        if each.operation == name and checkpoints.identity(each.run) == own
    ]
    # Example: steps drain, migrate, check. web-0 has drained as incarnation 1; then a remediation
    # made it anew, as 2. `ever` has drain and `here` nothing, so it drains again. Had it passed all
    # three as incarnation 1, it would be done: whoever is made anew later is not asked again.
    ever = passed(operation, plan_steps, marks)
    here = [each for each in marks if each.incarnation == server.spec.incarnation]
    # A step that was undone, or failed, in an earlier run says nothing of this one.
    label = checkpoints.run_of(operation, operation.status.run)
    compensations = [each for each in marks if tasks.undoes(each.step) and each.run == label]
    own_steps = {each.name for each in plan_steps if each.scope == StepScope.SERVER}
    finished = own_steps <= ever
    # A failure on record comes first: its words tell more than that the server has no hope by now.
    failure = _failure(operation, server, marks, label)
    if failure is None and not finished:
        failure = _hopeless(server, plan_steps, ever)
    state = _state(operation, server, finished=finished, failed=failure is not None)
    lacks = availability.seconds_until_available(server, now, min_ready_seconds)
    # Whoever does not come up by waiting is not `down`, lest it take a place for ever.
    works = server.spec.power != Power.STOPPED and not availability.failed_for_good(server)
    return ServerProgress(
        key=key,
        server=server,
        state=state,
        available=lacks <= 0 and not evicted,
        down=(lacks > 0 or evicted) and works and state is not ServerState.LEFT,
        doubtful=doubtful and lacks <= 0,
        reached=ever if finished else passed(operation, plan_steps, here),
        ever=ever,
        undone=frozenset(tasks.undoes(each.step) for each in compensations if not each.failed),
        not_undone=frozenset(tasks.undoes(each.step) for each in compensations if each.failed),
        failure=failure,
    )


def _state(
    operation: objects.Operation, server: objects.Server, *, finished: bool, failed: bool
) -> ServerState:
    # First: whatever it did before, it takes a place now, such as one that failed and is undoing.
    if conflicts.at_work_in(operation, server):
        return ServerState.RUNNING
    # Before PASSED: it may have passed its own steps, and failed at one that it did for all.
    if failed:
        return ServerState.FAILED
    if finished:
        return ServerState.PASSED
    # Behind both: a hold, or having been made late, keeps it only from what it has yet to do.
    began = operation.status.start_time
    # A Stop or Start is about those made meanwhile, too: their sets remember it.
    young = (
        began is not None
        and (server.metadata.creation_timestamp or "") > began
        and not power.is_about_power(operation)
    )
    return ServerState.LEFT if server.spec.held or young else ServerState.WAITING


def passed(
    operation: objects.Operation,
    plan_steps: Sequence[steps.OperationStep],
    marks: Sequence[objects.Checkpoint],
) -> frozenset[str]:
    """Return the steps that count as passed, run after run.

    A retry forgets the step that it starts from and later ones, but not on a server that had
    passed all of its own by then. Steps passed in a run that has fallen out of the list of retries
    still count: a step is rather left out than done twice.

    Example: steps drain, migrate, check; run "0" passed drain and migrate and failed at check.
    Retry "a" from migrate forgets migrate, so the server goes on there; a retry without `from`
    would forget nothing, and it would go on at check.
    """
    if not marks:
        return frozenset()
    order = [each.name for each in plan_steps]
    own = {each.name for each in plan_steps if each.scope == StepScope.SERVER}
    known = {checkpoints.run_of(operation, run.id) for run in runs(operation)}
    result = {
        each.step
        for each in marks
        if each.run not in known and not each.failed and each.step in order
    }
    for run in runs(operation):
        if run.from_step in order:
            # Example: drain, migrate (once a component), start. web-0 has passed all three, web-1
            # fails at start, and a retry from migrate comes. web-0 forgets migrate, which somebody
            # has to do again, and not start: it had done all that was its own.
            later = set(order[order.index(run.from_step) :])
            result -= later - own if own and own <= result else later
        label = checkpoints.run_of(operation, run.id)
        result |= {
            each.step
            for each in marks
            if each.run == label and not each.failed and each.step in order
        }
    return frozenset(result)


def _failure(
    operation: objects.Operation,
    server: objects.Server,
    marks: Sequence[objects.Checkpoint],
    label: str,
) -> objects.FailureRecord | None:
    """Return how the server failed; once it has another task, what was told of it then."""
    lost = [
        each for each in marks if each.failed and each.run == label and not tasks.undoes(each.step)
    ]
    if not lost:
        return None
    mark, told, given = lost[-1], server.status.task, server.spec.task
    if told is None or given is None or told.id != given.id or given.step != mark.step:
        bare = objects.FailureRecord(server=server.metadata.name, step=mark.step)
        known = {(each.server, each.step): each for each in operation.status.failures}
        return known.get((bare.server, bare.step), bare)
    return objects.FailureRecord(
        server=server.metadata.name,
        step=mark.step,
        class_=told.error_class,
        message=told.message,
        attempts=told.attempt,
    )


def _hopeless(
    server: objects.Server, plan_steps: Sequence[steps.OperationStep], ever: frozenset[str]
) -> objects.FailureRecord | None:
    """Why no act in the server can be waited for; what makes it anew may still help it."""
    lost, stopped = availability.failed_for_good(server), server.spec.power == Power.STOPPED
    if not lost and not stopped:
        return None
    following = next(
        (each for each in plan_steps if each.scope == StepScope.SERVER and each.name not in ever),
        None,
    )
    if following is None or following.act.action in tasks.CONVERGING:
        return None
    if not lost and following.act.name not in tasks.IN_SERVER:
        return None
    message = "The server failed for good before its turn." if lost else "The server is stopped."
    return objects.FailureRecord(
        server=server.metadata.name,
        step=following.name,
        class_=ErrorClass.TERMINAL,
        message=message,
    )
