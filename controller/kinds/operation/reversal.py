"""The steps that an operation without a good end undoes, and the ones that it leaves done.

With `onFailure: Revert` an operation that failed, was cancelled or ran out of time undoes what its
servers have done, the last step first; how that went is part of its end. Called by the Operation
planner.

Example: of steps drain, migrate, check only drain has a `compensate`. A cancel during check
undrains all servers, and says that what migrate did on them stays.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator

from controller.api import clock, conditions
from controller.api.choices import OnFailure, StepScope
from controller.api.conditions import ConditionType
from controller.kinds.operation import slots, steps
from controller.kinds.operation.reasons import OperationReason
from controller.kinds.operation.server_progress import ServerProgress, ServerState
from controller.kinds.operation.slots import Run
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import words


def is_due(snapshot: OperationSnapshot) -> bool:
    """Return whether what was done is to be undone: a deleted operation goes without."""
    operation = snapshot.operation
    asked = (
        operation.spec.on_failure == OnFailure.REVERT and operation.status.start_time is not None
    )
    return asked and operation.metadata.deletion_timestamp is None


def seconds_left(snapshot: OperationSnapshot) -> float:
    """Return how long undoing may take yet, once the operation was cancelled or is out of time."""
    operation = snapshot.operation
    since = clock.parse(operation.status.cancel_time) or snapshot.now
    return since + operation.spec.timeout_seconds - snapshot.now


def goes_on(snapshot: OperationSnapshot, run: Run) -> str:
    """Return why what was begun to be undone is undone to the end; nothing where nothing was.

    Whoever failed may be gone by then. Were the run to go on for that, it would do again what it
    has undone.
    """
    status = snapshot.operation.status
    said = conditions.find(status.conditions, ConditionType.SUCCEEDED)
    told = said is not None and said.reason == OperationReason.REVERTING and status.run == run.run
    begun = any(each.undone or each.not_undone for each in run.progress)
    under_way = any(slots.is_undoing(each) for each in run.of(ServerState.RUNNING))
    return "Undoing had begun." if is_due(snapshot) and (told or begun or under_way) else ""


def is_through(run: Run) -> bool:
    """Return whether nothing is left that could be undone."""
    return not run.of(ServerState.RUNNING) and slots.undone(run)


def is_complete(run: Run) -> bool:
    """Return whether something was undone, and all that has a compensation."""
    return not _left(run) and any(each.undone for each in run.progress)


def account(run: Run) -> str:
    """Return what became of that which the operation had done; nothing where it did nothing."""
    left, stays = _left(run), _without_compensation(run)
    told = []
    if left:
        number = len({name for names in left.values() for name in names})
        where = "; ".join(f"step {step} on {words.several(on)}" for step, on in left.items())
        told.append(f"{words.count(number, 'server')} could not be reverted: {where}.")
    told += (
        f"Step {step} has no compensate: what it did on {words.count(number, 'server')} stays."
        for step, number in stays.items()
    )
    if not told and any(each.undone for each in run.progress):
        told = ["All that was done is undone."]
    return " ".join(told)


def _left(run: Run) -> dict[str, list[str]]:
    """Return the steps with a compensation that are not undone, each with where that is."""
    found: dict[str, list[str]] = {}
    for step in run.steps:
        if step.compensation is None:
            continue
        names = [
            each.server.metadata.name
            for each in run.progress
            if each.server is not None and step.name in _begun(each) - each.undone
        ]
        names += _gone(run, step)
        if names:
            found[step.name] = names
    return found


def _without_compensation(run: Run) -> dict[str, int]:
    counts = collections.Counter(name for each in run.progress for name in _begun(each))
    return {
        each.name: counts[each.name]
        for each in run.steps
        if each.compensation is None and counts[each.name]
    }


def _begun(progress: ServerProgress) -> frozenset[str]:
    """Return the steps that the server has done, or has begun to do."""
    failure, server = progress.failure, progress.server
    begun = progress.ever
    if failure is not None and failure.attempts:
        begun |= {failure.step}
    if (
        progress.state is ServerState.RUNNING
        and server is not None
        and not slots.is_undoing(progress)
    ):
        given = server.spec.task
        begun |= {given.step} if given is not None else set()
    return begun


def _gone(run: Run, step: steps.OperationStep) -> Iterator[str]:
    """Yield that a step which one server did for all cannot be undone, as that server is gone."""
    told = next((each for each in run.operation.status.steps if each.name == step.name), None)
    if step.scope == StepScope.SERVER or told is None or not told.passed:
        return
    if not any(step.name in _begun(each) | each.undone for each in run.progress):
        yield "a server that is gone"
