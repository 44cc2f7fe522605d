"""What an informer promises its readers, whatever the API server and the network do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from controller.api import objects
from controller.api.resources import Resource
from controller.kube import faults, follower
from controller.kube.informer import Informer
from controller.kube.reasons import KubeReason
from fakes.api_server import ApiServer, Faults, Verdict, chaos, refusal

pytestmark = pytest.mark.looptime

Change = tuple[str, str, str]


def service(name: str, **labels: str) -> dict[str, Any]:
    """Return the manifest of a Service."""
    return {"metadata": {"name": name, "labels": labels}, "spec": {"clusterIP": "None"}}


class World:
    """An API server, an informer of its Services, and what the informer told."""

    def __init__(self, *, faults: Faults | None = None, **options: Any) -> None:
        self.server = ApiServer(
            faults=faults, namespaces=("default", "other"), collects_garbage=False
        )
        self.informer: Informer[objects.Service] = Informer(
            self.server, Resource.SERVICES, rng=random.Random(1), **options
        )
        self.changes: list[Change] = []
        self.informer.subscribe(self._note)

    def _note(self, old: objects.Service | None, new: objects.Service | None) -> None:
        either = new or old
        assert either is not None
        verb = "added" if old is None else "gone" if new is None else "changed"
        self.changes.append((verb, either.metadata.namespace, either.metadata.name))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the informer, from its first list on."""
        task = asyncio.create_task(self.informer.run())
        try:
            await self.informer.wait()
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def create(self, name: str, namespace: str = "default", **labels: str) -> str:
        """Make a Service behind the informer's back; return its UID."""
        made = self.server.registry.create(Resource.SERVICES, namespace, service(name, **labels))
        uid: str = made["metadata"]["uid"]
        return uid

    def answer(self, name: str, namespace: str = "default", **labels: str) -> bytes:
        """Make a Service as the informer's own process does; return the API server's answer."""
        self.create(name, namespace, **labels)
        return json.dumps(self.server.objects[Resource.SERVICES][namespace, name]).encode()

    def label(self, name: str, **labels: str | None) -> None:
        """Change the labels of a Service."""
        body = {"metadata": {"labels": labels}}
        self.server.registry.patch(Resource.SERVICES, "default", name, body)

    def delete(self, name: str, namespace: str = "default") -> None:
        """Delete a Service."""
        self.server.registry.delete(Resource.SERVICES, namespace, name)

    async def agree(self, within: float) -> float:
        """Wait until the informer shows what is there; return how long that took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not self.agrees():
            assert loop.time() - began < within, "the informer does not catch up"
            await asyncio.sleep(0.05)
        return loop.time() - began

    def agrees(self) -> bool:
        """Return whether the informer shows exactly what is there."""
        there = {
            key: body["metadata"]["resourceVersion"]
            for key, body in self.server.objects[Resource.SERVICES].items()
        }
        shown = {key: each.metadata.resource_version for key, each in self.informer.objects.items()}
        return there == shown


async def test_lists_then_follows() -> None:
    """What was there before and what happens after are both shown, each change told once."""
    world = World()
    world.create("old")
    async with world.running():
        assert world.changes == [("added", "default", "old")]
        world.create("new")
        world.label("old", color="red")
        world.delete("new")
        await world.agree(within=1)
        assert world.changes[1:] == [
            ("added", "default", "new"),
            ("changed", "default", "old"),
            ("gone", "default", "new"),
        ]


async def test_list_of_many_pages_is_complete() -> None:
    """A list of more objects than a page holds is complete, and seen as one moment."""
    world = World()
    count = follower.PAGE * 2 + 1
    for number in range(count):
        world.create(f"s{number}")
    async with world.running():
        assert len(world.informer.objects) == count
        assert world.agrees()


async def test_reached_follows_own_writes() -> None:
    """A write's resourceVersion is reached when its event was told, and no sooner."""
    world = World()
    async with world.running():
        world.create("mine")
        version = world.server.storage.version
        assert not world.informer.reached(version)
        told: list[tuple[int, int]] = []
        world.informer.on_advance(lambda reached, _slot: told.append((reached, len(world.changes))))
        await world.agree(within=1)
        assert world.informer.reached(version)
        assert told == [(version, 1)], "advance comes once, after the change"


