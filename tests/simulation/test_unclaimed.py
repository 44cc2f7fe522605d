"""Instances of a cloud whose Servers are gone, under the engine as it is, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from fakes.api_server.storage import Cause
from fakes.openstack import Fault, Machine
from fakes.universe import Json
from tests.simulation import clouded
from tests.simulation.test_clouds import Country

pytestmark = pytest.mark.looptime

TOLD_AFTER = 900.0
# A look each minute while nothing is amiss, then each half minute.
SLACK = 120.0


class Shore(Country):
    """A country in which somebody takes the finalizer off a Server."""

    async def settled(self, count: int = 2, **more: Any) -> None:
        """Found the Fleet, and bring an application up."""
        await self.found()
        await self.apply(count, **more)
        await self.until(lambda: self.is_ready and len(self.there()) == count)
        await self.universe.settle()

    def lose(self, name: str) -> tuple[Machine, Json]:
        """Take a Server away by hand; return its machine, and the Server as it was."""
        (machine,) = [each for each in self.there() if each.name == name]
        body = self.universe.get(Resource.SERVERS, name)
        clouded.take_away(self.universe, Resource.SERVERS, name)
        return machine, body

    def lose_all(self) -> None:
        """Take away all that is above the machines, as if none of it had ever been."""
        for resource in (Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS):
            for name in self.universe.names(resource):
                clouded.take_away(self.universe, resource, name)

    def bring_back(self, body: Json) -> None:
        """Write a Server as it was, as a backup that keeps UIDs does."""
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        cause = Cause(verb="create", actor="backup", body=body)
        storage = self.universe.server.storage
        if key in storage.objects[Resource.SERVERS]:
            storage.commit(Resource.SERVERS, key, None, cause)
        storage.commit(Resource.SERVERS, key, body, cause)

    @property
    def fleet(self) -> Json:
        """The Fleet as it is now."""
        return dict(self.universe.server.objects[Resource.FLEETS]["", "west"])

    def told(self) -> list[str]:
        """Return the ids that the Fleet tells of."""
        return [each["id"] for each in self.fleet.get("status", {}).get("unclaimed") or ()]

    def reason(self) -> str:
        """Return the reason of the Fleet's Ready, which holds in any case here."""
        (ready,) = self.fleet["status"]["conditions"]
        assert ready["status"] == "True"
        return str(ready["reason"])

    async def collect(self, *ids: str) -> None:
        """Ask for instances to be collected."""
        marks = {"metadata": {"annotations": {names.COLLECT_ANNOTATION: ",".join(ids)}}}
        await self.universe.server.patch(
            Resource.FLEETS, "", "west", marks, field_manager="kubectl-annotate"
        )

    def asked(self) -> str | None:
        """Return what is still to be collected."""
        marks = self.fleet["metadata"].get("annotations") or {}
        found: str | None = marks.get(names.COLLECT_ANNOTATION)
        return found

    def deletes(self) -> list[str]:
        """Return the deletes of servers that the cloud was asked for."""
        return [path for verb, path in self.cloud.requests if verb == "DELETE"]


async def test_what_lost_its_server_is_told_kept_and_collected_on_demand() -> None:
    """The finalizer is taken off by hand: told after 15 minutes, deleted once a person says so.

    Meanwhile the new Server of that name waits; then it has its instance.
    """
    shore = Shore()
    async with shore.universe:
        await shore.settled()
        lost, _ = shore.lose("shop-web-1")
        await asyncio.sleep(TOLD_AFTER - 1)
        assert (shore.told(), shore.deletes()) == ([], [])
        await shore.until(lambda: shore.told() == [lost.id], seconds=SLACK)
        assert shore.fleet["status"]["unclaimed"][0]["server"] == "default/shop-web-1"
        assert shore.reason() == "Unclaimed"
        events = shore.universe.server.objects[Resource.EVENTS].values()
        (said,) = [each for each in events if each["reason"] == "Unclaimed"]
        assert said["note"] == "1 instance has no Server any more and is kept: see status."
        await asyncio.sleep(1800)
        assert (lost in shore.there(), shore.deletes()) == (True, [])
        await shore.collect(lost.id)
        await shore.until(lambda: lost not in shore.there())
        await shore.until(lambda: shore.is_ready and shore.told() == [])
        await shore.until(lambda: shore.reason() == "Available" and shore.asked() is None)
        assert len(shore.deletes()) == 1
        assert [each.name for each in shore.there()] == ["shop-web-0", "shop-web-1"]


async def test_what_is_brought_back_has_its_instance_again() -> None:
    """A backup with the Servers, UIDs and all, ends it: the wish to collect is void by then."""
    shore = Shore()
    async with shore.universe:
        await shore.settled(1)
        (machine,) = shore.there()
        body = shore.universe.get(Resource.SERVERS, "shop-web-0")
        shore.lose_all()
        await shore.until(lambda: shore.told() == [machine.id], seconds=TOLD_AFTER + SLACK)
        # The caches do not see yet that it is back.
        shore.universe.faults.freeze(Resource.SERVERS)
        meta = {**body["metadata"], "ownerReferences": []}
        shore.bring_back({**body, "metadata": meta})
        await shore.collect(machine.id)
        await asyncio.sleep(60)
        assert shore.deletes() == []
        shore.universe.faults.thaw()
        await shore.until(lambda: shore.told() == [] and shore.asked() is None)
        await asyncio.sleep(TOLD_AFTER * 2)
        assert (shore.told(), shore.deletes(), machine in shore.there()) == ([], [], True)


