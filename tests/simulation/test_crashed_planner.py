"""A planner that fails on an object is our bug: told once, marked, forgotten when it works."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from structlog import testing

from controller.api.resources import Resource
from controller.kinds.server.kind import SERVER
from fakes.universe import Universe, application, component, with_kind

pytestmark = pytest.mark.looptime


async def test_a_planner_that_fails_again_after_success_is_told_again() -> None:
    """One traceback for each time that it breaks, however often it is tried; Stalled meanwhile."""
    broken: set[str] = set()

    def plan(found: Any) -> Any:
        if found.server.metadata.name in broken:
            raise ZeroDivisionError("a bug")
        return SERVER.plan(found)

    def stalled(universe: Universe) -> bool:
        found = universe.condition(Resource.SERVERS, "shop-web-0", "Stalled")
        return found.get("reason") == "InternalError"

    kinds = with_kind(dataclasses.replace(SERVER, plan=plan))
    async with Universe(kinds=kinds) as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        for _ in range(2):
            with testing.capture_logs() as logs:
                broken.add("shop-web-0")
                for number in range(5):
                    note = {"metadata": {"annotations": {"example.com/n": str(number)}}}
                    await universe.merge(Resource.SERVERS, "shop-web-0", note)
                    await universe.settle(quiet=90)
                assert stalled(universe)
                broken.clear()
                await universe.until(lambda: not stalled(universe))
                await universe.settle(quiet=90)
            told = [each for each in logs if each["event"] == "planning failed"]
            assert len(told) == 1
            assert universe.condition(Resource.SERVERS, "shop-web-0")["status"] == "True"