async def test_an_answer_is_shown_before_the_watch_tells_of_it_and_told_once() -> None:
    """Whoever follows sees what was made at once; `reached` still says how far the watch is."""
    world = World()
    async with world.running():
        world.informer.learn(world.answer("mine"))
        assert world.agrees()
        assert world.changes == [("added", "default", "mine")]
        version = world.server.storage.version
        assert not world.informer.reached(version)
        world.label("mine", color="red")
        await world.agree(within=1)
        assert world.informer.reached(version)
        assert world.changes[1:] == [("changed", "default", "mine")]


async def test_an_answer_that_comes_late_brings_nothing_back() -> None:
    """What was deleted, or changed, since it was made stays as the watch told of it."""
    world = World()
    async with world.running():
        late = [world.answer("gone"), world.answer("changed")]
        world.delete("gone")
        world.label("changed", color="red")
        await world.agree(within=1)
        before = list(world.changes)
        for each in late:
            world.informer.learn(each)
        assert world.agrees()
        assert world.changes == before


async def test_older_events_change_nothing_that_is_known_to_be_newer() -> None:
    """An answer about a name made anew outlives the news of the one of before."""
    world = World()
    before = world.create("again")
    async with world.running():
        world.label("again", color="red")
        world.delete("again")
        world.informer.learn(world.answer("again"))
        assert world.agrees()
        await asyncio.sleep(1)
        assert world.agrees()
        assert world.informer.objects["default", "again"].metadata.uid != before
        assert [each[0] for each in world.changes] == ["added", "changed"]


async def test_a_deletion_after_an_answer_is_told() -> None:
    """An object that goes before the watch tells that it came is told to be gone."""
    world = World()
    async with world.running():
        world.informer.learn(world.answer("short"))
        world.delete("short")
        await world.agree(within=1)
        assert [each[0] for each in world.changes] == ["added", "gone"]


async def test_a_list_that_is_older_than_an_answer_takes_nothing_away() -> None:
    """A list begun before the create is no news of the object that was made."""
    world = World()
    async with world.running():
        world.create("old")
        await world.agree(within=1)
        told = len(world.changes)
        world.server.faults.on("watch", Resource.SERVICES, verdict=_gone())
        world.server.faults.on("list", Resource.SERVICES, verdict=Verdict(back=5.0))
        world.server.faults.drop_watches()
        await asyncio.sleep(3)
        assert not world.server.faults.rules, "the list is on its way back"
        world.informer.learn(world.answer("mine"))
        await asyncio.sleep(5)
        assert world.agrees()
        assert world.changes[told:] == [("added", "default", "mine")]


async def test_answers_that_the_watch_never_tells_of_are_forgotten() -> None:
    """A webhook may take the label away by which an object is watched."""
    world = World(label_selector="color")
    async with world.running():
        world.informer.learn(world.answer("mine", color="red"))
        world.informer.learn(world.answer("stripped"))
        assert len(world.informer.objects) == 2
        world.create("next", color="blue")
        await asyncio.sleep(1)
        assert sorted(world.informer.objects) == [("default", "mine"), ("default", "next")]


async def test_of_an_answer_that_cannot_be_read_nothing_is_learned() -> None:
    """Nor of one about another namespace, nor before the first list."""
    world = World(namespaces=("default",))
    world.informer.learn(world.answer("early"))
    assert not world.informer.objects
    async with world.running():
        world.informer.learn(world.answer("elsewhere", "other"))
        for odd in (b"", b"{}", b'{"metadata": {"name": 7}}', b'{"metadata": {}, "spec": 1}'):
            world.informer.learn(odd)
        assert list(world.informer.objects) == [("default", "early")]


async def test_bookmarks_advance_a_quiet_resource() -> None:
    """Versions that other resources used up are reached by bookmarks, without a change."""
    world = World()
    async with world.running():
        world.server.registry.create(Resource.CLAIMS, "default", service("elsewhere"))
        version = world.server.storage.version
        await asyncio.sleep(70)
        assert world.informer.reached(version)
        assert world.changes == []


