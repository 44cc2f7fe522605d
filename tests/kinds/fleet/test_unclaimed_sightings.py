"""Which instances of a fleet have no Server, and since when a process has seen that."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from controller import contract
from controller.api.resources import Resource
from controller.contract import Phase
from controller.execution.caches import Caches
from controller.kinds.fleet import unclaimed_sightings
from controller.kinds.fleet.unclaimed_sightings import UnclaimedSightings
from fakes.api_server import ApiServer

pytestmark = pytest.mark.looptime

NOW = 1.7e9


class Sentry:
    """Sightings of what a provider is said to have, beside one Server, shop-web-0."""

    def __init__(self, *namespaces: str) -> None:
        self.server = ApiServer()
        spec = {"application": "shop", "component": "web", "ordinal": 0}
        body = {"metadata": {"name": "shop-web-0"}, "spec": spec}
        self.server.registry.create(Resource.SERVERS, "default", body, actor="user")
        self.caches = Caches(self.server, namespaces=namespaces or ("",))
        self.kept = self.caches.kept(UnclaimedSightings)
        self.found: list[contract.Instance] | None = []
        self.asked = 0

    @property
    def uid(self) -> str:
        """The UID of the Server."""
        body = self.server.objects[Resource.SERVERS]["default", "shop-web-0"]
        return str(body["metadata"]["uid"])

    def sightings(self, after: float = 0.0) -> dict[str, float] | None:
        """Return since when each has had no Server, in seconds from the beginning."""

        def instances() -> list[contract.Instance] | None:
            self.asked += 1
            return self.found

        seen = self.kept.sightings("west", instances, NOW + after)
        return None if seen is None else {key: each.since - NOW for key, each in seen.items()}


@contextlib.asynccontextmanager
async def sentry(*namespaces: str) -> AsyncIterator[Sentry]:
    """Give sightings whose caches have seen all."""
    made = Sentry(*namespaces)
    running = asyncio.create_task(made.caches.run())
    try:
        await made.caches.wait()
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def instance(uid: str, name: str = "shop-web-0", id: str = "i1") -> contract.Instance:  # noqa: A002 - as the field is called
    """Return an instance that was made for the Server of that name and UID."""
    return contract.Instance(id=id, server=f"default/{name}", uid=uid, phase=Phase.RUNNING)


async def test_an_instance_is_claimed_by_its_servers_name_and_uid() -> None:
    """Another Server of the name does not stand for it, nor does the UID under another name."""
    async with sentry() as one:
        own, other = instance(one.uid), instance("former", id="i2")
        one.found = [own, other, instance(one.uid, "shop-web-1", id="i3")]
        assert one.sightings() == {"i2": 0.0, "i3": 0.0}


async def test_a_server_that_cannot_be_read_has_its_instance() -> None:
    """What does not fit its view is there all the same: nothing of it is unclaimed."""
    async with sentry() as one:
        body = {"metadata": {"name": "shop-web-7"}, "spec": {"ordinal": "seven"}}
        one.server.registry.create(Resource.SERVERS, "default", body, actor="user")
        await asyncio.sleep(1)
        made = one.server.objects[Resource.SERVERS]["default", "shop-web-7"]
        one.found = [instance(made["metadata"]["uid"], "shop-web-7")]
        assert one.sightings() == {}


async def test_time_is_counted_from_the_first_look_that_found_no_server() -> None:
    """A provider that says nothing in between ends no count; a Server that is there does."""
    async with sentry() as one:
        one.found = [instance("former")]
        assert one.sightings() == {"i1": 0.0}
        one.found = None
        assert one.sightings(100) is None
        one.found = [instance("former")]
        assert one.sightings(200) == {"i1": 0.0}
        one.found = [instance(one.uid)]
        assert one.sightings(300) == {}
        one.found = [instance("former")]
        assert one.sightings(400) == {"i1": 400.0}


async def test_nothing_is_known_before_all_servers_are() -> None:
    """Caches that have seen no whole list, or that follow some namespaces alone, prove nothing."""
    unseen = Sentry()
    unseen.found = [instance("former")]
    assert unseen.sightings() is None
    async with sentry("default") as some:
        some.found = [instance("former")]
        assert some.sightings() is None


async def test_where_nothing_is_amiss_all_are_gone_through_now_and_then() -> None:
    """A fleet of thousands that is planned with each server asks for its instances rarely."""
    async with sentry() as one:
        for number in range(100):
            assert one.sightings(number / 10) == {}
        assert one.asked == 1
        one.sightings(unclaimed_sightings.PAUSE)
        assert one.asked == 2


async def test_another_fleet_of_the_name_is_looked_at_by_itself() -> None:
    """A Fleet that is gone takes its count with it; a change of it does not."""
    async with sentry() as one:
        body = {"metadata": {"name": "west"}, "spec": {"provider": "memory"}}
        one.server.registry.create(Resource.FLEETS, "", body, actor="user")
        one.found = [instance("former")]
        assert one.sightings() == {"i1": 0.0}
        limits = {"spec": {"limits": {"callsPerSecond": 9}}}
        await one.server.patch(Resource.FLEETS, "", "west", limits)
        await asyncio.sleep(1)
        assert one.sightings(100) == {"i1": 0.0}
        one.server.registry.delete(Resource.FLEETS, "", "west", actor="user")
        await asyncio.sleep(1)
        assert one.sightings(200) == {"i1": 200.0}
