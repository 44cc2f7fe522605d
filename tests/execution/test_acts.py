"""Acts by themselves: whatever a provider tells of one reaches the status of its task."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from controller import contract, errors
from controller.api import clock, objects
from controller.api.choices import TaskState
from controller.contract import tasks
from controller.execution.acts import Acts
from controller.kinds.server import task
from controller.planning import keys
from controller.planning.keys import Key
from controller.reasons import ForeignReason

pytestmark = pytest.mark.looptime

KEY = keys.server("default", "shop-web-0")
TASK = objects.Task(id="photo-1", operation="photo", action=tasks.SNAPSHOT)
FOUND = {"message": "done", "snapshot": "photo", "size": "12"}


async def ended(verb: str, answer: contract.Facts | errors.ArgosyError) -> tasks.TaskResult:
    """Let a provider answer an act, or its cancel, and return what is remembered of the act."""
    finished: asyncio.Queue[Key] = asyncio.Queue()
    acts = Acts(finished=finished.put_nowait)
    call = contract.Call(verb=contract.Verb.ACT, why="test", task=TASK, instance="pod-1")

    async def ask() -> contract.Facts:
        if isinstance(answer, errors.ArgosyError):
            raise answer
        return answer

    getattr(acts, verb)(KEY, call, ask)
    assert await finished.get() == KEY
    outcome = acts.outcome(KEY)
    assert outcome is not None
    return outcome


def written(outcome: tasks.TaskResult) -> objects.TaskStatus:
    """Return the task's status once the outcome is written."""
    begun = objects.TaskStatus(
        id=TASK.id, state=TaskState.STARTED, attempt=1, start_time=clock.stamp(1)
    )
    server = objects.Server(
        metadata=objects.Meta(name="shop-web-0", namespace="default", uid="u1"),
        spec=objects.ServerSpec(application="shop", component="web", ordinal=0, task=TASK),
        status=objects.ServerStatus(task=begun),
    )
    after = task.finished(server, outcome, 5.0)
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


def test_facts_are_bounded() -> None:
    """A provider that tells more than a status can hold is cut, and breaks no write."""
    many = {f"name-{each:03}" + "x" * 200: "y" * 5000 for each in range(40)}
    outcome = tasks.TaskResult(task=TASK.id, state=TaskState.SUCCEEDED, facts=many)
    seen = written(outcome)
    assert len(seen.facts) == task.MOST_FACTS
    assert all(len(name) <= task.LONGEST_NAME for name in seen.facts)
    assert all(len(text) <= task.LONGEST_FACT for text in seen.facts.values())
    assert len(msgspec.json.encode(seen)) < 64 * 1024
