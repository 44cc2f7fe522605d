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
from controller.execution.phases import IN_FLIGHT, MOVES, Phase

EXECUTION = Path(phases.__file__).parent
# What methods of KeyState change, and no other module does.
OWN = frozenset(each.name for each in dataclasses.fields(KeyState))
# How a collection is changed without an assignment.
CHANGES = frozenset({
    "add", "clear", "difference_update", "discard", "pop", "popitem", "remove", "setdefault",
    "update",
})  # fmt: skip

IDLE, WRITING, READING, PARKED, BACKING_OFF = Phase
# The same once more, by hand: whoever changes the table says it twice.
LEGAL = {
    (IDLE, WRITING), (IDLE, READING), (IDLE, PARKED),
    (WRITING, IDLE), (WRITING, BACKING_OFF),
    (READING, IDLE), (READING, BACKING_OFF),
    (PARKED, IDLE),
    (BACKING_OFF, IDLE), (BACKING_OFF, PARKED),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), [*itertools.product(Phase, Phase)])
def test_a_key_moves_as_the_table_says_and_in_no_other_way(before: Phase, after: Phase) -> None:
    """Every phase, and every pair of them; who may not move stays, and it is said why."""
    assert MOVES.keys() == set(Phase)
    record = KeyState(phase=before)
    if (before, after) in LEGAL:
        record.move(after)
        assert record.phase is after
    else:
        with pytest.raises(phases.IllegalMoveError, match=f"{before} cannot become {after}"):
            record.move(after)
        assert record.phase is before


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_is_reached_and_left(phase: Phase) -> None:
    """None is a trap, and none is there for nothing: each leads to rest, and rest to each."""
    known = {IDLE}
    while (more := known | {after for each in known for after in MOVES[each]}) != known:
        known = more
    assert phase in known
    assert phase is IDLE or IDLE in MOVES[phase]


@pytest.mark.parametrize("phase", sorted(set(Phase) - IN_FLIGHT - {IDLE}))
def test_nothing_is_called_for_a_key_that_waits(phase: Phase) -> None:
    """Whoever is parked or backs off is looked at first, and passes the gate."""
    record = KeyState(phase=phase)
    with pytest.raises(phases.IllegalMoveError):
        record.ask()
    assert (record.phase, record.pending) == (phase, 0)
    record.come_through()
    record.ask()
    assert (record.phase, record.pending) == (WRITING, 1)


class Deed(enum.Enum):
    """What the engine, the gate and the dispatcher tell a key's record."""

    LOOK = enum.auto()
    FIND_NOTHING_SEEN = enum.auto()
    WRITE = enum.auto()
    READ = enum.auto()
    FAIL = enum.auto()
    ANSWER = enum.auto()
    TAKE_BACK = enum.auto()
    CRASH = enum.auto()


def tell(record: KeyState, deed: Deed) -> None:
    """Tell a record what happens, as they do who tell it; what cannot happen by then does not."""
    if deed is Deed.CRASH:
        record.mend()
    elif not record.in_flight:
        if deed is Deed.LOOK:
            record.come_through()
        elif deed is Deed.FIND_NOTHING_SEEN:
            record.park()
        elif deed in (Deed.WRITE, Deed.READ):
            record.come_through()
            record.ask(reads=deed is Deed.READ)
    elif deed in (Deed.WRITE, Deed.READ):
        record.ask(reads=deed is Deed.READ)
    elif deed is Deed.FAIL:
        record.falter()
    elif deed is Deed.TAKE_BACK:
        record.take_back(1)
    elif deed is Deed.ANSWER and record.answer():
        record.settle()


@hypothesis.given(st.lists(st.sampled_from(Deed), max_size=60))
def test_whatever_happens_a_key_is_in_the_phase_that_its_calls_say(deeds: list[Deed]) -> None:
    """No story makes an illegal move, and calls are in flight in their two phases alone."""
    record = KeyState()
    for deed in deeds:
        was = record.phase, record.failures
        tell(record, deed)
        assert record.in_flight == (record.phase in IN_FLIGHT)
        # Only calls that failed are backed off from, and once for all of them.
        if record.phase is BACKING_OFF and was[0] is not BACKING_OFF:
            assert record.failures == was[1] + 1
        assert not record.failed or record.in_flight
        # What is at rest with nothing to remember is forgotten, and nothing else is.
        assert record.is_blank() == (record.phase is IDLE and not record.failures)


@hypothesis.given(st.lists(st.sampled_from(Phase), max_size=30))
def test_a_key_stays_where_the_table_has_no_way_on(wanted: list[Phase]) -> None:
    """Whatever is asked for in whatever order, it is where the last legal move has led."""
    record, expected = KeyState(), IDLE
    for after in wanted:
        if (expected, after) in LEGAL:
            record.move(after)
            expected = after
        else:
            with pytest.raises(phases.IllegalMoveError):
                record.move(after)
        assert record.phase is expected


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("pending", [0, 2])
def test_after_a_crash_a_key_is_in_a_phase_that_it_can_leave(phase: Phase, pending: int) -> None:
    """Whatever a bug has confused: with calls in flight they are answered, without it is looked at.

    So what failed can be told on the object, which is one more call.
    """
    record = KeyState(phase=phase, pending=pending)
    record.mend()
    assert (record.phase in IN_FLIGHT) == bool(pending)
    if phase in IN_FLIGHT and pending:
        assert record.phase is phase
    record.ask()
    for _ in range(pending):
        assert not record.answer()
    assert record.answer()
    record.settle()
    assert record.phase is IDLE


@pytest.mark.parametrize("module", sorted(EXECUTION.glob("*.py")), ids=lambda each: str(each.stem))
def test_no_other_module_changes_a_keys_state(module: Path) -> None:
    """The state's own methods do, so what means something only together changes together."""
    if module.stem == "key_state":
        return
    assert changes(ast.parse(module.read_text())) == []


def test_whoever_has_a_keys_state_calls_it_a_record() -> None:
    """The test above finds one by that name, so a module that has another would go unseen."""
    found = {
        each.arg if isinstance(each, ast.arg) else ast.unparse(each.target)
        for module in EXECUTION.glob("*.py")
        for each in ast.walk(ast.parse(module.read_text()))
        if isinstance(each, ast.arg | ast.AnnAssign)
        and each.annotation is not None
        and ast.unparse(each.annotation) in ("KeyState", "KeyState | None")
    }
    assert found == {"record"}


def test_a_change_beside_the_methods_is_found() -> None:
    """Else the tests above might pass for want of eyes."""
    found = changes(
        ast.parse(
            "record.dirty |= x\n"
            "asked.record.phase = y\n"
            "record.uncertain.pop()\n"
            "del record.floors[place]\n"
            "asked.record.gone[where] = z\n"
            "with tracing as record.trace: pass"
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
        if isinstance(place, ast.Attribute) and place.attr in OWN and is_record(place.value):
            found.append(place.attr)
    return found


def is_record(value: ast.expr) -> bool:
    """Return whether a piece of code says `record`, or the record of something."""
    return "record" in (getattr(value, "id", ""), getattr(value, "attr", ""))


def test_a_record_that_waits_for_a_cache_is_not_forgotten() -> None:
    """Nor is one with calls in flight, or that backs off: only what is at rest costs no memory."""
    record = KeyState()
    assert record.is_blank()
    record.floors[Resource.PODS, "default", None] = 7
    record.park()
    assert not record.is_blank()
    record.floors.clear()
    assert not record.is_blank()
    record.come_through()
    assert record.is_blank()
