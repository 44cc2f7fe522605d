"""The phases of a key: a literal table says which may come next, and nothing else changes one."""

from __future__ import annotations

import ast
import dataclasses
import enum
import itertools
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from controller.api.resources import Resource
from controller.execution import phases
from controller.execution.key_state import KeyState
from controller.execution.phases import IN_FLIGHT, MOVES, KeyPhase

EXECUTION = Path(phases.__file__).parent
# What methods of KeyState change, and no other module does.
OWN = frozenset(each.name for each in dataclasses.fields(KeyState))
# How a collection is changed without an assignment.
CHANGES = frozenset({
    "add", "clear", "difference_update", "discard", "pop", "popitem", "remove", "setdefault",
    "update",
})  # fmt: skip

IDLE, WRITING, READING, PARKED, BACKING_OFF = KeyPhase
# The same once more, by hand: whoever changes the table says it twice.
LEGAL = {
    (IDLE, WRITING), (IDLE, READING), (IDLE, PARKED),
    (WRITING, IDLE), (WRITING, BACKING_OFF),
    (READING, IDLE), (READING, BACKING_OFF),
    (PARKED, IDLE),
    (BACKING_OFF, IDLE), (BACKING_OFF, PARKED),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), [*itertools.product(KeyPhase, KeyPhase)])
def test_a_key_moves_as_the_table_says_and_in_no_other_way(
    before: KeyPhase, after: KeyPhase
) -> None:
    """Every phase, and every pair of them; who may not move stays, and it is said why."""
    assert MOVES.keys() == set(KeyPhase)
    state = KeyState(phase=before)
    if (before, after) in LEGAL:
        state.move(after)
        assert state.phase is after
    else:
        with pytest.raises(phases.IllegalMoveError, match=f"{before} cannot become {after}"):
            state.move(after)
        assert state.phase is before


@pytest.mark.parametrize("phase", KeyPhase)
def test_every_phase_is_reached_and_left(phase: KeyPhase) -> None:
    """None is a trap, and none is there for nothing: each leads to rest, and rest to each."""
    known = {IDLE}
    while (more := known | {after for each in known for after in MOVES[each]}) != known:
        known = more
    assert phase in known
    assert phase is IDLE or IDLE in MOVES[phase]


@pytest.mark.parametrize("phase", sorted(set(KeyPhase) - IN_FLIGHT - {IDLE}))
def test_nothing_is_called_for_a_key_that_waits(phase: KeyPhase) -> None:
    """Whoever is parked or backs off is looked at first, and passes the gate."""
    state = KeyState(phase=phase)
    with pytest.raises(phases.IllegalMoveError):
        state.ask()
    assert (state.phase, state.pending) == (phase, 0)
    state.come_through()
    state.ask()
    assert (state.phase, state.pending) == (WRITING, 1)


class Event(enum.Enum):
    """What the engine, the gate and the dispatcher tell a key's state."""

    LOOK = enum.auto()
    FIND_NOTHING_SEEN = enum.auto()
    WRITE = enum.auto()
    READ = enum.auto()
    FAIL = enum.auto()
    ANSWER = enum.auto()
    TAKE_BACK = enum.auto()
    CRASH = enum.auto()


def tell(state: KeyState, event: Event) -> None:
    """Tell a state what happens, as they do who tell it; what cannot happen by then does not."""
    if event is Event.CRASH:
        state.mend()
    elif not state.in_flight:
        if event is Event.LOOK:
            state.come_through()
        elif event is Event.FIND_NOTHING_SEEN:
            state.park()
        elif event in (Event.WRITE, Event.READ):
            state.come_through()
            state.ask(reads=event is Event.READ)
    elif event in (Event.WRITE, Event.READ):
        state.ask(reads=event is Event.READ)
    elif event is Event.FAIL:
        state.falter()
    elif event is Event.TAKE_BACK:
        state.take_back(1)
    elif event is Event.ANSWER and state.answer():
        state.settle()


