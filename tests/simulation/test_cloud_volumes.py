"""Volumes of a cloud under the engine as it is: they outlive servers, and go by policy alone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from controller.api.resources import Resource
from controller.providers.openstack.refusals import Reply
from fakes.openstack import Fault, Volume
from fakes.universe import application, component
from tests.simulation.test_clouds import SPEC, Country
from tests.simulation.test_forecasts import foretold
from tests.simulation.test_outcomes import agree

pytestmark = pytest.mark.looptime

Json = dict[str, Any]
ALWAYS = 10**6


def claim(storage: str = "1Gi", **policies: str) -> Json:
    """Return a claim of a component."""
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
    return {"name": "data", "spec": asked, **policies}


async def apply(country: Country, count: int, spec: Json | None = None, **policies: str) -> None:
    """Apply an application of so many servers that have a volume each."""
    await country.apply(count, spec, volumeClaims=[claim(**policies)])


def there(country: Country) -> dict[str, Volume]:
    """Return the volumes that exist and are not on their way out; there are no two of one name."""
    country.cloud.settle()
    found = country.cloud.volumes.values()
    seen = [each for each in found if each.created <= country.cloud.now]
    own = [each for each in seen if not each.gone and each.status != "deleting"]
    by_name = {each.name: each for each in own}
    assert len(by_name) == len(own), own
    return by_name


async def comes_up(country: Country, count: int) -> None:
    """Return once so many servers are there and ready, with their volumes."""

    def holds() -> bool:
        servers = country.there()
        held = {each.server for each in country.cloud.volumes.values() if each.status == "in-use"}
        return country.is_ready and len(servers) == count and {each.id for each in servers} <= held

    await country.until(holds)


async def test_data_stays_where_nobody_says_otherwise() -> None:
    """Through a rollout, a scaling down and up, and the life of the application."""
    country = Country()
    async with country.universe:
        await country.found()
        await apply(country, 2)
        await comes_up(country, 2)
        for name, each in there(country).items():
            each.content = name
        first = {each.id for each in country.there()}
        await apply(country, 2, SPEC | {"image": "v2"})
        await country.until(lambda: not first & {each.id for each in country.there()})
        await comes_up(country, 2)
        await apply(country, 1, SPEC | {"image": "v2"})
        await country.until(lambda: len(country.cloud.settle()) == 1)
        await apply(country, 2, SPEC | {"image": "v2"})
        await comes_up(country, 2)
        await country.universe.delete(Resource.APPLICATIONS, "shop")
        await country.until(lambda: not country.universe.names(Resource.APPLICATIONS))
        assert {each.status for each in there(country).values()} == {"available"}
        events = country.universe.server.objects[Resource.EVENTS].values()
        kept = [each["note"] for each in events if each["reason"] == "ClaimsKept"]
        assert kept == ["Keeping 2 claims (data-shop-web-0, data-shop-web-1), with their data."]
        await apply(country, 2)
        await comes_up(country, 2)
        assert {name: each.content for name, each in there(country).items()} == {
            "data-shop-web-0": "data-shop-web-0", "data-shop-web-1": "data-shop-web-1"
        }  # fmt: skip


async def test_volumes_go_by_policy_after_their_servers() -> None:
    """Scaled away, and deleted with the application: never before the server is gone."""
    country = Country()
    deleted: list[str] = []

    def watch(method: str, path: str) -> None:
        if method == "DELETE" and "/volumes/" in path:
            found = country.cloud.volumes[path.rpartition("/")[2]]
            assert not found.server, "a volume was to be deleted under its server"
            deleted.append(found.name)

    async with country.universe:
        await country.found()
        await apply(country, 3, whenScaled="Delete", whenDeleted="Delete")
        await comes_up(country, 3)
        country.cloud.on_request = watch
        await apply(country, 1, whenScaled="Delete", whenDeleted="Delete")
        await country.until(lambda: list(there(country)) == ["data-shop-web-0"])
        assert sorted(deleted) == ["data-shop-web-1", "data-shop-web-2"]
        await country.universe.delete(Resource.APPLICATIONS, "shop")
        await country.until(lambda: not country.universe.names(Resource.APPLICATIONS))
        await country.until(lambda: not there(country))
        assert sorted(deleted) == [f"data-shop-web-{number}" for number in range(3)]


async def test_operators_that_crash_make_no_volume_twice() -> None:
    """Killed again and again, with answers that are lost: each server has one volume."""
    country = Country()
    async with country.universe:
        await country.found()
        for path in ("/volumes$", "/servers$"):
            for late in (0.0, 0.4, 3.0, 9.0):
                country.cloud.faults.append(
                    Fault(method="POST", path=path, lost=True, late=late, times=2)
                )
        await apply(country, 4)
        for _ in range(6):
            await asyncio.sleep(1.1)
            await country.universe.crash()
        await country.until(lambda: country.is_ready)
        await asyncio.sleep(180)
        assert sorted(there(country)) == [f"data-shop-web-{number}" for number in range(4)]
        assert [each.name for each in country.there()] == [
            f"shop-web-{number}" for number in range(4)
        ]
        held = {each.server for each in there(country).values()}
        assert held == {each.id for each in country.there()}


async def test_a_server_comes_back_to_the_zone_of_its_volume() -> None:
    """Where Cinder's zones are those of servers, a volume decides where its server is made."""
    country = Country()
    country.cloud.volume_zones = ["az1", "az2"]
    async with country.universe:
        await country.found()
        domains = {"spec": {"failureDomains": [{"name": "az1"}, {"name": "az2"}]}}
        await country.universe.server.patch(Resource.FLEETS, "", "west", domains)
        await apply(country, 4)
        await comes_up(country, 4)
        zones = {each.name: each.zone for each in there(country).values()}
        assert sorted(zones.values()) == ["az1", "az1", "az2", "az2"]
        await country.universe.delete(Resource.APPLICATIONS, "shop")
        await country.until(lambda: not country.universe.names(Resource.APPLICATIONS))
        await apply(country, 4)
        await comes_up(country, 4)
        assert {each.name: each.zone for each in there(country).values()} == zones
        assert {f"data-{each.name}": each.zone for each in country.there()} == zones


