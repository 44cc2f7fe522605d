"""Many operations that wait: each for the one before it alone, and so many as may be open."""

from __future__ import annotations

import asyncio
import collections
import dataclasses

import pytest

from controller.api.resources import Resource
from controller.kinds.operation import open_operations
from controller.kinds.operation.kind import OPERATION
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import plan
from fakes.api_server import Behaviour
from fakes.universe import Universe, application, component, operation, with_kind

pytestmark = pytest.mark.looptime

WAITING = 40


class Counted(Universe):
    """A cluster whose operator counts how often it plans each operation."""

    def __init__(self) -> None:
        self.plans: collections.Counter[str] = collections.Counter()
        # The most operations that each was ever planned beside.
        self.beside: collections.Counter[str] = collections.Counter()

        def counting(snapshot: OperationSnapshot) -> plan.Plan:
            name = snapshot.operation.metadata.name
            self.plans[name] += 1
            count = len(snapshot.others) + len(snapshot.remembered)
            self.beside[name] = max(self.beside[name], count)
            return OPERATION.plan(snapshot)

        super().__init__(kinds=with_kind(dataclasses.replace(OPERATION, plan=counting)))

    async def open(self, servers: int) -> None:
        """Let an application of one component come up."""
        await self.apply(application("shop", component("web", servers)))
        await self.settle()

    def reason(self, name: str) -> str:
        """Return why the operation is where it is."""
        return str(self.condition(Resource.OPERATIONS, name, "Succeeded").get("reason", ""))

    def ended(self, name: str) -> bool:
        """Return whether the operation is over."""
        said = self.condition(Resource.OPERATIONS, name, "Succeeded")
        return said.get("status") in ("True", "False")

    def blockers(self, name: str) -> list[str]:
        """Return what the operation says that it waits for."""
        told = self.get(Resource.OPERATIONS, name)["status"].get("blockedBy") or []
        return [each["object"] for each in told]


def numbered(number: int) -> str:
    """Return a name whose order is that of the numbers."""
    return f"op-{number:03}"


async def test_a_waiting_operation_names_the_one_before_it_and_is_left_alone() -> None:
    """However many wait while servers come and go, those behind another one are not planned."""
    async with Counted() as universe:
        await universe.open(20)
        await universe.apply(operation("first", "shop", "Restart", concurrency=1))
        await universe.until(lambda: universe.reason("first") == "Running")
        for number in range(WAITING):
            cycle = [{"name": f"s{number}", "action": "Restart"}]
            await universe.apply(operation(numbered(number), "shop", "Steps", steps=cycle))
        await universe.until(lambda: all(map(universe.blockers, map(numbered, range(WAITING)))))
        assert universe.blockers(numbered(0)) == ["Operation/first"]
        for number in range(1, WAITING):
            assert universe.blockers(numbered(number)) == [f"Operation/{numbered(number - 1)}"]
        universe.plans.clear()
        since = len(universe.server.writes)
        await universe.until(lambda: universe.ended("first"))
        waiting = sum(universe.plans[numbered(each)] for each in range(1, WAITING))
        assert universe.plans["first"] >= 10
        assert waiting <= 2
        told = {
            each.name
            for each in universe.server.writes[since:]
            if each.resource is Resource.OPERATIONS and each.cause.actor == "argosy"
        }
        assert told <= {"first", numbered(0)}


async def test_the_next_one_begins_when_the_one_before_it_ends_or_steps_aside() -> None:
    """Ended, cancelled, deleted or paused: whoever waits for it has its turn at once."""
    async with Counted() as universe:
        await universe.open(3)
        await universe.apply(operation("first", "shop", "Restart", concurrency=1))
        for number in range(4):
            steps = [{"name": f"s{number}", "action": "Restart"}]
            await universe.apply(operation(numbered(number), "shop", "Steps", steps=steps))
        await universe.until(lambda: universe.blockers(numbered(3)) == [f"Operation/{numbered(2)}"])
        await universe.merge(Resource.OPERATIONS, numbered(2), {"spec": {"cancelled": True}})
        await universe.until(lambda: universe.blockers(numbered(3)) == [f"Operation/{numbered(1)}"])
        await universe.delete(Resource.OPERATIONS, numbered(1))
        await universe.until(lambda: universe.blockers(numbered(3)) == [f"Operation/{numbered(0)}"])
        await universe.merge(Resource.OPERATIONS, numbered(0), {"spec": {"paused": True}})
        await universe.until(lambda: universe.ended(numbered(3)), patience=200)
        assert universe.reason(numbered(3)) == "Completed"
        await universe.merge(Resource.OPERATIONS, numbered(0), {"spec": {"paused": False}})
        await universe.until(lambda: universe.ended(numbered(0)), patience=200)
        assert universe.reason(numbered(0)) == "Completed"


