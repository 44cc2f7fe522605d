"""The steps of an operation, and what each asks of one server, word for word.

An action such as Restart is an operation of one step. Called by the Operation planner.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from controller.api import objects
from controller.api.choices import Action, OnUnknown, Power, StepScope
from controller.api.views.meta import Json, View
from controller.contract import checkpoints, incarnations, tasks
from controller.planning import availability

_ADDRESS = "$(SERVER_ADDRESS)"
# How long a step may be with its parameters in place: all of it is written into a Server, which may
# have a mebibyte and a half in etcd.
MOST_CHARACTERS = 256 * 1024
# No name of an application, component or server is longer, nor an address.
_LONGEST_NAME = " " * 253
_NAMES = ("APPLICATION", "COMPONENT", "SERVER", "SERVER_ORDINAL", "SERVER_ADDRESS")
_VARIABLE = re.compile(r"\$(\$?)\(([A-Za-z_][A-Za-z0-9_.-]*)\)")


class StepAct(View, frozen=True, kw_only=True):
    """One way to do something, as a step or a compensation has it."""

    action: str = ""
    exec: dict[str, Any] | None = None
    http: dict[str, Any] | None = None
    job: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """The act, as a task names it."""
        if self.exec is not None:
            return tasks.EXEC
        if self.http is not None:
            return tasks.HTTP
        return tasks.JOB if self.job is not None else self.action


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OperationStep:
    """A step of an operation."""

    name: str
    act: StepAct
    scope: str = StepScope.SERVER
    timeout_seconds: int = 600
    on_unknown: str = OnUnknown.FAIL
    compensation: StepAct | None = None


def of(operation: objects.Operation) -> tuple[OperationStep, ...]:
    """Return the operation's steps, in order."""
    spec = operation.spec
    if spec.action != Action.STEPS:
        act = StepAct(action=spec.action)
        return (OperationStep(name=spec.action, act=act, timeout_seconds=spec.timeout_seconds),)
    return tuple(
        OperationStep(
            name=each.name,
            act=StepAct(
                action=each.action,
                exec=_decode(each.exec),
                http=_decode(each.http),
                job=_decode(each.job),
            ),
            scope=each.scope,
            timeout_seconds=each.timeout_seconds,
            on_unknown=each.on_unknown,
            compensation=_compensation(each.compensate),
        )
        for each in spec.steps
    )


def _decode(raw: Json) -> dict[str, Any] | None:
    text = bytes(raw)
    return None if text in (b"", b"null") else msgspec.json.decode(text, type=dict[str, Any])


def _compensation(raw: Json) -> StepAct | None:
    text = bytes(raw)
    return None if text in (b"", b"null") else msgspec.json.decode(text, type=StepAct)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One step for one server in one run, to be undone where `undo` says so."""

    operation: objects.Operation
    run: str
    step: OperationStep
    passed: tuple[str, ...]
    now: float
    # The other operations whose checkpoints the server must keep.
    open: tuple[str, ...] = ()
    undo: bool = False
    # The revision that a server which is made anew comes to, if that is another one.
    revision: str = ""

    @property
    def act(self) -> StepAct:
        """The act that is to be done."""
        return self.step.compensation if self.undo and self.step.compensation else self.step.act


def resolve(given: Assignment, server: objects.Server) -> tuple[objects.Task, dict[str, Any]]:
    """Return the task for `server`, and what else its spec must say for the act to happen."""
    spec, act = given.operation.spec, given.act
    change = _change(act.action, server, given.operation, given.revision)
    name = tasks.undo(given.step.name) if given.undo else given.step.name
    run = checkpoints.run_of(given.operation, given.run)
    incarnation = change.get("incarnation", server.spec.incarnation)
    values = variables(given.operation, server)
    parameters: dict[str, Any] = {
        "incarnation": incarnation,
        "given": given.now,
        "timeoutSeconds": given.step.timeout_seconds,
        "graceSeconds": spec.cancel_grace_seconds,
        "attempts": spec.recovery.attempts,
        "backoff": msgspec.to_builtins(spec.recovery.backoff),
        "onUnknown": given.step.on_unknown,
        "passed": list(given.passed),
        "open": list(given.open),
        "compensates": given.step.name if given.undo else "",
        "exec": act.exec,
        "http": act.http,
        "job": act.job,
        "operationUid": given.operation.metadata.uid if act.job is not None else "",
        "jobKey": _job_key(given, name, run, server) if act.job is not None else "",
        "arguments": arguments(given.operation),
    }
    if act.http is not None:
        parameters["http"] = _with_address(act.http, values)
    resolved = {
        key: substitute(value, values) if key in ("exec", "http", "job") else value
        for key, value in parameters.items()
        if value not in (None, "", [], {})
    }
    task = objects.Task(
        id=f"{given.operation.metadata.name}/{run}/{name}/{server.metadata.name}/{incarnation}",
        operation=given.operation.metadata.name,
        run=run,
        step=name,
        action=act.name,
        parameters=msgspec.Raw(msgspec.json.encode(resolved)),
    )
    return task, change


def _job_key(given: Assignment, name: str, run: str, server: objects.Server) -> str:
    """Return what names a Job that is run once: whichever server carries it, there is one."""
    key = f"{given.operation.metadata.uid}/{run}/{name}"
    if given.step.scope == StepScope.COMPONENT:
        return f"{key}/{server.spec.component}"
    return key if given.step.scope == StepScope.ONCE else ""


def _with_address(http: dict[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return the request with an IPv6 address in brackets where its URL names the server's.

    Example: http://$(SERVER_ADDRESS):80/ becomes http://[fd00::1]:80/, as does the same with
    brackets written around the variable.
    """
    address, url = values["SERVER_ADDRESS"], http.get("url")
    if ":" not in address or not isinstance(url, str):
        return http
    plain = url.replace(f"[{_ADDRESS}]", _ADDRESS)
    return {**http, "url": plain.replace(_ADDRESS, f"[{address}]")}


