"""The parameters of a server's task: everything the act needs, resolved when it was given.

The Operation planner writes them, the Server planner and the providers read them; an operation may
be gone by the time its task is carried out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, TypeVar

import msgspec

from controller import errors
from controller.api import conditions, objects
from controller.api.choices import Action, OnUnknown, StepKind, TaskState
from controller.api.reasons import Reason
from controller.api.views.meta import NULL, Json, View
from controller.api.views.policies import Backoff
from controller.contract.observation import Capability, FleetFacts
from controller.contract.reasons import ProviderReason

# Acts are called as actions of operations are, or by the kind of the step that asks for them.
RESTART = Action.RESTART
REPLACE = Action.REPLACE
START = Action.START
STOP = Action.STOP
SNAPSHOT = Action.SNAPSHOT
RESTORE = Action.RESTORE
EXEC = StepKind.EXEC
HTTP = StepKind.HTTP
JOB = StepKind.JOB

# Acts that the server's spec asks for by itself: done when it is seen to be so, claimed by nobody.
CONVERGING = frozenset({RESTART, REPLACE, START, STOP})
# Converging acts that give a server a new instance.
REMAKING = frozenset({RESTART, REPLACE})
# Actions of operations that take no server down: the one starts what is down, the other leaves
# servers to the rollout. The effect of a step on its server is not known.
_HARMLESS = frozenset({START, Action.ROLL_BACK})
# Acts that need the server to run.
IN_SERVER = frozenset({EXEC, HTTP})
# Acts that no provider has a part in: how they go tells nothing of what servers are made of.
ELSEWHERE = frozenset({HTTP, JOB})
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


class TaskParameters(View, frozen=True, kw_only=True):
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
    on_unknown: str = OnUnknown.FAIL.value
    # The steps that count as passed when the task was given; the server's checkpoints after it.
    passed: tuple[str, ...] = ()
    # Other operations that may go on, by identity: the server keeps their checkpoints.
    open: tuple[str, ...] = ()
    # The step that this act undoes.
    compensates: str = ""
    # One of these, as the step has it, with $(SERVER) and its like replaced.
    exec: Json = NULL
    http: Json = NULL
    job: Json = NULL
    # Whose the Job of a step is, and what it is named by where no server alone stands for it.
    operation_uid: str = ""
    job_key: str = ""
    # The operation's own parameters.
    arguments: dict[str, str] = {}  # noqa: RUF012 - msgspec copies an empty default


def read(task: objects.Task) -> TaskParameters:
    """Return the orders that `task` carries; the defaults where it carries none. Never raises."""
    raw = bytes(task.parameters)
    if raw in (b"", b"null"):
        return TaskParameters()
    try:
        return msgspec.json.decode(raw, type=TaskParameters)
    except (msgspec.MsgspecError, ValueError) as error:
        return TaskParameters(
            fault=f"The task's parameters cannot be read: {error}"[:_LONGEST_FAULT]
        )


def decode(raw: objects.Json, kind: type[_Act]) -> _Act:
    """Return what a step says of its act; raises Stalled where that is not what it should be."""
    try:
        return msgspec.json.decode(bytes(raw), type=kind)
    except (msgspec.MsgspecError, ValueError) as error:
        message = f"The task's parameters cannot be read: {error}"[:_LONGEST_FAULT]
        raise errors.Stalled(message, reason=Reason.MALFORMED) from error


def takes_down(action: str) -> bool:
    """Return whether an operation's action may take servers down."""
    return action not in _HARMLESS


def undo(step: str) -> str:
    """Return the name under which the compensation of a step is recorded."""
    return _UNDO + step


def undoes(step: str) -> str:
    """Return the step of whose compensation a record speaks; empty for that of a step itself."""
    return step.removeprefix(_UNDO) if step.startswith(_UNDO) else ""


CAPABILITIES: Mapping[str, Capability] = {
    EXEC: Capability.EXEC,
    SNAPSHOT: Capability.SNAPSHOT,
    RESTORE: Capability.RESTORE,
}


def unsupported(fleet: FleetFacts, actions: Iterable[str]) -> str:
    """Return which of the actions the fleet cannot do, in words; empty where it can do all."""
    needed = {each: CAPABILITIES[each] for each in actions if each in CAPABILITIES}
    missing = sorted(name for name, need in needed.items() if need not in fleet.capabilities)
    if not missing:
        return ""
    message = f"fleet {fleet.name} cannot do {', '.join(missing)}."
    return conditions.because(ProviderReason.NOT_SUPPORTED, message)


ENDS = frozenset({TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """How an act ended; `error_class` is Transient, Terminal or Unknown where it did not succeed.

    Unknown is for an act that may have taken effect: its stream was cut, or no trace was found, or
    Argosy's own code has `crashed` in the middle of it.
    """

    task: str
    state: str
    message: str = ""
    error_class: str = ""
    # The next attempt may well crash as this one did, so there are no more than recovery allows.
    crashed: bool = False
    # The findings of the act: an exit code, the id of a snapshot.
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)


def ended(server: objects.Server) -> bool:
    """Return whether the server has no task, or one that has come to its end."""
    task, seen = server.spec.task, server.status.task
    return task is None or (seen is not None and seen.id == task.id and seen.state in ENDS)


def state(server: objects.Server) -> objects.TaskStatus | None:
    """Return how the task of the spec goes: None without one, Pending before it is begun."""
    task, seen = server.spec.task, server.status.task
    if task is None:
        return None
    return seen if seen is not None and seen.id == task.id else objects.TaskStatus(id=task.id)
