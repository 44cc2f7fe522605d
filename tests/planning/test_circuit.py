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

from controller import contract
from controller.planning.circuit import LONGEST_SECONDS, Circuit, CircuitState, Rule

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
    assert calls(Circuit(), "-" * 19).state is CircuitState.CLOSED
    assert calls(Circuit(), "+" * 40 + "-" * 30).state is CircuitState.CLOSED


def test_many_failures_open_it_for_a_while() -> None:
    """With the twentieth failed call nothing more may begin, until the pause is over."""
    opened = calls(Circuit(), "-" * 20, gap=0.0)
    assert (opened.state, opened.free, opened.until) == (CircuitState.OPEN, 0, 1030.0)
    assert opened.at(1029.9) is opened
    assert opened.at(1030.0).state is CircuitState.HALF_OPEN


def test_failures_of_long_ago_do_not_count() -> None:
    """What left the window tells nothing of now."""
    old = calls(Circuit(), "-" * 19)
    assert old.ended(1100.0, failed=True, began=CircuitState.CLOSED).state is CircuitState.CLOSED


def failing(circuit: Circuit, *servers: str, now: float, gap: float) -> tuple[Circuit, float]:
    """Return the circuit after a call about each server has failed, and when that was."""
    for each in servers:
        began = circuit.state
        circuit = circuit.begun().ended(now, failed=True, began=began, whose=each)
        now += gap
    return circuit, now


def test_where_none_succeeds_for_a_whole_window_few_calls_open_it() -> None:
    """Six servers are in hand, and ask again every 15 seconds: after a minute that is an outage."""
    six = [f"web-{number}" for number in range(6)]
    circuit, now = Circuit(), 1000.0
    for _ in range(3):
        circuit, _ = failing(circuit, *six, now=now, gap=0.1)
        now += 22.0
        assert circuit.state is CircuitState.CLOSED
    circuit, _ = failing(circuit, *six, now=now, gap=0.1)
    assert circuit.state is CircuitState.OPEN
    assert circuit.outage == contract.OutageSpan(began=1000.0, lasts=True)


def test_who_asks_ever_more_seldom_opens_it_too() -> None:
    """Waits that double, as those of creates that failed, soon pass the window: that is no end."""
    circuit = calls(Circuit(rule=dataclasses.replace(RULE, window_seconds=10.0)), "--+")
    for number, moment in enumerate([1003.0, 1006.0, 1012.0]):
        circuit, _ = failing(circuit, f"web-{number}", now=moment, gap=0.0)
        assert circuit.state is CircuitState.CLOSED
    circuit, _ = failing(circuit, "web-3", now=1024.0, gap=0.0)
    assert circuit.state is CircuitState.OPEN
    assert circuit.outage == contract.OutageSpan(began=1003.0, lasts=True)


def test_one_that_succeeds_tells_that_the_provider_works() -> None:
    """The same calls, with one in between that is answered, open nothing."""
    circuit, now = failing(Circuit(), "a", "b", "c", now=1000.0, gap=20.0)
    circuit = circuit.ended(now, failed=False, began=CircuitState.CLOSED)
    circuit, _ = failing(circuit, "a", "b", "c", now=now, gap=20.0)
    assert circuit.state is CircuitState.CLOSED


def test_what_befalls_one_server_alone_is_its_own_trouble() -> None:
    """Its answers are lost for ever, and the circuit stays closed; of no server, it opens."""
    lone, _ = failing(Circuit(), *["a"] * 9, now=1000.0, gap=30.0)
    assert lone.state is CircuitState.CLOSED
    nobodys, _ = failing(Circuit(), *[""] * 4, now=1000.0, gap=30.0)
    assert nobodys.state is CircuitState.OPEN


def test_a_server_that_fails_for_hours_opens_nothing_with_one_failure_of_another() -> None:
    """What it met alone is no time in which calls failed: that begins with the other's failure."""
    circuit, now = failing(Circuit(), *["a"] * 40, now=1000.0, gap=50.0)
    for whose, moment in (("b", now - 23.0), ("a", now)):
        circuit, _ = failing(circuit, whose, now=moment, gap=0.0)
        assert circuit.state is CircuitState.CLOSED
    circuit, _ = failing(circuit, "a", now=now + 50.0, gap=0.0)
    assert circuit.outage == contract.OutageSpan(began=now - 50.0, lasts=True)


