"""The task protocol: claim first, act at most once, end within bounds."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from controller import contract
from controller.api import clock, objects
from controller.api.reasons import Reason
from controller.contract import tasks
from controller.contract.tasks import TaskResult
from controller.kinds.server import gather, task
from controller.planning import plan
from tests.kinds.server.props import NOW, RUNNING, decide, make, running, told, verbs


def asked(action: str = "Exec", *, cancel: bool = False, **given: object) -> objects.Task:
    """Return a task as an operation gives it."""
    parameters = {"incarnation": 1, "given": NOW, "timeoutSeconds": 60, "attempts": 2, **given}
    return objects.Task(
        id="t1",
        operation="go",
        run="x.0",
        step="drain",
        action=action,
        cancel=cancel,
        parameters=msgspec.Raw(msgspec.json.encode(parameters)),
    )


def at(state: str, **more: object) -> objects.ServerStatus:
    """Return the status of a running server whose task is in `state`."""
    values: dict[str, object] = {"attempt": 1, "start_time": "2023-11-14T22:13:20Z", **more}
    if state in ("Started", "Unknown"):
        values.setdefault("claimed_by", "me")
    known = msgspec.convert({"id": "t1", "state": state}, objects.TaskStatus)
    return msgspec.structs.replace(running(), task=msgspec.structs.replace(known, **values))


EXEC = contract.FleetFacts(name="pods", capabilities=frozenset({contract.Capability.EXEC}))


def state_written(answer: plan.Plan) -> list[str]:
    """Return the task states that are written, each with the resourceVersion as its fence."""
    patches = [each for each in answer.actions if isinstance(each, plan.Patch)]
    assert all(each.resource_version == "7" for each in patches)
    assert all(each.subresource == "status" for each in patches)
    return [each.body["status"]["task"]["state"] for each in patches]


def test_a_claim_is_written_alone_before_anything_is_done() -> None:
    """Pending becomes Started under our name; no call goes out, no other status with it."""
    answer = decide(make(status=running(), task=asked()), RUNNING, fleet=EXEC)
    assert state_written(answer) == ["Started"]
    assert verbs(answer) == []
    assert answer.status is None


def test_a_claim_tells_the_generation_and_lets_other_news_wait() -> None:
    """Another write would outdate the claim's resourceVersion, so there is none beside it."""
    same = decide(make(status=running(), task=asked(), generation=2), RUNNING, fleet=EXEC)
    patch = same.actions[0]
    assert isinstance(patch, plan.Patch)
    assert patch.body["status"]["observedGeneration"] == 2
    moved = dataclasses.replace(RUNNING, addresses=("10.0.0.2",))
    news = decide(make(status=running(), task=asked(), generation=2), moved, fleet=EXEC)
    assert (state_written(news), news.status) == (["Started"], None)
    claim = news.actions[0]
    assert isinstance(claim, plan.Patch)
    assert "observedGeneration" not in claim.body["status"]


def test_the_act_begins_from_our_own_claim_and_no_other() -> None:
    """Started by us: act. Started by us and at it: wait. By one that is gone: take it over."""
    mine = make(status=at("Started"), task=asked())
    assert verbs(decide(mine, RUNNING, fleet=EXEC)) == ["act"]
    assert verbs(decide(mine, RUNNING, fleet=EXEC, acting="t1")) == []
    other = make(status=at("Started", claimed_by="old"), task=asked())
    taken = decide(other, RUNNING, fleet=EXEC)
    assert (verbs(taken), state_written(taken)) == ([], ["Unknown"])
    unknown = make(status=at("Unknown"), task=asked())
    assert verbs(decide(unknown, RUNNING, fleet=EXEC)) == ["resume"]


def test_an_act_that_was_left_is_not_begun_again_from_the_same_claim() -> None:
    """Its server was another's for a moment: the claim is ours, but the act has begun; once."""
    mine = make(status=at("Started"), task=asked())
    back = decide(mine, RUNNING, fleet=EXEC, left=("t1", 1))
    assert (verbs(back), state_written(back)) == ([], ["Unknown"])
    unknown = make(status=at("Unknown"), task=asked())
    assert verbs(decide(unknown, RUNNING, fleet=EXEC, left=("t1", 1))) == ["resume"]
    again = make(status=at("Started", attempt=2), task=asked())
    assert verbs(decide(again, RUNNING, fleet=EXEC, left=("t1", 1))) == ["act"]


