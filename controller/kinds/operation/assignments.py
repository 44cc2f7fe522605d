"""The writes of an operation on servers: a task given, a task called off.

Both carry the resourceVersion that they were planned from, so a server never gets two tasks, and
what was replaced in the meantime gets none. Called by the Operation planner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from controller.api import objects
from controller.contract import tasks
from controller.kinds.operation import steps
from controller.kinds.operation.server_progress import ServerProgress
from controller.kinds.operation.slots import Grant, Run
from controller.planning import merge_patch, plan, writes


def give(run: Run, given: Grant, now: float, *, revision: str = "") -> plan.Patch | None:
    """Return the write that asks the server for a step; None for a server that is gone.

    With a `revision` the server comes to that with the same act.
    """
    server = given.progress.server
    if server is None:
        return None
    assignment = steps.Assignment(
        operation=run.operation,
        run=run.run,
        step=given.step,
        passed=tuple(each.name for each in run.steps if each.name in given.progress.reached),
        now=now,
        open=run.open,
        undo=given.undo,
        revision=revision,
    )
    wanted, change = steps.resolve(assignment, server)
    body = {**change, "task": merge_patch.difference(_plain(server.spec.task), _plain(wanted))}
    return _patch(server, body, "TaskGiven")


def call_off(acting: Sequence[ServerProgress], now: float) -> tuple[plan.Patch, ...]:
    """Return the writes that end the acts of these servers."""
    return tuple(
        _patch(
            each.server,
            {"task": {"cancel": True, "parameters": {"cancelled": now}}},
            "TaskCancelled",
        )
        for each in acting
        if each.server is not None and _is_open(each)
    )


def _is_open(progress: ServerProgress) -> bool:
    server = progress.server
    if server is None or server.spec.task is None or server.spec.task.cancel:
        return False
    return not tasks.ended(server)


def _plain(wanted: objects.Task | None) -> dict[str, Any]:
    decoded = msgspec.json.decode(msgspec.json.encode(wanted))
    return decoded if isinstance(decoded, dict) else {}


def _patch(server: objects.Server, spec: dict[str, Any], why: str) -> plan.Patch:
    return writes.patch(
        server,
        body={"spec": spec},
        why=why,
        guarded=True,
    )