@hypothesis.given(st.lists(st.sampled_from(Event), max_size=60))
def test_whatever_happens_a_key_is_in_the_phase_that_its_calls_say(events: list[Event]) -> None:
    """No story makes an illegal move, and calls are in flight in their two phases alone."""
    state = KeyState()
    for event in events:
        was = state.phase, state.failures
        tell(state, event)
        assert state.in_flight == (state.phase in IN_FLIGHT)
        # Only calls that failed are backed off from, and once for all of them.
        if state.phase is BACKING_OFF and was[0] is not BACKING_OFF:
            assert state.failures == was[1] + 1
        assert not state.failed or state.in_flight
        # What is at rest with nothing to remember is forgotten, and nothing else is.
        assert state.is_blank() == (state.phase is IDLE and not state.failures)


@hypothesis.given(st.lists(st.sampled_from(KeyPhase), max_size=30))
def test_a_key_stays_where_the_table_has_no_way_on(wanted: list[KeyPhase]) -> None:
    """Whatever is asked for in whatever order, it is where the last legal move has led."""
    state, expected = KeyState(), IDLE
    for after in wanted:
        if (expected, after) in LEGAL:
            state.move(after)
            expected = after
        else:
            with pytest.raises(phases.IllegalMoveError):
                state.move(after)
        assert state.phase is expected


@pytest.mark.parametrize("phase", KeyPhase)
@pytest.mark.parametrize("pending", [0, 2])
def test_after_a_crash_a_key_is_in_a_phase_that_it_can_leave(phase: KeyPhase, pending: int) -> None:
    """Whatever a bug has confused: with calls in flight they are answered, without it is looked at.

    So what failed can be told on the object, which is one more call.
    """
    state = KeyState(phase=phase, pending=pending)
    state.mend()
    assert (state.phase in IN_FLIGHT) == bool(pending)
    if phase in IN_FLIGHT and pending:
        assert state.phase is phase
    state.ask()
    for _ in range(pending):
        assert not state.answer()
    assert state.answer()
    state.settle()
    assert state.phase is IDLE


@pytest.mark.parametrize("module", sorted(EXECUTION.glob("*.py")), ids=lambda each: str(each.stem))
def test_no_other_module_changes_a_keys_state(module: Path) -> None:
    """The state's own methods do, so what means something only together changes together."""
    if module.stem == "key_state":
        return
    assert changes(ast.parse(module.read_text())) == []


def test_whoever_has_a_keys_state_calls_it_a_state() -> None:
    """The test above finds one by that name, so a module that has another would go unseen."""
    found = {
        each.arg if isinstance(each, ast.arg) else ast.unparse(each.target)
        for module in EXECUTION.glob("*.py")
        for each in ast.walk(ast.parse(module.read_text()))
        if isinstance(each, ast.arg | ast.AnnAssign)
        and each.annotation is not None
        and ast.unparse(each.annotation) in ("KeyState", "KeyState | None")
    }
    assert found == {"state"}


def test_a_change_beside_the_methods_is_found() -> None:
    """Else the tests above might pass for want of eyes."""
    found = changes(
        ast.parse(
            "state.dirty |= x\n"
            "asked.state.phase = y\n"
            "state.uncertain.pop()\n"
            "del state.floors[place]\n"
            "asked.state.gone[where] = z\n"
            "with tracing as state.trace: pass"
        )
    )
    assert sorted(found) == ["dirty", "floors", "gone", "phase", "trace", "uncertain"]


def changes(module: ast.Module) -> list[str]:
    """Return which fields of a key's state are changed there without its methods."""
    found = []
    for each in ast.walk(module):
        place: ast.expr | None = None
        if isinstance(each, ast.Attribute | ast.Subscript):
            if isinstance(each.ctx, ast.Store | ast.Del):
                place = each.value if isinstance(each, ast.Subscript) else each
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute):
            place = each.func.value if each.func.attr in CHANGES else None
        if isinstance(place, ast.Attribute) and place.attr in OWN and is_state(place.value):
            found.append(place.attr)
    return found


def is_state(value: ast.expr) -> bool:
    """Return whether a piece of code says `state`, or the state of something."""
    return "state" in (getattr(value, "id", ""), getattr(value, "attr", ""))


def test_a_state_that_waits_for_a_cache_is_not_forgotten() -> None:
    """Nor is one with calls in flight, or that backs off: only what is at rest costs no memory."""
    state = KeyState()
    assert state.is_blank()
    state.floors[Resource.PODS, "default", None] = 7
    state.park()
    assert not state.is_blank()
    state.floors.clear()
    assert not state.is_blank()
    state.come_through()
    assert state.is_blank()
