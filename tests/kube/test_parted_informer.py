"""What an informer promises that follows slots: one cache, however many watches feed it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog

from controller.api import names, objects
from controller.api.resources import Resource
from controller.kube import follower, slots
from controller.kube.informer import Informer
from fakes.api_server import ApiServer, Faults, chaos

pytestmark = pytest.mark.looptime

BUCKET = names.BUCKET_LABEL
ONE, OTHER = slots.selector(1), slots.selector(2)
UNLABELLED = slots.selector(None)


def label(slot: int | None) -> dict[str, str | None]:
    """Return the label of an object of that slot; without a slot, what takes it off."""
    return {BUCKET: None if slot is None else str(4 * slot + 1)}


class World:
    """An API server, an informer of slots of its Services, and what was told of them."""

    def __init__(self, *opened: int, faults: Faults | None = None, **options: Any) -> None:
        self.server = ApiServer(
            faults=faults, namespaces=("default", "other"), collects_garbage=False
        )
        self.informer: Informer[objects.Service] = Informer(
            self.server, Resource.SERVICES, by_slot=True, rng=random.Random(1), **options
        )
        self.opened = opened
        self.told: list[tuple[str, str]] = []
        # What follows from the objects that are shown.
        self.kept: dict[str, str] = {}
        self.informer.add_index("label", lambda each: each.metadata.labels.get(BUCKET))
        # A subscriber that raises is only told to those who ask.
        self.crashed: list[Exception] = []
        self.informer.on_crash(lambda _item, error: self.crashed.append(error))
        self.informer.keep(self._keep)
        self.informer.subscribe(self._note)

    def _note(self, old: objects.Service | None, new: objects.Service | None) -> None:
        either = new or old
        assert either is not None
        verb = "added" if old is None else "gone" if new is None else "changed"
        self.told.append((verb, either.metadata.name))

    def _keep(self, old: objects.Service | None, new: objects.Service | None) -> None:
        if old is not None:
            assert self.kept.pop(old.metadata.name) == old.metadata.resource_version
        if new is not None:
            self.kept[new.metadata.name] = new.metadata.resource_version

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the informer, and open some slots."""
        task = asyncio.create_task(self.informer.run())
        try:
            await self.informer.wait()
            for each in self.opened:
                await self.open(each)
            yield
            assert not task.done()
            assert self.crashed == []
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def open(self, slot: int) -> None:
        """Open a slot, and wait until it is there."""
        self.informer.open(slot)
        while not self.informer.is_open(slot):  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.05)

    def create(self, name: str, slot: int | None = None) -> None:
        """Make a Service of a slot."""
        body = {
            "metadata": {"name": name, "labels": {k: v for k, v in label(slot).items() if v}},
            "spec": {"clusterIP": "None"},
        }
        self.server.registry.create(Resource.SERVICES, "default", body)

    def move(self, name: str, slot: int | None, value: str = "") -> None:
        """Change the label of a Service."""
        labels = {BUCKET: value} if value else label(slot)
        self.server.registry.patch(
            Resource.SERVICES, "default", name, {"metadata": {"labels": labels}}
        )

    def delete(self, name: str) -> None:
        """Delete a Service."""
        self.server.registry.delete(Resource.SERVICES, "default", name)

    def shown(self) -> set[str]:
        """Return the names of what the informer shows."""
        return {name for _, name in self.informer.objects}

    def version(self, name: str) -> int:
        """Return the version of a Service."""
        body = self.server.objects[Resource.SERVICES]["default", name]
        return int(body["metadata"]["resourceVersion"])

    def agrees(self) -> bool:
        """Return whether just what is followed is shown, everywhere."""
        followed = {None, *self.opened}
        there = {
            name: body["metadata"]["resourceVersion"]
            for (_, name), body in self.server.objects[Resource.SERVICES].items()
            if slots.labelled(body["metadata"].get("labels", {})) in followed
        }
        shown = {k[1]: each.metadata.resource_version for k, each in self.informer.objects.items()}
        return there == shown == self.kept

    async def agree(self, within: float) -> None:
        """Wait until the informer shows what is there."""
        async with asyncio.timeout(within):
            while not self.agrees():  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(0.05)


