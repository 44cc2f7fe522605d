"""Random sequences of several operations on one application, beside edits by people and losses.

Whatever the script: each act is begun at most once in each instance and run, across all operations;
no more servers are down by what was asked than the largest limit in force allows; whoever waits
names an object that is there; and each operation ends.

`scripts` plays them. A seed that ever found something stays in FOUND.
"""

from __future__ import annotations

import asyncio
import collections
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import strategies as st

from controller import errors
from controller.api.resources import Resource
from controller.kube.api import ExecResult
from fakes.universe import Json, Universe, application, component, operation
from tests.simulation import scripts
from tests.simulation.test_waits import named

SEEDS = "0"
# Seeds that found something, and are played for ever: an operation that is named as it goes,
# a server that a person deletes while it is being made anew, and two restarts of different servers
# that each took down as many as one may.
FOUND = "2-3,7"
SCRIPTS, STEPS = 12, 25
THIS = "tests/simulation/test_several_operations.py"
SERVERS = 5
# The rollout's own limit, and the most that an operation asks for.
UNAVAILABLE, CONCURRENCY = 1, 2

# Reasons of an operation that has not ended.
GOES_ON = frozenset({
    "Pending", "Waiting", "Running", "Paused", "Cancelling", "Reverting", "CheckpointsFull",
})  # fmt: skip

VERBS = (
    "restart", "replace", "commands", "commands", "snapshot", "pause", "resume", "cancel", "retry",
    "forget", "image", "order", "hold", "release", "lose pod", "lose server", "crash", "wait",
)  # fmt: skip

steps = st.tuples(st.sampled_from(VERBS), st.integers(0, 1000))