@pytest.mark.parametrize("line", [b"", b'{"type":"MODIF', b"<html>bad gateway</html>"])
async def test_cut_and_garbled_watches_lose_nothing(line: bytes) -> None:
    """A watch that breaks, even within a line or with garbage, goes on where it broke off."""
    world = World()
    async with world.running():
        world.create("before")
        await world.agree(within=1)
        world.server.faults.drop_watches(line=line)
        world.create("meanwhile")
        await world.agree(within=2)
        assert [each[2] for each in world.changes] == ["before", "meanwhile"]


async def test_expired_watch_lists_again_and_tells_the_difference() -> None:
    """After 410 the new list is told as the changes that led to it, deletions too."""
    world = World()
    for name in ("kept", "gone", "changed"):
        world.create(name)
    async with world.running():
        world.changes.clear()
        world.server.faults.freeze(Resource.SERVICES)
        world.server.faults.drop_watches()
        world.delete("gone")
        world.label("changed", color="red")
        world.create("new")
        world.server.storage.compact(Resource.SERVICES)
        world.server.faults.thaw()
        await world.agree(within=5)
        assert sorted(world.changes) == [
            ("added", "default", "new"),
            ("changed", "default", "changed"),
            ("gone", "default", "gone"),
        ]


async def test_recreated_behind_a_gap_is_one_change_of_uid() -> None:
    """An object that was replaced while nobody watched is told with its old and its new UID."""
    world = World()
    first = world.create("phoenix")
    uids: list[tuple[str, str]] = []

    def note(old: objects.Service | None, new: objects.Service | None) -> None:
        uids.append((old.metadata.uid if old else "", new.metadata.uid if new else ""))

    async with world.running():
        world.informer.subscribe(note)
        world.server.faults.crash()
        world.delete("phoenix")
        second = world.create("phoenix")
        world.server.storage.compact(Resource.SERVICES)
        world.server.faults.down = False
        await world.agree(within=20)
        assert uids == [(first, second)]


async def test_survives_an_hour_without_api_server() -> None:
    """After an outage of an hour the informer is current again within half a minute."""
    world = World()
    world.create("before")
    async with world.running():
        world.server.faults.crash()
        world.create("meanwhile")
        await asyncio.sleep(3600)
        assert world.informer.failure
        assert len(world.informer.objects) == 1, "what was seen is still shown"
        world.server.faults.down = False
        assert await world.agree(within=30) <= 16
        assert not world.informer.failure


async def test_new_leader_outlives_lists_that_are_refused() -> None:
    """Whoever takes over asks again where its list is refused, or a page of it is too old."""
    world = World()
    for number in range(follower.PAGE + 1):
        world.create(f"s{number}")
    async with world.running():
        world.server.faults.freeze(Resource.SERVICES)
        world.create("unheard")
        for verdict in (Verdict(before=chaos.busy("busy", 1.0)), Verdict(), _gone()):
            world.server.faults.on("list", verdict=verdict)
        loop = asyncio.get_running_loop()
        loop.call_later(30, world.server.faults.thaw)
        async with asyncio.timeout(60):
            await world.informer.catch_up(loop.time())
        assert not world.server.faults.rules, "all of it was met"
        assert world.agrees()


def _unknown() -> Verdict:
    return Verdict(before=refusal.refuse(404, "NotFound", "404 page not found"))


def _forget_kind(world: World) -> list[chaos.Rule]:
    """Have the API server no longer know the kind, as when its CRD is deleted: nothing is told."""
    on = world.server.faults.on
    rules = [
        on(verb, Resource.SERVICES, verdict=_unknown(), times=None) for verb in ("list", "watch")
    ]
    world.server.faults.drop_watches()
    return rules