async def test_a_stuck_volume_is_told_and_waited_for() -> None:
    """The server and its application name it; once it is put right all goes on by itself."""
    country = Country()
    async with country.universe:
        await country.found()
        await apply(country, 1)
        await comes_up(country, 1)
        await apply(country, 0)
        await country.until(lambda: not country.cloud.settle())
        (stuck,) = there(country).values()
        stuck.status = "error"
        await apply(country, 1)

        def says(resource: Resource, name: str) -> bool:
            told = country.universe.condition(resource, name)
            return f"data-shop-web-0 ({stuck.id}) is in the state error" in told.get("message", "")

        await country.until(lambda: says(Resource.SERVERS, "shop-web-0"))

        def blocked() -> str:
            status = country.universe.get(Resource.APPLICATIONS, "shop")["status"]
            return str(status.get("blockedBy"))

        await country.until(lambda: stuck.id in blocked())
        assert not country.there()
        stuck.status = "available"
        await comes_up(country, 1)
        assert list(there(country).values()) == [stuck]


async def test_what_is_not_known_yet_is_waited_for_before_the_set_goes() -> None:
    """With Cinder away nobody knows whether there are volumes that are to go: none is left."""
    country = Country()
    async with country.universe:
        await country.found()
        await apply(country, 1, whenDeleted="Delete")
        await comes_up(country, 1)
        country.cloud.faults.append(
            Fault(method="*", path="block-storage", unsent=True, times=ALWAYS)
        )
        await country.universe.crash()
        await country.universe.delete(Resource.APPLICATIONS, "shop")
        await country.until(lambda: not country.cloud.settle())
        await asyncio.sleep(120)
        assert country.universe.names(Resource.SERVERSETS) == ["shop-web"]
        country.cloud.faults.clear()
        await country.until(lambda: not country.universe.names(Resource.APPLICATIONS))
        await country.until(lambda: not there(country))


