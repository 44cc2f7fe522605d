"""A run keeps what it began with, and keeps to its turn, whatever its operation asks for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.api import objects
from controller.api.operation import Retry
from controller.kinds.operation import conflicts
from tests.kinds.operation.stage import Stage

BOTH: list[dict[str, Any]] = [
    {"name": name, "exec": {"command": [name, "$(version)"]}} for name in ("drain", "migrate")
]
# What a retry may ask for beside its id, each so that a run under way would show it.
LATER: dict[str, Any] = {"from": "drain", "parameters": {"version": "two"}}
Heard = list[tuple[str, str, list[str]]]


def played(count: int) -> Stage:
    """Return a stage whose servers have come up."""
    stage = Stage(count)
    stage.settle()
    return stage


@pytest.mark.parametrize("action", sorted(conflicts.COMMUTES))
def test_every_action_keeps_its_turn_once_begun(action: str) -> None:
    """An earlier operation that is resumed goes first: the later one waits, and says for whom."""
    stage = played(2)
    stage.change_set(replicas=2)
    stage.submit("early", "Steps", steps=BOTH, paused=True)
    stage.play(2)
    stage.submit("go", action, **({"steps": BOTH} if action == "Steps" else {}))
    stage.until(lambda: stage.status("go").start_time is not None, limit=10)
    stage.change("early", paused=False)
    stage.play(1)
    assert stage.reason("go") == "Waiting"
    assert [each.object for each in stage.status("go").blocked_by] == ["Operation/early"]
    given = {each.spec.task.operation for each in stage.servers.values() if each.spec.task}
    assert given <= {"early"}


def heard(stage: Stage) -> Heard:
    """Have the second step fail on each server, and record what servers are asked."""
    found: Heard = []

    def hear(server: objects.Server, task: objects.Task) -> str:
        said = msgspec.json.decode(bytes(task.parameters))["exec"]["command"]
        found.append((server.metadata.name, task.step, said))
        return "Terminal: no" if task.step == "migrate" else ""

    stage.verdict = hear
    return found


def first_run(retry: dict[str, Any]) -> Heard:
    """Return what servers are asked in the first run, amid which a retry is asked for."""
    stage = played(3)
    found = heard(stage)
    spec = {"parameters": {"version": "one"}, "concurrency": 1, "failureBudget": 3}
    stage.submit("go", "Steps", steps=BOTH, **spec)
    stage.until(lambda: len(found) > 1)
    if retry:
        stage.change("go", retry=retry)
    stage.until(lambda: stage.ended("go"))
    run = list(found)
    stage.play(30)
    # It is not lost: the next run is the one that was asked for.
    assert bool(retry) == (found != run) == (stage.status("go").run == "again")
    return run


def test_each_field_of_a_retry_is_tried() -> None:
    """One that is added comes during a run as well; all others of an operation never change."""
    fields = {each.alias or name for name, each in Retry.model_fields.items()}
    assert fields - {"id"} == LATER.keys()


@pytest.mark.parametrize("field", sorted(LATER))
def test_a_run_keeps_what_it_began_with(field: str) -> None:
    """Whatever a retry asks for is for the next run: this one asks what it would ask anyway."""
    assert first_run({"id": "again", field: LATER[field]}) == first_run({})
