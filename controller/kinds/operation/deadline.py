"""Until when an operation must have begun, and ended: time spent paused does not count.

Called by the operation planner.
"""

from __future__ import annotations

from controller.api import clock
from controller.kinds.operation.snapshot import OperationSnapshot


def seconds_left(snapshot: OperationSnapshot) -> float:
    """Return the seconds until the run's deadline; time spent paused does not count."""
    told = snapshot.operation.status
    if told.cancel_time is not None:
        return 0.0  # cancelled, or out of time: acts are being ended
    now = clock.parse(told.pause_time) if told.pause_time else snapshot.now
    return of(snapshot) - now


def of(snapshot: OperationSnapshot) -> float:
    """Return when the run, or the wait for its turn, must have ended, in seconds since 1970."""
    operation = snapshot.operation
    told, spec = operation.status, operation.spec
    since, bound = told.start_time, spec.timeout_seconds
    if since is None:
        retried = told.last_progress_time if told.retries else None
        since = retried or operation.metadata.creation_timestamp
        bound = spec.start_deadline_seconds
    return (clock.parse(since) or snapshot.now) + told.paused_seconds + bound