@pytest.mark.parametrize(
    ("begun", "asked_at", "again_at"),
    [(NOW, NOW, NOW + 2), (NOW - 10, NOW, NOW + 10), (NOW - 3000, NOW, NOW + 30)],
)
def test_an_act_that_could_not_be_followed_is_asked_about_later_each_time(
    begun: float, asked_at: float, again_at: float
) -> None:
    """As long again as it has been under way, within its backoff: each time costs a write."""
    status = at(
        "Unknown",
        error_class="Waiting",
        start_time=clock.stamp(begun),
        end_time=clock.stamp(asked_at),
    )
    backoff = {"initialSeconds": 2, "maxSeconds": 30}
    found = make(status=status, task=asked(timeoutSeconds=6000, backoff=backoff))
    early = decide(found, RUNNING, fleet=EXEC, now=again_at - 1)
    assert (verbs(early), state_written(early)) == ([], [])
    assert early.wake_after == pytest.approx(1)
    assert verbs(decide(found, RUNNING, fleet=EXEC, now=again_at)) == ["resume"]


def test_an_act_is_not_asked_about_while_its_fleet_is_away() -> None:
    """It stays unknown without a call or a write, until its fleet may be called again."""
    found = make(status=at("Unknown"), task=asked())
    pause = contract.Pause(reason=Reason.CIRCUIT_OPEN, message="Calls fail.", until=NOW + 600)
    away = decide(found, RUNNING, fleet=dataclasses.replace(EXEC, pause=pause))
    assert (verbs(away), state_written(away)) == ([], [])
    assert away.wake_after is not None
    assert away.wake_after <= 30
    assert verbs(decide(found, RUNNING, fleet=EXEC)) == ["resume"]


def test_an_act_that_could_never_be_followed_fails_in_its_time() -> None:
    """Its time counts from the beginning: nobody knows then whether it took effect."""
    found = make(
        status=at("Unknown", error_class="Waiting", end_time=clock.stamp(NOW)), task=asked()
    )
    answer = decide(found, RUNNING, fleet=EXEC, now=NOW + 61)
    assert (verbs(answer), state_written(answer)) == ([], ["Failed"])
    patch = answer.actions[0]
    assert isinstance(patch, plan.Patch)
    assert patch.body["status"]["task"]["errorClass"] == "Unknown"


def test_nothing_begins_without_a_name_to_claim_under() -> None:
    """`explain`, which has no name, shows a wait instead of a claim."""
    answer = decide(make(status=running(), task=asked()), RUNNING, fleet=EXEC, holder="")
    assert answer.actions == ()


def test_what_no_operation_asks_for_never_begins() -> None:
    """A task that a person writes is waited with, looked at again, and failed in its time."""
    found = make(status=running(), task=asked())
    waits = decide(found, RUNNING, fleet=EXEC, unasked=True)
    assert waits.actions == ()
    assert waits.wake_after is not None
    assert waits.wake_after <= 30
    assert "no operation go of this application asks for this task" in " ".join(waits.notes)
    late = decide(found, RUNNING, fleet=EXEC, unasked=True, now=NOW + 61)
    assert (verbs(late), state_written(late)) == ([], ["Failed"])


@pytest.mark.parametrize("action", ["Exec", "Stop"])
@pytest.mark.parametrize("given", [0.0, NOW - 200, NOW + 1e6])
def test_what_no_operation_asks_for_ends_whatever_it_says_of_time(
    action: str, given: float
) -> None:
    """No bound of its own keeps rollouts and evictions off the server for longer than ours."""
    found = make(status=running(), task=asked(action, given=given, timeoutSeconds=10**9))
    end = NOW + task.UNASKED_SECONDS
    assert told_of_task(decide(found, RUNNING, fleet=EXEC, unasked=True, now=end)) == "Failed"
    assert told_of_task(decide(found, RUNNING, fleet=EXEC, now=end)) != "Failed"


def told_of_task(answer: plan.Plan) -> str:
    """Return the state of the task that is written, alone or with the rest of the status."""
    if isinstance(answer.status, objects.ServerStatus) and answer.status.task is not None:
        return answer.status.task.state
    return "".join(state_written(answer))


class Operations:
    """Caches that hold operations alone."""

    def __init__(self, *found: objects.Operation) -> None:
        self.objects = {(each.metadata.namespace, each.metadata.name): each for each in found}

    def of(self, view: type[objects.Object]) -> Operations:
        """Return the operations, whatever is asked for."""
        assert view is objects.Operation
        return self


@pytest.mark.parametrize(
    ("name", "application", "unasked"),
    [("go", "shop", False), ("go", "bank", True), ("other", "shop", True)],
)
def test_an_operation_stands_behind_the_tasks_of_its_own_application(
    name: str, application: str, *, unasked: bool
) -> None:
    """Another application's operation is no excuse, nor is one that is not there."""
    found = make(status=running(), task=asked())
    meta = objects.Meta(name=name, namespace=found.metadata.namespace, uid="o1")
    spec = objects.OperationSpec(application=application, action="Steps")
    caches: Any = Operations(objects.Operation(metadata=meta, spec=spec))
    assert gather._is_unasked(caches, found) is unasked
    assert not gather._is_unasked(caches, make(status=running()))


