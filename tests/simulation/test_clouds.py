"""Servers of a cloud under the engine as it is, in virtual time; the cloud outlives operators."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller.api.resources import Resource
from controller.providers.openstack import kind as openstack
from controller.providers.openstack import opening
from fakes.openstack import Cloud, Fault, Machine
from fakes.universe import Universe, application, component, operation

pytestmark = pytest.mark.looptime

Json = dict[str, Any]
SPEC: Json = {"flavor": "small", "image": "v1", "networks": [{"name": "tenant"}]}


class Country:
    """A cluster beside a cloud, and a Fleet of that cloud."""

    def __init__(self) -> None:
        self.cloud = Cloud()
        self.universe = Universe(providers=[openstack.kind(self._connect)])

    @contextlib.asynccontextmanager
    async def _connect(self, *_: object) -> AsyncIterator[opening.CloudConnection]:
        yield opening.CloudConnection(tokens=self.cloud, transport=self.cloud, prober=self.cloud)

    async def found(self, **settings: Any) -> None:
        """Write the Fleet."""
        body = {
            "apiVersion": "argosy.dev/v1alpha1",
            "kind": "Fleet",
            "metadata": {"name": "west"},
            "spec": {"provider": "openstack", "openstack": {"cloud": "test", **settings}},
        }
        await self.universe.server.create(Resource.FLEETS, "", body)

    async def apply(self, count: int, spec: Json | None = None, **more: Any) -> None:
        """Apply an application of so many servers of the cloud."""
        web = component("web", count)
        web |= {"template": {"spec": spec or SPEC}, **more}
        await self.universe.apply(application("shop", web, fleet="west"))

    def there(self) -> list[Machine]:
        """Return the servers that exist and are not told to go, by name."""
        found = [each for each in self.cloud.settle() if each.gone_at is None]
        return sorted(found, key=lambda each: each.name)

    def silence(self, *machines: Machine) -> None:
        """Take the cell of some servers from the cloud: lists by tag lack them."""
        self.cloud.silent_cell = True
        for each in machines:
            each.silent, each.updated = True, self.cloud.now

    @property
    def is_ready(self) -> bool:
        """Whether the application says that it is ready."""
        told = self.universe.condition(Resource.APPLICATIONS, "shop")
        return told.get("status") == "True"

    async def until(self, holds: Any, *, seconds: float = 900.0) -> None:
        """Return once something holds; fail when that takes longer."""
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110 - in virtual time
                await asyncio.sleep(0.2)


def images(country: Country) -> list[str]:
    """Return the names of the images that servers run from."""
    return [country.cloud.images[each.body["imageRef"]].name for each in country.there()]


async def test_an_application_lives_in_a_cloud() -> None:
    """It comes up, scales, is changed by new servers, and goes without a rest."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(3)
        await country.until(lambda: country.is_ready and len(country.there()) == 3)
        first = [each.id for each in country.there()]
        await country.apply(3, SPEC | {"image": "v2"})
        await country.until(lambda: images(country) == ["v2"] * 3 and country.is_ready)
        assert not set(first) & {each.id for each in country.there()}
        await country.apply(1, SPEC | {"image": "v2"})
        await country.until(lambda: len(country.there()) == 1 and country.is_ready)
        await country.universe.delete(Resource.APPLICATIONS, "shop")
        await country.until(lambda: country.cloud.settle() == [])


async def test_a_rebuild_keeps_the_servers() -> None:
    """Where the Fleet lets it, a new image comes to the servers that there are."""
    country = Country()
    async with country.universe:
        await country.found(rebuild="WhenPossible")
        await country.apply(2)
        await country.until(lambda: country.is_ready)
        before = [each.id for each in country.there()]
        await country.apply(2, SPEC | {"image": "v2"})
        await country.until(lambda: images(country) == ["v2", "v2"] and country.is_ready)
        assert [each.id for each in country.there()] == before


async def test_a_change_taken_back_half_way_keeps_the_servers() -> None:
    """Ports had other groups, and no host had room: all is as it was, on the same instances."""
    country = Country()
    async with country.universe:
        await country.found(resize="WhenPossible")
        await country.apply(2)
        await country.until(lambda: country.is_ready)
        before = [each.id for each in country.there()]
        country.cloud.room = False
        await country.apply(2, SPEC | {"flavor": "large", "securityGroups": ["db"]})
        names, get = country.universe.names(Resource.SERVERS), country.universe.get
        await country.until(
            lambda: any("NoCapacity" in str(get(Resource.SERVERS, each)) for each in names)
        )
        ports = country.cloud.groups_of_ports
        assert ["group-2"] in ports.values()
        await country.apply(2)
        await country.until(lambda: country.is_ready)
        await asyncio.sleep(60)
        assert country.is_ready
        assert {*map(tuple, ports.values())} == {("group-default",)}
        assert [(each.id, each.flavor) for each in country.there()] == [
            (each, "small") for each in before
        ]
        assert [path for verb, path in country.cloud.requests if verb == "DELETE"] == []


