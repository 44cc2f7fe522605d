"""The circuit breaker of a fleet, call by call."""

from __future__ import annotations

import dataclasses

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from controller.planning.circuit import LONGEST_SECONDS, Circuit, Rule, State

RULE = Rule(width=8)


def calls(circuit: Circuit, ends: str, *, now: float = 1000.0, gap: float = 0.1) -> Circuit:
    """Return the circuit after calls, one after the other: `+` answered, `-` failed."""
    for each in ends:
        began = circuit.state
        circuit = circuit.begun().ended(now, failed=each == "-", began=began)
        now += gap
    return circuit


def test_a_few_failures_open_nothing() -> None:
    """Below the number of calls that mean something, and below the share, all calls go through."""
    assert calls(Circuit(), "-" * 19).state is State.CLOSED
    assert calls(Circuit(), "+" * 40 + "-" * 30).state is State.CLOSED


def test_many_failures_open_it_for_a_while() -> None:
    """With the twentieth failed call nothing more may begin, until the pause is over."""
    opened = calls(Circuit(), "-" * 20, gap=0.0)
    assert (opened.state, opened.free, opened.until) == (State.OPEN, 0, 1030.0)
    assert opened.at(1029.9) is opened
    assert opened.at(1030.0).state is State.HALF_OPEN


def test_failures_of_long_ago_do_not_count() -> None:
    """What left the window tells nothing of now."""
    old = calls(Circuit(), "-" * 19)
    assert old.ended(1100.0, failed=True, began=State.CLOSED).state is State.CLOSED


def test_it_is_tried_by_one_then_by_more() -> None:
    """One call, then two at once, then four, then eight, and then all: the circuit is closed."""
    tried = calls(Circuit(), "-" * 20, gap=0.0).at(1030.0)
    widths = []
    while tried.state is State.HALF_OPEN:
        widths.append(tried.free)
        for _ in range(tried.free or 0):
            tried = tried.begun()
        assert tried.free == 0
        for _ in range(widths[-1] or 0):
            tried = tried.ended(1031.0, failed=False, began=State.HALF_OPEN)
    assert widths == [1, 2, 4, 8]
    assert tried == Circuit()


def test_each_trial_in_vain_doubles_the_pause() -> None:
    """30, 60, 120 … seconds, and never more than ten minutes."""
    circuit, now, pauses = calls(Circuit(), "-" * 20, gap=0.0), 1000.0, []
    for _ in range(8):
        pauses.append(circuit.until - now)
        now = circuit.until
        circuit = circuit.at(now).begun().ended(now, failed=True, began=State.HALF_OPEN)
    assert pauses == [30, 60, 120, 240, 480, LONGEST_SECONDS, LONGEST_SECONDS, LONGEST_SECONDS]


def test_a_delete_that_succeeds_is_a_sign_of_life() -> None:
    """It has the circuit tried at once; one that fails, or began before, changes nothing."""
    opened = calls(Circuit(), "-" * 20, gap=0.0)
    assert opened.ended(1001.0, failed=True, began=State.OPEN, probe=True) is opened
    assert opened.ended(1001.0, failed=False, began=State.CLOSED, probe=True) is opened
    alive = opened.ended(1001.0, failed=False, began=State.OPEN, probe=True)
    assert (alive.state, alive.free) == (State.HALF_OPEN, 1)


def test_a_call_without_an_answer_gives_its_place_back() -> None:
    """A trial that ended without being told of is tried again by another."""
    tried = calls(Circuit(), "-" * 20, gap=0.0).at(1030.0).begun()
    assert tried.free == 0
    assert tried.withdrawn(began=State.HALF_OPEN).free == 1


@dataclasses.dataclass(slots=True)
class Under:
    """A call under way."""

    began: State
    probe: bool


class Breaker(RuleBasedStateMachine):
    """Calls begin, end and are lost in any order, time passes, and the provider comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.circuit = Circuit()
        self.under: list[Under] = []

    @initialize(width=st.integers(1, 20), minimum=st.integers(1, 30), percent=st.integers(1, 100))
    def ruled(self, width: int, minimum: int, percent: int) -> None:
        """Begin with any rule."""
        self.circuit = Circuit(
            rule=Rule(width=width, minimum_calls=minimum, failure_percent=percent)
        )

    @rule(seconds=st.floats(0.0, 700.0))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.circuit = self.circuit.at(self.now)

    @precondition(lambda self: self.circuit.free != 0)
    @rule()
    def begin(self) -> None:
        """Begin a call that the circuit lets through."""
        self.under.append(Under(began=self.circuit.state, probe=False))
        self.circuit = self.circuit.begun()

    @rule()
    def probe(self) -> None:
        """Begin a delete."""
        self.under.append(Under(began=self.circuit.state, probe=True))

    @precondition(lambda self: self.under)
    @rule(data=st.data(), failed=st.sampled_from([True, False, None]))
    def end(self, data: st.DataObject, failed: bool | None) -> None:
        """End a call."""
        index = data.draw(st.integers(0, len(self.under) - 1))
        call, before = self.under.pop(index), self.circuit
        if failed is None:
            if not call.probe:
                self.circuit = before.withdrawn(began=call.began)
            return
        self.circuit = before.ended(self.now, failed=failed, began=call.began, probe=call.probe)
        if not failed:
            assert self.circuit.state is not State.OPEN or before.state is State.OPEN
        if failed:
            assert self.circuit.state is not State.CLOSED or before.state is State.CLOSED

    @invariant()
    def bounded(self) -> None:
        """A bound is never exceeded, an open circuit always has an end, and none is stuck."""
        circuit = self.circuit
        running = sum(
            not each.probe and each.began is State.HALF_OPEN is circuit.state for each in self.under
        )
        if circuit.state is State.HALF_OPEN:
            assert 1 <= circuit.width <= circuit.rule.width
            assert circuit.running <= circuit.width
            assert circuit.running <= running
            assert circuit.free or circuit.running
        if circuit.state is State.OPEN:
            assert circuit.until <= self.now + LONGEST_SECONDS
            assert circuit.at(circuit.until).state is State.HALF_OPEN

    def teardown(self) -> None:
        """A provider that works again is called again, within ten minutes and a few calls."""
        circuit = self.circuit.at(self.now + LONGEST_SECONDS)
        for call in self.under:
            if not call.probe:
                circuit = circuit.withdrawn(began=call.began)
        for _ in range(100):
            if circuit.state is State.CLOSED:
                return
            assert circuit.free
            circuit = circuit.begun().ended(self.now, failed=False, began=circuit.state)
        raise AssertionError(circuit)


TestBreaker = Breaker.TestCase
TestBreaker.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