async def test_an_operator_that_starts_goes_on_telling() -> None:
    """What was told stays told; what was not yet is counted anew, and told."""
    shore = Shore()
    async with shore.universe:
        await shore.settled(3)
        first, _ = shore.lose("shop-web-1")
        await shore.until(lambda: shore.told() == [first.id], seconds=TOLD_AFTER + SLACK)
        second, _ = shore.lose("shop-web-2")
        await asyncio.sleep(600)
        await shore.universe.crash()
        for _ in range(int(TOLD_AFTER) - 60):
            await asyncio.sleep(1)
            assert shore.told() == [first.id]
        await shore.until(lambda: shore.told() == [first.id, second.id], seconds=60 + SLACK)
        assert shore.deletes() == []


async def test_a_cloud_that_is_away_or_tells_half_changes_nothing_of_it() -> None:
    """While lists fail nothing is told, nor forgotten, nor collected; a silent cell proves nothing.

    Nor does it to an operator that starts beside it.
    """
    shore = Shore()
    async with shore.universe:
        await shore.settled()
        lost, _ = shore.lose("shop-web-1")
        shore.cloud.faults.append(Fault(method="*", path="/", unsent=True, times=10**6))
        await asyncio.sleep(TOLD_AFTER * 2)
        assert shore.told() == []
        shore.cloud.faults.clear()
        await shore.until(lambda: shore.told() == [lost.id], seconds=TOLD_AFTER + SLACK)
        shore.cloud.faults.append(Fault(method="*", path="/", unsent=True, times=10**6))
        await asyncio.sleep(120)
        await shore.collect(lost.id)
        await asyncio.sleep(600)
        assert (shore.told(), shore.asked(), shore.deletes()) == ([lost.id], lost.id, [])
        await shore.collect()
        shore.cloud.faults.clear()
        shore.cloud.silent_cell = True
        await shore.universe.crash()
        for _ in range(900):
            await asyncio.sleep(1)
            assert shore.told() == [lost.id]
        assert shore.deletes() == []


async def test_what_is_no_fleets_own_is_never_told_nor_collected() -> None:
    """Instances of another Fleet, and those that say nothing of whose they are, are left alone."""
    shore = Shore()
    async with shore.universe:
        await shore.settled(1)
        uid = shore.fleet["metadata"]["uid"]
        strangers: list[Json] = [
            {"tags": [f"argosy.fleet.{uid}"], "metadata": {}},
            {"tags": ["argosy.u1.1"], "metadata": {"argosy.server": "default/old-web-0"}},
            {
                "tags": ["argosy.u1.1", "argosy.fleet.another"],
                "metadata": {"argosy.server": "default/old-web-0"},
            },
        ]
        ids = [shore.cloud.add({"name": "old", **each}).id for each in strangers]
        await asyncio.sleep(TOLD_AFTER + SLACK)
        assert shore.told() == []
        await shore.collect(*ids)
        await shore.until(lambda: shore.asked() is None)
        await asyncio.sleep(60)
        assert shore.deletes() == []


async def test_what_comes_back_and_is_lost_again_is_asked_for_again() -> None:
    """A wish of before collects nothing: whoever made it had the former loss before his eyes."""
    shore = Shore()
    async with shore.universe:
        await shore.settled()
        lost, body = shore.lose("shop-web-1")
        await shore.until(lambda: shore.told() == [lost.id], seconds=TOLD_AFTER + SLACK)
        lost.locked = True
        await shore.collect(lost.id)
        await asyncio.sleep(120)
        assert (lost in shore.there(), shore.told()) == (True, [lost.id])
        lost.locked = False
        shore.bring_back(body)
        await shore.until(lambda: shore.told() == [] and shore.asked() is None)
        shore.lose("shop-web-1")
        await shore.until(lambda: shore.told() == [lost.id], seconds=TOLD_AFTER + SLACK)
        await asyncio.sleep(300)
        assert lost in shore.there()


async def test_a_collect_that_the_cloud_refuses_is_told() -> None:
    """In the Fleet's status, and by one Event however often it is tried; once unlocked it goes."""
    shore = Shore()
    async with shore.universe:
        await shore.settled()
        lost, _ = shore.lose("shop-web-1")
        await shore.until(lambda: shore.told() == [lost.id], seconds=TOLD_AFTER + SLACK)
        lost.locked = True
        await shore.collect(lost.id)

        def blocked() -> list[Json]:
            return list(shore.fleet["status"].get("blockedBy") or ())

        await shore.until(lambda: bool(blocked()))
        (first,) = blocked()
        assert (first["object"], first["reason"]) == (f"Instance/{lost.id}", "ServerLocked")
        assert "is locked" in first["message"]
        await asyncio.sleep(600)
        assert [each["object"] for each in blocked()] == [first["object"]]
        events = shore.universe.server.objects[Resource.EVENTS].values()
        said = [each for each in events if each["reason"] == "FailedDelete"]
        assert [each["regarding"]["kind"] for each in said] == ["Fleet"]
        lost.locked = False
        await shore.until(lambda: lost not in shore.there(), seconds=SLACK)
        await shore.until(lambda: blocked() == [] and shore.reason() == "Available", seconds=SLACK)