def tried(circuit: Circuit, *ends: str) -> Circuit:
    """Return the circuit after trials, each when it is due: `+` and a server, or `-` and one."""
    for each in ends:
        circuit = circuit.at(circuit.until)
        began, now = circuit.state, circuit.until + 1.0
        circuit = circuit.begun().ended(now, failed=each[0] == "-", began=began, whose=each[1:])
    return circuit


def test_trials_of_one_server_alone_do_not_keep_it_open() -> None:
    """Three that fail for one server, or one beside another's that succeeded, are its trouble."""
    opened = calls(Circuit(), "-" * 20, gap=0.0)
    assert tried(opened, "-a", "-a").state is CircuitState.OPEN
    assert tried(opened, "-a", "-a", "-a").state is CircuitState.CLOSED
    assert tried(opened, "-a", "-b", "-a", "-b").state is CircuitState.OPEN
    # A failure that cannot be one server's trouble is everybody's.
    assert tried(opened, "-", "-", "-").state is CircuitState.OPEN
    assert tried(opened, "-a", "-b", "+c", "-a").state is CircuitState.CLOSED
    assert tried(opened, "-a", "-b", "+c", "-").state is CircuitState.OPEN


def test_a_half_open_one_that_nobody_needs_is_closed() -> None:
    """Fewer calls than its full width takes succeeded, and no more came."""
    tried = calls(calls(Circuit(), "-" * 20, gap=0.0).at(1030.0), "+++", now=1031.0, gap=0.0)
    assert tried.state is CircuitState.HALF_OPEN
    assert tried.at(1060.9) is tried
    assert tried.begun().at(1062.0).state is CircuitState.HALF_OPEN
    assert tried.at(1061.0) == Circuit(began=1000.0, over=1061.0)
    untried = calls(Circuit(), "-" * 20, gap=0.0).at(1030.0)
    assert untried.at(9000.0) is untried


