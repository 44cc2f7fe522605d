"""Lives on machines that can be cut off, in virtual time, on the engine as it is."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api.resources import Resource
from fakes.universe import Universe, application, component, operation

pytestmark = pytest.mark.looptime
FLEET = {
    "apiVersion": "argosy.dev/v1alpha1",
    "kind": "Fleet",
    "metadata": {"name": "metal"},
    "spec": {"provider": "memory"},
}


async def begin(universe: Universe, replicas: int = 3, **spec: Any) -> None:
    """Bring up an application of machines."""
    await universe.server.create(Resource.FLEETS, "", FLEET)
    await universe.apply(application("shop", component("web", replicas), fleet="metal", **spec))
    await universe.until(
        lambda: universe.condition(Resource.APPLICATIONS, "shop").get("status") == "True"
    )


def orphans(universe: Universe) -> list[str]:
    """Return the servers of the instances that the fleet has on record as abandoned."""
    fleet = universe.server.objects[Resource.FLEETS]["", "metal"]
    return [each["server"] for each in fleet.get("status", {}).get("orphans", [])]


async def test_an_abandoned_machine_is_on_record_and_collected_when_it_returns() -> None:
    """Abandon lets the application go; the record outlives the operator until it has been kept."""
    deletion = {"drainSeconds": 1, "timeoutSeconds": 30, "onTimeout": "Abandon"}
    async with Universe() as universe:
        await begin(universe, deletion=deletion)
        universe.machines.silence(("default", "shop-web-1"))
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        assert orphans(universe) == ["default/shop-web-1"]
        assert [each.key[1] for each in universe.machines.machines] == ["shop-web-1"]
        await universe.crash()
        universe.machines.silence(("default", "shop-web-1"), silent=False)
        await universe.until(lambda: not universe.machines.machines)
        await universe.until(lambda: not orphans(universe))


@pytest.mark.parametrize("policy", ["Wait", "Force"])
async def test_a_machine_that_cannot_be_reached_is_waited_for_or_forced(policy: str) -> None:
    """Wait keeps the server, and says what it waits for; Force lets it go, and nothing is left."""
    deletion = {"drainSeconds": 1, "timeoutSeconds": 30, "onTimeout": policy}
    async with Universe() as universe:
        await begin(universe, deletion=deletion)
        universe.machines.silence(("default", "shop-web-1"))
        await universe.delete(Resource.APPLICATIONS, "shop")
        if policy == "Wait":
            await universe.until(lambda: universe.names(Resource.SERVERS) == ["shop-web-1"])
            await universe.settle(quiet=120)
            (blocked,) = universe.get(Resource.SERVERS, "shop-web-1")["status"]["blockedBy"]
            assert blocked["remedy"]
            universe.machines.silence(("default", "shop-web-1"), silent=False)
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        assert universe.machines.machines == ()
        assert orphans(universe) == []


async def test_a_snapshot_is_restored_where_the_fleet_can() -> None:
    """Snapshot and Restore are the fleet's own acts; each server gets back what it had."""
    async with Universe() as universe:
        await begin(universe, 2)
        for machine in universe.machines.machines:
            machine.disk = f"disk of {machine.key[1]}"
        await universe.apply(
            operation("keep", "shop", "Snapshot", parameters={"snapshot": "monday"})
        )
        await ends(universe, "keep")
        for machine in universe.machines.machines:
            machine.disk = "ruined"
        await universe.apply(
            operation("back", "shop", "Restore", parameters={"snapshot": "monday"})
        )
        await ends(universe, "back")
        assert [each.disk for each in universe.machines.machines] == [
            "disk of shop-web-0",
            "disk of shop-web-1",
        ]


async def ends(universe: Universe, name: str) -> None:
    """Wait until an operation has completed."""
    await universe.until(
        lambda: universe.condition(Resource.OPERATIONS, name, "Succeeded").get("status") == "True"
    )


async def test_many_machines_that_are_abandoned_at_once_are_all_on_record() -> None:
    """Each is added to the record as it was read, so none takes another's place."""
    deletion = {"drainSeconds": 1, "timeoutSeconds": 30, "onTimeout": "Abandon"}
    async with Universe() as universe:
        await begin(universe, 12, deletion=deletion)
        for ordinal in range(12):
            universe.machines.silence(("default", f"shop-web-{ordinal}"))
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        assert sorted(orphans(universe)) == sorted(f"default/shop-web-{n}" for n in range(12))
        for ordinal in range(12):
            universe.machines.silence(("default", f"shop-web-{ordinal}"), silent=False)
        await universe.until(lambda: not orphans(universe))
        assert universe.machines.machines == ()


async def test_another_machine_comes_for_one_that_is_abandoned() -> None:
    """The application is whole again, and the first one is torn down when it returns."""
    deletion = {"drainSeconds": 1, "timeoutSeconds": 30, "onTimeout": "Abandon"}
    async with Universe() as universe:
        await begin(universe, 2, deletion=deletion)
        (first,) = [each for each in universe.machines.machines if each.key[1] == "shop-web-1"]
        universe.machines.silence(first.key)
        await universe.apply(operation("anew", "shop", "Replace"))
        await ends(universe, "anew")
        assert orphans(universe) == ["default/shop-web-1"]
        found = [each.key[1] for each in universe.machines.machines if each is not first]
        assert sorted(found) == ["shop-web-0", "shop-web-1"]
        first.silent = False
        await universe.until(lambda: not orphans(universe))
        assert len(universe.machines.machines) == 2
        assert first not in universe.machines.machines
