"""A cloud that is not heard, or takes no credentials: told on its Fleet, and nothing is lost by it.

Under the engine as it is, in virtual time; no call for any server fails, as nothing is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from controller.api.resources import Resource
from controller.providers.openstack.refusals import Reply
from fakes.openstack import Cloud, Fault, Machine
from fakes.universe import application, component, operation
from tests.simulation.test_cloud_volumes import apply, claim, comes_up, there
from tests.simulation.test_clouds import SPEC, Country

pytestmark = pytest.mark.looptime

Json = dict[str, Any]


def fleet(country: Country) -> Json:
    """Return the status of the Fleet."""
    return dict(country.universe.server.objects[Resource.FLEETS]["", "west"].get("status", {}))


def version(country: Country) -> str:
    """Return the version of the Fleet, which each write changes."""
    meta = country.universe.server.objects[Resource.FLEETS]["", "west"]["metadata"]
    return str(meta["resourceVersion"])


def told(country: Country) -> dict[str, str]:
    """Return the conditions of the Fleet."""
    return {each["type"]: each["status"] for each in fleet(country).get("conditions", [])}


def reason(country: Country) -> str:
    """Return the reason of what the Fleet says of itself."""
    (found,) = {each["reason"] for each in fleet(country)["conditions"]}
    return str(found)


@pytest.mark.parametrize(
    ("befalls", "why", "extra"),
    [
        (Cloud.cut_off, "CloudUnreachable", "Reconciling"),
        (Cloud.refuse_credentials, "CredentialsRefused", "Stalled"),
        (lambda cloud: cloud.enter("project-2"), "CloudProjectChanged", "Stalled"),
    ],
)
async def test_a_fleet_tells_that_its_cloud_is_not_heard_and_when_it_is_again(
    befalls: Callable[[Cloud], None], why: str, extra: str
) -> None:
    """Where nothing is to be made no call fails; its servers work on, and stay what they are."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(2)
        await country.until(lambda: country.is_ready and told(country) == {"Ready": "True"})
        await country.universe.settle()
        befalls(country.cloud)
        await asyncio.sleep(30)
        assert told(country) == {"Ready": "True"}
        await asyncio.sleep(120)
        assert told(country) == {"Ready": "False", extra: "True"}
        assert reason(country) == why
        assert country.is_ready
        await asyncio.sleep(3600)
        before = version(country)
        await asyncio.sleep(3600)
        assert version(country) == before
        country.cloud.restore()
        await country.until(lambda: told(country) == {"Ready": "True"}, seconds=120)
        assert country.is_ready
        assert len(country.there()) == 2


async def start_anew(country: Country) -> None:
    """Have the operator end, and another one start."""
    await country.universe.crash()


async def edit(country: Country) -> None:
    """Have somebody edit the Fleet, so that another provider is opened for it."""
    spec = {"spec": {"openstack": {"cloud": "test", "resize": "WhenPossible"}}}
    await country.universe.server.patch(Resource.FLEETS, "", "west", spec)


