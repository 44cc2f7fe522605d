"""Which replica is to have which slot, and which slot an application is in."""

from __future__ import annotations

import math
from collections import Counter

import hypothesis
from hypothesis import strategies

from controller.kube import assignment, slots

# Any replicas, and any that were there before.
CREWS = strategies.sets(strategies.text(max_size=12), min_size=1, max_size=9)


def fewest(held: dict[int, str], members: set[str]) -> int:
    """Return how many slots must move, whoever gets them."""
    most = math.ceil(slots.SLOTS / len(members))
    has = Counter(held.values())
    return slots.SLOTS - sum(min(has[each], most) for each in members)


@hypothesis.given(before=CREWS, after=CREWS)
def test_nobody_has_too_much_and_as_few_move_as_can(before: set[str], after: set[str]) -> None:
    """Whoever comes and goes: at most ⌈64/n⌉ each, all slots with members, the fewest moves."""
    held = assignment.assign({}, before)
    given = assignment.assign(held, after)
    assert set(given) == set(range(slots.SLOTS))
    assert set(given.values()) <= after
    assert max(Counter(given.values()).values()) <= math.ceil(slots.SLOTS / len(after))
    moved = sum(given[slot] != held[slot] for slot in held)
    assert moved == fewest(held, after)
    assert assignment.assign(given, after) == given


@hypothesis.given(
    members=CREWS,
    held=strategies.dictionaries(
        strategies.integers(0, slots.SLOTS - 1), strategies.text(max_size=12)
    ),
)
def test_all_who_see_the_same_come_to_the_same(members: set[str], held: dict[int, str]) -> None:
    """The answer depends on who has what and who is there alone, not on any order."""
    turned = dict(reversed(held.items()))
    assert assignment.assign(held, sorted(members)) == assignment.assign(
        turned, sorted(members, reverse=True)
    )


def test_without_members_nothing_is_assigned() -> None:
    """Nobody is to have what nobody can have."""
    assert assignment.assign({1: "gone"}, ()) == {}


def test_the_slot_of_an_application_never_changes() -> None:
    """Replicas of any two versions agree on it, or two of them would own one application."""
    assert [slots.of("default", name) for name in ("shop", "db", "a")] == [31, 11, 44]
    assert slots.of("a", "b-c") != slots.of("a-b", "c")


def test_applications_are_spread_over_all_slots() -> None:
    """Of many applications in one namespace no slot has more than twice its part."""
    found = Counter(slots.of("default", f"shop-{number}") for number in range(6400))
    assert len(found) == slots.SLOTS
    assert max(found.values()) < 200