async def test_a_start_beside_a_failing_cinder_replaces_no_server() -> None:
    """A change in place waits for the first list of volumes; the status keeps the claims."""
    country = Country()
    async with country.universe:
        await country.found()
        await apply(country, 2)
        await comes_up(country, 2)
        before = [each.id for each in country.there()]
        country.cloud.faults.append(
            Fault(
                method="GET", path="/volumes/detail", times=ALWAYS,
                reply=Reply(status=503, body=b"{}"),
            )
        )  # fmt: skip
        await country.universe.crash()
        await apply(country, 2, SPEC | {"metadata": {"role": "web"}})
        await asyncio.sleep(180)
        assert [each.id for each in country.there()] == before
        for name in country.universe.names(Resource.SERVERS):
            told = country.universe.get(Resource.SERVERS, name)["status"]["claims"]
            assert told == [{"name": "data", "size": "1Gi"}]
        country.cloud.faults.clear()

        def changed() -> bool:
            return all(each.metadata.get("role") == "web" for each in country.there())

        await country.until(lambda: changed() and country.is_ready)
        assert [each.id for each in country.there()] == before


async def test_no_volume_is_left_by_a_cinder_that_is_out_of_the_catalogue() -> None:
    """A set whose servers had volumes waits until these are known, as while Cinder is away."""
    country = Country()
    async with country.universe:
        await country.found()
        await apply(country, 1, whenDeleted="Delete")
        await comes_up(country, 1)
        country.cloud.has_volumes = False
        await country.universe.crash()
        await country.universe.delete(Resource.APPLICATIONS, "shop")
        await country.until(lambda: not country.cloud.settle())
        await asyncio.sleep(120)
        assert country.universe.names(Resource.SERVERSETS) == ["shop-web"]
        country.cloud.has_volumes = True
        await country.until(lambda: not country.universe.names(Resource.APPLICATIONS))
        await country.until(lambda: not there(country))


async def test_what_an_abandoned_server_has_is_kept() -> None:
    """Nobody knows whether it still writes there: the application goes, and the volume stays."""
    country = Country()
    async with country.universe:
        await country.found()
        policy = {"drainSeconds": 1, "timeoutSeconds": 60, "onTimeout": "Abandon"}
        web = component("web", 1) | {"template": {"spec": SPEC}}
        web["volumeClaims"] = [claim(whenDeleted="Delete")]
        await country.universe.apply(application("shop", web, fleet="west", deletion=policy))
        await comes_up(country, 1)
        (machine,) = country.there()
        machine.silent, machine.updated = True, country.cloud.now
        await country.universe.delete(Resource.APPLICATIONS, "shop")
        await country.until(lambda: not country.universe.names(Resource.APPLICATIONS))
        assert list(there(country)) == ["data-shop-web-0"]
        assert there(country)["data-shop-web-0"].server == machine.id
        asked = country.cloud.requests
        assert not [path for verb, path in asked if verb == "DELETE" and "/volumes/" in path]


async def test_volumes_grow_with_what_is_asked_for() -> None:
    """Under servers that run; the status tells how large they are."""
    country = Country()
    async with country.universe:
        await country.found()
        await apply(country, 2)
        await comes_up(country, 2)
        before = [each.id for each in country.there()]
        await country.apply(2, volumeClaims=[claim("3Gi")])
        await country.until(lambda: {each.size for each in there(country).values()} == {3})
        await country.until(lambda: country.is_ready)
        assert [each.id for each in country.there()] == before

        def told() -> list[str]:
            status = country.universe.get(Resource.SERVERS, "shop-web-0")["status"]
            return [each["size"] for each in status["claims"]]

        await country.until(lambda: told() == ["3Gi"])


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
async def test_a_forecast_knows_volumes_of_a_cloud_by_their_servers(policy: str) -> None:
    """Whoever asks has no way to the cloud; what `delete` foretells is what comes of it."""
    country = Country()
    async with country.universe:
        await country.found()
        await apply(country, 2, whenDeleted=policy)
        await comes_up(country, 2)
        names = ("data-shop-web-0", "data-shop-web-1")
        told = await foretold(country.universe)
        assert told == (((), names) if policy == "Retain" else (names, ()))
        await country.universe.delete(Resource.APPLICATIONS, "shop")
        await country.until(lambda: not country.universe.names(Resource.APPLICATIONS))
        assert tuple(sorted(there(country))) == told[1]


