"""Random lives: applications, operations, cancels, deletes, faults and crashes, in virtual time.

Hypothesis writes a script; the whole engine plays it against the API server in memory. Whatever
the script, the invariants hold at every version of every object, and once the faults end and what
people want stops changing, the cluster comes to match it and then nothing is written.

`scripts` plays them, in chunks that run side by side.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import strategies as st

from controller import errors
from controller.api.resources import Resource
from controller.kube.api import ExecResult
from controller.reasons import ForeignReason
from fakes.api_server import Behaviour, Faults, Kubelet
from fakes.universe import Universe, application, component, operation
from tests.simulation import scripts

pytestmark = pytest.mark.lagging

NAMES = ("shop", "blog")
SERVER_LABEL = "argosy.dev/server"
# Two thousand steps a seed, in chunks that run side by side.
SEEDS = "0"
# Seeds that found something once, and are played for ever: a pause that no watch showed, and a
# retry that changed the run under way.
FOUND = "6,9"
SCRIPTS, STEPS = 25, 80
THIS = "tests/simulation/test_state_machine.py"


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens: what, to which application, with which numbers."""

    verb: str
    name: str
    number: int
    other: int


VERBS = (
    "apply", "scale", "image", "delete", "restart", "stop", "start", "cancel", "pause", "resume",
    "replace", "roll back", "commands", "commands", "retry", "forget operation",
    "kill pod", "fail pod", "delete server", "crash", "lose answers", "refuse", "freeze", "thaw",
    "drop watches", "wait", "wait", "wait",
)  # fmt: skip

steps = st.builds(
    Step,
    st.sampled_from(VERBS),
    st.sampled_from(NAMES),
    st.integers(0, 6),
    st.integers(0, 1000),
)


class Commands:
    """What commands in servers do: some succeed, some fail, some never return; it counts them."""

    def __init__(self) -> None:
        self.begun: collections.Counter[tuple[str, ...]] = collections.Counter()

    async def run(self, _namespace: str, pod: str, command: Sequence[str]) -> ExecResult:
        """Begin a command; what becomes of it follows from its words."""
        words = (pod, *command)
        self.begun[words] += 1
        fate = zlib.crc32(" ".join(words).encode()) % 8
        await asyncio.sleep(1000 if fate == 0 else 1)
        return ExecResult(exit_code=int(fate == 1), stdout=b"", stderr=b"")


