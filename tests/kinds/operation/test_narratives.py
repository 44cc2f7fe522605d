"""Whole operations as prose, compared with the stories on record."""

from __future__ import annotations

from typing import Any

from tests.kinds.operation.narration import Narrator, check
from tests.kinds.operation.stage import Stage


def begin(count: int, title: str) -> tuple[Stage, Narrator]:
    """Return a stage whose servers have come up, and who writes down what happens on it."""
    stage = Stage(count)
    stage.settle()
    stage.play(1)
    return stage, Narrator(stage, title)


def exec_step(name: str, **more: Any) -> dict[str, Any]:
    """Return a step that runs a command."""
    return {"name": name, "exec": {"command": [name]}, **more}


def test_rolling_restart() -> None:
    """G5: three servers, one at a time; the next begins when the last is Ready again."""
    stage, story = begin(3, "A restart of three servers, one at a time.")
    stage.submit("restart", "Restart", concurrency=1)
    stage.finish("restart")
    stage.play(2)
    check(story, "operation-g5-rolling-restart")


def test_two_conflicting_operations() -> None:
    """G7: the later one waits for the earlier one, and says so."""
    stage, story = begin(2, "A restart, and a stop of the same servers while it runs.")
    stage.submit("restart", "Restart", concurrency="100%")
    stage.play(1)
    story.say("somebody asks for a stop")
    stage.submit("stop", "Stop", concurrency="100%")
    stage.finish("stop")
    check(story, "operation-g7-conflict")


def test_retry_from_a_checkpoint() -> None:
    """G8: after the failure of one step, a retry runs that step and later ones, where needed."""
    stage, story = begin(2, "Drain, migrate once, check; migrating fails, and is retried.")
    steps = [exec_step("drain"), exec_step("migrate", scope="Once"), exec_step("check")]
    stage.verdict = lambda _, task: "Terminal: no schema" if task.step == "migrate" else ""
    stage.submit("upgrade", "Steps", steps=steps, concurrency=1)
    stage.finish("upgrade")
    story.say("somebody repairs the schema and retries from migrate")
    stage.verdict = lambda _server, _task: ""
    stage.change("upgrade", retry={"id": "2", "from": "migrate"})
    stage.until(lambda: stage.status("upgrade").run == "2", limit=5)
    stage.finish("upgrade")
    check(story, "operation-g8-retry")


def test_revert() -> None:
    """G10: when the budget is spent, what was done is undone, the last step first."""
    stage, story = begin(2, "Two steps with compensations; the second one fails on web-1.")
    steps = [
        exec_step("add", compensate={"exec": {"command": ["remove"]}}),
        exec_step("open", compensate={"exec": {"command": ["close"]}}),
    ]
    bad = stage.name(1)
    stage.verdict = lambda server, task: (
        "Terminal: no" if (server.metadata.name, task.step) == (bad, "open") else ""
    )
    stage.submit("go", "Steps", steps=steps, concurrency=1, failureBudget=0, onFailure="Revert")
    stage.finish("go")
    check(story, "operation-g10-revert")


def test_cancel_in_the_middle() -> None:
    """G1: a cancel ends what runs, starts nothing, and leaves the operation with one end."""
    stage, story = begin(3, "A long command on three servers, cancelled while on the first.")
    stage.act_seconds = 100
    stage.submit("go", "Steps", steps=[exec_step("long")], concurrency=1)
    stage.play(5)
    story.say("somebody cancels it")
    stage.change("go", cancelled=True)
    stage.finish("go")
    check(story, "operation-g1-cancel")


def test_a_crash_in_the_middle() -> None:
    """G2, G3: a successor finds the claim; what may not run twice fails, the others go on."""
    stage, story = begin(2, "The operator dies while a command runs that may not run twice.")
    stage.act_seconds = 3
    stage.submit("go", "Steps", steps=[exec_step("once")], concurrency=1, failureBudget=1)
    stage.until(lambda: bool(stage.acts), limit=5)
    story.say("the operator dies; another takes over")
    stage.crash()
    stage.finish("go")
    check(story, "operation-g2-crash")


def test_a_rival_who_lags_and_says_everything_twice() -> None:
    """G3: what was seen late, or is said again, changes nothing: each server restarts once."""
    stage, story = begin(2, "A restart, while another planner sees everything three seconds late.")
    stage.submit("restart", "Restart", concurrency=1)
    stage.rival("restart", late=3.0)
    stage.finish("restart")
    stage.play(5)
    assert [each.spec.incarnation for each in stage.servers.values()] == [2, 2]
    assert stage.instances == 4
    check(story, "operation-g3-rival")


def test_delete_cuts_across_a_queue() -> None:
    """G6: with the application gone, what runs and what waits ends at once, and servers go."""
    stage, story = begin(2, "A command hangs, two operations wait behind it; then comes a delete.")
    stage.act_seconds = 10_000
    stage.submit("go", "Steps", steps=[exec_step("hang")], concurrency=1)
    stage.play(2)
    stage.submit("stop", "Stop")
    stage.submit("restart", "Restart")
    stage.play(2)
    story.say("somebody deletes the application")
    stage.delete_application()
    stage.until(lambda: not stage.servers, limit=90)
    check(story, "operation-g6-delete")


def test_a_loss_within_the_budget() -> None:
    """G4: one server fails, within the budget; the others are done."""
    stage, story = begin(3, "A command on three servers; it fails on web-1, which is allowed.")
    bad = stage.name(1)
    stage.verdict = lambda server, _: "Terminal: disk" if server.metadata.name == bad else ""
    stage.submit("go", "Steps", steps=[exec_step("work")], concurrency=1, failureBudget=1)
    stage.finish("go")
    check(story, "operation-g4-loss")