async def test_a_stop_and_a_start_keep_the_servers_and_to_replace_makes_others() -> None:
    """Whoever stops and starts an application of a cloud has the very instances again."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(2)
        await country.until(lambda: country.is_ready)
        before = [each.id for each in country.there()]

        async def act(action: str) -> None:
            name = action.lower()
            await country.universe.apply(operation(name, "shop", action))

            def ended() -> str:
                told = country.universe.condition(Resource.OPERATIONS, name, "Succeeded")
                return str(told.get("status", "Unknown"))

            await country.until(lambda: ended() != "Unknown")
            assert ended() == "True"

        await act("Stop")
        assert [each.status for each in country.there()] == ["SHUTOFF"] * 2
        await act("Start")
        await country.until(lambda: country.is_ready)
        assert [each.id for each in country.there()] == before
        await act("Replace")
        await country.until(lambda: country.is_ready)
        assert not set(before) & {each.id for each in country.there()}


async def test_what_is_stopped_changes_in_place_and_stays_stopped() -> None:
    """New metadata, another image, another flavor: the same servers, and none is started for it."""
    country = Country()
    async with country.universe:
        await country.found(rebuild="WhenPossible", resize="WhenPossible")
        await country.apply(2)
        await country.until(lambda: country.is_ready)
        before = [each.id for each in country.there()]
        await country.universe.apply(operation("halt", "shop", "Stop"))
        await country.until(lambda: _has_ended(country, "halt"))
        spec: Json = SPEC
        for change, is_so in (
            ({"metadata": {"role": "web"}}, lambda each: each.metadata.get("role") == "web"),
            ({"image": "v2"}, lambda each: each.body["imageRef"] == "image-2"),
            ({"flavor": "large"}, lambda each: each.flavor == "large"),
        ):
            spec = spec | change
            await country.apply(2, spec)
            await country.until(lambda is_so=is_so: all(is_so(each) for each in country.there()))
            await country.until(lambda: {each.status for each in country.there()} == {"SHUTOFF"})
        names = country.universe.names(Resource.SERVERS)
        await country.until(
            lambda: all(
                found["status"]["revision"] == found["spec"]["revision"]
                for found in (country.universe.get(Resource.SERVERS, each) for each in names)
            )
        )
        assert [each.id for each in country.there()] == before
        assert country.cloud.bodies("os-start") == []
        await country.universe.apply(operation("go", "shop", "Start"))
        await country.until(lambda: _has_ended(country, "go") and country.is_ready)
        assert [each.id for each in country.there()] == before


async def test_a_start_that_fails_on_the_host_is_told_and_tried_less_and_less() -> None:
    """Nova leaves the server SHUTOFF without a fault: the server says so, in steady words."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(1)
        await country.until(lambda: country.is_ready)
        (machine,) = country.there()
        country.cloud.powers = False
        machine.status, machine.updated = "SHUTOFF", country.cloud.now
        await asyncio.sleep(300)
        told = country.universe.condition(Resource.SERVERS, machine.name)
        assert (told["status"], told["reason"]) == ("False", "CloudPowerFailed")
        assert f"os-start of {machine.id}, and left it SHUTOFF" in told["message"]
        asked, writes = len(country.cloud.bodies("os-start")), len(country.universe.server.writes)
        await asyncio.sleep(600)
        assert 8 <= len(country.cloud.bodies("os-start")) - asked <= 20
        # The time of the next attempt, seldom; not each attempt.
        assert len(country.universe.server.writes) - writes <= 4
        country.cloud.powers = True
        await country.until(lambda: country.is_ready)
        assert country.there() == [machine]
        await asyncio.sleep(60)
        assert "blockedBy" not in country.universe.get(Resource.SERVERS, machine.name)["status"]