@pytest.mark.parametrize("begins", [start_anew, edit])
async def test_whoever_begins_with_credentials_of_another_project_makes_nothing_there(
    begins: Callable[[Country], Awaitable[None]],
) -> None:
    """The Fleet has on record where its servers are; they are the same once it is put right."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(2)
        await country.until(lambda: country.is_ready and told(country) == {"Ready": "True"})
        await country.universe.settle()
        before = [each.id for each in country.there()]
        assert fleet(country)["home"] == "project project-1 in region one"
        country.cloud.enter("project-2")
        await begins(country)
        await country.until(lambda: told(country) == {"Ready": "False", "Stalled": "True"})
        assert reason(country) == "CloudProjectChanged"
        await country.apply(3)
        await asyncio.sleep(3600)
        assert country.there() == []
        country.cloud.restore()
        await country.until(lambda: len(country.there()) == 3 and country.is_ready)
        assert set(before) < {each.id for each in country.there()}
        assert told(country) == {"Ready": "True"}


async def test_volumes_that_go_with_an_application_wait_for_a_fleet_that_opens() -> None:
    """Whoever starts while the credentials are refused knows of no volume: none is left behind."""
    country = Country()
    async with country.universe:
        await country.found()
        await apply(country, 1, whenDeleted="Delete")
        await comes_up(country, 1)
        await apply(country, 0, whenDeleted="Delete")
        await country.until(lambda: not country.cloud.settle() and country.is_ready)
        assert list(there(country)) == ["data-shop-web-0"]
        country.cloud.refuse_credentials()
        await country.universe.crash()
        await country.until(lambda: told(country) == {"Ready": "False", "Stalled": "True"})
        assert reason(country) == "CredentialsRefused"
        await country.universe.delete(Resource.APPLICATIONS, "shop")
        await asyncio.sleep(120)
        assert country.universe.names(Resource.SERVERSETS) == ["shop-web"]
        country.cloud.restore()
        await country.until(lambda: not country.universe.names(Resource.APPLICATIONS))
        await country.until(lambda: not there(country))


async def test_what_is_abandoned_while_a_fleet_cannot_be_opened_is_on_its_record() -> None:
    """The Fleet names it, so that it is collected when the cloud takes the credentials again."""
    country = Country()
    async with country.universe:
        await country.found()
        policy = {"drainSeconds": 1, "timeoutSeconds": 60, "onTimeout": "Abandon"}
        web = component("web", 1) | {"template": {"spec": SPEC}}
        await country.universe.apply(application("shop", web, fleet="west", deletion=policy))
        await country.until(lambda: country.is_ready)
        await country.universe.settle()
        (machine,) = country.there()
        country.cloud.refuse_credentials()
        await country.universe.crash()
        await country.until(lambda: told(country) == {"Ready": "False", "Stalled": "True"})
        await country.universe.delete(Resource.APPLICATIONS, "shop")
        await country.until(lambda: not country.universe.names(Resource.APPLICATIONS))
        assert [each["id"] for each in fleet(country)["orphans"]] == [machine.id]
        assert country.there() == [machine]
        country.cloud.restore()
        await country.until(lambda: not country.there())
        await country.until(lambda: not fleet(country).get("orphans"))


ABANDON: Json = {"drainSeconds": 1, "timeoutSeconds": 60, "onTimeout": "Abandon"}


@pytest.mark.parametrize("lost", ["its cell", "its host"])
async def test_another_instance_comes_for_one_that_is_abandoned(lost: str) -> None:
    """It is on the Fleet's record then, in nobody's way, and collected once it is heard again."""
    country = Country()
    async with country.universe:
        await country.found()
        web = component("web", 1) | {"template": {"spec": SPEC}}
        await country.universe.apply(application("shop", web, fleet="west", deletion=ABANDON))
        await country.until(lambda: country.is_ready)
        await country.universe.settle()
        (first,) = country.there()
        if lost == "its cell":
            country.silence(first)
            country.cloud.faults.append(fails_at(first))
        else:
            country.cloud.timing.delete = 10**6
        await country.universe.apply(operation("anew", "shop", "Replace"))

        def successors() -> list[str]:
            up = [each for each in country.cloud.settle() if each.status == "ACTIVE"]
            return [each.id for each in up if each is not first and each.gone_at is None]

        await country.until(lambda: successors() and country.is_ready)
        await country.until(lambda: ended(country, "anew"))
        assert [each["id"] for each in fleet(country)["orphans"]] == [first.id]
        assert not first.deleted
        second = successors()
        await asyncio.sleep(300)
        assert successors() == second
        country.cloud.faults.clear()
        first.silent = country.cloud.silent_cell = False
        first.updated = country.cloud.now
        if lost == "its host":
            first.gone_at = country.cloud.now
        await country.until(lambda: not fleet(country).get("orphans"))
        assert [each.id for each in country.cloud.settle()] == second
        assert country.is_ready


async def test_what_an_abandoned_server_has_is_waited_for_by_its_next_instance() -> None:
    """Two might write the same data: the Server says which volume it waits for, and has it then."""
    country = Country()
    async with country.universe:
        await country.found()
        web = component("web", 1) | {"template": {"spec": SPEC}, "volumeClaims": [claim()]}
        await country.universe.apply(application("shop", web, fleet="west", deletion=ABANDON))
        await comes_up(country, 1)
        (first,) = country.there()
        country.silence(first)
        country.cloud.faults.append(fails_at(first))
        await country.universe.apply(operation("anew", "shop", "Replace"))

        def blocked() -> list[str]:
            status = country.universe.get(Resource.SERVERS, "shop-web-0")["status"]
            return [each["message"] for each in status.get("blockedBy", [])]

        waits = "the volume data-shop-web-0 ("
        await country.until(lambda: any(each.startswith(waits) for each in blocked()))
        assert [each["id"] for each in fleet(country)["orphans"]] == [first.id]
        assert there(country)["data-shop-web-0"].server == first.id
        country.cloud.faults.clear()
        first.silent = country.cloud.silent_cell = False
        first.updated = country.cloud.now
        await country.until(lambda: country.is_ready and not fleet(country).get("orphans"))
        (second,) = country.cloud.settle()
        assert there(country)["data-shop-web-0"].server == second.id != first.id


def fails_at(machine: Machine) -> Fault:
    """Return what Nova makes of deletes of a server whose cell is down: an answer of 500."""
    return Fault(
        method="DELETE", path=f"/servers/{machine.id}$", times=10**6, reply=Reply(status=500)
    )


def ended(country: Country, name: str) -> bool:
    """Return whether an operation has succeeded."""
    told = country.universe.condition(Resource.OPERATIONS, name, "Succeeded")
    return told.get("status") == "True"


async def test_servers_of_a_dead_cell_that_do_not_go_hold_nobody_up() -> None:
    """Nova fails at each of their deletes: others are made meanwhile, as ever."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(3)
        await country.until(lambda: country.is_ready)
        await country.universe.settle()
        lost = country.there()
        country.silence(*lost)
        country.cloud.faults.extend(fails_at(each) for each in lost)
        await country.universe.delete(Resource.APPLICATIONS, "shop")
        await asyncio.sleep(600)
        assert fleet(country)["circuit"] == "Closed"
        assert told(country) == {"Ready": "True"}
        web = component("web", 1) | {"template": {"spec": SPEC}}
        await country.universe.apply(application("other", web, fleet="west"))

        def is_up() -> bool:
            found = country.universe.condition(Resource.APPLICATIONS, "other")
            return found.get("status") == "True"

        await country.until(is_up, seconds=60)
        assert len(country.universe.names(Resource.SERVERS)) == 4
