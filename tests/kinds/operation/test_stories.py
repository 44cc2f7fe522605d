"""Whole operations, played from beginning to end in virtual time, each as a person would see it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller import contract
from controller.api import conditions, objects
from controller.api.resources import Resource
from controller.planning import plan
from tests.kinds.operation.stage import Stage

STEPS: list[dict[str, Any]] = [
    {"name": "drain", "exec": {"command": ["drain", "$(SERVER)"]}, "timeoutSeconds": 60},
    {"name": "migrate", "exec": {"command": ["migrate"]}, "scope": "Once"},
    {"name": "check", "http": {"url": "http://$(SERVER_ADDRESS)/ok"}},
]


def played(count: int = 3) -> Stage:
    """Return a stage whose servers have come up."""
    stage = Stage(count)
    stage.settle()
    return stage


def worst_down(stage: Stage) -> list[int]:
    """Watch how many servers are down or under a task at any instant; the list grows in place."""
    seen = [0]

    def watch(now: Stage) -> None:
        seen.append(len(set(now.down()) | set(now.under_task())))

    stage.watchers.append(watch)
    return seen


def test_g1_a_long_task_is_created_watched_and_ends_in_one_condition() -> None:
    """An operation goes from Waiting to Running to Completed, with its progress on the way."""
    stage = played(4)
    seen: list[tuple[str, str]] = []

    def watch(now: Stage) -> None:
        told = (now.reason("go"), now.status("go").progress)
        if not seen or seen[-1] != told:
            seen.append(told)

    stage.submit("go", "Restart", concurrency=1)
    stage.watchers.append(watch)
    assert stage.finish("go") == "Completed"
    assert seen[0][0] == "Waiting"
    assert [progress for reason, progress in seen if reason == "Running"][-1] == "3/4"
    assert seen[-1] == ("Completed", "4/4")
    stage.play(2)
    assert stage.operations["go"].metadata.finalizers == ()


def test_g5_never_more_than_twelve_of_fifty_are_down_and_each_restarts_once() -> None:
    """A restart at 25% of 50 servers takes at most 12 down at any instant, and each one once."""
    stage = played(50)
    seen = worst_down(stage)
    stage.submit("go", "Restart", concurrency="25%")
    assert stage.finish("go") == "Completed"
    assert max(seen) == 12
    assert {each.spec.incarnation for each in stage.servers.values()} == {2}
    assert stage.instances == 100


def test_g5_a_rollout_that_took_servers_down_uses_the_same_allowance() -> None:
    """Servers that something else took down count: together they stay at the concurrency."""
    stage = played(8)
    for ordinal in (6, 7):
        stage.change_server(ordinal, incarnation=2)
    seen = worst_down(stage)
    stage.submit("go", "Restart", concurrency=3)
    assert stage.finish("go") == "Completed"
    assert max(seen) <= 3


def test_g7_operations_on_disjoint_servers_overlap() -> None:
    """Two restarts of different servers run at the same time."""
    stage, together = played(6), []
    stage.watchers.append(
        lambda now: together.append({now.reason("one"), now.reason("two")} == {"Running"})
    )
    stage.submit("one", "Restart", servers="0-2", concurrency=1)
    stage.submit("two", "Restart", servers="3-5", concurrency=1)
    assert stage.finish("one") == "Completed"
    assert stage.finish("two") == "Completed"
    assert sum(together) > 3


def test_g7_a_conflicting_operation_waits_and_says_for_whom() -> None:
    """A stop waits for the restart of the same servers, and names it in blockedBy."""
    stage = played(3)
    stage.submit("one", "Restart", concurrency=1)
    stage.play(2)
    stage.submit("two", "Stop")
    stage.play(2)
    assert stage.reason("two") == "Waiting"
    blocked = stage.status("two").blocked_by
    assert [(each.object, each.reason) for each in blocked] == [("Operation/one", "Conflict")]
    assert blocked[0].remedy == "kubectl argosy cancel operation/one -n default"
    assert stage.finish("one") == "Completed"
    assert stage.finish("two") == "Completed"
    assert len(stage.machines) == 0


def test_g7_a_paused_operation_holds_only_servers_with_running_tasks() -> None:
    """While the first restart is paused, the second one passes it; then the first goes on."""
    stage = played(4)
    seen = worst_down(stage)
    stage.submit("one", "Restart", concurrency=1)
    stage.play(3)
    stage.change("one", paused=True)
    stage.play(1)
    stage.submit("two", "Replace", concurrency=1)
    assert stage.finish("two") == "Completed"
    assert not stage.ended("one")
    stage.change("one", paused=False)
    assert stage.finish("one") == "Completed"
    assert max(seen) == 1
    assert {each.spec.incarnation for each in stage.servers.values()} == {3}


def test_a_queued_restart_is_superseded_by_a_later_one_with_the_same_spec() -> None:
    """Of equal operations that wait, only the latest runs; Steps would all run."""
    stage = played(3)
    stage.submit("first", "Stop", concurrency=1)
    stage.play(2)
    stage.submit("older", "Start")
    stage.play(1)
    stage.submit("newer", "Start")
    assert stage.finish("older") == "Superseded"
    assert stage.finish("newer") == "Completed"


def test_g8_a_retry_reruns_only_later_steps_and_only_where_needed() -> None:
    """After a failed Once step, a retry from it leaves the earlier steps of all servers alone."""
    stage = played(3)
    stage.verdict = lambda _, task: "Terminal: no schema" if task.step == "migrate" else ""
    stage.submit("go", "Steps", steps=STEPS, concurrency=2)
    assert stage.finish("go") == "Failed"
    before = list(stage.began)
    assert sorted(step for _, step in before) == ["drain", "drain", "drain", "migrate"]
    stage.verdict = lambda _server, _task: ""
    stage.change("go", retry={"id": "2", "from": "migrate"})
    stage.until(lambda: stage.status("go").run == "2", limit=10)
    assert stage.finish("go") == "Completed"
    again = stage.began[len(before) :]
    assert sorted(step for _, step in again) == ["check", "check", "check", "migrate"]


def test_g8_a_retry_resumes_each_server_at_its_first_unpassed_step() -> None:
    """Servers that finished are left alone; the one that failed goes on where it failed."""
    steps = [each for each in STEPS if each["name"] != "migrate"]
    stage = played(3)
    bad = stage.name(1)
    stage.verdict = lambda server, task: (
        "Terminal: 500" if task.step == "check" and server.metadata.name == bad else ""
    )
    stage.submit("go", "Steps", steps=steps, concurrency=1, failureBudget=1)
    assert stage.finish("go") == "Failed"
    assert stage.status("go").progress == "2/3"
    assert [(each.server, each.step) for each in stage.status("go").failures] == [(bad, "check")]
    before = len(stage.began)
    stage.verdict = lambda _server, _task: ""
    stage.change("go", retry={"id": "2"})
    stage.until(lambda: stage.status("go").run == "2", limit=10)
    assert stage.finish("go") == "Completed"
    assert stage.began[before:] == [(bad, "check")]


def test_g2_a_crash_between_claim_and_result_acts_at_most_once() -> None:
    """An exec that was begun by an operator that died is not begun again; it fails as Unknown."""
    stage = played(1)
    stage.act_seconds = 10
    stage.submit("go", "Steps", steps=STEPS[:1])
    stage.until(lambda: bool(stage.acts), limit=20)
    stage.crash()
    assert stage.finish("go") == "Failed"
    assert stage.began == [(stage.name(0), "drain")]
    assert stage.status("go").failures[0].class_ == "Unknown"


def test_g2_a_step_that_may_rerun_is_begun_again_after_a_crash() -> None:
    """With onUnknown Rerun the successor begins the act again."""
    stage = played(1)
    stage.act_seconds = 10
    stage.submit("go", "Steps", steps=[{**STEPS[0], "onUnknown": "Rerun"}])
    stage.until(lambda: bool(stage.acts), limit=20)
    stage.crash()
    assert stage.finish("go") == "Completed"
    assert len(stage.began) == 2


def test_g2_a_restart_goes_on_after_a_crash_and_takes_effect_once() -> None:
    """Built-in acts are done by convergence, so a crash in the middle costs nothing."""
    stage = played(3)
    stage.submit("go", "Restart", concurrency=1)
    for _ in range(20):
        stage.step()
        stage.crash()
    assert stage.finish("go") == "Completed"
    assert {each.spec.incarnation for each in stage.servers.values()} == {2}


def test_g4_within_the_failure_budget_the_others_are_done() -> None:
    """One server fails within the budget: the other nine are done, and the operation says so."""
    stage = played(10)
    bad = stage.name(4)
    stage.verdict = lambda server, _: "Terminal: disk" if server.metadata.name == bad else ""
    stage.submit("go", "Steps", steps=STEPS[:1], failureBudget="10%")
    assert stage.finish("go") == "Failed"
    told = stage.status("go")
    assert (told.progress, told.failed, told.pending) == ("9/10", 1, 0)
    assert told.failures[0].message == "disk"


def test_g4_beyond_the_failure_budget_nothing_new_begins() -> None:
    """With no budget the first loss halts, and the servers that had no turn are untouched."""
    stage = played(10)
    stage.verdict = lambda _server, _task: "Terminal: disk"
    stage.submit("go", "Steps", steps=STEPS[:1], failureBudget=0, concurrency=1)
    assert stage.finish("go") == "Failed"
    assert len(stage.began) == 1
    assert stage.status("go").pending == 9


def test_g10_a_transient_failure_is_tried_again_with_backoff() -> None:
    """An act is tried as often as recovery.attempts allows, later each time."""
    stage, times = played(1), []
    stage.watchers.append(lambda now: times.append(now.now) if now.acts else None)
    stage.verdict = lambda _server, _task: "Transient: busy"
    recovery = {"attempts": 3, "backoff": {"initialSeconds": 5, "maxSeconds": 60}}
    stage.submit("go", "Steps", steps=STEPS[:1], recovery=recovery)
    assert stage.finish("go") == "Failed"
    assert len(stage.began) == 3
    assert stage.status("go").failures[0].attempts == 3
    assert times[-1] - times[0] > 12


def test_g10_a_revert_undoes_steps_last_first() -> None:
    """When the budget is spent, compensations run on whoever began a step, the last step first."""
    steps = [
        {"name": "one", "exec": {"command": ["a"]}, "compensate": {"exec": {"command": ["b"]}}},
        {"name": "two", "exec": {"command": ["c"]}, "compensate": {"exec": {"command": ["d"]}}},
        {"name": "three", "exec": {"command": ["e"]}},
    ]
    stage = played(2)
    stage.verdict = lambda _, task: "Terminal: no" if task.step == "three" else ""
    stage.submit("go", "Steps", steps=steps, onFailure="Revert", failureBudget=0, concurrency=2)
    assert stage.finish("go") == "Reverted"
    undone = [step for _, step in stage.began if step.startswith("undo.")]
    assert undone == ["undo.two", "undo.two", "undo.one", "undo.one"]
    told = stage.status("go").failures
    assert [(each.step, each.class_, each.message, each.attempts) for each in told] == [
        ("three", "Terminal", "no", 1)
    ] * 2, "why it was undone is still told"


def test_a_revert_that_fails_is_tried_once_and_said() -> None:
    """Where undoing fails, the operation ends as Failed, and says on how many servers."""
    steps = [
        {"name": "one", "exec": {"command": ["a"]}, "compensate": {"exec": {"command": ["b"]}}},
        {"name": "two", "exec": {"command": ["c"]}},
    ]
    stage = played(1)
    stage.verdict = lambda _, task: "" if task.step == "one" else "Terminal: no"
    stage.submit("go", "Steps", steps=steps, onFailure="Revert")
    assert stage.finish("go") == "Failed"
    assert [step for _, step in stage.began] == ["one", "two", "undo.one"]
    told = next(each for each in stage.status("go").conditions if each.type == "Succeeded")
    assert "1 server could not be reverted" in told.message


def test_what_the_fleet_cannot_do_is_refused_before_any_server_is_touched() -> None:
    """A snapshot on a fleet without that capability fails at once, and says so."""
    stage = played(2)
    stage.fleets.told = contract.FleetFacts(name="pods", capabilities=frozenset())
    before = dict(stage.servers)
    stage.submit("go", "Snapshot")
    assert stage.finish("go") == "Failed"
    assert "NotSupported" in stage.status("go").conditions[-1].message
    assert stage.servers == before


def test_a_component_step_runs_once_in_each_component_after_all_have_come_so_far() -> None:
    """It waits for all servers to pass the steps before, and a Once step after it for both."""
    steps = [
        {"name": "a", "exec": {"command": ["a"]}},
        {"name": "b", "exec": {"command": ["b"]}, "scope": "Component"},
        {"name": "c", "exec": {"command": ["c"]}, "scope": "Once"},
    ]
    stage = played(2)
    stage.component = "db"
    stage.add_server(0)
    stage.settle()
    stage.submit("go", "Steps", steps=steps, concurrency=2)
    assert stage.finish("go") == "Completed"
    assert [step for _, step in stage.began] == ["a", "a", "a", "b", "b", "c"]
    assert {name for name, step in stage.began if step == "b"} == {"shop-web-0", "shop-db-0"}


@pytest.mark.parametrize("deaf", [False, True])
def test_a_cancel_ends_within_its_grace_even_when_an_act_never_returns(*, deaf: bool) -> None:
    """Cancelled ends the acts under way; one that does not answer is given up after the grace."""
    stage = played(3)
    stage.act_seconds = 1000
    if deaf:
        stage.deaf = set(stage.servers)
    stage.submit("go", "Steps", steps=STEPS[:1], cancelGraceSeconds=20, concurrency=2)
    stage.until(lambda: len(stage.acts) == 2, limit=30)
    began = stage.now
    stage.change("go", cancelled=True)
    assert stage.finish("go") == "Cancelled"
    assert stage.now - began < (25 if deaf else 4)
    assert stage.under_task() == []
    assert len(stage.began) == 2


@pytest.mark.parametrize("phase", ["queued", "paused", "running", "reverting"])
def test_cancel_and_delete_end_every_phase(phase: str) -> None:
    """From every state that is not an end, a deleted operation ends cleanly and goes."""
    stage = played(3)
    stage.act_seconds = 30
    undo = {"exec": {"command": ["undo"]}}
    steps = [{**STEPS[0], "compensate": undo}]
    if phase == "queued":
        stage.submit("first", "Steps", steps=steps, concurrency=1)
        stage.play(2)
    if phase == "reverting":
        stage.verdict = lambda _, task: "" if task.step.startswith("undo") else "Terminal: no"
    stage.submit("go", "Steps", steps=steps, concurrency=1, onFailure="Revert", failureBudget=0)
    wanted = {"queued": "Waiting", "paused": "Paused", "reverting": "Reverting"}
    if phase == "paused":
        stage.play(3)
        stage.change("go", paused=True)
    stage.until(lambda: stage.reason("go") == wanted.get(phase, "Running"), limit=100)
    stage.play(2)
    stage.delete(Resource.OPERATIONS, "go")
    stage.until(lambda: "go" not in stage.operations, limit=30)
    mine = [each for each in stage.servers.values() if each.metadata.name in stage.under_task()]
    assert all(each.spec.task and each.spec.task.operation != "go" for each in mine)


def test_an_operation_created_paused_lists_its_targets_in_order_and_touches_nothing() -> None:
    """A dry run: status has the servers, and no server is written."""
    stage = played(5)
    before = dict(stage.servers)
    stage.submit("go", "Restart", servers="1-2,4", paused=True)
    stage.play(900)
    assert stage.status("go").targets == ("web/1-2,4",)
    assert stage.reason("go") == "Paused"
    assert stage.servers == before
    stage.change("go", paused=False)
    assert stage.finish("go") == "Completed", "the time it was paused counts to no deadline"


def test_time_spent_paused_is_no_time_of_the_run() -> None:
    """It neither ends by its deadline while it is paused, nor sooner for that once it goes on."""
    stage = played(4)
    stage.act_seconds = 30.0
    step = {"name": "act", "exec": {"command": ["act"]}, "timeoutSeconds": 60}
    stage.submit("go", "Steps", steps=[step], concurrency=1, timeoutSeconds=300)
    stage.until(lambda: stage.reason("go") == "Running", limit=30)
    stage.change("go", paused=True)
    stage.play(900)
    assert stage.reason("go") == "Paused"
    stage.change("go", paused=False)
    assert stage.finish("go") == "Completed"


def test_deleting_the_application_ends_operations_at_once() -> None:
    """Queued and running operations end as ApplicationDeleted in the very next plan."""
    stage = played(3)
    stage.submit("one", "Restart", concurrency=1)
    stage.play(2)
    stage.submit("two", "Stop")
    stage.play(1)
    stage.delete_application()
    stage.step()
    assert [stage.reason(name) for name in ("one", "two")] == ["ApplicationDeleted"] * 2


def test_an_operation_that_had_not_begun_ends_with_its_application_in_one_write() -> None:
    """It needs no finalizer first: with fifty in the queue that would be fifty writes for none."""
    stage = played(1)
    stage.delete_application()
    stage.submit("late", "Restart")
    made = stage.plan_operation("late")
    assert not [each for each in made.actions if isinstance(each, plan.Patch)]
    assert stage.reason("late") == "ApplicationDeleted"


def test_a_server_that_a_new_spec_removes_ends_its_task_cleanly() -> None:
    """A targeted server that goes is passed by: the operation completes with the others."""
    stage = played(3)
    stage.submit("go", "Restart", concurrency=1)
    stage.play(2)
    stage.delete_server(2)
    assert stage.finish("go") == "Completed"
    assert stage.status("go").progress == "2/2"


def test_a_held_server_is_passed_by() -> None:
    """Operations leave alone what a person holds."""
    stage = played(3)
    stage.change_server(1, held=True)
    stage.play(2)
    stage.submit("go", "Restart")
    assert stage.finish("go") == "Completed"
    assert [each.spec.incarnation for each in stage.servers.values()] == [2, 1, 2]


def test_a_server_lost_for_good_does_not_block_the_others_for_ever() -> None:
    """A server that Argosy gave up counts as a failure, and the rest is done."""
    stage = played(4)
    stage.machines[stage.name(0)].failed = True
    recovery = {"attempts": 1}
    stage.change_set(recovery=recovery)
    stage.play(5)
    stage.submit("go", "Steps", steps=STEPS[:1], concurrency=1, failureBudget=1)
    assert stage.finish("go") == "Failed"
    assert stage.status("go").progress == "3/4"


def test_a_server_made_as_a_stop_begins_is_stopped_with_the_others() -> None:
    """Its create was under way when the run began: it runs by oversight, and the run takes it."""
    stage = played(3)
    stage.submit("stop", "Stop", concurrency=1)
    stage.until(lambda: bool(stage.under_task()))
    stage.add_server(3)
    assert stage.finish("stop") == "Completed"
    assert [each.spec.power for each in stage.servers.values()] == ["Stopped"] * 4


def test_stop_and_start_leave_the_server_and_its_history() -> None:
    """A stopped server stays as an object, says Stopped, and starts again when asked."""
    stage = played(2)
    stage.submit("stop", "Stop", concurrency="100%")
    assert stage.finish("stop") == "Completed"
    assert {each.status.power for each in stage.servers.values()} == {"Stopped"}
    stage.submit("start", "Start", concurrency="100%")
    assert stage.finish("start") == "Completed"
    assert stage.available() == 2


def test_steps_with_a_restart_between_do_not_begin_again() -> None:
    """A restart that is a step of the operation itself does not undo what came before it."""
    steps = [STEPS[0], {"name": "again", "action": "Restart"}, STEPS[2]]
    stage = played(2)
    stage.submit("go", "Steps", steps=steps, concurrency=1)
    assert stage.finish("go") == "Completed"
    assert [step for _, step in stage.began] == ["drain", "check", "drain", "check"]
    assert {each.spec.incarnation for each in stage.servers.values()} == {2}


def test_a_finished_operation_is_deleted_after_its_time() -> None:
    """The ttlSecondsAfterFinished count from the end."""
    stage = played(1)
    stage.submit("go", "Restart", ttlSecondsAfterFinished=60)
    stage.finish("go")
    stage.play(30)
    assert "go" in stage.operations
    stage.play(40)
    assert "go" not in stage.operations


def test_an_operation_whose_turn_never_comes_times_out() -> None:
    """The startDeadlineSeconds bound the wait."""
    stage = played(2)
    stage.act_seconds = 500
    stage.submit("long", "Steps", steps=[{**STEPS[0], "timeoutSeconds": 600}])
    stage.play(2)
    stage.submit("go", "Restart", startDeadlineSeconds=100)
    assert stage.finish("go") == "TimedOut"
    assert not stage.ended("long")


def test_a_run_that_takes_too_long_is_called_off() -> None:
    """The timeoutSeconds, when over, end the acts under way, and the operation says TimedOut."""
    stage = played(2)
    stage.act_seconds = 500
    stage.submit("go", "Steps", steps=STEPS[:1], timeoutSeconds=30)
    assert stage.finish("go") == "TimedOut"
    assert stage.under_task() == []


def test_a_cancel_ends_even_if_no_server_ever_answers() -> None:
    """Where nobody records the end of an act, the operation ends after grace and a little more."""
    stage = played(2)
    stage.act_seconds = 1000
    stage.submit("go", "Steps", steps=STEPS[:1], cancelGraceSeconds=20)
    stage.until(lambda: bool(stage.acts), limit=30)
    stage.change("go", cancelled=True)
    began = stage.now
    while not stage.ended("go"):
        stage.plan_operation("go")
        stage.now += 1
        assert stage.now - began < 60
    assert stage.reason("go") == "Cancelled"


def test_a_retry_that_comes_during_a_run_leaves_its_parameters_to_the_next_run() -> None:
    """A run keeps what it began with: no command of it is begun with the parameters of the next."""
    stage = played(3)
    heard: list[str] = []

    def hear(_server: objects.Server, task: objects.Task) -> str:
        heard.append(msgspec.json.decode(bytes(task.parameters))["exec"]["command"][0])
        return "Terminal: no"

    stage.verdict = hear
    step = {"name": "call", "exec": {"command": ["$(version)"]}}
    stage.submit(
        "go", "Steps", steps=[step], parameters={"version": "one"}, concurrency=1, failureBudget=3
    )
    stage.until(lambda: bool(heard))
    stage.change("go", retry={"id": "again", "parameters": {"version": "two"}})
    stage.play(120)
    assert heard == ["one"] * 3 + ["two"] * 3
    assert stage.status("go").parameters == {"version": "two"}


def test_retries_roll_over() -> None:
    """The hundred-and-second retry begins like any other, and what passed long ago still counts."""
    stage = played(1)
    stage.verdict = lambda _, task: "" if task.step == "first" else "Terminal: no"
    begins = {"first": {"command": ["first"]}, "second": {"command": ["second"]}}
    stage.submit(
        "go", "Steps", steps=[{"name": name, "exec": each} for name, each in begins.items()]
    )
    stage.finish("go")
    for number in range(102):
        stage.change("go", retry={"id": f"r{number}"})
        stage.play(0.5)
        assert stage.status("go").run == f"r{number}"
        stage.until(lambda: stage.ended("go"))
    assert stage.status("go").run == "r101"
    assert len(stage.status("go").retries) == 100
    assert [step for _, step in stage.began].count("first") == 1


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"components": ["nope"]}, "Application shop has no component nope: web."),
        ({"servers": "7-9"}, "Application shop in default has no server with ordinals 7-9."),
    ],
)
def test_what_targets_nothing_fails(spec: dict[str, Any], says: str) -> None:
    """An operation that touches nothing never says that it was completed."""
    stage = played(3)
    stage.submit("go", "Restart", **spec)
    assert stage.finish("go") == "Failed"
    told = conditions.find(stage.status("go").conditions, "Succeeded")
    assert told is not None
    assert told.message == f"NothingTargeted: {says}"


def test_held_servers_alone_are_nothing_to_act_on() -> None:
    """Where a person holds all targeted servers, the operation says so and fails."""
    stage = played(2)
    for ordinal in range(2):
        stage.change_server(ordinal, held=True)
    stage.submit("go", "Restart")
    assert stage.finish("go") == "Failed"
    told = conditions.find(stage.status("go").conditions, "Succeeded")
    assert told is not None
    assert "2 targeted servers are held" in told.message


def test_an_operation_waits_for_servers_that_are_still_to_come() -> None:
    """Asked for right after its application, a restart waits, says for what, and then restarts."""
    stage = Stage(0)
    stage.submit("go", "Restart")
    stage.play(5)
    assert stage.reason("go") == "Waiting"
    assert [each.object for each in stage.status("go").blocked_by] == ["Application/shop"]
    for ordinal in range(3):
        stage.add_server(ordinal)
    assert stage.finish("go") == "Completed"
    assert stage.status("go").progress == "3/3"


def test_a_rollback_keeps_its_turn_once_begun() -> None:
    """An earlier operation that is resumed goes first: the RollBack waits, and says for whom."""
    stage = played(2)
    stage.change_set(replicas=2)
    stage.submit("early", "Steps", steps=STEPS, paused=True)
    stage.play(2)
    stage.submit("back", "RollBack")
    stage.until(lambda: stage.status("back").start_time is not None, limit=10)
    stage.change("early", paused=False)
    stage.play(1)
    assert stage.reason("back") == "Waiting"
    assert [each.object for each in stage.status("back").blocked_by] == ["Operation/early"]


def test_a_server_remembers_the_steps_of_every_operation_that_can_be_retried() -> None:
    """Six operations later, a retry still knows what its servers had passed."""
    stage = played(1)
    stage.verdict = lambda _, task: "Terminal: no" if task.step == "migrate" else ""
    both = [{"name": name, "exec": {"command": [name]}} for name in ("drain", "migrate")]
    stage.submit("long", "Steps", steps=both)
    assert stage.finish("long") == "Failed"
    for number in range(6):
        stage.play(1)
        stage.submit(f"other-{number}", "Snapshot")
        assert stage.finish(f"other-{number}") == "Completed"
    stage.verdict = lambda _server, _task: ""
    stage.change("long", retry={"id": "again"})
    stage.play(1)
    assert stage.finish("long") == "Completed"
    assert [step for _, step in stage.began].count("drain") == 1
    assert [step for _, step in stage.began].count("migrate") == 2


def test_many_compatible_operations_at_once_all_end() -> None:
    """Six snapshots side by side end, and each server is photographed once for each of them."""
    stage = played(2)
    for number in range(6):
        stage.submit(f"photo-{number}", "Snapshot", concurrency=2)
    for number in range(6):
        assert stage.finish(f"photo-{number}") == "Completed"
    assert len(stage.began) == 12


def test_an_operation_without_room_for_its_checkpoints_waits_and_says_so() -> None:
    """Where servers could not remember its steps, an operation waits until there is room."""
    stage = played(1)
    stage.verdict = lambda _server, _task: "Terminal: no"
    long = [{"name": f"s{n}", "exec": {"command": ["x"]}} for n in range(32)]
    for number in range(4):
        stage.submit(f"failed-{number}", "Steps", steps=long)
        assert stage.finish(f"failed-{number}") == "Failed"
        stage.play(1)
    stage.submit("more", "Restart")
    stage.play(5)
    assert stage.reason("more") == "Waiting"
    blocked = stage.status("more").blocked_by[0]
    assert (blocked.object, blocked.reason) == ("Operation/failed-0", "CheckpointsFull")
    assert blocked.remedy == "kubectl delete argop failed-0 -n default"
    stage.delete(Resource.OPERATIONS, "failed-0")
    assert stage.finish("more") == "Completed"
