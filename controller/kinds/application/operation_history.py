"""The operations on an application: who asked for each, what for, when, and how it ended.

An Operation is deleted some time after its end; its line stays in the Application's status, among
the last of its kind. Called by the Application planner.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import msgspec

from controller.api import conditions, objects, tags
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason
from controller.planning.plan import RecordEvent
from controller.reasons import ForeignReason

# How many ended operations are remembered.
KEPT = 20

History = tuple[objects.PastOperation, ...]


def update(
    application: objects.Application,
    ended: Iterable[objects.Operation],
    *,
    requesters_known: bool,
) -> History:
    """Return what is to be remembered, the latest end last; an operation has one line.

    One that was retried, and has ended anew, has its new end. An operation that ended before the
    application was there was about another one of its name. Who asked is told only where nobody can
    make it up.
    """
    before, born = application.status.operations, application.metadata.creation_timestamp or ""
    lines = {(each.name, each.request_time): each for each in before}
    for each in heapq.nlargest(KEPT, ended, key=_end):
        if _end(each)[0] >= born:
            line = _line(each, requesters_known=requesters_known)
            lines[line.name, line.request_time] = line
    ordered = sorted(lines.values(), key=lambda each: (each.completion_time, each.name))
    return tuple(ordered[-KEPT:])


def _end(operation: objects.Operation) -> tuple[str, str]:
    return operation.status.completion_time or "", operation.metadata.name


def news(before: History, after: History) -> tuple[RecordEvent, ...]:
    """Return an Event for each line that is new, for those who describe the application."""
    known = {_anonymous(each) for each in before}
    return tuple(
        RecordEvent(
            reason=ForeignReason(each.result),
            message=f"{each.action} {each.name}{_by(each)}, at {each.request_time}: {each.result}"
            f"{_so_far(each)}.",
            warning=each.result != Reason.COMPLETED,
        )
        for each in after
        if _anonymous(each) not in known
    )


def _anonymous(line: objects.PastOperation) -> objects.PastOperation:
    """Return the line without who asked: to learn that, or to doubt it, is no news."""
    return msgspec.structs.replace(line, requested_by="")


def _line(operation: objects.Operation, *, requesters_known: bool) -> objects.PastOperation:
    meta, told = operation.metadata, operation.status
    end = conditions.find(told.conditions, ConditionType.SUCCEEDED)
    return objects.PastOperation(
        name=meta.name,
        action=operation.spec.action,
        requested_by=tags.requested_by(meta) if requesters_known else "",
        request_time=meta.creation_timestamp or "",
        completion_time=told.completion_time or "",
        result=end.reason if end is not None else "",
        progress=told.progress,
    )


def _so_far(line: objects.PastOperation) -> str:
    return f", {line.progress} done" if line.progress else ""


def _by(line: objects.PastOperation) -> str:
    return f", asked for by {line.requested_by}" if line.requested_by else ""
