"""How attacks on a whole operator are played and judged; `test_hostile` and its likes have them."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import looptime
from structlog import testing

from controller.api.resources import Resource
from fakes.universe import Universe, application, component

# What a guard logs once it has caught something.
FAILURES = {"planning failed", "callback failed", "call crashed", "crash not told", "act crashed"}


def play(siege: Coroutine[Any, Any, None]) -> None:
    """Run a siege on a loop in virtual time; nothing may even have been caught by a guard."""
    loop = looptime.new_event_loop()
    try:
        with testing.capture_logs() as logs:
            loop.run_until_complete(siege)
    finally:
        loop.close()
    assert [each for each in logs if each["event"] in FAILURES] == []


async def spared_grows(universe: Universe) -> None:
    """Have the application that nobody attacks grow to three servers, and see that it does."""
    await universe.apply(application("other", component("web", 3)))
    await universe.until(
        lambda: (
            [each for each in universe.names(Resource.PODS) if each.startswith("other")]
            == ["other-web-0", "other-web-1", "other-web-2"]
            and universe.condition(Resource.APPLICATIONS, "other")["status"] == "True"
        )
    )
