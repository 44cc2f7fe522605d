"""The steps that a server has passed: what lets a retry go on where it stopped.

The Server planner writes them when a task ends well, the Operation planner reads them. A checkpoint
names the incarnation that passed it; what another incarnation passed does not count, unless the
operation itself made the new one.
"""

from __future__ import annotations

import functools

from controller.api import names, objects
from controller.contract import tasks

# As many checkpoints as a server's status may hold, and those of one operation at most.
CAPACITY = 256
KEPT_STEPS = 64
# Of operations that are over, those of the latest ones stay: a cache may not show yet that one of
# them has been retried.
KEPT_OPERATIONS = 4

Checkpoints = tuple[objects.Checkpoint, ...]


def after(
    before: Checkpoints,
    task: objects.Task,
    given: tasks.TaskParameters,
    *,
    incarnation: int,
    failed: bool = False,
) -> Checkpoints:
    """Return a server's checkpoints once `task` has ended, at that incarnation.

    Checkpoints of its operation become the ones that counted when the task was given, plus its
    step, or less the step that it undid; what failed in the same run stays. The operation moves to
    the last place. Checkpoints of operations that may go on stay, as the task names them; of the
    others the oldest go.
    """
    mine = [each for each in before if _owner(each) == _owner_of_task(task)]
    others = [each for each in before if _owner(each) != _owner_of_task(task)]
    owners = list(dict.fromkeys(_owner(each) for each in others))
    over = [each for each in owners if each[1] not in given.open]
    stay = {each for each in owners if each[1] in given.open} | set(over[-(KEPT_OPERATIONS - 1) :])
    kept = [
        each
        for each in mine
        if each.run == task.run
        and each.step != task.step
        and (each.failed or tasks.undoes(each.step))
    ]
    undone = "" if failed else given.compensates
    passed = [step for step in given.passed if step not in (task.step, undone)]
    stamped = [
        objects.Checkpoint(
            operation=task.operation, run=task.run, step=step, incarnation=incarnation
        )
        for step in passed
    ]
    stamped.append(
        objects.Checkpoint(
            operation=task.operation,
            run=task.run,
            step=task.step,
            incarnation=incarnation,
            failed=failed,
        )
    )
    own = [*kept, *stamped][-KEPT_STEPS:]
    return (*(each for each in others if _owner(each) in stay), *own)[-CAPACITY:]


def broken(before: Checkpoints, task: objects.Task, *, incarnation: int) -> Checkpoints:
    """Return a server's checkpoints once `task` has failed because its orders cannot be read.

    Steps that counted when it was given are not known then, so none that was passed is forgotten.
    """
    mark = objects.Checkpoint(
        operation=task.operation,
        run=task.run,
        step=task.step,
        incarnation=incarnation,
        failed=True,
    )
    same = (mark.operation, mark.run, mark.step)
    kept = [each for each in before if (each.operation, each.run, each.step) != same]
    return (*kept, mark)[-KEPT_OPERATIONS * KEPT_STEPS :]


def _owner(checkpoint: objects.Checkpoint) -> tuple[str, str]:
    return checkpoint.operation, identity(checkpoint.run)


def _owner_of_task(task: objects.Task) -> tuple[str, str]:
    return task.operation, identity(task.run)


def identity(run: str) -> str:
    """Return the part of a task's run that tells its Operation from others of the same name."""
    return run.partition(".")[0]


def identity_of(operation: objects.Operation) -> str:
    """Return what the runs of an Operation's tasks begin with."""
    return _digest(operation.metadata.uid)


@functools.lru_cache(maxsize=1024)
def _digest(uid: str) -> str:
    """Asked for each server of an operation, again and again."""
    return names.digest(uid)


def run_of(operation: objects.Operation, run: str) -> str:
    """Return the run as tasks and checkpoints have it: no other Operation has the same."""
    return f"{identity_of(operation)}.{run}"
