"""How long an operation is still going to take, by what it took so far, or one of its kind before.

Pure, and no promise: servers that are still to come may take longer. `pictures` and `answers` ask.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import clock, objects
from controller.presentation.spans import age


def left(
    found: objects.Operation, before: Iterable[objects.Operation], now: float
) -> tuple[int, str] | None:
    """Return how many seconds are left, and by what that is known; None where nothing says it."""
    status = found.status
    done = status.succeeded + status.failed
    rest = status.total - done
    if status.start_time is None or status.completion_time or status.pause_time or rest <= 0:
        return None
    spent = now - clock.parse(status.start_time) - status.paused_seconds
    if done and spent > 0:
        return round(spent / done * rest), f"as {done} of {status.total} servers took {age(spent)}"
    known = [each for each in before if _is_alike(each, found)]
    if not known:
        return None
    last = max(known, key=lambda each: each.status.completion_time or "")
    took = _took(last)
    whole = took / last.status.total * status.total
    said = f"as {last.metadata.name} took {age(took)} for {last.status.total} servers"
    return max(0, round(whole - spent)), said


def _is_alike(each: objects.Operation, found: objects.Operation) -> bool:
    """Return whether an operation that succeeded tells something of this one."""
    status = each.status
    return _deed(each) == _deed(found) and status.succeeded == status.total > 0 and _took(each) > 0


def _deed(each: objects.Operation) -> tuple[object, ...]:
    """Return what an operation does, and to which application."""
    spec = each.spec
    application = each.metadata.namespace, spec.application
    return (*application, spec.action, spec.components, spec.steps)


def _took(each: objects.Operation) -> float:
    status = each.status
    if status.start_time is None or status.completion_time is None:
        return 0.0
    spent = clock.parse(status.completion_time) - clock.parse(status.start_time)
    return spent - status.paused_seconds