@pytest.mark.parametrize(("action", "kept"), [("Restart", True), ("Replace", False)])
async def test_a_restart_keeps_the_servers_of_a_cloud(action: str, *, kept: bool) -> None:
    """Each is stopped and started once, whoever dies meanwhile; to replace makes others."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(4)
        await country.until(lambda: country.is_ready)
        before = [each.id for each in country.there()]
        await country.universe.apply(operation("again", "shop", action, concurrency=2))
        await asyncio.sleep(3)
        await country.universe.crash()
        await country.until(lambda: _has_ended(country, "again"))
        after = [each.id for each in country.there()]
        assert (after == before) is kept
        assert not kept or len(country.cloud.bodies("os-start")) == len(before)
        assert len(after) == len(before)
        # To do it once more is another restart of the same.
        await country.universe.apply(operation("more", "shop", "Restart"))
        await country.until(lambda: _has_ended(country, "more"))
        assert [each.id for each in country.there()] == after


def _has_ended(country: Country, name: str) -> bool:
    """Return whether an operation has ended, and well."""
    told = country.universe.condition(Resource.OPERATIONS, name, "Succeeded")
    assert told.get("status") != "False", told
    return told.get("status") == "True"


async def test_operators_that_crash_make_no_server_twice() -> None:
    """Killed again and again, with answers that are lost: each server is there once."""
    country = Country()
    async with country.universe:
        await country.found()
        for _ in range(6):
            country.cloud.faults.append(
                Fault(method="POST", path="/servers$", lost=True, late=0.4, times=2)
            )
        await country.apply(4)
        for _ in range(4):
            await asyncio.sleep(0.7)
            await country.universe.crash()
        await country.until(lambda: country.is_ready)
        await asyncio.sleep(60)
        names = [each.name for each in country.there()]
        assert names == [f"shop-web-{number}" for number in range(4)]


@pytest.mark.parametrize("ahead", [300.0, -300.0])
async def test_a_cloud_whose_clock_is_wrong_fails_no_server(ahead: float) -> None:
    """Its servers are told as they come up, have their time to become ready, and stay."""
    country = Country()
    country.cloud.ahead = ahead
    async with country.universe:
        await country.found()
        await country.apply(2, SPEC | {"readiness": {"console": {}, "startSeconds": 60}})
        await country.until(lambda: [each.status for each in country.there()] == ["ACTIVE"] * 2)
        await asyncio.sleep(45)
        for each in country.there():
            told = country.universe.condition(Resource.SERVERS, each.name)
            assert told["reason"] == "Progressing"
            each.console = f"argosy-ready {each.metadata['argosy.token']}\n"
        await country.until(lambda: country.is_ready, seconds=60)
        assert len(country.cloud.machines) == 2


async def test_a_server_that_breaks_is_made_anew() -> None:
    """ERROR is a failure like any: another one takes its place."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(2)
        await country.until(lambda: country.is_ready)
        broken = country.there()[0]
        broken.status, broken.updated = "ERROR", country.cloud.now
        await country.until(
            lambda: country.is_ready and broken.id not in {each.id for each in country.there()}
        )
        assert len(country.there()) == 2


async def test_other_limits_count_at_once() -> None:
    """A Fleet that is given another limit of calls keeps to it without a restart."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(1)
        await country.until(lambda: country.is_ready)
        limits = {"spec": {"limits": {"callsPerSecond": 1}}}
        await country.universe.server.patch(Resource.FLEETS, "", "west", limits)
        await asyncio.sleep(60)
        began, before = country.cloud.now, len(country.cloud.requests)
        await country.apply(8)
        await country.until(lambda: country.is_ready and len(country.there()) == 8)
        taken = len([path for _, path in country.cloud.requests[before:] if "compute" in path])
        assert taken <= country.cloud.now - began + 2


async def test_a_silent_cell_leaves_all_as_it_is() -> None:
    """An operator that starts while the cloud's lists are empty makes nothing."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(3)
        await country.until(lambda: country.is_ready)
        before = [each.id for each in country.there()]
        country.cloud.silent_cell = True
        await country.universe.crash()
        await asyncio.sleep(600)
        assert [each.id for each in country.there()] == before
        assert len(country.cloud.machines) == 3


async def test_an_operator_that_starts_beside_cells_that_are_down_deletes_nothing() -> None:
    """Not one of them is known to it but by its id; each is what it was once its cell is back."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(3)
        await country.until(lambda: country.is_ready)
        before = [each.id for each in country.there()]
        told = _told_incarnations(country)
        country.silence(*country.there())
        await country.universe.crash()
        await asyncio.sleep(120)
        assert _told_incarnations(country) == told == [1, 1, 1]
        for each in country.there():
            each.silent, each.updated = False, country.cloud.now
            await asyncio.sleep(90)
        country.cloud.silent_cell = False
        await country.until(lambda: country.is_ready)
        assert [each.id for each in country.there()] == before
        assert [path for verb, path in country.cloud.requests if verb == "DELETE"] == []


def _told_incarnations(country: Country) -> list[int]:
    """Return the incarnations that the statuses of all servers tell."""
    names = country.universe.names(Resource.SERVERS)
    found = (country.universe.get(Resource.SERVERS, each) for each in names)
    return [each["status"]["incarnation"] for each in found]


async def test_a_cell_that_is_down_for_long_costs_no_server() -> None:
    """Nobody knows how its servers are, so they are not made anew as ill ones are."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(5)
        await country.until(lambda: country.is_ready)
        before = [each.id for each in country.there()]
        away = country.there()[0]
        country.silence(away)
        await asyncio.sleep(7200)
        told = country.universe.condition(Resource.SERVERS, away.name)
        assert (told["status"], told["reason"]) == ("False", "Unheard")
        assert away.id in told["message"]
        away.silent, away.updated = False, country.cloud.now
        country.cloud.silent_cell = False
        await country.until(lambda: country.is_ready)
        assert [each.id for each in country.there()] == before
        assert [path for verb, path in country.cloud.requests if verb == "DELETE"] == []