@pytest.mark.parametrize(
    ("outcome", "on_unknown", "state", "failed"),
    [
        (TaskResult(task="t1", state="Succeeded"), "Fail", "Succeeded", False),
        (TaskResult(task="t1", state="Failed", error_class="Terminal"), "Fail", "Failed", True),
        (TaskResult(task="t1", state="Failed", error_class="Transient"), "Fail", "Pending", None),
        (TaskResult(task="t1", state="Failed", error_class="Unknown"), "Fail", "Failed", True),
        (TaskResult(task="t1", state="Failed", error_class="Unknown"), "Rerun", "Pending", None),
    ],
)
def test_how_an_act_ended_is_recorded(
    outcome: TaskResult, on_unknown: str, state: str, *, failed: bool | None
) -> None:
    """An end leaves a checkpoint, passed or failed; what may run again leaves none."""
    found = make(status=at("Started"), task=asked(onUnknown=on_unknown))
    after = task.finished(found, outcome, NOW)
    assert after is not None
    assert after.task is not None
    assert after.task.state == state
    assert [each.failed for each in after.checkpoints] == ([] if failed is None else [failed])


@pytest.mark.parametrize(("cancel", "waited"), [(True, 61), (True, 1), (False, 1)])
def test_an_act_that_was_cancelled_says_so(*, cancel: bool, waited: int) -> None:
    """A cancel, or a deletion of the server, is no failure of the act, however late it comes."""
    found = make(status=at("Started"), task=asked(cancel=cancel))
    after = task.finished(found, TaskResult(task="t1", state="Cancelled"), NOW + waited)
    assert after is not None
    assert after.task is not None
    assert after.task.state == "Cancelled"
    assert [each.failed for each in after.checkpoints] == [True]


def test_attempts_run_out() -> None:
    """The last attempt that fails is the end."""
    found = make(status=at("Started", attempt=2), task=asked())
    outcome = TaskResult(task="t1", state="Failed", error_class="Transient")
    after = task.finished(found, outcome, NOW)
    assert after is not None
    assert after.task is not None
    assert after.task.state == "Failed"


def test_an_outcome_that_nobody_waits_for_is_dropped() -> None:
    """A late result of an act that was given up, or of another task, changes nothing."""
    late = TaskResult(task="t1", state="Succeeded")
    assert task.finished(make(status=at("Cancelled"), task=asked()), late, NOW) is None
    other = TaskResult(task="t0", state="Succeeded")
    assert task.finished(make(status=at("Started"), task=asked()), other, NOW) is None
    assert task.finished(make(status=at("Started")), late, NOW) is None


def test_what_a_fleet_cannot_do_is_refused_with_a_reason() -> None:
    """A snapshot where the provider has none fails at once, and says NotSupported."""
    answer = decide(make(status=running(), task=asked(tasks.SNAPSHOT)), RUNNING)
    patch = answer.actions[0]
    assert isinstance(patch, plan.Patch)
    assert patch.body["status"]["task"]["state"] == "Failed"
    assert "NotSupported" in patch.body["status"]["task"]["message"]
    assert patch.body["status"]["checkpoints"][0]["failed"] is True


def test_an_act_that_takes_too_long_is_cancelled_and_failed() -> None:
    """Its time counts from the claim; the claim stands while the provider ends the act."""
    found = make(status=at("Started"), task=asked(graceSeconds=20))
    answer = decide(found, RUNNING, now=NOW + 61, fleet=EXEC, acting="t1")
    assert (verbs(answer), state_written(answer)) == (["cancel"], [])
    assert answer.wake_after == pytest.approx(19)
    given_up = decide(found, RUNNING, now=NOW + 81, fleet=EXEC, acting="t1")
    assert state_written(given_up) == ["Failed"]
    nobody = decide(found, RUNNING, now=NOW + 61, fleet=EXEC)
    assert (verbs(nobody), state_written(nobody)) == ([], ["Failed"])


@pytest.mark.parametrize("action", ["Exec", "Job"])
def test_an_act_that_was_ended_for_its_time_has_failed_for_good(action: str) -> None:
    """Nobody cancelled it, so it has not been cancelled; nor does it begin a second time."""
    found = make(status=at("Started"), task=asked(action, onUnknown="Rerun"))
    ended = TaskResult(task="t1", state="Cancelled", message="More.")
    after = task.finished(found, ended, NOW + 61)
    assert after is not None
    assert after.task is not None
    assert (after.task.state, after.task.error_class) == ("Failed", "Unknown")
    assert after.task.message == "Not done within 60 seconds. More."
    assert [each.failed for each in after.checkpoints] == [True]