class Player:
    """Plays a script, and knows what people want in the end."""

    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        self.commands = Commands()
        universe.server.on_exec = self.commands.run
        self.wanted: dict[str, dict[str, Any]] = {}
        self.operations = 0

    async def play(self, step: Step) -> None:
        """Let one step happen; steps that make no sense now do nothing."""
        act = getattr(self, "_" + step.verb.replace(" ", "_"))
        # Faults are the operator's to meet: what people asked for must be known here.
        faults = self.universe.faults
        before, faults.rules[:] = list(faults.rules), []
        try:
            await act(step)
        except (KeyError, errors.ArgosyError):
            # Gone meanwhile, or refused by the rules of the API.
            return
        finally:
            faults.rules[:0] = before

    async def _put(self, name: str, **changes: Any) -> None:
        found = self.universe.server.objects.get(Resource.APPLICATIONS, {}).get(("default", name))
        if found is not None and found["metadata"].get("deletionTimestamp"):
            return
        wanted = self.wanted.get(name, {"web": 3, "db": 1, "image": "app:1", "paused": False})
        wanted = {**wanted, **changes}
        body = application(
            name,
            component("db", wanted["db"]),
            component("web", wanted["web"], image=wanted["image"], dependsOn=["db"]),
            paused=wanted["paused"],
        )
        await self.universe.apply(body)
        self.wanted[name] = wanted

    async def _apply(self, step: Step) -> None:
        await self._put(step.name, web=step.number)

    async def _scale(self, step: Step) -> None:
        if step.name in self.wanted:
            await self._put(step.name, web=step.number, db=step.other % 3)

    async def _image(self, step: Step) -> None:
        if step.name in self.wanted:
            await self._put(step.name, image=f"app:{step.other % 4}")

    async def _pause(self, step: Step) -> None:
        if step.name in self.wanted:
            await self._put(step.name, paused=True)

    async def _resume(self, step: Step) -> None:
        if step.name in self.wanted:
            await self._put(step.name, paused=False)

    async def _delete(self, step: Step) -> None:
        await self.universe.delete(Resource.APPLICATIONS, step.name)
        self.wanted.pop(step.name, None)

    async def _operate(self, step: Step, action: str, **more: Any) -> None:
        self.operations += 1
        await self.universe.apply(
            operation(
                f"op-{self.operations}", step.name, action,
                components=["web"], concurrency=1 + step.other % 3, timeoutSeconds=300, **more,
            )
        )  # fmt: skip

    async def _restart(self, step: Step) -> None:
        await self._operate(step, "Restart")

    async def _stop(self, step: Step) -> None:
        await self._operate(step, "Stop")

    async def _start(self, step: Step) -> None:
        await self._operate(step, "Start")

    async def _replace(self, step: Step) -> None:
        await self._operate(step, "Replace")

    async def _roll_back(self, step: Step) -> None:
        self.operations += 1
        await self.universe.apply(
            operation(f"op-{self.operations}", step.name, "RollBack", timeoutSeconds=300)
        )

    async def _commands(self, step: Step) -> None:
        def act(name: str) -> dict[str, Any]:
            return {"exec": {"command": [name, f"op-{self.operations + 1}", "$(RUN)"]}}

        first = {"name": "first", **act("once"), "compensate": act("undo"), "timeoutSeconds": 20}
        second = {"name": "second", **act("again"), "onUnknown": "Rerun", "timeoutSeconds": 20}
        await self._operate(
            step, "Steps", steps=[first, second], parameters={"RUN": "first"},
            recovery={"attempts": 1}, failureBudget=step.other % 2,
            onFailure=("Halt", "Revert")[step.number % 2], cancelGraceSeconds=5,
        )  # fmt: skip

    def _some_operation(self, step: Step) -> str:
        return f"op-{1 + step.other % self.operations}" if self.operations else ""

    async def _cancel(self, step: Step) -> None:
        await self.universe.merge(
            Resource.OPERATIONS, self._some_operation(step), {"spec": {"cancelled": True}}
        )

    async def _retry(self, step: Step) -> None:
        wish = {"id": f"r{step.other}", "parameters": {"RUN": f"r{step.other}"}}
        if step.number % 2:
            wish["from"] = "first"
        await self.universe.merge(
            Resource.OPERATIONS, self._some_operation(step), {"spec": {"retry": wish}}
        )

    async def _forget_operation(self, step: Step) -> None:
        await self.universe.delete(Resource.OPERATIONS, self._some_operation(step))

    async def _kill_pod(self, step: Step) -> None:
        await self.universe.delete(Resource.PODS, f"{step.name}-web-{step.number}")

    async def _fail_pod(self, step: Step) -> None:
        self.universe.kubelet.fail("default", f"{step.name}-web-{step.number}")

    async def _delete_server(self, step: Step) -> None:
        await self.universe.delete(Resource.SERVERS, f"{step.name}-web-{step.number}")

    async def _crash(self, _: Step) -> None:
        await self.universe.crash()

    async def _lose_answers(self, step: Step) -> None:
        self.universe.faults.on(
            ("create", "patch", "delete")[step.other % 3],
            verdict=_verdict(after=errors.UnknownOutcome("lost", reason=ForeignReason("Lost"))),
            times=1 + step.number,
        )

    async def _refuse(self, step: Step) -> None:
        self.universe.faults.on(
            ("create", "patch", "delete")[step.other % 3],
            verdict=_verdict(
                before=errors.Transient("refused", reason=ForeignReason("Overloaded"))
            ),
            times=1 + step.number,
        )

    async def _freeze(self, step: Step) -> None:
        kinds = (Resource.SERVERS, Resource.PODS, Resource.SERVERSETS, Resource.APPLICATIONS)
        self.universe.faults.freeze(kinds[step.other % 4])

    async def _thaw(self, _: Step) -> None:
        self.universe.faults.thaw()

    async def _drop_watches(self, _: Step) -> None:
        self.universe.faults.drop_watches()

    async def _wait(self, step: Step) -> None:
        await asyncio.sleep(step.other / 100)