async def test_a_volume_that_cannot_be_deleted_is_told_and_waited_for() -> None:
    """As one that has snapshots: whatever is above names it, in Cinder's words, until it can go."""
    country = Country()
    async with country.universe:
        await country.found()
        await apply(country, 1, whenDeleted="Delete")
        await comes_up(country, 1)
        refusal = {"badRequest": {"message": "Volume still has 1 dependent snapshots"}}
        country.cloud.faults.append(
            Fault(
                method="DELETE", path="/volumes/", times=ALWAYS,
                reply=Reply(status=400, body=json.dumps(refusal).encode()),
            )
        )  # fmt: skip
        await country.universe.delete(Resource.APPLICATIONS, "shop")

        def says(resource: Resource, name: str) -> bool:
            status = country.universe.get(resource, name).get("status", {})
            told = str(status.get("blockedBy"))
            words = "Volume still has 1 dependent snapshots"
            remedy = "openstack volume show data-shop-web-0"
            return words in told and remedy in told

        await country.until(lambda: says(Resource.SERVERSETS, "shop-web"))
        await country.until(lambda: says(Resource.APPLICATIONS, "shop"))
        await country.universe.settle(quiet=5)
        await agree(country.universe)
        country.cloud.faults.clear()
        await country.until(lambda: not country.universe.names(Resource.APPLICATIONS))
        await country.until(lambda: not there(country))


@pytest.mark.parametrize(("path", "what"), [("/servers$", "server"), ("/volumes$", "volume")])
async def test_what_was_made_twice_is_told_as_it_goes(path: str, what: str) -> None:
    """One Event on the server names what is deleted; the server runs on with what it has."""
    country = Country()
    async with country.universe:
        await country.found()
        country.cloud.faults.append(Fault(method="POST", path=path, lost=True, late=20.0))
        # Nova gives a volume to one server alone: with one there cannot be two.
        await country.apply(1, volumeClaims=[claim()] if what == "volume" else [])
        await asyncio.sleep(3)
        await country.universe.crash()
        await country.until(lambda: country.is_ready)
        (machine,) = [each for each in country.there() if each.visible_at <= country.cloud.now]
        known = country.cloud.machines if what == "server" else country.cloud.volumes
        await country.until(lambda: len(known) == 2)
        await asyncio.sleep(180)
        events = country.universe.server.objects[Resource.EVENTS].values()
        told = [each for each in events if each["reason"] == "DuplicateRemoved"]
        assert len(told) == 1
        (gone,) = known.keys() - {machine.id, *machine.volumes}
        assert f"The {what} {gone} was made a second time" in told[0]["note"]
        assert told[0]["regarding"]["name"] == "shop-web-0"
        assert [each.id for each in country.there()] == [machine.id]
        assert country.is_ready


async def test_what_could_not_be_made_is_no_duplicate() -> None:
    """A volume in error goes for what took its place, and nobody speaks of two."""
    country = Country()

    def fail_the_first(*_: str) -> None:
        for each in list(country.cloud.volumes.values())[:1]:
            if each.status == "creating":
                each.then = "error"

    async with country.universe:
        await country.found()
        country.cloud.on_request = fail_the_first
        await apply(country, 1)
        await comes_up(country, 1)
        assert len(country.cloud.volumes) == 2
        events = country.universe.server.objects[Resource.EVENTS].values()
        assert "DuplicateRemoved" not in {each["reason"] for each in events}