async def test_a_kind_that_this_cluster_does_not_serve_is_empty_at_once() -> None:
    """Nobody waits for it, it is looked for now and then, and seen once the cluster serves it."""
    server = ApiServer(collects_garbage=False)
    informer: Informer[objects.EvictionRequest] = Informer(server, Resource.EVICTION_REQUESTS)
    refused = server.faults.on("list", Resource.EVICTION_REQUESTS, verdict=_unknown(), times=20)
    task = asyncio.create_task(informer.run())
    loop = asyncio.get_running_loop()
    began = loop.time()
    await informer.wait()
    await informer.catch_up(loop.time())
    assert loop.time() - began < 0.2
    assert not informer.failure
    assert informer.silence is None
    server.registry.create(Resource.EVICTION_REQUESTS, "default", {"metadata": {"name": "one"}})
    await asyncio.sleep(3600)
    assert not informer.objects
    assert refused.times is not None
    assert refused.times > 10, "it is looked for seldom"
    server.faults.rules.remove(refused)
    await asyncio.sleep(700)
    assert set(informer.objects) == {("default", "one")}
    task.cancel()


async def test_a_leader_that_catches_up_is_not_held_to_a_watch_that_rests() -> None:
    """A kind that is not served is looked for seldom; whoever reads it meanwhile changes nothing.

    Else the liveness probe would end each leader minutes after it began, and its successor again.
    """
    server = ApiServer(collects_garbage=False)
    informer: Informer[objects.EvictionRequest] = Informer(server, Resource.EVICTION_REQUESTS)
    server.faults.on("list", Resource.EVICTION_REQUESTS, verdict=_unknown(), times=None)
    task = asyncio.create_task(informer.run())
    await informer.wait()
    await informer.catch_up(asyncio.get_running_loop().time())
    for _ in range(3600):
        await asyncio.sleep(1)
        assert not any(each.late for each in informer.pulses)
    task.cancel()


async def test_kind_that_is_gone_is_an_empty_kind() -> None:
    """Its objects are told as gone, nothing is waited for any more, and it may come back."""
    world = World()
    world.create("one")
    world.create("two", "other")
    async with world.running():
        written = world.server.storage.version + 5
        advanced: list[int] = []
        world.informer.on_advance(lambda reached, _slot: advanced.append(reached))
        assert not world.informer.reached(written)
        await asyncio.sleep(1)  # its watch is under way
        rules = _forget_kind(world)
        await asyncio.sleep(10)
        assert not world.informer.objects
        assert world.changes[2:] == [("gone", "default", "one"), ("gone", "other", "two")]
        assert world.informer.reached(written), "no event of it will ever come"
        assert advanced[-1] >= written, "and whoever waits for it is told"
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(5):
            await world.informer.catch_up(loop.time())
        for each in rules:
            world.server.faults.rules.remove(each)
        await world.agree(within=10)
        assert not world.informer.failure
        world.create("three")
        await world.agree(within=1)


async def test_one_answer_that_a_kind_is_unknown_empties_nothing() -> None:
    """A proxy that errs once costs no cache."""
    world = World()
    world.create("one")
    async with world.running():
        await asyncio.sleep(1)  # its watch is under way
        on = world.server.faults.on
        on("watch", Resource.SERVICES, verdict=_unknown())
        on("list", Resource.SERVICES, verdict=_unknown())
        world.server.faults.drop_watches()
        await asyncio.sleep(10)
        assert not world.server.faults.rules, "both were met"
        assert world.changes == [("added", "default", "one")]
        assert world.agrees()


async def test_kind_that_is_yet_to_come_is_waited_for_by_nobody() -> None:
    """An informer of a kind that nobody has defined is synced, and shows the kind once it is."""
    world = World()
    rules = _forget_kind(world)
    async with world.running():
        assert not world.informer.objects
        for each in rules:
            world.server.faults.rules.remove(each)
        world.create("one")
        await world.agree(within=10)
        assert world.changes == [("added", "default", "one")]


async def test_frozen_watch_is_given_up() -> None:
    """A watch that says nothing, not even bookmarks, is replaced by a new one."""
    world = World()
    async with world.running():
        world.server.faults.freeze(Resource.SERVICES)
        world.create("unheard")
        await asyncio.sleep(99)
        assert not world.agrees()
        # Only connections that are open now are stuck.
        asyncio.get_running_loop().call_later(1.05, world.server.faults.frozen.clear)
        await world.agree(within=10)


