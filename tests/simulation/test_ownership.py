"""Which keys a process plans and writes for."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
from pathlib import Path

import pytest

import controller
from controller.api.resources import Resource
from controller.execution import ownership
from controller.planning.caches import Total
from controller.planning.keys import Key
from fakes.universe import Universe, application, component, operation

METAL = {
    "apiVersion": "argosy.dev/v1alpha1",
    "kind": "Fleet",
    "metadata": {"name": "metal"},
    "spec": {"provider": "memory"},
}
A, B = (Key(Resource.SERVERS, "default", name) for name in "ab")


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """Owns one namespace, and may write for what it owns."""

    namespace: str

    def owns(self, key: Key) -> bool:
        """Return whether the key is of that namespace."""
        return key.namespace == self.namespace

    def may_write(self, key: Key | None) -> bool:
        """Return whether the key is owned."""
        return key is not None and self.owns(key)

    def since(self, key: Key) -> float:
        """Return the beginning of it."""
        del key
        return 0.0

    def moving(self, key: Key) -> str:
        """Return that nothing moves."""
        del key
        return ""

    def total(self, key: Key) -> Total | None:
        """Return that all is seen here."""
        del key
        return None


def test_a_sole_leader_owns_everything_while_it_holds_the_lease() -> None:
    """Without the Lease nothing may be written, whatever it is for."""
    held = [True]
    sole = ownership.SoleLeader(leading=lambda: held[0])
    assert sole.owns(A)
    assert ownership.guard(sole)()
    held[0] = False
    assert not ownership.guard(sole)()


def test_every_question_of_an_ownership_is_asked() -> None:
    """None is declared, and answered by each way to share the work, that nobody asks."""
    declared = {name for name in vars(ownership.Ownership) if not name.startswith("_")}
    asked = {
        node.attr
        for path in Path(controller.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in {"self._ownership", "ownership", "owner"}
    }
    assert {"owns", "may_write"} <= declared
    assert declared - asked == set()


async def test_each_call_is_guarded_for_the_key_that_it_is_for() -> None:
    """Two calls side by side: one of an owned key goes out, one of another's does not."""
    may_write = ownership.guard(Share("default"))

    async def call(key: Key) -> bool:
        ownership.act_for(key)
        await asyncio.sleep(0)
        return may_write()

    other = B._replace(namespace="elsewhere")
    answers = await asyncio.gather(*map(call, (A, other, B)))
    assert answers == [True, False, True]


@pytest.mark.looptime
async def test_what_another_process_owns_is_left_alone() -> None:
    """An engine that owns no key of a namespace sees it, and plans nothing there."""
    async with Universe() as universe:
        await universe.process.kill()
        universe.start(ownership=Share("elsewhere"))
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        assert universe.names(Resource.SERVERSETS) == []
        await universe.process.kill()
        universe.start(ownership=Share("default"))
        await universe.settle()
        assert len(universe.names(Resource.PODS)) == 2


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("choice", "state", "runs"), [("Fail", "Failed", 1), ("Rerun", "Succeeded", 2)]
)
async def test_a_server_that_comes_back_has_no_act_begun_again(
    choice: str, state: str, runs: int
) -> None:
    """A slot is lost in the middle of a command, as its Lease was deleted, and taken anew.

    The claim still has this very process's name: the outcome is unknown all the same.
    """
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", METAL)
        await universe.bring_up(application("shop", component("web", 1), fleet="metal"))
        (machine,) = universe.machines.machines
        step = {"name": "say", "exec": {"command": ["sleep", "60"]}, "onUnknown": choice}
        await universe.apply(operation("say", "shop", "Steps", steps=[step]))
        await universe.until(lambda: bool(machine.acts))
        engine = universe.process.engine
        await engine.let_go(lambda _: True)
        assert engine.acting() == []
        engine.take_up(lambda _: True)

        def told() -> str:
            task = universe.get(Resource.SERVERS, "shop-web-0")["status"]["task"]
            return str(task["state"])

        await universe.until(lambda: told() in ("Succeeded", "Failed"))
        assert told() == state
        assert len(machine.acts) == runs
