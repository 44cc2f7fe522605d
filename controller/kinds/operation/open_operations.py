"""How many operations of one application may be open: each is planned beside all others.

Who is too many is decided once, when an operation is first looked at, from what people cannot
write: its status. Called by the Operation planner.
"""

from __future__ import annotations

from controller.api import conditions, objects
from controller.kinds.operation import conflicts
from controller.kinds.operation.reasons import OperationReason
from controller.kinds.operation.snapshot import OperationSnapshot

# Open are those that have not ended; a hundred wait longer than any startDeadlineSeconds.
MOST_OPEN = 100


def refusal(snapshot: OperationSnapshot) -> str:
    """Return why an operation that is new is one too many; empty where it is not."""
    if _is_known(snapshot.operation):
        return ""
    ahead = sum(
        1
        for each in snapshot.others
        if _is_known(each) or conflicts.place(each) < conflicts.place(snapshot.operation)
    )
    if ahead < MOST_OPEN:
        return ""
    name = snapshot.operation.spec.application
    message = (
        f"application {name} has {ahead} operations that have not ended, and {MOST_OPEN} may be"
        " open."
    )
    return conditions.because(OperationReason.TOO_MANY_OPERATIONS, message)


def is_full(snapshot: OperationSnapshot) -> bool:
    """Return whether there is no room for an operation that is to be taken up again."""
    return len(snapshot.others) >= MOST_OPEN


def _is_known(operation: objects.Operation) -> bool:
    """Return whether Argosy has said anything of the operation yet."""
    return operation.status.observed_generation > 0
