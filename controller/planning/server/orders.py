"""What the parameters of a server's task say: everything the act needs, resolved when it was given.

The Operation planner writes them, the Server planner and the providers read them; an operation may
be gone by the time its task is carried out.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from controller import errors
from controller.api import objects
from controller.api.reasons import Reason
from controller.api.views.meta import NULL, Json, View
from controller.api.views.policies import Backoff

RESTART = "Restart"
REPLACE = "Replace"
START = "Start"
STOP = "Stop"
SNAPSHOT = "Snapshot"
RESTORE = "Restore"
EXEC = "Exec"
HTTP = "Http"
JOB = "Job"

# Acts that the server's spec asks for by itself: done when it is seen to be so, claimed by nobody.
CONVERGING = frozenset({RESTART, REPLACE, START, STOP})
# Acts that need the server to run.
IN_SERVER = frozenset({EXEC, HTTP})
# Acts that find their own earlier beginning by the task's id, so beginning again does no harm.
IDEMPOTENT = frozenset({SNAPSHOT, RESTORE, JOB})

_UNDO = "undo."
_Act = TypeVar("_Act")

# The schema of a Server says nothing of parameters: whoever may write one may write anything here.
_LONGEST_FAULT = 256
_Moment = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
_Seconds = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Backoff(Backoff, frozen=True, kw_only=True):
    initial_seconds: _Seconds = 1
    factor: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 2
    max_seconds: _Seconds = 60
    jitter_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 20


class Orders(View, frozen=True, kw_only=True):
    """The parameters of a task. Times are seconds since the epoch."""

    # Why the parameters cannot be read; all else is a default then.
    fault: str = ""
    # The incarnation that is to carry the act out, or that a converging act leads to.
    incarnation: _Count = 0
    given: _Moment = 0.0
    cancelled: _Moment = 0.0
    timeout_seconds: _Seconds = 3600
    grace_seconds: _Seconds = 30
    attempts: _Count = 1
    backoff: _Backoff = _Backoff()
    on_unknown: str = "Fail"
    # The steps that count as passed when the task was given; the server's checkpoints after it.
    passed: tuple[str, ...] = ()
    # The step that this act undoes.
    compensates: str = ""
    # One of these, as the step has it, with $(SERVER) and its like replaced.
    exec: Json = NULL
    http: Json = NULL
    job: Json = NULL
    # The operation's own parameters.
    arguments: dict[str, str] = {}  # noqa: RUF012 - msgspec copies an empty default


def read(task: objects.Task) -> Orders:
    """Return the orders that `task` carries; the defaults where it carries none. Never raises."""
    raw = bytes(task.parameters)
    if raw in (b"", b"null"):
        return Orders()
    try:
        return msgspec.json.decode(raw, type=Orders)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return Orders(fault=f"The task's parameters cannot be read: {error}"[:_LONGEST_FAULT])


def decode(raw: objects.Json, kind: type[_Act]) -> _Act:
    """Return what a step says of its act; raises Stalled where that is not what it should be."""
    try:
        return msgspec.json.decode(bytes(raw), type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        message = f"The task's parameters cannot be read: {error}"[:_LONGEST_FAULT]
        raise errors.Stalled(message, reason=Reason.MALFORMED) from error


def undo(step: str) -> str:
    """Return the name under which the undoing of a step is recorded."""
    return _UNDO + step


def undoes(step: str) -> str:
    """Return the step that a record speaks of the undoing of; empty for that of a step itself."""
    return step.removeprefix(_UNDO) if step.startswith(_UNDO) else ""