async def test_quiet_watch_is_left_alone() -> None:
    """A watch that has nothing to tell but bookmarks is not taken for a frozen one."""
    world = World()
    async with world.running():
        for _ in range(250):
            await asyncio.sleep(1)
            assert not world.informer.failure


async def test_stale_list_is_refused() -> None:
    """A list that is older than what was seen is not shown; the next that is not, is."""
    world = World()
    async with world.running():
        world.create("a")
        world.delete("a")
        world.create("b")
        await world.agree(within=1)
        world.changes.clear()
        world.server.faults.stale[Resource.SERVICES] = 2
        world.server.faults.drop_watches()
        # So that it lists.
        gone = world.server.faults.on("watch", verdict=_gone(), times=3)
        await asyncio.sleep(3)
        assert world.changes == [], "the older state was never told"
        assert gone.times == 2
        world.server.faults.stale.clear()
        world.create("c")
        await world.agree(within=60)
        assert world.changes == [("added", "default", "c")]


async def test_storage_that_lost_its_newest_part_ends_the_informer() -> None:
    """When every list is older than what was seen, run() raises rather than wait for ever."""
    world = World()
    task = asyncio.create_task(world.informer.run())
    await world.informer.wait()
    world.create("lost")
    await world.agree(within=1)
    world.server.faults.stale[Resource.SERVICES] = 1
    world.server.faults.on("watch", verdict=_gone(), times=1)
    world.server.faults.drop_watches()
    with pytest.raises(faults.WentBack):
        await asyncio.wait_for(task, 600)


async def test_malformed_objects_stand_aside() -> None:
    """An object that does not fit its view is named; the others, and its last good view, stay."""
    world = World()
    server = world.server
    namespaces: Informer[objects.Namespace] = Informer(server, Resource.NAMESPACES)
    noted: list[str] = []
    namespaces.on_malformed(lambda bad: noted.append(bad.metadata.name))
    key = ("", "default")
    server.registry.set_status(Resource.NAMESPACES, ("", "other"), {"phase": 7}, actor="test")
    task = asyncio.create_task(namespaces.run())
    await namespaces.wait()
    assert set(namespaces.objects) == {key}
    assert "phase" in namespaces.malformed[("", "other")].message
    server.registry.set_status(Resource.NAMESPACES, key, {"phase": []}, actor="test")
    await asyncio.sleep(1)
    assert key in namespaces.malformed
    assert namespaces.objects[key].status.phase == "Active"
    for name in ("default", "other"):
        mended = {"phase": "Mended"}
        server.registry.set_status(Resource.NAMESPACES, ("", name), mended, actor="test")
    await asyncio.sleep(1)
    assert namespaces.malformed == {}
    assert {each.status.phase for each in namespaces.objects.values()} == {"Mended"}
    assert noted == ["other", "default"]
    task.cancel()


async def test_malformed_objects_hold_up_no_new_leader() -> None:
    """An object that fitted once and does not now is there: a cache with it in is caught up."""
    server = ApiServer(namespaces=("default",), collects_garbage=False)
    namespaces: Informer[objects.Namespace] = Informer(server, Resource.NAMESPACES)
    task = asyncio.create_task(namespaces.run())
    await namespaces.wait()
    key = ("", "default")
    server.registry.set_status(Resource.NAMESPACES, key, {"phase": 7}, actor="test")
    await asyncio.sleep(1)
    held = server.registry.need(Resource.NAMESPACES, *key)["metadata"]["resourceVersion"]
    assert namespaces.objects[key].metadata.resource_version == held
    async with asyncio.timeout(60):
        await namespaces.catch_up(asyncio.get_running_loop().time())
    task.cancel()


async def test_namespaced_mode_follows_only_its_namespaces() -> None:
    """Each namespace is followed by itself; a version is reached in a namespace, or in all."""
    world = World(namespaces=("default", "other"))
    world.create("a", "default")
    world.server.registry.create(
        Resource.NAMESPACES, "", {"metadata": {"name": "foreign"}}, actor="test"
    )
    world.create("b", "foreign")
    async with world.running():
        assert set(world.informer.objects) == {("default", "a")}
        world.server.faults.freeze(Resource.SERVICES)
        world.create("c", "other")
        version = world.server.storage.version
        world.server.faults.thaw()
        while ("other", "c") not in world.informer.objects:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.05)
        assert world.informer.reached(version, "other")
        assert not world.informer.reached(version, "default")
        assert world.informer.resource_version < version
        await asyncio.sleep(70)
        assert world.informer.reached(version, "default"), "by a bookmark"


