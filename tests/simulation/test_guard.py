"""Whatever fails for one object ends with that object: told there, counted, and tried again."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from structlog import testing

from controller.api import objects
from controller.api.choices import TaskState
from controller.api.resources import Resource
from controller.execution.dispatcher import Dispatcher
from controller.kinds.server.kind import SERVER
from controller.kube.api import ExecResult
from controller.planning.caches import Caches
from controller.planning.wakes import Change, Wake, Wakes
from controller.telemetry import metrics
from fakes.universe import Universe, application, component, operation, with_kind

pytestmark = pytest.mark.looptime

NONSENSE: tuple[Any, ...] = (
    {"timeoutSeconds": "soon"},
    {"given": -1e300},
    {"incarnation": 10**300},
    {"backoff": {"factor": 10**18}},
    {"passed": {"not": "a list"}},
    {"exec": 7, "onUnknown": []},
)


def ready(universe: Universe, name: str) -> bool:
    """Return whether the application is Ready at its current generation."""
    body = universe.get(Resource.APPLICATIONS, name)
    found = universe.condition(Resource.APPLICATIONS, name)
    seen = body.get("status", {}).get("observedGeneration")
    return found.get("status") == "True" and seen == body["metadata"]["generation"]


async def gone(universe: Universe, name: str) -> None:
    """Delete an application, and return when nothing is left of it."""
    await universe.delete(Resource.APPLICATIONS, name)
    await universe.until(
        lambda: not any(
            each.partition("-")[0] == name
            for resource in (
                Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS, Resource.PODS,
                Resource.REVISIONS,
            )
            for each in universe.names(resource)
        )
    )  # fmt: skip


async def is_acting(universe: Universe, started: asyncio.Event, name: str) -> None:
    """Have the server run a command, and return when it does and its status says so."""
    step = {"name": "run", "exec": {"command": ["work"]}, "timeoutSeconds": 3600}
    await universe.apply(operation("act", "shop", "Steps", steps=[step], concurrency=1))
    await started.wait()
    await universe.until(
        lambda: (
            universe.get(Resource.SERVERS, name)["status"].get("task", {}).get("state")
            == TaskState.STARTED
        )
    )


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
async def test_parameters_overwritten_while_an_act_runs_fail_that_act_alone(nonsense: Any) -> None:
    """The engine goes on: the task fails and says why, others converge, and the delete ends."""
    async with Universe() as universe:
        started, over = asyncio.Event(), asyncio.Event()

        async def run(_namespace: str, _pod: str, _command: Sequence[str]) -> ExecResult:
            started.set()
            await over.wait()
            return ExecResult(exit_code=0)

        universe.server.on_exec = run
        await universe.apply(application("shop", component("web", 1)))
        await universe.apply(application("other", component("web", 1)))
        await universe.until(lambda: ready(universe, "shop") and ready(universe, "other"))
        await is_acting(universe, started, "shop-web-0")
        spec = {"task": {"parameters": None}}
        await universe.merge(Resource.SERVERS, "shop-web-0", {"spec": spec})
        spec = {"task": {"parameters": nonsense}}
        await universe.merge(Resource.SERVERS, "shop-web-0", {"spec": spec})
        over.set()
        await universe.settle()
        told = universe.get(Resource.SERVERS, "shop-web-0")["status"]["task"]
        assert (told["state"], told["errorClass"]) == ("Failed", "Terminal")
        assert "cannot be read" in told["message"]
        assert universe.condition(Resource.OPERATIONS, "act", "Succeeded")["status"] == "False"
        await universe.apply(application("other", component("web", 2)))
        await universe.until(lambda: ready(universe, "other"))
        await gone(universe, "shop")


async def test_an_outcome_that_cannot_be_written_stops_that_server_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A crash beside planning is told on its object, counted, and forgotten when it passes."""
    whole, broken = Dispatcher.finish_act, {"shop-web-0"}

    def finish(self: Dispatcher, key: Any, record: Any, item: objects.Object) -> bool:
        if item.metadata.name in broken:
            raise ZeroDivisionError("y" * 100_000)
        return whole(self, key, record, item)

    monkeypatch.setattr(Dispatcher, "finish_act", finish)
    async with Universe() as universe:
        before = count()
        with testing.capture_logs() as logs:
            await universe.apply(application("shop", component("web", 2)))
            await universe.until(
                lambda: universe.condition(Resource.SERVERS, "shop-web-1").get("status") == "True"
            )
            await universe.settle()
        said = universe.condition(Resource.SERVERS, "shop-web-0", "Stalled")
        assert said["reason"] == "InternalError"
        assert len(said["message"]) < 1000
        assert count() > before
        told = [each for each in logs if each["event"] == "planning failed"]
        assert [each["key"] for each in told] == ["servers/default/shop-web-0"]
        # Backed off: a minute costs a few looks.
        before = count()
        await universe.settle(quiet=300)
        assert 4 <= count() - before <= 15
        broken.clear()
        await universe.until(lambda: ready(universe, "shop"))
        assert not universe.condition(Resource.SERVERS, "shop-web-0", "Stalled")
        await gone(universe, "shop")


async def test_a_callback_that_fails_keeps_a_change_from_nobody_else() -> None:
    """The watch goes on, the object is looked at all the same, and an Event on it says so."""

    def broken(caches: Caches, change: Change[objects.Server]) -> Iterable[Wake]:
        if change.item.metadata.name == "shop-web-0":
            raise ZeroDivisionError("a bug")
        return SERVER.follows[objects.Server](caches, change)

    follows: dict[type[objects.Object], Wakes] = {**SERVER.follows, objects.Server: broken}
    kinds = with_kind(dataclasses.replace(SERVER, follows=follows))
    async with Universe(kinds=kinds) as universe:
        before = count()
        await universe.apply(application("shop", component("web", 2)))
        await universe.apply(application("other", component("web", 1)))
        await universe.until(lambda: ready(universe, "other"))
        await universe.until(
            lambda: universe.condition(Resource.SERVERS, "shop-web-0").get("status") == "True"
        )
        await universe.settle()
        assert count() > before
        said = {
            (each["regarding"]["name"], each["reason"])
            for each in universe.server.objects[Resource.EVENTS].values()
        }
        assert ("shop-web-0", "InternalError") in said


def count() -> float:
    """Return how many visits and callbacks about servers have failed so far."""
    line = 'argosy_reconcile_errors_total{controller="servers"}'
    rows = (each.rpartition(" ") for each in metrics.render().decode().splitlines())
    return next((float(value) for name, _, value in rows if name == line), 0.0)


async def test_a_call_that_no_line_can_be_found_for_leaves_no_key_waiting() -> None:
    """What is never asked is never answered: the key is tried again, and goes on when it can."""
    broken = {"shop-web-0"}

    def flow(item: objects.Server) -> Any:
        if item.metadata.name in broken:
            raise ZeroDivisionError("a bug")
        return SERVER.flow(item)

    async with Universe(kinds=with_kind(dataclasses.replace(SERVER, flow=flow))) as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.until(
            lambda: universe.condition(Resource.SERVERS, "shop-web-1").get("status") == "True"
        )
        assert "shop-web-0" not in universe.names(Resource.PODS)
        broken.clear()
        await universe.until(lambda: ready(universe, "shop"), patience=120)
        await gone(universe, "shop")
