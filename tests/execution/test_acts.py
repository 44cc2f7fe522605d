"""Acts by themselves: whatever a provider tells of one reaches the status of its task."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import clock, objects
from controller.api.choices import TaskState
from controller.api.reasons import Reason
from controller.contract import tasks
from controller.execution.acts import Acts
from controller.kinds.server import task
from controller.kube import faults
from controller.planning import keys
from controller.planning.keys import Key
from controller.reasons import ForeignReason

pytestmark = pytest.mark.looptime

KEY = keys.server("default", "shop-web-0")
TASK = objects.Task(id="photo-1", operation="photo", action=tasks.SNAPSHOT)
FOUND = {"message": "done", "snapshot": "photo", "size": "12"}


def known_errors(above: type[errors.ArgosyError]) -> Iterator[errors.ArgosyError]:
    """Yield an error of each class that there is below one, but for those of tests."""
    for each in above.__subclasses__():
        if each.__module__ in (errors.__name__, faults.__name__):
            yield each("no", reason=ForeignReason(f"{each.__module__}.{each.__name__}"))
        yield from known_errors(each)


ERRORS = {each.reason: each for each in known_errors(errors.ArgosyError)}


async def ended(
    verb: str, answer: contract.Facts | Exception, asked: contract.Verb = contract.Verb.ACT
) -> tasks.TaskResult:
    """Let a provider answer an act, or its cancel, and return what is remembered of the act."""
    finished: asyncio.Queue[Key] = asyncio.Queue()
    acts = Acts(finished=finished.put_nowait)
    call = contract.Call(verb=asked, why="test", task=TASK, instance="pod-1")

    async def ask() -> contract.Facts:
        if isinstance(answer, Exception):
            raise answer
        return answer

    getattr(acts, verb)(KEY, call, ask)
    assert await finished.get() == KEY
    outcome = acts.outcome(KEY)
    assert outcome is not None
    return outcome


def server(
    action: str = tasks.SNAPSHOT, *, attempt: int = 1, state: str = TaskState.STARTED, **given: Any
) -> objects.Server:
    """Return a server whose act has been begun."""
    asked = {"attempts": 3, **given}
    parameters = msgspec.Raw(msgspec.json.encode(asked))
    begun = objects.TaskStatus(
        id=TASK.id, state=state, attempt=attempt, start_time=clock.stamp(1), claimed_by="me"
    )
    return objects.Server(
        metadata=objects.Meta(name="shop-web-0", namespace="default", uid="u1"),
        spec=objects.ServerSpec(
            application="shop", component="web", ordinal=0,
            task=msgspec.structs.replace(TASK, action=action, parameters=parameters),
        ),
        status=objects.ServerStatus(task=begun),
    )  # fmt: skip


def written(outcome: tasks.TaskResult) -> objects.TaskStatus:
    """Return the task's status once the outcome is written."""
    after = task.finished(server(), outcome, 5.0)
    assert after is not None
    assert after.task is not None
    return after.task


@pytest.mark.parametrize(("verb", "state"), [("start", "Succeeded"), ("cancel", "Cancelled")])
async def test_facts_reach_the_status_of_the_task(verb: str, state: str) -> None:
    """All that a provider tells is there for programs, and its message for people."""
    seen = written(await ended(verb, FOUND))
    assert (seen.state, seen.message) == (state, "done")
    assert seen.facts == {"snapshot": "photo", "size": "12"}


@pytest.mark.parametrize(("verb", "state"), [("start", "Succeeded"), ("cancel", "Cancelled")])
async def test_an_act_that_tells_nothing_has_no_facts(verb: str, state: str) -> None:
    """Nothing of an earlier attempt stands there as if it were this one's."""
    seen = written(await ended(verb, {}))
    assert (seen.state, seen.message, seen.facts) == (state, "", {})


@pytest.mark.parametrize("kind", list(errors.FailureKind))
async def test_an_act_that_fails_says_of_which_kind_that_is(kind: errors.FailureKind) -> None:
    """Every kind of failure has a word for the task, by the error's policy and not its class."""

    class Odd(errors.ArgosyError):
        policy = errors.Policy(kind=kind)

    outcome = await ended("start", Odd("no", reason=ForeignReason("Odd"), facts=FOUND))
    assert outcome.state == "Failed"
    assert outcome.error_class == {
        errors.FailureKind.REFUSED: "Terminal",
        errors.FailureKind.UNKNOWN: "Unknown",
    }.get(kind, "Transient")
    assert outcome.message == "no"
    assert outcome.facts == FOUND


class Shut(errors.ArgosyError):
    """What holds calls back, by its policy alone."""

    policy = errors.Policy(kind=errors.FailureKind.WAITING, sent=False)


@pytest.mark.parametrize(
    "error",
    [
        Shut("no", reason=ForeignReason("Shut")),
        errors.NotSent("the fleet attic is being opened", reason=Reason.FLEET_OPENING),
        errors.NotSent("many calls failed", reason=Reason.CIRCUIT_OPEN),
        errors.Outage("nobody answers", reason=Reason.UNREACHABLE),
    ],
    ids=lambda each: each.reason,
)
async def test_what_was_not_sent_is_no_attempt(error: errors.ArgosyError) -> None:
    """By the policy: nothing has begun, so the act waits, with all its attempts before it."""
    told = written(await ended("start", error))
    assert (told.state, told.attempt, told.error_class) == ("Pending", 0, "Waiting")


