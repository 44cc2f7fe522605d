"""Whose checkpoints a server must keep: those of every operation that may still go on.

A server has room for a bounded number of checkpoints. Were they forgotten by age, an operation that
is retried or resumed would do again what it had done. So each task names the operations whose
checkpoints stay, and an operation that would find no room waits, and says for what. Called by the
Operation planner.

Example: a step that failed an hour ago may be retried until its operation expires. Six snapshots
taken since do not make its servers forget that they had been drained.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import objects
from controller.api.conditions import Blocked
from controller.contract import checkpoints
from controller.kinds.operation import completion, targets
from controller.kinds.operation.reasons import OperationReason
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import remedies, verdict, words


def going_on(snapshot: OperationSnapshot) -> tuple[str, ...]:
    """Return the identities of the other operations that are not over: under way, or retriable."""
    return tuple(sorted(checkpoints.identity_of(each) for each in _open(snapshot)))


def without_room(snapshot: OperationSnapshot) -> tuple[Blocked, ...]:
    """Return what the operation waits for where its servers could not remember its steps."""
    operation = snapshot.operation
    rivals = [
        each
        for each in _open(snapshot)
        if each.status.run and targets.meet(operation.spec, each.spec)
    ]
    if _marks(operation) + sum(map(_marks, rivals)) <= checkpoints.CAPACITY:
        return ()
    ended = [each for each in rivals if verdict.finished(each)]
    oldest = min(ended or rivals, key=lambda each: each.metadata.creation_timestamp or "")
    remedy = remedies.delete("argop", oldest) if ended else remedies.cancel(oldest)
    count = words.count(len(rivals), "operation")
    return (
        Blocked(
            object=f"Operation/{oldest.metadata.name}",
            reason=OperationReason.CHECKPOINTS_FULL,
            message=f"The servers have no room for more checkpoints: {count} may still go on or be"
            f" retried, the oldest of them {oldest.metadata.name}.",
            remedy=remedy,
        ),
    )


def _open(snapshot: OperationSnapshot) -> Iterable[objects.Operation]:
    for each in snapshot.others:
        kept = each.metadata.deletion_timestamp is None and completion.can_be_retried(each)
        if kept or not verdict.finished(each):
            yield each


def _marks(operation: objects.Operation) -> int:
    """Return how many checkpoints of the operation a server may have: of steps, and of undoing."""
    return 2 * max(1, len(operation.spec.steps))
