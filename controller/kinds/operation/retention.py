"""Whose checkpoints a server must keep: those of every operation that may still go on.

A server has room for a bounded number of checkpoints. Were they forgotten by age, an operation that
is retried or resumed would do again what it had done. So each task names the operations whose
checkpoints stay, and an operation that would find no room waits, and says for what. Called by the
Operation planner.

Example: a step that failed an hour ago may be retried until its operation expires. Six snapshots
taken since do not make its servers forget that they had been drained.
"""

from __future__ import annotations

from collections.abc import Hashable

from controller.api import objects
from controller.api.conditions import Blocked
from controller.contract import checkpoints
from controller.kinds.operation import completion, targets
from controller.kinds.operation.reasons import OperationReason
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import remedies, verdict, words
from controller.planning.caches import Index


def _may_go_on(operation: objects.Operation) -> Hashable | None:
    """Return whose operation it is, if it is over, did something, and may be retried.

    One that was refused before it ran, as one too many, has no checkpoints: were those named, each
    task of a server would name thousands.
    """
    told, meta = operation.status, operation.metadata
    if not verdict.finished(operation) or not told.run or meta.deletion_timestamp is not None:
        return None
    if not completion.can_be_retried(operation):
        return None
    return meta.namespace, operation.spec.application


REMEMBERED = Index(objects.Operation, _may_go_on)


def going_on(snapshot: OperationSnapshot) -> tuple[str, ...]:
    """Return the identities of the other operations that are not over: under way, or retriable."""
    return tuple(sorted(map(checkpoints.identity_of, snapshot.with_checkpoints)))


def without_room(snapshot: OperationSnapshot) -> tuple[Blocked, ...]:
    """Return what the operation waits for where its servers could not remember its steps."""
    operation = snapshot.operation
    rivals = [
        each
        for each in snapshot.with_checkpoints
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


def _marks(operation: objects.Operation) -> int:
    """Return how many checkpoints of the operation a server may have: of steps, and of undoing."""
    return 2 * max(1, len(operation.spec.steps))
