"""The phases of keys in a whole operator: each legal move is seen, and no bug stops all."""

from __future__ import annotations

import asyncio
import collections

import pytest
from structlog import testing

from controller.api.resources import Resource
from controller.execution.key_state import KeyState
from controller.execution.phases import IN_FLIGHT, MOVES, IllegalMoveError, KeyPhase
from controller.planning import keys
from fakes.api_server import Verdict
from fakes.api_server.chaos import busy, lost
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime

Move = tuple[KeyPhase, KeyPhase]
LEGAL = [(before, after) for before, found in MOVES.items() for after in sorted(found)]
PODS = Resource.PODS


async def hardship(universe: Universe) -> None:
    """Have an application come up and grow while answers are lost and watches lag."""
    faults = universe.faults
    await universe.bring_up(application("shop", component("web", 1)))
    # The answer to a create is lost, and so is the first to the question what became of it.
    faults.on("create", PODS, name="shop-web-1", verdict=Verdict(after=lost("gone")))
    faults.on("get", PODS, name="shop-web-1", verdict=Verdict(before=busy("full")))
    # What is written is not seen for a while, and something changes meanwhile.
    faults.freeze(PODS)
    await universe.apply(application("shop", component("web", 2)))
    await universe.until(lambda: "shop-web-1" in universe.names(PODS))
    await asyncio.sleep(5)
    note = {"metadata": {"annotations": {"example.com/note": "changed"}}}
    await universe.merge(Resource.SERVERS, "shop-web-1", note)
    await asyncio.sleep(5)
    faults.thaw()
    await universe.until(universe.is_ready)
    # One of two creates fails; that the other one succeeded is not seen for a while.
    faults.on("create", Resource.SERVERS, name="shop-web-3", verdict=Verdict(before=busy("full")))
    faults.freeze(Resource.SERVERS)
    await universe.apply(application("shop", component("web", 4)))
    await universe.until(lambda: "shop-web-2" in universe.names(Resource.SERVERS))
    await asyncio.sleep(5)
    faults.thaw()
    await universe.until(universe.is_ready)
    await universe.settle()


async def test_every_move_of_a_hard_life_is_legal_and_every_legal_one_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So the table has no line too few, which would crash a key, and none too many."""
    seen: collections.Counter[Move] = collections.Counter()
    move = KeyState.move

    def watched(state: KeyState, after: KeyPhase) -> None:
        seen[state.phase, after] += 1
        move(state, after)
        # Whoever leaves for rest, or for what is not in flight, has all answers.
        assert after in IN_FLIGHT or not state.pending

    monkeypatch.setattr(KeyState, "move", watched)
    async with Universe() as universe:
        with testing.capture_logs() as logs:
            await hardship(universe)
    assert not [each for each in logs if each["event"] in {"planning failed", "call crashed"}]
    assert seen.keys() == set(LEGAL)


@pytest.mark.parametrize(("before", "after"), LEGAL)
async def test_a_move_that_the_table_lacks_stops_nobody_and_is_told(
    before: KeyPhase, after: KeyPhase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in any one move: said in the log, gone with the bug, and everything comes up."""
    move, left = KeyState.move, 3

    def broken(state: KeyState, wanted: KeyPhase) -> None:
        nonlocal left
        if (state.phase, wanted) == (before, after) and left:
            left -= 1
            raise IllegalMoveError(before, after)
        move(state, wanted)

    monkeypatch.setattr(KeyState, "move", broken)
    async with Universe() as universe:
        with testing.capture_logs() as logs:
            await hardship(universe)
        assert universe.names(PODS) == [f"shop-web-{number}" for number in range(4)]
        for name in universe.names(Resource.SERVERS):
            assert not universe.condition(Resource.SERVERS, name, "Stalled")
    events = {each["event"] for each in logs}
    assert "call crashed" not in events
    # It is told by a call: where that is the move, a later look tells.
    assert "crash not told" not in events or after is KeyPhase.WRITING
    told = [each for each in logs if each["event"] == "planning failed"]
    assert told
    assert all(isinstance(each["exc_info"], IllegalMoveError) for each in told)
    assert left < 3


@pytest.mark.unjudged(reason="what can be told of nothing says nothing")
async def test_a_key_that_no_call_can_be_made_for_leaves_the_others_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worst: not even that can be told on its object. The log says so, and it is tried on."""
    move, key, broken = KeyState.move, keys.server("default", "shop-web-0"), True
    async with Universe() as universe:
        await universe.bring_up(application("shop", component("web", 1)))

        def moves(state: KeyState, wanted: KeyPhase) -> None:
            mine = universe.process.engine._states.get(key) is state
            if broken and mine and wanted in IN_FLIGHT:
                raise IllegalMoveError(state.phase, wanted)
            move(state, wanted)

        monkeypatch.setattr(KeyState, "move", moves)
        with testing.capture_logs() as logs:
            await universe.apply(application("shop", component("web", 3, image="app:2")))
            await universe.apply(application("other", component("web", 2)))
            await universe.until(lambda: universe.is_ready("other"))
            await universe.settle(quiet=300)
        assert {"shop-web-1", "shop-web-2"} <= set(universe.names(PODS))
        events = collections.Counter(each["event"] for each in logs)
        # One traceback, and then a line at each look, which are a minute apart.
        assert events["planning failed"] == 1
        assert 4 <= events["crash not told"] <= 40
        broken = False
        await universe.until(universe.is_ready)


@pytest.mark.parametrize("how", ["withdraw", "let go"])
async def test_no_watch_and_no_hand_over_ends_over_a_move(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is taken back is counted out all the same; the key is told, and looked at again."""
    move, key, left = KeyState.move, keys.server("default", "shop-web-0"), 1

    def broken(state: KeyState, wanted: KeyPhase) -> None:
        nonlocal left
        if left and wanted is KeyPhase.IDLE:
            left -= 1
            raise IllegalMoveError(state.phase, wanted)
        move(state, wanted)

    async with Universe() as universe:
        await universe.bring_up(application("shop", component("web", 1)))
        engine, state = universe.process.engine, KeyState()
        # A call stands in line.
        state.ask()
        engine._states[key] = state
        with testing.capture_logs() as logs, monkeypatch.context() as patch:
            patch.setattr(KeyState, "move", broken)
            patch.setattr(engine._pool, "withdraw", lambda _: 1)
            if how == "withdraw":
                engine.withdraw(key)
                patch.undo()
                await universe.settle()
                assert state.phase is KeyPhase.IDLE
            else:
                await engine.let_go(lambda each: each == key)
                assert key not in engine._states
        assert left == 0
        assert not state.pending
        assert [each["key"] for each in logs if each["event"] == "planning failed"] == [str(key)]
        await universe.bring_up(application("shop", component("web", 2)))