async def test_only_slots_that_are_open_are_shown_and_what_says_none() -> None:
    """A senseless label counts as none: else its object would be nobody's."""
    world = World(1)
    world.create("mine", 1)
    world.create("theirs", 2)
    world.create("old")
    async with world.running():
        assert world.shown() == {"mine", "old"}
        world.create("later", 1)
        world.create("elsewhere", 2)
        world.move("theirs", None, value="999")
        await world.agree(within=1)
        assert world.shown() == {"mine", "old", "later", "theirs"}


async def test_a_slot_is_listed_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page of a list by label has the API server read all there is from etcd."""
    world = World(1)
    asked: dict[str, set[int]] = {}
    really = world.server.list

    async def noted(*about: Any, **options: Any) -> bytes:
        asked.setdefault(options["label_selector"], set()).add(options["limit"])
        return await really(*about, **options)

    monkeypatch.setattr(world.server, "list", noted)
    async with world.running():
        await world.informer.catch_up(asyncio.get_running_loop().time() + 1)
    assert asked == {ONE: {0}, UNLABELLED: {follower.PAGE}}


@pytest.mark.parametrize("late", [ONE, OTHER, UNLABELLED, ""])
async def test_a_label_that_changes_takes_nothing_away(late: str) -> None:
    """Each watch tells its half of it, whichever comes first; a real deletion is believed."""
    world = World(1, 2)
    for name, slot in (("a", 1), ("b", None), ("c", 2)):
        world.create(name, slot)
    async with world.running():
        await asyncio.sleep(1)
        world.server.faults.hold(late)
        world.move("a", 2)
        world.move("b", 1)
        world.move("c", None)
        await asyncio.sleep(1)
        world.server.faults.thaw()
        await world.agree(within=1)
        assert world.shown() == {"a", "b", "c"}
        for name in "abc":
            world.delete(name)
        await world.agree(within=1)
        assert not world.shown()


async def test_a_gone_by_one_watch_after_the_new_one_told_is_no_deletion() -> None:
    """Nobody hears that an object is gone which has only another label by now."""
    world = World(1, 2)
    world.create("a", 1)
    async with world.running():
        await asyncio.sleep(1)
        world.server.faults.hold(ONE)
        world.move("a", 2)
        await asyncio.sleep(1)
        assert world.agrees()
        world.server.faults.thaw()
        await asyncio.sleep(1)
        assert world.agrees()
        assert ("gone", "a") not in world.told


@pytest.mark.parametrize("moved", [False, True])
async def test_a_list_of_one_follower_drops_nothing_that_others_feed(*, moved: bool) -> None:
    """Not even what it fed itself, before the label changed."""
    world = World(1, 2)
    world.create("a", 1)
    world.create("b", 2)
    async with world.running():
        await asyncio.sleep(1)
        if moved:
            world.server.faults.hold(ONE)
            world.move("a", 2)
            await asyncio.sleep(1)
        world.told.clear()
        # Slot 1 and what says none list anew.
        world.server.storage.compact(Resource.SERVICES)
        world.server.faults.drop_watches()
        await asyncio.sleep(1)
        world.server.faults.thaw()
        world.server.faults.drop_watches()
        await world.agree(within=30)
        assert world.told == []
        world.create("c", 1)
        await world.agree(within=5)


async def test_catching_up_with_one_slot_asks_nothing_of_the_others() -> None:
    """The list is that of the slot, and what others feed is no sign of being behind."""
    world = World(1, 2)
    for number in range(3):
        world.create(f"a{number}", 1)
        world.create(f"b{number}", 2)
        world.create(f"c{number}")
    async with world.running():
        await asyncio.sleep(1)
        world.server.faults.hold(OTHER)
        world.delete("b0")
        world.delete("a0")
        world.delete("c0")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(5):
            await world.informer.catch_up(loop.time(), {1})
        assert world.shown() == {"a1", "a2", "b0", "b1", "b2", "c1", "c2"}
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await world.informer.catch_up(loop.time(), {2})
        world.server.faults.thaw()
        async with asyncio.timeout(5):
            await world.informer.catch_up(loop.time())
        assert world.agrees()


async def test_a_write_is_seen_by_the_watch_of_its_slot() -> None:
    """A quiet slot holds up nobody else, and one that lags is waited for."""
    world = World(1, 2)
    world.create("a", 1)
    world.create("b", 2)
    async with world.running():
        await asyncio.sleep(1)
        told: list[tuple[int, int | None]] = []
        world.informer.on_advance(lambda reached, slot: told.append((reached, slot)))
        world.server.faults.hold(OTHER)
        world.move("a", 1, value="6")
        world.move("b", 2, value="10")
        one, other = world.version("a"), world.version("b")
        await asyncio.sleep(1)
        assert told == [(one, 1)]
        assert world.informer.reached(one, "default", 1)
        assert not world.informer.reached(other, "default", 1)
        assert not world.informer.reached(one, "default", 2)
        assert world.informer.reached(other, "default", 7), "nothing is to come of what is closed"
        world.server.faults.thaw()
        await asyncio.sleep(1)
        assert told[1:] == [(other, 2)]
        assert world.informer.reached(other, "default", 2)
        assert not world.informer.reached(other, "default"), "of what says none"


async def test_an_answer_is_learned_by_who_follows_its_slot() -> None:
    """Of a slot that is closed nothing is learned: nobody would tell that it has gone."""
    world = World(1)
    async with world.running():
        world.server.faults.freeze(Resource.SERVICES)
        for name, slot in (("a", 1), ("b", 2), ("c", None)):
            world.create(name, slot)
            body = world.server.objects[Resource.SERVICES]["default", name]
            world.informer.learn(json.dumps(body).encode())
        assert world.shown() == {"a", "c"}
        world.server.faults.thaw()
        await asyncio.sleep(1)
        assert world.agrees()


async def test_a_slot_that_is_closed_is_forgotten_without_a_word() -> None:
    """Its objects are there as before; what is kept of them goes, and comes back with them."""
    world = World(1, 2)
    for name, slot in (("a", 1), ("b", 2), ("c", None)):
        world.create(name, slot)
    async with world.running():
        await asyncio.sleep(1)
        world.told.clear()
        await world.informer.close(1)
        world.opened = (2,)
        assert world.agrees()
        assert world.told == []
        assert not world.informer.is_open(1)
        assert world.informer.by("label", "5") == {}
        world.move("a", 1, value="6")
        world.delete("b")
        await world.agree(within=1)
        assert world.told == [("gone", "b")]
        await world.open(1)
        world.opened = (1, 2)
        assert world.agrees()
        assert world.told == [("gone", "b"), ("added", "a")]
        assert set(world.informer.by("label", "6")) == {("default", "a")}


@pytest.mark.parametrize("listed", [False, True])
async def test_nobody_waits_for_a_slot_that_is_closed(*, listed: bool) -> None:
    """Neither for its first list nor for what its watch was still to tell: nothing is to come."""
    world = World(2)
    world.create("a", 1)
    async with world.running():
        if listed:
            await world.open(1)
            world.server.faults.hold(ONE)
            world.create("b", 1)
        else:
            refused = chaos.Verdict(before=chaos.busy("busy", 1.0))
            world.server.faults.on("list", Resource.SERVICES, verdict=refused, times=None)
            world.informer.open(1)
        caught_up = asyncio.create_task(
            world.informer.catch_up(asyncio.get_running_loop().time(), {1})
        )
        await asyncio.sleep(5)
        assert not caught_up.done()
        await world.informer.close(1)
        world.server.faults.calm()
        async with asyncio.timeout(20):
            await caught_up


async def test_nobody_lists_a_slot_that_is_closed_and_the_log_names_it() -> None:
    """However often the list failed that was to be caught up with; until then its slot is told."""
    world = World(1)
    async with world.running():
        await asyncio.sleep(1)
        refused = chaos.Verdict(before=chaos.busy("busy", 1.0))
        world.server.faults.on("list", Resource.SERVICES, verdict=refused, times=None)
        with structlog.testing.capture_logs() as logs:
            caught_up = asyncio.create_task(
                world.informer.catch_up(asyncio.get_running_loop().time(), {1})
            )
            await asyncio.sleep(5)
        assert {(each["event"], each["slot"]) for each in logs} == {("not caught up", 1)}
        await world.informer.close(1)
        async with asyncio.timeout(20):
            await caught_up


async def test_the_log_names_the_slot_of_a_watch_that_is_interrupted() -> None:
    """As the runbook says; None is what says that it is of no slot."""
    world = World(1)
    async with world.running():
        await asyncio.sleep(1)
        refused = chaos.Verdict(before=chaos.busy("busy", 1.0))
        world.server.faults.on("watch", Resource.SERVICES, verdict=refused, times=None)
        with structlog.testing.capture_logs() as logs:
            world.server.faults.drop_watches(Resource.SERVICES)
            await asyncio.sleep(5)
        told = {each["slot"] for each in logs if each["event"] == "watch interrupted"}
        assert told == {1, None}


async def test_who_waits_for_a_write_in_a_slot_that_is_closed_looks_again() -> None:
    """It would wait for ever: of what is closed nothing is to come."""
    world = World(1)
    world.create("a", 1)
    async with world.running():
        await asyncio.sleep(1)
        world.server.faults.hold(ONE)
        world.move("a", 1, value="6")
        told: list[tuple[int, int | None]] = []
        world.informer.on_advance(lambda reached, slot: told.append((reached, slot)))
        await world.informer.close(1)
        assert [slot for reached, slot in told if reached >= world.version("a")] == [1]
        assert world.informer.reached(world.version("a"), "default", 1)


async def test_what_cannot_be_read_is_forgotten_with_its_slot() -> None:
    """Of it, too, nothing stays that nobody would take away."""
    world = World(1)
    async with world.running():
        world.create("a", 1)
        world.server.registry.patch(Resource.SERVICES, "default", "a", {"spec": {"clusterIP": 7}})
        await asyncio.sleep(1)
        assert world.informer.malformed
        await world.informer.close(1)
        assert not world.informer.malformed
        assert not world.informer.objects


async def test_slots_open_and_close_while_the_informer_runs() -> None:
    """Again and again, in any order; at most one watch is there of each that is open."""
    world = World()
    rng = random.Random(5)
    for number in range(60):
        world.create(f"s{number}", number % 6)
    async with world.running():
        opened: set[int] = set()
        for _ in range(80):
            slot = rng.randrange(6)
            if slot in opened and rng.random() < 0.6:
                opened.discard(slot)
                closing = asyncio.create_task(world.informer.close(slot))
                if rng.random() < 0.3:
                    world.informer.open(slot)
                    opened.add(slot)
                await closing
            else:
                opened.add(slot)
                world.informer.open(slot)
            if rng.random() < 0.5:
                await asyncio.sleep(rng.random())
        world.opened = tuple(opened)
        await world.agree(within=30)
        assert len(world.informer.pulses) == 1 + len(opened)


async def test_a_follower_of_a_slot_that_fails_ends_the_informer() -> None:
    """As that of the whole does: a cache that nobody feeds must not go unnoticed."""
    world = World(1)
    task = asyncio.create_task(world.informer.run())
    await world.informer.wait()
    await world.open(1)

    def crash(_old: object, _new: object) -> None:
        raise asyncio.CancelledError

    world.informer.subscribe(crash)
    world.create("a", 1)
    with pytest.raises(Exception, match="watch services"):
        await asyncio.wait_for(task, 60)


@pytest.mark.parametrize("seed", range(10))
async def test_converges_whatever_labels_and_watches_do(seed: int) -> None:
    """Any mix of label changes, faults, openings and closings ends with just what is there."""
    faults = Faults(seed=seed, refused=0.1, slow=0.2, slow_seconds=3.0)
    world = World(faults=faults)
    rng = random.Random(seed)
    newest: dict[str, int] = {}

    def check(old: objects.Service | None, new: objects.Service | None) -> None:
        if old is not None and new is not None:
            assert int(new.metadata.resource_version) > int(old.metadata.resource_version)
        if new is not None:
            newest[new.metadata.name] = int(new.metadata.resource_version)

    world.informer.subscribe(check)
    mishaps = (
        faults.drop_watches,
        lambda: world.server.storage.compact(Resource.SERVICES),
        lambda: faults.hold(slots.selector(rng.choice([None, 0, 1, 2]))),
        faults.thaw,
    )
    async with world.running():
        opened: set[int] = set()
        for _ in range(300):
            name, slot = f"s{rng.randrange(12)}", rng.choice([None, 0, 1, 2])
            there = ("default", name) in world.server.objects.get(Resource.SERVICES, {})
            if not there:
                world.create(name, slot)
            elif rng.random() < 0.25:
                world.delete(name)
            else:
                world.move(name, slot)
            if rng.random() < 0.15:
                rng.choice(mishaps)()
            if rng.random() < 0.08:
                which = rng.randrange(3)
                if which in opened:
                    opened.discard(which)
                    await world.informer.close(which)
                else:
                    opened.add(which)
                    world.informer.open(which)
            await asyncio.sleep(rng.random() * 0.2)
        faults.calm()
        faults.drop_watches()
        world.opened = tuple(opened)
        await world.agree(within=120)
        assert newest
