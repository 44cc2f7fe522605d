"""How attacks on a whole operator are played and judged; `test_hostile` and its likes have them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import looptime
from structlog import testing

from controller.api.resources import Resource
from fakes.universe import Universe, application, component

# So often a loop may go round before virtual time passes.
MOST_ROUNDS = 20_000
# What a guard logs once it has caught something.
FAILURES = {"planning failed", "callback failed", "call crashed", "crash not told", "act crashed"}


class _Loop(looptime.make_event_loop_class(asyncio.SelectorEventLoop)):  # type: ignore[misc]
    """A loop that does not go round for ever: no guard of the operator's would end that."""

    _rounds = 0
    _moment = -1.0

    def _run_once(self) -> None:
        self._rounds = self._rounds + 1 if self.time() == self._moment else 0
        self._moment = self.time()
        if self._rounds > MOST_ROUNDS:
            self._rounds = 0
            raise RuntimeError(f"time stands still after {self._moment} s")
        super()._run_once()


def play(siege: Coroutine[Any, Any, None]) -> None:
    """Run a siege on a loop in virtual time; nothing may even have been caught by a guard.

    Raises RuntimeError where time stands still: something orders itself again and again.
    """
    loop = _Loop()
    loop.setup_looptime()
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
