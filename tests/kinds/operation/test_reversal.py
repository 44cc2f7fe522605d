"""Operations with `onFailure: Revert` that end early: what was done is undone, or it is said."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api.resources import Resource
from tests.kinds.operation.stage import Stage


def step(name: str, *, undo: bool = True, **more: Any) -> dict[str, Any]:
    """Return a step that runs a command, and the one that undoes it."""
    compensate = {"compensate": {"exec": {"command": [f"un{name}"]}}} if undo else {}
    return {"name": name, "exec": {"command": [name]}, **compensate, **more}


STEPS = [step("one"), step("two")]


def played(count: int) -> Stage:
    """Return a stage whose servers are all up."""
    stage = Stage(count)
    stage.settle()
    return stage


def submit(stage: Stage, *steps: dict[str, Any], **spec: Any) -> None:
    """Submit Steps that are to be reverted where they do not come to a good end."""
    more = {"onFailure": "Revert", "concurrency": "100%", **spec}
    stage.submit("go", "Steps", steps=list(steps) or STEPS, **more)


def message(stage: Stage) -> str:
    """Return what the operation says of its end."""
    return next(each.message for each in stage.status("go").conditions if each.type == "Succeeded")


def undone(stage: Stage) -> list[tuple[str, str]]:
    """Return the compensations that were begun, in order."""
    return [(name, each) for name, each in stage.began if each.startswith("undo.")]


def test_a_cancelled_operation_undoes_what_was_done() -> None:
    """Compensations run for every step that had begun, the last first; then it is Cancelled."""
    stage = played(2)
    stage.act_seconds = 5.0
    submit(stage)
    stage.until(lambda: len(stage.began) == 4)
    stage.change("go", cancelled=True)
    assert stage.finish("go") == "Cancelled"
    assert [each for _, each in undone(stage)] == ["undo.two", "undo.two", "undo.one", "undo.one"]
    assert "All that was done is undone." in message(stage)


def test_an_operation_that_is_out_of_time_undoes_what_was_done() -> None:
    """The deadline ends the acts, and then what they did is undone: the reason stays TimedOut."""
    stage = played(2)
    stage.act_seconds = 40.0
    submit(stage, timeoutSeconds=60)
    stage.until(lambda: sum(each == "two" for _, each in stage.began) == 2)
    stage.act_seconds = 2.0
    assert stage.finish("go") == "TimedOut"
    assert sorted(undone(stage)) == sorted(
        (stage.name(each), f"undo.{name}") for each in (0, 1) for name in ("one", "two")
    )
    assert "All that was done is undone." in message(stage)


def test_one_without_revert_is_cancelled_as_ever() -> None:
    """With onFailure Halt a cancel undoes nothing, and claims nothing of the kind."""
    stage = played(2)
    stage.act_seconds = 5.0
    submit(stage, onFailure="Halt")
    stage.until(lambda: len(stage.began) == 2)
    stage.change("go", cancelled=True)
    assert stage.finish("go") == "Cancelled"
    assert undone(stage) == []
    assert "undone" not in message(stage)


def test_what_cannot_be_undone_is_said_of_each_step() -> None:
    """A step without compensate and a compensation that fails are named, with their servers."""
    stage = played(2)
    bad = stage.name(1)
    stage.verdict = lambda server, task: (
        "Terminal: stuck" if task.step == "undo.one" and server.metadata.name == bad else ""
    )
    stage.act_seconds = 3.0
    submit(stage, step("one"), step("plain", undo=False), step("last"))
    stage.until(lambda: sum(each == "last" for _, each in stage.began) == 2)
    stage.change("go", cancelled=True)
    assert stage.finish("go") == "Cancelled"
    assert f"1 server could not be reverted: step one on {bad}." in message(stage)
    assert "Step plain has no compensate: what it did on 2 servers stays." in message(stage)
    assert "All that was done is undone." not in message(stage)


def test_a_cancel_while_it_reverts_does_not_cut_that_short() -> None:
    """It was failing and undoing: a cancel changes the reason of its end, and no act."""
    stage = played(2)
    stage.act_seconds = 4.0
    stage.verdict = lambda _, task: "Terminal: no" if task.step == "two" else ""
    submit(stage, failureBudget=0)
    stage.until(lambda: bool(undone(stage)))
    stage.change("go", cancelled=True)
    assert stage.finish("go") == "Cancelled"
    assert len(undone(stage)) == len(set(undone(stage))) == 4
    assert "All that was done is undone." in message(stage)


def test_reverting_ends_although_a_server_never_answers() -> None:
    """A compensation that does not end is given up, and named; the others are carried out."""
    stage = played(2)
    deaf = stage.name(0)
    stage.act_seconds = 3.0
    steps = [step("one"), step("two", timeoutSeconds=20)]
    submit(stage, *steps, timeoutSeconds=120, cancelGraceSeconds=5)
    stage.until(lambda: len(stage.began) == 4)
    stage.deaf.add(deaf)
    stage.change("go", cancelled=True)
    assert stage.finish("go", limit=800) == "Cancelled"
    assert (stage.name(1), "undo.one") in undone(stage)
    assert f"1 server could not be reverted: step one on {deaf}; step two on {deaf}." in message(
        stage
    )


def test_a_deleted_operation_goes_at_once_and_says_what_is_left() -> None:
    """A delete waits for acts under way and for no compensation; the Event says what stays done."""
    stage = played(1)
    stage.act_seconds = 3.0
    submit(stage)
    stage.until(lambda: any(each == "two" for _, each in stage.began))
    ends: list[str] = []
    stage.watchers.append(lambda now: ends.append(message(now)) if "go" in now.operations else None)
    stage.delete(Resource.OPERATIONS, "go")
    stage.until(lambda: "go" not in stage.operations, limit=60)
    assert undone(stage) == []
    assert f"step one on {stage.name(0)}" in ends[-1]


def test_a_held_server_is_named_as_not_undone() -> None:
    """A person took hold of it in the middle: nothing is undone there, and that is said."""
    stage = played(2)
    stage.act_seconds = 3.0
    submit(stage, timeoutSeconds=300)
    stage.until(lambda: sum(each == "two" for _, each in stage.began) == 2)
    stage.change_server(1, held=True)
    stage.change("go", cancelled=True)
    assert stage.finish("go", limit=5000) == "Cancelled"
    assert {name for name, _ in undone(stage)} == {stage.name(0)}
    assert stage.name(1) in message(stage)


@pytest.mark.parametrize("action", ["Restart", "Stop"])
def test_an_act_that_nothing_undoes_is_never_called_reverted(action: str) -> None:
    """A Restart or Stop has no compensation: it ends as Failed or Cancelled, and says so."""
    stage = played(2)
    stage.machines.boot = 1000.0
    stage.submit("go", action, onFailure="Revert", concurrency=1)
    stage.until(lambda: bool(stage.under_task()))
    stage.change("go", cancelled=True)
    assert stage.finish("go", limit=200) == "Cancelled"
    assert f"Step {action} has no compensate" in message(stage)


def test_what_nothing_undoes_has_failed_and_is_not_reverted() -> None:
    """Steps without a compensation, of which the last fails: what the first did is still done."""
    stage = played(2)
    stage.verdict = lambda _server, given: "No." if given.step == "two" else ""
    submit(stage, step("one", undo=False), step("two", undo=False), recovery={"attempts": 1})
    assert stage.finish("go") == "Failed"
    assert "Step one has no compensate: what it did on 2 servers stays." in message(stage)


def test_undoing_takes_no_longer_than_the_operation_itself_may() -> None:
    """However long a compensation might go on, it is ended with the time that the run has."""
    stage = played(2)
    stage.act_seconds = 3.0
    steps = [step("one", timeoutSeconds=3600)]
    submit(stage, *steps, timeoutSeconds=120, cancelGraceSeconds=5)
    stage.until(lambda: len(stage.began) == 2)
    stage.deaf.update(map(stage.name, range(2)))
    stage.change("go", cancelled=True)
    assert stage.finish("go", limit=300) == "Cancelled"
    assert "2 servers could not be reverted" in message(stage)


def test_a_retry_after_a_reverted_cancel_does_all_steps_again() -> None:
    """What was undone has not been passed: the next run begins at the first step, once each."""
    stage = played(1)
    stage.act_seconds = 3.0
    submit(stage)
    stage.until(lambda: any(each == "two" for _, each in stage.began))
    stage.change("go", cancelled=True)
    assert stage.finish("go") == "Cancelled"
    began = len(stage.began)
    stage.change("go", cancelled=False, retry={"id": "again"})
    stage.until(lambda: stage.reason("go") == "Completed")
    assert [each for _, each in stage.began[began:]] == ["one", "two"]


def test_taking_a_cancel_back_while_acts_end_does_not_call_it_late() -> None:
    """The operation that was cancelled says so, whatever its spec says by the time it ends."""
    stage = played(1)
    stage.act_seconds = 5.0
    submit(stage, onFailure="Halt")
    stage.until(lambda: bool(stage.began))
    stage.deaf.add(stage.name(0))
    stage.change("go", cancelled=True)
    stage.until(lambda: stage.reason("go") == "Cancelling")
    stage.change("go", cancelled=False)
    assert stage.finish("go") == "Cancelled"


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("done", [0, 1], ids=["under way", "undone"])
def test_a_run_that_undoes_goes_not_back_to_doing(done: int, concurrency: int) -> None:
    """The server whose failure it was is deleted meanwhile: nothing is done a second time."""
    stage = played(3)
    stage.act_seconds = 5.0
    first = stage.name(0)

    def fail(server: Any, task: Any) -> str:
        return "Terminal: no" if (server.metadata.name, task.step) == (first, "two") else ""

    stage.verdict = fail
    submit(stage, failureBudget=0, concurrency=concurrency)
    stage.until(lambda: len(undone(stage)) > done)
    stage.let_go(Resource.SERVERS, first)
    stage.delete_server(0)
    stage.add_server(0)
    assert stage.finish("go") in ("Reverted", "Failed")
    assert len(stage.began) == len(set(stage.began)), stage.began