async def test_label_selector_bounds_what_is_cached() -> None:
    """An object that stops matching the selector is gone, one that begins to is added."""
    world = World(label_selector="color=red")
    world.create("rose", color="red")
    world.create("lily", color="white")
    async with world.running():
        assert set(world.informer.objects) == {("default", "rose")}
        world.label("rose", color="white")
        world.label("lily", color="red")
        await asyncio.sleep(1)
        assert set(world.informer.objects) == {("default", "lily")}


async def test_indexes_follow_every_change() -> None:
    """An index always equals what grouping all objects by its key gives."""
    world = World()

    def color(each: objects.Service) -> str | None:
        return each.metadata.labels.get("color")

    world.informer.add_index("color", color)
    rng = random.Random(3)
    async with world.running():
        for _ in range(300):
            _random_change(world, rng)
            if rng.random() < 0.1:
                world.server.faults.drop_watches()
            if rng.random() < 0.05:
                world.server.storage.compact(Resource.SERVICES)
            await asyncio.sleep(rng.random() * 0.3)
        await world.agree(within=30)
        for each in ("red", "green", "blue", "absent"):
            expected = {
                key: found for key, found in world.informer.objects.items() if color(found) == each
            }
            assert world.informer.by("color", each) == expected


@pytest.mark.parametrize("seed", range(12))
async def test_converges_and_never_goes_back(seed: int) -> None:
    """Under any mix of faults the informer ends right, and shows no object older than before."""
    server_faults = Faults(seed=seed, refused=0.2, slow=0.2, slow_seconds=5.0)
    world = World(faults=server_faults)
    newest: dict[tuple[str, str], int] = {}

    def check(old: objects.Service | None, new: objects.Service | None) -> None:
        if new is not None:
            key = (new.metadata.namespace, new.metadata.name)
            version = int(new.metadata.resource_version)
            assert version > newest.get(key, 0), "an older state was shown after a newer one"
            newest[key] = version
        assert old is not None or new is not None

    world.informer.subscribe(check)
    # A subscriber that raises is only told to those who ask.
    crashed: list[Exception] = []
    world.informer.on_crash(lambda _item, error: crashed.append(error))
    rng = random.Random(seed)
    # Answers to creates of ours, which come whenever they like.
    answers: list[bytes] = []
    mishaps: tuple[Callable[[], object], ...] = (
        server_faults.drop_watches,
        lambda: server_faults.drop_watches(line=b'{"type":"ADDED","obj'),
        lambda: world.server.storage.compact(Resource.SERVICES),
        lambda: server_faults.freeze(Resource.SERVICES),
        server_faults.thaw,
        server_faults.crash,
        lambda: setattr(server_faults, "down", False),
        world.server.forget_pages,
    )
    async with world.running():
        for _ in range(200):
            answers += _random_change(world, rng)
            if answers and rng.random() < 0.5:
                world.informer.learn(answers.pop(rng.randrange(len(answers))))
            if rng.random() < 0.2:
                rng.choice(mishaps)()
            await asyncio.sleep(rng.random() * 2)
        server_faults.calm()
        await world.agree(within=150)
    assert crashed == []


def _random_change(world: World, rng: random.Random) -> list[bytes]:
    """Make, delete or change a Service; return the answer to a create."""
    name = f"s{rng.randrange(8)}"
    color = rng.choice(("red", "green", "blue", None))
    if ("default", name) not in world.server.objects[Resource.SERVICES]:
        return [world.answer(name, **({"color": color} if color else {}))]
    if rng.random() < 0.3:
        world.delete(name)
    else:
        world.label(name, color=color)
    return []


def _gone() -> Verdict:
    return Verdict(before=faults.Gone("simulated: too old", reason=KubeReason.GONE))
