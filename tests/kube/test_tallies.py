"""What replicas tell one another of their slots, and what the sum of it is worth."""

from __future__ import annotations

import pytest

from controller.kube import slots, tallies
from controller.kube.tallies import Tally


def tally(first: int, end: int, cloud: int) -> Tally:
    """Return what somebody tells who has some slots, with so many servers of one fleet."""
    return Tally(frozenset(range(first, end)), {"fleets": {"cloud": cloud}})


def test_what_is_told_is_read_again() -> None:
    """Slots and numbers, and the same text each time for the same."""
    told = tally(3, 40, 7)
    text = tallies.write(told)
    assert text is not None
    assert text == tallies.write(tally(3, 40, 7))
    assert tallies.read({tallies.ANNOTATION: text}) == told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "none",
        "[]",
        '{"slots": "all"}',
        '{"slots": [64]}',
        '{"slots": [-1]}',
        '{"slots": [1], "counts": {"fleets": {"cloud": -3}}}',
        '{"slots": [1], "counts": {"fleets": {"cloud": "many"}}}',
        '{"slots": [1], "counts": {"fleets": {"cloud": 1.5}}}',
        '{"slots": [1], "counts": {"fleets": {"cloud": NaN}}}',
        '{"slots": [1], "counts": {"fleets": {"cloud": 1e400}}}',
        pytest.param(f'{{"counts": {{"fleets": {{"cloud": {10**30}}}}}}}', id="beyond an int64"),
        pytest.param(f'{{"counts": {{"fleets": {{"cloud": {"9" * 5000}}}}}}}', id="endless"),
        pytest.param(f'{{"more": {"[" * 100_000}{"]" * 100_000}}}', id="bottomless"),
        pytest.param(f'{{"slots": [{"1, " * 50_000}64]}}', id="enormous"),
    ],
)
def test_what_makes_no_sense_tells_nothing(text: str) -> None:
    """Whoever writes into a heartbeat keeps a count from being known, and no more than that."""
    assert tallies.read({tallies.ANNOTATION: text}) is None
    assert tallies.read({}) is None


def test_too_much_to_be_told_is_not_told() -> None:
    """A heartbeat that the API server refuses would end its replica."""
    many = {f"fleet-{number}": number for number in range(10_000)}
    assert tallies.write(Tally(frozenset({1}), {"fleets": many})) is None


def test_a_sum_is_exact_where_each_slot_is_told_of_once() -> None:
    """Whoever of several it is that tells of a slot."""
    found = [tally(0, 10, 1), tally(10, slots.SLOTS, 2)]
    assert tallies.add_up(found, "fleets", "cloud") == (3, True)
    assert tallies.add_up(found, "fleets", "other") == (0, True)


def test_a_sum_with_a_slot_of_nobodys_is_one_of_at_least_so_many() -> None:
    """Who died has taken its counts along, and nobody has its slots yet."""
    found = [tally(0, 10, 1), tally(11, slots.SLOTS, 2)]
    assert tallies.add_up(found, "fleets", "cloud") == (3, False)
    assert tallies.add_up([], "fleets", "cloud") == (0, False)


def test_a_slot_that_two_tell_of_is_not_counted_twice() -> None:
    """One has given it since it told so: the sum is one of at least so many, and no more."""
    found = [tally(0, 32, 5), tally(31, slots.SLOTS, 9)]
    assert tallies.add_up(found, "fleets", "cloud") == (5, False)