@pytest.mark.parametrize("gap", [0.0, 0.01, 0.1, 1.0])
async def test_a_later_duplicate_supersedes_one_that_waits_behind_another(gap: float) -> None:
    """Although it is planned for nothing else, a waiting Restart notices who asks for the same."""
    async with Counted() as universe:
        await universe.open(3)
        universe.kubelet.behave = lambda _: Behaviour(start_seconds=100.0)
        await universe.apply(operation("first", "shop", "Restart", servers="0"))
        await asyncio.sleep(3)
        await universe.apply(operation("one", "shop", "Restart"))
        await asyncio.sleep(gap)
        await universe.apply(operation("two", "shop", "Restart"))
        await universe.until(lambda: universe.ended("one"), patience=5)
        assert universe.reason("one") == "Superseded"


async def test_an_application_has_a_bounded_number_of_open_operations() -> None:
    """One more than may be open ends as Failed, and says why; a retry of it waits for room."""
    async with Counted() as universe:
        await universe.open(1)
        for number in range(open_operations.MOST_OPEN):
            await universe.apply(operation(numbered(number), "shop", "Restart", paused=True))
        await universe.settle()
        await universe.apply(operation("many", "shop", "Restart"))
        await universe.apply(operation("elsewhere", "blog", "Restart"))
        await universe.until(lambda: universe.ended("many"))
        said = universe.condition(Resource.OPERATIONS, "many", "Succeeded")
        assert said["reason"] == "Failed"
        assert said["message"].startswith("TooManyOperations: ")
        assert not any(universe.ended(numbered(each)) for each in range(open_operations.MOST_OPEN))
        assert universe.reason("elsewhere") == "Waiting"
        await universe.merge(Resource.OPERATIONS, "many", {"spec": {"retry": {"id": "again"}}})
        await universe.settle()
        assert universe.reason("many") == "Failed"
        await universe.merge(Resource.OPERATIONS, numbered(0), {"spec": {"cancelled": True}})
        await universe.until(lambda: universe.reason("many") == "Completed", patience=120)


async def test_neither_names_nor_finalizers_get_an_operation_past_the_bound() -> None:
    """What is open already stays; one that was born with our finalizer is counted all the same."""
    async with Counted() as universe:
        await universe.open(1)
        for number in range(open_operations.MOST_OPEN):
            await universe.apply(operation(f"z{number}", "shop", "Restart", paused=True))
        await universe.settle()
        body = operation("a-first-by-name", "shop", "Restart")
        body["metadata"]["finalizers"] = ["argosy.dev/finalizer"]
        await universe.apply(body)
        await universe.until(lambda: universe.ended("a-first-by-name"))
        assert universe.reason("a-first-by-name") == "Failed"
        await universe.settle()
        assert not any(universe.ended(f"z{each}") for each in range(open_operations.MOST_OPEN))


async def test_operations_that_are_over_cost_the_next_ones_nothing() -> None:
    """Thousands that were refused are neither looked at any more, nor named in tasks of servers.

    Each task names those whose checkpoints its server keeps; one that never ran has none.
    """
    async with Counted() as universe:
        await universe.open(2)
        steps = [{"name": "run", "exec": {"command": ["work"]}}]
        crowded = 3 * open_operations.MOST_OPEN
        for number in range(crowded):
            await universe.apply(operation(numbered(number), "shop", "Steps", steps=steps))
        await universe.settle()
        reasons = collections.Counter(universe.reason(numbered(each)) for each in range(crowded))
        assert reasons["Failed"] > open_operations.MOST_OPEN
        assert set(reasons) == {"Failed", "Completed"}
        since = len(universe.server.writes)
        await universe.apply(operation("next", "shop", "Steps", steps=steps))
        await universe.until(lambda: universe.reason("next") == "Completed")
        assert universe.beside["next"] == 0
        told = [
            each.after["spec"]["task"]["parameters"]
            for each in universe.server.writes[since:]
            if each.resource is Resource.SERVERS and each.after and "task" in each.after["spec"]
        ]
        assert told
        assert not any(each.get("open") for each in told)