def is_not_tried(error: errors.ArgosyError) -> bool:
    """Return whether a call that ends so has told nothing of what it was about."""
    away = error.policy.works is False and error.policy.kind is errors.FailureKind.FAILED
    return away or not error.policy.sent


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
async def test_a_command_of_unknown_outcome_is_begun_again_for_no_error(
    error: errors.ArgosyError,
) -> None:
    """With onUnknown Fail: a successor that was to follow it runs it no second time.

    What the provider calls a failure that may pass is how the command itself ended, which it saw.
    """
    outcome = await ended("start", error, contract.Verb.RESUME)
    before = server(tasks.EXEC, attempt=2, state=TaskState.UNKNOWN)
    after = task.finished(before, outcome, 5.0)
    assert after is not None
    assert after.task is not None
    seen = after.task.state
    if is_not_tried(error):
        assert seen == "Unknown"
    elif error.policy.kind is errors.FailureKind.FAILED:
        assert seen == "Pending"
        assert after.task.attempt == 2
    else:
        assert seen == "Failed"
        refused = error.policy.kind is errors.FailureKind.REFUSED
        assert after.task.error_class == ("Terminal" if refused else "Unknown")


@pytest.mark.parametrize("action", [tasks.EXEC, tasks.HTTP, tasks.SNAPSHOT, tasks.JOB])
@pytest.mark.parametrize("choice", ["Fail", "Rerun"])
@pytest.mark.parametrize("reason", [Reason.FLEET_OPENING, Reason.CIRCUIT_OPEN])
async def test_what_could_not_be_followed_stays_unknown(
    action: str, choice: str, reason: Reason
) -> None:
    """Nothing was heard of the act: its claim, its attempt and its time stand, and no step ends."""
    error = errors.NotSent("many calls failed", reason=reason)
    outcome = await ended("start", error, contract.Verb.RESUME)
    before = server(action, attempt=1, state=TaskState.UNKNOWN, onUnknown=choice)
    after = task.finished(before, outcome, 5.0)
    assert before.status.task is not None
    assert after == msgspec.structs.replace(
        before.status,
        task=msgspec.structs.replace(
            before.status.task,
            message="many calls failed",
            error_class="Waiting",
            end_time=clock.stamp(5),
        ),
    )


@pytest.mark.parametrize("bug", [KeyError("uid"), TimeoutError(), ConnectionResetError("gone")])
async def test_a_bug_in_the_middle_of_an_act_leaves_its_outcome_unknown(bug: Exception) -> None:
    """The act may have taken effect by then: a command is not begun again unless told to."""
    outcome = await ended("start", bug)
    assert (outcome.state, outcome.error_class) == ("Failed", "Unknown")
    assert outcome.message == repr(bug)
    again = {
        (action, choice): task.finished(server(action, onUnknown=choice), outcome, 5.0)
        for action in (tasks.EXEC, tasks.HTTP, tasks.SNAPSHOT)
        for choice in ("Fail", "Rerun")
    }
    states = {asked: after.task.state for asked, after in again.items() if after and after.task}
    assert states == {
        (tasks.EXEC, "Fail"): "Failed",
        (tasks.EXEC, "Rerun"): "Pending",
        (tasks.HTTP, "Fail"): "Failed",
        (tasks.HTTP, "Rerun"): "Pending",
        (tasks.SNAPSHOT, "Fail"): "Pending",
        (tasks.SNAPSHOT, "Rerun"): "Pending",
    }


@pytest.mark.parametrize("attempt", [1, 2, 3])
async def test_what_crashes_each_time_is_tried_as_often_as_recovery_says(attempt: int) -> None:
    """A bug does not pass as an outage does: an act that may run again does not do so for ever."""
    outcome = await ended("start", KeyError("uid"))
    after = task.finished(server(tasks.SNAPSHOT, attempt=attempt, attempts=2), outcome, 5.0)
    assert after is not None
    assert after.task is not None
    assert after.task.state == ("Pending" if attempt < 2 else "Failed")


def test_facts_are_bounded() -> None:
    """A provider that tells more than a status can hold is cut, and breaks no write."""
    many = {f"name-{each:03}" + "x" * 200: "y" * 5000 for each in range(40)}
    outcome = tasks.TaskResult(task=TASK.id, state=TaskState.SUCCEEDED, facts=many)
    seen = written(outcome)
    assert len(seen.facts) == task.MOST_FACTS
    assert all(len(name) <= task.LONGEST_NAME for name in seen.facts)
    assert all(len(text) <= task.LONGEST_FACT for text in seen.facts.values())
    assert len(msgspec.json.encode(seen)) < 64 * 1024


async def test_a_cancel_that_comes_after_the_end_changes_nothing() -> None:
    """How the act ended is not in its status yet: it ended so all the same."""
    finished: asyncio.Queue[Key] = asyncio.Queue()
    acts = Acts(finished=finished.put_nowait)
    call = contract.Call(verb=contract.Verb.ACT, why="test", task=TASK, instance="pod-1")

    async def ask() -> contract.Facts:
        return FOUND

    acts.start(KEY, call, ask)
    await finished.get()
    acts.cancel(KEY, call, ask)
    await asyncio.sleep(1)
    outcome = acts.outcome(KEY)
    assert outcome is not None
    assert outcome.state == "Succeeded"


async def test_of_a_server_that_is_gone_nothing_is_kept() -> None:
    """An act that was left is remembered until its server goes, however its slot has moved."""
    acts = Acts(finished=lambda _key: None)
    call = contract.Call(verb=contract.Verb.ACT, why="test", task=TASK, instance="pod-1")

    async def ask() -> contract.Facts:
        return await asyncio.Event().wait() and {}

    acts.start(KEY, call, ask, attempt=2)
    acts.leave(KEY)
    assert (acts.left(KEY), acts.keys()) == ((TASK.id, 2), [])
    acts.gone(KEY)
    assert acts.left(KEY) is None
