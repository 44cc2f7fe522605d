"""Acts under way: the long calls into servers, which outlive the visit that began them.

An act never holds up its server's key: a cancel or a delete is planned while it runs. This
process's knowledge of an act is lost at a crash, by design: the claim in status then says Started
with nobody acting, which planning takes as an unknown outcome.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable

import structlog

from controller import contract, errors
from controller.api.choices import ErrorClass, TaskState
from controller.api.reasons import Reason
from controller.contract.tasks import TaskResult
from controller.execution import ownership
from controller.planning.keys import Key
from controller.telemetry import tracing

_log = structlog.get_logger(__name__)

# Has the server's provider do what a call says, and returns what it found out.
Ask = Callable[[], Awaitable[contract.Facts]]
# The class, for its task, of the error that ended an act.
_CLASSES = {
    errors.FailureKind.REFUSED: ErrorClass.TERMINAL,
    errors.FailureKind.UNKNOWN: ErrorClass.UNKNOWN,
    errors.FailureKind.FAILED: ErrorClass.TRANSIENT,
    errors.FailureKind.WAITING: ErrorClass.TRANSIENT,
}


# How an act ends that did what was asked.
_DONE = frozenset({TaskState.SUCCEEDED, TaskState.CANCELLED})
# A call that did not get through to the provider, or was not sent, is no attempt; and where it was
# to follow what another process began, it has told nothing of that.
_NOT_TRIED = ErrorClass.WAITING


@dataclasses.dataclass(slots=True, eq=False)
class _Act:
    task: str
    verb: str
    attempt: int = 0
    trace: tracing.Trace = None
    began: float = dataclasses.field(default_factory=time.perf_counter)
    cancelling: bool = False
    running: asyncio.Task[None] | None = None
    outcome: TaskResult | None = None

    def told(self, state: TaskState, facts: contract.Facts) -> TaskResult:
        """Return that this act came to its end, and what the provider found out."""
        return TaskResult(
            task=self.task,
            state=state,
            message=facts.get("message", ""),
            facts={name: each for name, each in facts.items() if name != "message"},
        )

    def failed(self, error: errors.ArgosyError, *, crashed: bool = False) -> TaskResult:
        """Return that this act failed, and what the provider found out all the same."""
        return TaskResult(
            task=self.task,
            state=TaskState.FAILED,
            message=str(error),
            error_class=_class(error, self.verb),
            crashed=crashed,
            facts=error.facts,
        )


class Acts:
    """The acts of this process, at most one a server."""

    def __init__(self, *, finished: Callable[[Key], None]) -> None:
        self._finished = finished
        self._acts: dict[Key, _Act] = {}
        # The task and attempt of each act that was left, until another one begins there.
        self._left: dict[Key, tuple[str, int]] = {}

    def running(self, key: Key) -> str | None:
        """Return the id of the task that is being carried out, or whose outcome is not written."""
        act = self._acts.get(key)
        return act.task if act else None

    def outcome(self, key: Key) -> TaskResult | None:
        """Return the outcome of a finished act that is not yet in status."""
        act = self._acts.get(key)
        return act.outcome if act else None

    def forget(self, key: Key) -> None:
        """Drop an act whose outcome is written, or that nobody watches any more."""
        act = self._acts.pop(key, None)
        if act and act.running:
            act.running.cancel()

    def gone(self, key: Key) -> None:
        """Drop all that is known of a server that is gone."""
        self.forget(key)
        self._left.pop(key, None)

    def leave(self, key: Key) -> None:
        """Stop watching an act whose server is planned by another process from now on.

        Should the server come back before anybody else had it, its claim is ours and yet the act
        is not to be begun: `left` tells so.
        """
        if (act := self._acts.get(key)) is not None:
            self._left[key] = act.task, act.attempt
        self.forget(key)

    def left(self, key: Key) -> tuple[str, int] | None:
        """Return the task and the attempt of the act that was left, if one was."""
        return self._left.get(key)

    def keys(self) -> list[Key]:
        """Return the servers that an act runs for, or whose outcome is not written."""
        return list(self._acts)

    def count(self) -> int:
        """Return how many acts run."""
        return sum(act.running is not None for act in self._acts.values())

    def start(
        self,
        key: Key,
        call: contract.Call,
        ask: Ask,
        *,
        attempt: int = 0,
        trace: tracing.Trace = None,
    ) -> None:
        """Begin the act that `call.task` asks for, unless it is under way; `ask` carries it out."""
        if call.task is None or self.running(key) == call.task.id:
            return
        self.forget(key)
        self._left.pop(key, None)
        act = self._acts[key] = _Act(
            task=call.task.id, verb=call.verb, attempt=attempt, trace=trace
        )
        act.running = asyncio.get_running_loop().create_task(
            self._carry_out(key, act, ask), name=f"act {call.task.id}"
        )

    def cancel(
        self, key: Key, call: contract.Call, ask: Ask, *, trace: tracing.Trace = None
    ) -> None:
        """End the act that runs for `call.task`, here and, as far as it can be, in the server.

        One that has ended already stays as it ended.
        """
        known = self._acts.get(key)
        if call.task is None or (known and (known.cancelling or known.outcome is not None)):
            return
        self.forget(key)
        act = self._acts[key] = _Act(
            task=call.task.id, verb=call.verb, trace=trace, cancelling=True
        )
        act.running = asyncio.get_running_loop().create_task(
            self._call_off(key, act, ask), name=f"cancel {call.task.id}"
        )

    async def abandon(self) -> None:
        """Stop watching all acts; those in servers may go on and be found by the next leader."""
        running = [act.running for act in self._acts.values() if act.running]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        self._acts.clear()

    async def _carry_out(self, key: Key, act: _Act, ask: Ask) -> None:
        ownership.act_for(key)
        try:
            outcome = act.told(TaskState.SUCCEEDED, await ask())
        except errors.ArgosyError as error:
            outcome = act.failed(error)
        except Exception as error:  # noqa: BLE001 - a provider's bug is this act's failure alone
            _log.exception("act crashed", key=str(key), task=act.task)
            # The command, or the request, may have gone out before.
            crash = errors.Crashed(repr(error), reason=Reason.INTERNAL_ERROR)
            outcome = act.failed(crash, crashed=True)
        self._conclude(key, act, outcome)

    async def _call_off(self, key: Key, act: _Act, ask: Ask) -> None:
        ownership.act_for(key)
        try:
            outcome = act.told(TaskState.CANCELLED, await ask())
        except Exception as error:  # noqa: BLE001 - cancelled is cancelled; what is left is said
            _log.warning("cancel failed", key=str(key), task=act.task, error=str(error))
            outcome = TaskResult(
                task=act.task,
                state=TaskState.CANCELLED,
                message=f"The act could not be ended: {error}",
            )
        self._conclude(key, act, outcome)

    def _conclude(self, key: Key, act: _Act, outcome: TaskResult) -> None:
        result = tracing.OK if outcome.state in _DONE else outcome.error_class or outcome.state
        took = time.perf_counter() - act.began
        tracing.called(act.trace, f"{act.verb} server", result, took, key[1:])
        if self._acts.get(key) is act:
            act.outcome = outcome
            act.running = None
            self._finished(key)


def _class(error: errors.ArgosyError, verb: str) -> ErrorClass:
    """Return what the error that ended an act means for its task.

    Who is told to wait has not begun the act; who was to follow one knows no more of it so.
    """
    away = error.policy.works is False and error.policy.kind is errors.FailureKind.FAILED
    if away or not error.policy.sent:
        return _NOT_TRIED
    if verb == contract.Verb.RESUME and error.policy.kind is errors.FailureKind.WAITING:
        return ErrorClass.UNKNOWN
    return _CLASSES[error.policy.kind]