def is_in_the_making(server: objects.Server, operation: objects.Operation) -> bool:
    """Return whether the server is being made anew already, and began to after it was asked for.

    An instance from before the operation may have read what the operation is to have read anew, a
    ConfigMap for instance: that one does not count. The server says since when it is not Ready, and
    its new instance is younger than that. Both times are whole seconds: equal ones prove nothing.
    """
    spec, status = server.spec, server.status
    ready = availability.readiness(server)
    asked = operation.metadata.creation_timestamp
    if ready is None or ready.status == "True" or not asked:
        return False
    if ready.last_transition_time <= asked:
        return False
    return (
        spec.power != Power.STOPPED
        and status.incarnation != spec.incarnation
        and not status.attempts.count
        and not status.blocked_by
    )


def _change(
    action: str, server: objects.Server, operation: objects.Operation, revision: str
) -> dict[str, Any]:
    if action in tasks.REMAKING:
        if is_in_the_making(server, operation) and not revision:
            return {}  # the server is made anew already: once is enough
        change = incarnations.raised(server, restart=action == tasks.RESTART and not revision)
        return {**change, "revision": revision} if revision else change
    if action == tasks.STOP:
        return {"power": Power.STOPPED}
    return {"power": Power.RUNNING} if action == tasks.START else {}


def arguments(operation: objects.Operation) -> dict[str, str]:
    """Return the operation's parameters, those that the run began with in place of its own.

    A retry that is asked for while a run is under way is for the next run: its parameters are not
    this one's.
    """
    spec, told = operation.spec, operation.status
    begun = told.parameters
    if begun is None and spec.retry is not None and spec.retry.id == told.run:
        begun = spec.retry.parameters  # a run that began before its parameters were recorded
    return {**spec.parameters, **(begun or {})}


def variables(operation: objects.Operation, server: objects.Server) -> Mapping[str, str]:
    """Return what $(NAME) stands for in the steps of `operation` on `server`."""
    addresses = server.status.provider.addresses
    wanted = server.spec
    address = addresses[0] if addresses else ""
    own = (
        wanted.application, wanted.component, server.metadata.name, str(wanted.ordinal), address,
    )  # fmt: skip
    return {**arguments(operation), **dict(zip(_NAMES, own, strict=True))}


def too_long(operation: objects.Operation) -> str:
    """Return the name of the first step that is too long with its parameters; empty if none is.

    Counted, and never made. Example: 64 arguments that each name a parameter of 4,096 characters a
    thousand times are 268 million characters, for each server anew.
    """
    values = {**arguments(operation), **dict.fromkeys(_NAMES, _LONGEST_NAME)}
    for step in of(operation):
        for act in filter(None, (step.act, step.compensation)):
            whole = (act.exec, act.http, act.job)
            if sum(_length(each, values) for each in whole) > MOST_CHARACTERS:
                return step.name
    return ""


def _length(value: Any, values: Mapping[str, str]) -> int:
    """Return how many characters `substitute` would make of the texts of `value`."""
    if isinstance(value, str):
        found = _VARIABLE.finditer(value)
        return len(value) + sum(
            len(_replacement(each, values)) - len(each.group()) for each in found
        )
    if isinstance(value, list):
        return sum(_length(each, values) for each in value)
    if isinstance(value, dict):
        return sum(len(key) + _length(each, values) for key, each in value.items())
    return 0


def substitute(value: Any, values: Mapping[str, str]) -> Any:
    """Return `value` with $(NAME) replaced in all its texts, and nothing replaced twice.

    An argument stays one argument, whatever is put into it. $$(NAME) stands for $(NAME), and a name
    that is not known stays as it is.
    """
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _replacement(match, values), value)
    if isinstance(value, list):
        return [substitute(each, values) for each in value]
    if isinstance(value, dict):
        return {key: substitute(each, values) for key, each in value.items()}
    return value


def _replacement(match: re.Match[str], values: Mapping[str, str]) -> str:
    escaped, name = match.groups()
    if escaped:
        return f"$({name})"
    return values.get(name, match.group())