class Player:
    """Plays a script on one application, and counts which commands were begun."""

    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        self.begun: collections.Counter[tuple[str, ...]] = collections.Counter()
        self.operations = 0
        self.image = 1
        universe.server.on_exec = self.run

    async def run(self, _namespace: str, pod: str, command: Sequence[str]) -> ExecResult:
        """Begin a command; what becomes of it follows from its words."""
        words = (pod, *command)
        # What one instance has passed does not count for the next one of its server.
        instance = self.universe.get(Resource.PODS, pod)["metadata"]["uid"]
        self.begun[instance, *words] += 1
        fate = zlib.crc32(" ".join(words).encode()) % 8
        await asyncio.sleep(30 if fate == 0 else 1)
        return ExecResult(exit_code=int(fate == 1), stdout=b"", stderr=b"")

    async def open(self, **spec: Any) -> None:
        """Declare the application as it is to be now."""
        rollout = {"maxUnavailable": UNAVAILABLE, "inPlace": "Never"}
        web = component("web", SERVERS, image=f"app:{self.image}", rollout=rollout)
        await self.universe.apply(application("shop", web, **spec))

    async def play(self, verb: str, number: int) -> None:
        """Let one thing happen; what makes no sense now does nothing."""
        try:
            await getattr(self, "_" + verb.replace(" ", "_"))(number)
        except (KeyError, errors.ArgosyError):
            return

    async def play_out(self, script: Sequence[tuple[str, int]]) -> None:
        """Play a script from the first server that is up to the end of all that it began."""
        await self.open()
        await self.universe.settle()
        for verb, number in script:
            await self.play(verb, number)
            await asyncio.sleep(0.3)
        await self.finish()

    async def _submit(self, number: int, action: str, **spec: Any) -> None:
        self.operations += 1
        more: Json = {"concurrency": 1 + number % CONCURRENCY, "timeoutSeconds": 300, **spec}
        if number % 3 == 0:
            more["servers"] = ("0-2", "3-4", "1,3")[number % 9 // 3]
        await self.universe.apply(operation(f"op-{self.operations}", "shop", action, **more))

    async def _restart(self, number: int) -> None:
        await self._submit(number, "Restart")

    async def _replace(self, number: int) -> None:
        await self._submit(number, "Replace")

    async def _snapshot(self, number: int) -> None:
        await self._submit(number, "Snapshot")

    async def _commands(self, number: int) -> None:
        def act(name: str) -> Json:
            return {"exec": {"command": [name, f"op-{self.operations + 1}", "$(RUN)"]}}

        one = {"name": "one", **act("once"), "compensate": act("undo"), "timeoutSeconds": 20}
        two = {"name": "two", **act("last"), "timeoutSeconds": 20}
        await self._submit(
            number, "Steps", steps=[one, two], parameters={"RUN": "first"},
            recovery={"attempts": 1}, failureBudget=number % 2, cancelGraceSeconds=5,
            onFailure=("Halt", "Revert")[number // 2 % 2],
        )  # fmt: skip

    async def _edit(self, number: int, **spec: Any) -> None:
        if self.operations:
            name = f"op-{1 + number % self.operations}"
            await self.universe.merge(Resource.OPERATIONS, name, {"spec": spec})

    async def _pause(self, number: int) -> None:
        await self._edit(number, paused=True)

    async def _resume(self, number: int) -> None:
        await self._edit(number, paused=False)

    async def _cancel(self, number: int) -> None:
        await self._edit(number, cancelled=True)

    async def _retry(self, number: int) -> None:
        run = f"r{number}"
        await self._edit(number, retry={"id": run, "parameters": {"RUN": run}})

    async def _forget(self, number: int) -> None:
        if self.operations:
            await self.universe.delete(Resource.OPERATIONS, f"op-{1 + number % self.operations}")

    async def _image(self, number: int) -> None:
        self.image = 1 + number % 3
        await self.open()

    async def _order(self, number: int) -> None:
        await self.open(deletion={"order": ("Reverse", "Parallel")[number % 2]})

    async def _hold(self, number: int) -> None:
        await self._server(number, held=True)

    async def _release(self, number: int) -> None:
        await self._server(number, held=False)

    async def _server(self, number: int, **spec: Any) -> None:
        name = f"shop-web-{number % SERVERS}"
        await self.universe.merge(Resource.SERVERS, name, {"spec": spec})

    async def _lose_pod(self, number: int) -> None:
        await self.universe.delete(Resource.PODS, f"shop-web-{number % SERVERS}")

    async def _lose_server(self, number: int) -> None:
        await self.universe.delete(Resource.SERVERS, f"shop-web-{number % SERVERS}")

    async def _crash(self, _: int) -> None:
        await self.universe.crash()

    async def _wait(self, number: int) -> None:
        await asyncio.sleep(number / 50)

    async def finish(self) -> None:
        """Let go of all that people hold, so that everything can come to an end."""
        for number in range(SERVERS):
            await self.play("release", number)
        for number in range(self.operations):
            await self.play("resume", number)
        await self.universe.settle(quiet=60)
        # The longest of an operation's deadlines, and another for what it undoes.
        await asyncio.sleep(1500)
        await self.universe.settle(quiet=60)


def check_budget(universe: Universe) -> None:
    """At every version no more working servers have been taken down than the largest limit allows.

    One that was down already, and is made anew, is not taken from anybody; one that a person
    deletes is that person's.
    """
    down: set[str] = set()
    for write in universe.server.writes:
        if write.resource is not Resource.SERVERS:
            continue
        before, after = write.before or {}, write.after or {}
        wanted = after.get("spec", {}).get("incarnation")
        going = not after or after["metadata"].get("deletionTimestamp")
        if going or wanted == (after.get("status") or {}).get("incarnation"):
            down.discard(write.name)
        elif before and wanted != before["spec"].get("incarnation") and is_ready(before):
            down.add(write.name)
        assert len(down) <= max(UNAVAILABLE, CONCURRENCY), sorted(down)


def is_ready(server: Json) -> bool:
    """Return whether the server says that it is ready."""
    told = (server.get("status") or {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in told)


def check_acts(player: Player) -> None:
    """In each run a command was begun at most once in an instance, whatever became of it."""
    assert not {words: count for words, count in player.begun.items() if count > 1}


def check_end(universe: Universe) -> None:
    """Each operation has ended, and all servers run what is asked for."""
    for name in universe.names(Resource.OPERATIONS):
        said = universe.condition(Resource.OPERATIONS, name, "Succeeded")
        assert said["status"] in ("True", "False"), universe.describe()
    ready = universe.condition(Resource.APPLICATIONS, "shop")
    assert ready["status"] == "True", universe.describe()
    assert len(universe.names(Resource.PODS)) == SERVERS


def check_words(universe: Universe) -> None:
    """At every version what goes on is Unknown, Completed is True, and every other end False."""
    for write in universe.server.writes:
        if write.resource is not Resource.OPERATIONS or write.after is None:
            continue
        for each in (write.after.get("status") or {}).get("conditions", []):
            if each["type"] == "Succeeded":
                ended = "True" if each["reason"] == "Completed" else "False"
                assert each["status"] == ("Unknown" if each["reason"] in GOES_ON else ended), each


async def live(script: list[tuple[str, int]]) -> None:
    """Play a script, let everything end, and look at what happened."""
    async with Universe() as universe:
        player = Player(universe)
        await player.play_out(script)
        check_end(universe)
        check_budget(universe)
        check_acts(player)
        check_words(universe)
        # Fails where somebody names an object that is not there.
        collections.deque(named(universe, lag=True), maxlen=0)


@pytest.mark.parametrize("seed", scripts.seeds(SEEDS, found=FOUND))
def test_several_operations_never_count_twice_and_all_end(seed: int) -> None:
    """Acts at most once, budgets at each step, whoever waits names the other, and all ends."""
    scripts.play(seed, steps, live, scripts=SCRIPTS, length=STEPS, file=THIS)