def _verdict(**parts: Any) -> Any:
    from fakes.api_server import Verdict  # noqa: PLC0415 - only here

    return Verdict(**parts)


def check_versions(universe: Universe) -> None:
    """I1, I2, I3 hold at every version, whatever happened, and no spec of a person's is written."""
    live: dict[str, set[str]] = collections.defaultdict(set)
    for write in universe.server.writes:
        ours = write.cause.actor == "argosy"
        if ours and write.cause.verb == "delete":
            assert write.cause.uid, f"{write.resource}/{write.name} deleted without a UID"
        if ours and write.cause.uid:
            assert write.cause.uid == write.object_uid
        if ours and write.resource is Resource.APPLICATIONS and write.before and write.after:
            # The spec stays as people wrote it.
            assert write.after["spec"] == write.before["spec"]
        if write.resource is Resource.PODS:
            if write.after is None:
                live[write.name].discard(write.object_uid)
            else:
                live[write.name].add(write.object_uid)
            assert len(live[write.name]) <= 1, f"two live pods for {write.name}"


def check_end(universe: Universe, player: Player) -> None:
    """The end: what is wanted is there, and nothing else of ours is."""
    stopped = {
        name
        for (_, name), server in universe.server.objects.get(Resource.SERVERS, {}).items()
        if server["spec"].get("power") == "Stopped"
    }
    servers = universe.names(Resource.SERVERS)
    # Which ordinals stay depends on who was unhealthy when it was scaled down; how many does not.
    expected = {
        f"{name}-{part}": wanted[part]
        for name, wanted in player.wanted.items()
        for part in ("web", "db")
        if wanted[part]
    }
    counted = collections.Counter(each.rpartition("-")[0] for each in servers)
    assert counted == expected, universe.describe()
    assert set(universe.names(Resource.PODS)) == set(servers) - stopped, universe.describe()
    assert set(universe.names(Resource.APPLICATIONS)) == set(player.wanted)
    for name in universe.names(Resource.OPERATIONS):
        found = universe.condition(Resource.OPERATIONS, name, "Succeeded")
        assert found["status"] in ("True", "False"), universe.describe()


def check_commands(commands: Commands) -> None:
    """I7: in each run a command was begun at most once in a server, unless it may run again."""
    often = {
        words: count
        for words, count in commands.begun.items()
        if count > 1 and "again" not in words
    }
    assert not often


async def live(script: list[Step]) -> None:
    """Play a script, end all faults, let it converge, and look at what happened."""
    universe = Universe(faults=Faults(), kubelet=Kubelet(lambda _: Behaviour()))
    async with universe:
        player = Player(universe)
        for step in script:
            await player.play(step)
            await asyncio.sleep(0.2)
        universe.faults.calm()
        universe.faults.thaw()
        for name in list(player.wanted):
            await player.play(Step("resume", name, 0, 0))
        await universe.settle(quiet=60)
        # What a faulty rollout or a stuck operation waits for is over by then.
        await asyncio.sleep(1500)
        await universe.settle(quiet=60)
        check_end(universe, player)
        before = len([w for w in universe.server.writes if w.cause.actor == "argosy"])
        await asyncio.sleep(600)
        after = len([w for w in universe.server.writes if w.cause.actor == "argosy"])
        assert after == before, "writes though nothing changed"
        check_versions(universe)
        check_commands(player.commands)


@pytest.mark.parametrize("seed", scripts.seeds(SEEDS, found=FOUND))
def test_whatever_happens_it_converges_and_rests(seed: int) -> None:
    """Every script ends with exactly what is wanted, and silence; no invariant broke on the way."""
    scripts.play(seed, steps, live, scripts=SCRIPTS, length=STEPS, file=THIS)
