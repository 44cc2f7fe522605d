"""The steps that a server has passed: what lets a retry go on where it stopped.

The Server planner writes them when a task ends well, the Operation planner reads them. A checkpoint
names the incarnation that passed it; what another incarnation passed does not count, unless the
operation itself made the new one.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import objects
from controller.planning import orders

# Operations whose checkpoints a server remembers, the latest ones, and steps of each: 256 in all.
KEPT_OPERATIONS = 8
KEPT_STEPS = 32

Checkpoints = tuple[objects.Checkpoint, ...]


def after(before: Checkpoints, task: objects.Task, given: orders.Orders) -> Checkpoints:
    """Return a server's checkpoints once it has passed the step of `task`.

    Those of its operation become the ones that counted when the task was given, plus this step,
    or less the step that it undid. They move to the last place, and the oldest fall out.
    """
    passed = [step for step in given.passed if step not in (task.step, given.compensates)]
    if not given.compensates:
        passed.append(task.step)
    kept = [each for each in before if _owner(each) != _owner_of_task(task)]
    owners = list(dict.fromkeys(_owner(each) for each in kept))
    recent = set(owners[-(KEPT_OPERATIONS - 1) :])
    return (
        *(each for each in kept if _owner(each) in recent),
        *_stamped(passed[-KEPT_STEPS:], task, given.incarnation),
    )


def _stamped(
    steps: Iterable[str], task: objects.Task, incarnation: int
) -> Iterable[objects.Checkpoint]:
    for step in steps:
        yield objects.Checkpoint(
            operation=task.operation, run=task.run, step=step, incarnation=incarnation
        )


def _owner(checkpoint: objects.Checkpoint) -> tuple[str, str]:
    return checkpoint.operation, identity(checkpoint.run)


def _owner_of_task(task: objects.Task) -> tuple[str, str]:
    return task.operation, identity(task.run)


def identity(run: str) -> str:
    """Return the part of a task's run that tells its Operation from others of the same name."""
    return run.partition(".")[0]