def test_no_clock_runs_in_an_outage() -> None:
    """What of a bound had passed before the outage has passed; in it and up to its end nothing."""
    lasting = contract.OutageSpan(began=100.0, lasts=True)
    assert lasting.clock(40.0, 500.0) == 440.0
    assert lasting.clock(300.0, 500.0) == 500.0
    over = contract.OutageSpan(began=100.0, over=400.0)
    assert over.clock(40.0, 500.0) == 340.0
    assert over.clock(450.0, 500.0) == 450.0
    assert contract.OutageSpan().clock(40.0, 500.0) == 40.0
    assert [over.includes(each) for each in (99.0, 100.0, 399.0, 400.0)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert not contract.OutageSpan().includes(0.0)


def test_it_is_tried_by_one_then_by_more() -> None:
    """One call, then two at once, then four, then eight, and then all: the circuit is closed."""
    tried = calls(Circuit(), "-" * 20, gap=0.0).at(1030.0)
    widths = []
    while tried.state is CircuitState.HALF_OPEN:
        widths.append(tried.free)
        for _ in range(tried.free or 0):
            tried = tried.begun()
        assert tried.free == 0
        for _ in range(widths[-1] or 0):
            tried = tried.ended(1031.0, failed=False, began=CircuitState.HALF_OPEN)
    assert widths == [1, 2, 4, 8]
    assert tried == Circuit(began=1000.0, over=1031.0)


def test_each_trial_in_vain_doubles_the_pause() -> None:
    """30, 60, 120 … seconds, and never more than ten minutes."""
    circuit, now, pauses = calls(Circuit(), "-" * 20, gap=0.0), 1000.0, []
    for _ in range(8):
        pauses.append(circuit.until - now)
        now = circuit.until
        circuit = circuit.at(now).begun().ended(now, failed=True, began=CircuitState.HALF_OPEN)
    assert pauses == [30, 60, 120, 240, 480, LONGEST_SECONDS, LONGEST_SECONDS, LONGEST_SECONDS]


def test_a_delete_that_succeeds_is_a_sign_of_life() -> None:
    """It has the circuit tried at once; one that fails, or began before, changes nothing."""
    opened = calls(Circuit(), "-" * 20, gap=0.0)
    assert opened.ended(1001.0, failed=True, began=CircuitState.OPEN, probe=True) is opened
    assert opened.ended(1001.0, failed=False, began=CircuitState.CLOSED, probe=True) is opened
    alive = opened.ended(1001.0, failed=False, began=CircuitState.OPEN, probe=True)
    assert (alive.state, alive.free) == (CircuitState.HALF_OPEN, 1)


def test_what_the_provider_shows_brings_the_next_trial_forward() -> None:
    """Not within the shortest pause, and not again once such a trial was in vain."""
    opened = calls(Circuit(), "-" * 20, gap=0.0)
    again = opened.at(1030.0).begun().ended(1030.0, failed=True, began=CircuitState.HALF_OPEN)
    assert again.until == 1090.0
    assert again.seen(1059.9) is again
    alive = again.seen(1060.0)
    assert (alive.state, alive.free) == (CircuitState.HALF_OPEN, 1)
    in_vain = alive.begun().ended(1061.0, failed=True, began=CircuitState.HALF_OPEN)
    assert (in_vain.state, in_vain.until) == (CircuitState.OPEN, 1181.0)
    assert in_vain.seen(1180.0) is in_vain
    tried = in_vain.at(1181.0).begun().ended(1182.0, failed=True, began=CircuitState.HALF_OPEN)
    assert tried.seen(1400.0) is tried
    assert not tried.anew(1500.0).deceived


def test_what_is_seen_of_a_provider_that_is_called_changes_nothing() -> None:
    """A closed circuit, and one that is tried already, are as they were."""
    assert Circuit().seen(5000.0) == Circuit()
    tried = calls(Circuit(), "-" * 20, gap=0.0).at(1030.0).begun()
    assert tried.seen(5000.0) is tried


def test_a_call_without_an_answer_gives_its_place_back() -> None:
    """A trial that ended without being told of is tried again by another."""
    tried = calls(Circuit(), "-" * 20, gap=0.0).at(1030.0).begun()
    assert tried.free == 0
    assert tried.withdrawn(began=CircuitState.HALF_OPEN).free == 1


@dataclasses.dataclass(slots=True)
class Under:
    """A call under way."""

    began: CircuitState
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

    @rule()
    def see(self) -> None:
        """Have the provider show something: at most one trial an outage is due to that in vain."""
        before = self.circuit
        self.circuit = before.seen(self.now)
        if self.circuit is not before:
            assert before.state is CircuitState.OPEN
            assert not before.deceived
            assert self.now >= before.opened + before.rule.open_seconds
            assert self.circuit.free == 1

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
            assert self.circuit.state is not CircuitState.OPEN or before.state is CircuitState.OPEN
        if failed:
            assert (
                self.circuit.state is not CircuitState.CLOSED or before.state is CircuitState.CLOSED
            )

    @invariant()
    def bounded(self) -> None:
        """A bound is never exceeded, an open circuit always has an end, and none is stuck."""
        circuit = self.circuit
        running = sum(
            not each.probe and each.began is CircuitState.HALF_OPEN is circuit.state
            for each in self.under
        )
        if circuit.state is CircuitState.HALF_OPEN:
            assert 1 <= circuit.width <= circuit.rule.width
            assert circuit.running <= circuit.width
            assert circuit.running <= running
            assert circuit.free or circuit.running
        if circuit.state is CircuitState.OPEN:
            assert circuit.until <= self.now + LONGEST_SECONDS
            assert circuit.at(circuit.until).state is CircuitState.HALF_OPEN

    def teardown(self) -> None:
        """A provider that works again is called again, within ten minutes and a few calls."""
        circuit = self.circuit.at(self.now + LONGEST_SECONDS)
        for call in self.under:
            if not call.probe:
                circuit = circuit.withdrawn(began=call.began)
        for _ in range(100):
            if circuit.state is CircuitState.CLOSED:
                return
            assert circuit.free
            circuit = circuit.begun().ended(self.now, failed=False, began=circuit.state)
        raise AssertionError(circuit)


TestBreaker = Breaker.TestCase
TestBreaker.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_two_outages_are_one_where_they_overlap_and_else_the_later_counts() -> None:
    """So no answer that was lost in the later one counts, nor in what led up to it."""
    fleets = contract.OutageSpan(began=100.0, over=200.0)
    assert contract.OutageSpan().joined(fleets) == fleets
    assert fleets.joined(contract.OutageSpan()) == fleets
    lasting = contract.OutageSpan(began=150.0, lasts=True)
    assert fleets.joined(lasting) == contract.OutageSpan(began=100.0, lasts=True)
    assert lasting.joined(fleets) == contract.OutageSpan(began=100.0, lasts=True)
    late = contract.OutageSpan(began=300.0, over=400.0)
    assert late.joined(fleets) == fleets.joined(late) == late
    both = contract.OutageSpan(began=120.0, lasts=True).joined(lasting)
    assert both == contract.OutageSpan(began=120.0, lasts=True)