def test_cancel_before_the_beginning_and_after_a_crash_is_immediate() -> None:
    """What never began, or nobody is at any more, ends as Cancelled in one write."""
    for status in (running(), at("Started", claimed_by="old")):
        found = make(status=status, task=asked(cancel=True, cancelled=NOW))
        assert state_written(decide(found, RUNNING, fleet=EXEC)) == ["Cancelled"]


def test_cancel_gives_an_act_its_grace_and_no_more() -> None:
    """Within the grace the provider is asked to end it; after it, it is given up."""
    found = make(status=at("Started"), task=asked(cancel=True, cancelled=NOW, graceSeconds=20))
    within = decide(found, RUNNING, now=NOW + 5, fleet=EXEC, acting="t1")
    assert (verbs(within), state_written(within)) == (["cancel"], [])
    assert within.wake_after == pytest.approx(15)
    after = decide(found, RUNNING, now=NOW + 21, fleet=EXEC, acting="t1")
    assert state_written(after) == ["Cancelled"]


@pytest.mark.parametrize("action", ["Restart", "Replace"])
def test_a_restart_is_done_when_the_new_incarnation_is_ready(action: str) -> None:
    """It is neither claimed nor written until it is done, and then in the write that says Ready."""
    given = asked(action, incarnation=2)
    found = make(status=running(), task=given, incarnation=2, generation=2)
    before = decide(found, RUNNING)
    assert (verbs(before), before.status) == (["delete"], None)
    new = contract.Observation(
        phase=contract.Phase.RUNNING,
        id="i2",
        revision="r1",
        incarnation=2,
        ready=True,
        ready_since=NOW,
    )
    after = told(decide(found, new))
    assert after.task is not None
    assert after.task.state == "Succeeded"
    assert [(each.step, each.incarnation) for each in after.checkpoints] == [("drain", 2)]


def test_a_checkpoint_is_of_the_incarnation_that_is_there() -> None:
    """A remediation in the middle of a restart makes yet another incarnation; that one passed."""
    found = make(status=running(), task=asked("Restart", incarnation=2), incarnation=3)
    new = dataclasses.replace(RUNNING, id="i3", incarnation=3)
    assert [each.incarnation for each in told(decide(found, new)).checkpoints] == [3]


def test_a_restart_of_a_server_that_failed_for_good_ends_too() -> None:
    """Waiting for what Argosy gave up would never end."""
    spent = objects.Attempts(
        count=5,
        revision="r1",
        incarnation=2,
        instance="i2",
        last_error=objects.LastError(class_="Transient", message="broken"),
    )
    status = msgspec.structs.replace(running(), attempts=spent)
    found = make(status=status, task=asked("Restart", incarnation=2), incarnation=2)
    after = told(decide(found, contract.ABSENT))
    assert after.task is not None
    assert (after.task.state, after.task.error_class) == ("Failed", "Terminal")


def test_a_task_without_an_id_is_no_act_that_runs() -> None:
    """Ending what nobody carries out would end at once, and be ordered again, without end."""
    nameless = msgspec.structs.replace(asked(), id="")
    found = make(task=nameless, meta={"deletion_timestamp": "2023-11-14T22:13:20Z"})
    assert verbs(decide(found, RUNNING)) == ["delete"]


def test_a_server_that_goes_has_its_act_ended() -> None:
    """Deletion cancels what still runs in the server."""
    found = make(
        status=at("Started"), task=asked(), meta={"deletion_timestamp": "2023-11-14T22:13:20Z"}
    )
    assert verbs(decide(found, RUNNING, acting="t1")) == ["cancel", "delete"]
    # What has ended needs no end, and its outcome nobody to wait for it.
    assert verbs(decide(found, RUNNING, acting="t1", concluded=True)) == ["delete"]


@pytest.mark.parametrize("state", ["Started", "Unknown"])
@pytest.mark.parametrize("late", [0, 61, 600])
@pytest.mark.parametrize("cancel", [False, True])
def test_an_act_that_has_ended_only_waits_for_its_outcome_to_be_written(
    state: str, late: float, *, cancel: bool
) -> None:
    """Neither its time, nor a cancel, nor another claim changes how it ended."""
    found = make(status=at(state), task=asked(cancel=cancel, cancelled=NOW))
    answer = decide(found, RUNNING, now=NOW + late, fleet=EXEC, acting="t1", concluded=True)
    assert (verbs(answer), state_written(answer)) == ([], [])
