"""The gate by itself: who is parked, once, and who is woken when a cache has come far enough."""

from __future__ import annotations

import dataclasses
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from controller.api import objects
from controller.api.resources import Resource
from controller.execution.gate import Gate
from controller.execution.key_state import KeyState
from controller.execution.phases import KeyPhase
from controller.kube.receipts import WriteReceipt
from controller.planning.keys import Key

PODS, SERVERS = Resource.PODS, Resource.SERVERS
KEY = Key(SERVERS, "default", "shop-web-0")
GOING = "2026-01-01T00:00:00Z"


@dataclasses.dataclass
class Watch:
    """A cache that has come to a version, of each namespace or of each slot."""

    by_slot: bool = False
    versions: dict[str | int, int] = dataclasses.field(default_factory=dict)
    shown: dict[tuple[str, str], objects.Meta] = dataclasses.field(default_factory=dict)

    def reached(self, version: int, namespace: str, slot: int | None) -> bool:
        """Return whether the cache shows what was written at a version."""
        where = slot if self.by_slot and slot is not None else namespace
        return self.versions.get(where, 0) >= version

    def seen(self, namespace: str, name: str) -> objects.Meta | None:
        """Return what is shown of an object."""
        return self.shown.get((namespace, name))


class Turnstile:
    """A gate with caches that are told how far they are, and who was woken."""

    def __init__(self, *, by_slot: bool = False) -> None:
        self.watches = {each: Watch(by_slot=by_slot) for each in (PODS, SERVERS)}
        self.woken: list[Key] = []
        self.state = KeyState()
        informers: Any = self.watches
        self.gate = Gate(informers, wake=self.woken.append)

    def wrote(self, resource: Resource, version: int, slot: int | None = None) -> None:
        """Have the key's state know of a write."""
        self.state.note(
            WriteReceipt(
                resource=resource, namespace="default", name="x", uid="u",
                resource_version=version, slot=slot,
            )
        )  # fmt: skip

    def look(self) -> bool:
        """Return whether the key passes."""
        return self.gate.passes(KEY, self.state)

    def comes_to(self, resource: Resource, where: str | int, version: int) -> None:
        """Have a cache show what was written up to a version, in a namespace or of a slot."""
        self.watches[resource].versions[where] = version
        self.gate.advance(resource, version, where if isinstance(where, int) else None)


def test_who_wrote_nothing_passes() -> None:
    """And is at rest, wherever it came from."""
    at = Turnstile()
    at.state.phase = KeyPhase.BACKING_OFF
    assert at.look()
    assert at.state.phase is KeyPhase.IDLE
    assert len(at.gate) == 0


@pytest.mark.parametrize("visits", [1, 2, 100])
def test_a_key_stands_in_line_once_however_often_it_is_visited(visits: int) -> None:
    """It is woken once, when the cache shows its newest write, and passes then."""
    at = Turnstile()
    at.wrote(PODS, 6)
    at.wrote(PODS, 7)
    for _ in range(visits):
        assert not at.look()
        assert at.state.phase is KeyPhase.PARKED
        assert len(at.gate) == 1
    at.comes_to(PODS, "default", 6)
    assert at.woken == []
    at.comes_to(PODS, "default", 7)
    assert at.woken == [KEY]
    assert len(at.gate) == 0
    assert at.look()
    assert at.state.phase is KeyPhase.IDLE
    assert at.state.floors == {}


def test_who_is_woken_too_early_is_parked_again() -> None:
    """Another namespace's watch was quicker: the key is looked at, and waits on."""
    at = Turnstile()
    at.wrote(PODS, 7)
    assert not at.look()
    at.comes_to(PODS, "elsewhere", 9)
    assert at.woken == [KEY]
    assert not at.look()
    assert len(at.gate) == 1
    at.comes_to(PODS, "default", 8)
    assert at.woken == [KEY, KEY]
    assert at.look()


def test_a_key_waits_for_one_cache_after_the_other() -> None:
    """Each is waited for in its turn; who has passed without being woken is woken by none."""
    at = Turnstile()
    at.wrote(PODS, 7)
    at.wrote(SERVERS, 8)
    assert not at.look()
    # As where the watch has just been closed: nothing is to be waited for, and nobody said so yet.
    at.watches[PODS].versions["default"] = 9
    assert not at.look()
    at.gate.advance(PODS, 9, None)
    assert at.woken == []
    at.comes_to(SERVERS, "default", 8)
    assert at.woken == [KEY]
    assert at.look()
    assert len(at.gate) == 0


def test_each_slot_is_waited_for_by_itself() -> None:
    """What another slot's watch has reached says nothing of this one's."""
    at = Turnstile(by_slot=True)
    at.wrote(PODS, 7, slot=3)
    assert not at.look()
    at.comes_to(PODS, 4, 9)
    assert at.woken == []
    at.comes_to(PODS, 3, 9)
    assert at.woken == [KEY]
    assert at.look()


@pytest.mark.parametrize("ended", [False, True])
def test_what_was_deleted_is_waited_for_without_a_place_in_line(*, ended: bool) -> None:
    """The event of its going wakes the key; until then no look passes."""
    at = Turnstile()
    meta = objects.Meta(name="x", namespace="default", uid="u")
    at.watches[PODS].shown["default", "x"] = meta
    at.state.note(
        WriteReceipt(
            resource=PODS, namespace="default", name="x", uid="u", gone=not ended, ended=ended
        )
    )
    for _ in range(3):
        assert not at.look()
        assert at.state.phase is KeyPhase.PARKED
    assert len(at.gate) == 0
    going = objects.Meta(name="x", namespace="default", uid="u", deletion_timestamp=GOING)
    at.watches[PODS].shown["default", "x"] = going
    assert at.look() is not ended
    at.watches[PODS].shown.clear()
    assert at.look()
    assert at.state.gone == {}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "look", "come"]),
        st.sampled_from([PODS, SERVERS]),
        st.sampled_from([1, 2, None]),
    ),
    max_size=40,
)


@hypothesis.given(STEPS)
def test_nobody_is_forgotten_at_the_gate(steps: list[tuple[str, Resource, int | None]]) -> None:
    """Whoever is parked is woken in the end, and passes no sooner than all it wrote is seen."""
    at, version = Turnstile(by_slot=True), 10
    for step, resource, slot in steps:
        version += 1
        if step == "write" and not at.woken:
            at.state.come_through()
            at.wrote(resource, version, slot)
        elif step == "come":
            where: str | int = "default" if slot is None else slot
            at.comes_to(resource, where, version)
        else:
            at.woken.clear()
            behind = any(
                not at.watches[place].reached(floor, namespace, slot)
                for (place, namespace, slot), floor in at.state.floors.items()
            )
            assert at.look() is not behind
            assert (at.state.phase is KeyPhase.PARKED) is behind
        assert len(at.gate) <= 6
    while not at.look():
        at.woken.clear()
        for resource in (PODS, SERVERS):
            for where in ("default", 1, 2):
                at.comes_to(resource, where, version + 1)
        assert at.woken == [KEY]
    assert at.state.floors == {}
