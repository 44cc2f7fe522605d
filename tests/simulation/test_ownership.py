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
from fakes.universe import Universe, application, component

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