async def test_whoever_is_in_a_silent_cell_is_changed_and_restarted_once_it_is_back() -> None:
    """Both come to the very server that there was; meanwhile nothing is asked of the cloud."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(2)
        await country.until(lambda: country.is_ready)
        before = [each.id for each in country.there()]
        away = country.there()[0]

        async def is_away() -> None:
            country.silence(away)
            told = (away.name, "Unheard")
            condition = country.universe.condition
            await country.until(lambda: condition(Resource.SERVERS, told[0])["reason"] == told[1])

        async def is_back() -> None:
            await asyncio.sleep(120)
            country.cloud.silent_cell = away.silent = False
            away.updated = country.cloud.now

        await is_away()
        spec = SPEC | {"metadata": {"role": "web"}}
        await country.apply(2, spec)
        await is_back()
        await country.until(lambda: country.is_ready and "role" in away.metadata)
        await is_away()
        await country.universe.apply(operation("again", "shop", "Restart", concurrency=2))
        await is_back()
        await country.until(lambda: _has_ended(country, "again") and country.is_ready)
        assert [each.id for each in country.there()] == before
        assert len(country.cloud.bodies("os-start")) == 2
        assert [path for verb, path in country.cloud.requests if verb == "DELETE"] == []


async def test_who_rescues_a_server_is_left_to_it() -> None:
    """It is told, and neither restarted nor remediated; it is as before once they are done."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(5)
        await country.until(lambda: country.is_ready)
        before = [each.id for each in country.there()]
        ill = country.there()[0]
        country.cloud.do(ill.id, "rescue")
        await asyncio.sleep(60)
        told = country.universe.condition(Resource.SERVERS, ill.name)
        assert told["reason"] == "CloudChanging"
        await country.universe.apply(operation("again", "shop", "Restart"))
        await asyncio.sleep(7200)
        assert [each.id for each in country.there()] == before
        assert ill.status == "RESCUE"
        country.cloud.do(ill.id, "unrescue")
        await country.until(lambda: country.is_ready)
        assert [each.id for each in country.there()] == before
        assert [path for verb, path in country.cloud.requests if verb == "DELETE"] == []


@pytest.mark.parametrize("crashes", [False, True])
async def test_a_server_that_lost_its_tags_is_told_and_not_made_twice(*, crashes: bool) -> None:
    """Whoever types the remedy has it back as it was."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(2)
        await country.until(lambda: country.is_ready)
        before = [each.id for each in country.there()]
        (lost, tags) = (country.there()[0], country.there()[0].tags)
        lost.tags = []
        if crashes:
            await country.universe.crash()
        await asyncio.sleep(180)
        told = country.universe.condition(Resource.SERVERS, lost.name)
        assert (told["status"], told["reason"]) == ("False", "NameTaken")
        await country.universe.crash()
        await asyncio.sleep(3600)
        assert [each.id for each in country.there()] == before
        assert len(country.cloud.machines) == 2
        (blocked,) = country.universe.get(Resource.SERVERS, lost.name)["status"]["blockedBy"]
        words = shlex.split(blocked["remedy"])
        assert (words[0], words[-1]) == ("openstack", lost.id)
        lost.tags = [words[each + 1] for each, word in enumerate(words) if word == "--tag"]
        assert sorted(lost.tags) == sorted(tags)
        await country.until(lambda: country.is_ready)
        assert [each.id for each in country.there()] == before
        assert [path for verb, path in country.cloud.requests if verb == "DELETE"] == []


async def test_at_rest_nothing_is_written() -> None:
    """Neither to the API server nor to the cloud."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(3)
        await country.until(lambda: country.is_ready)
        await asyncio.sleep(300)
        writes = len(country.universe.server.writes)
        country.cloud.requests.clear()
        await asyncio.sleep(1800)
        assert [each for each in country.cloud.requests if each[0] != "GET"] == []
        assert len(country.universe.server.writes) == writes
