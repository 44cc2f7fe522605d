"""Fleets as they come, change, fail and go, in virtual time, on the engine as it is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller import errors
from controller.api import crds
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import Capability
from controller.execution.fleets import Fleets
from controller.providers import models, registry
from controller.providers.openstack.reasons import CloudReason
from controller.wiring import permissions
from fakes.universe import Universe, application, component, operation
from tests.simulation.shelf.kind import Shelf

pytestmark = pytest.mark.looptime

Json = dict[str, Any]
# The providers whose servers can be told to run a command.
EXECUTING = [
    name for name, kind in registry.kinds().items() if Capability.EXEC in kind.capabilities
]


def fleet(name: str, provider: str, **spec: Any) -> Json:
    """Return a Fleet."""
    return {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Fleet",
        "metadata": {"name": name},
        "spec": {"provider": provider, **spec},
    }


def ready(universe: Universe, name: str = "shop") -> bool:
    """Return whether the application says that it is."""
    return universe.condition(Resource.APPLICATIONS, name).get("status") == "True"


def told(universe: Universe, name: str) -> Json:
    """Return the status of a Fleet."""
    return dict(universe.server.objects[Resource.FLEETS]["", name].get("status", {}))


def reason(universe: Universe, name: str) -> str:
    """Return why a Fleet is, or is not, ready."""
    found = [each for each in told(universe, name).get("conditions", ()) if each["type"] == "Ready"]
    return str(found[0]["reason"]) if found else ""


def fleets(universe: Universe) -> Fleets:
    """Return the supervisor of the operator that runs."""
    return universe.process.fleets


def events(universe: Universe, name: str) -> list[str]:
    """Return the reasons of the Events about a Fleet, as they came."""
    found = universe.server.objects.get(Resource.EVENTS, {}).values()
    return [each["reason"] for each in found if each["regarding"]["name"] == name]


async def change(universe: Universe, name: str, spec: Json) -> None:
    """Patch a Fleet as an administrator does."""
    await universe.server.patch(Resource.FLEETS, "", name, {"spec": spec}, field_manager="admin")


async def test_a_provider_is_a_folder_and_a_line() -> None:
    """With its line it is in the CRD and has its rights, and servers are made of it."""
    shelf = Shelf()
    listed = (*registry.kinds().values(), shelf.kind())
    spec = crds.schema(models.models(listed)["Fleet"])["properties"]["spec"]
    assert spec["properties"]["provider"]["enum"] == ["pod", "memory", "openstack", "shelf"]
    assert spec["properties"]["shelf"]["properties"]["room"]["maximum"] == 100
    rules = [each["message"] for each in spec["x-kubernetes-validations"]]
    assert "shelf must be given if, and only if, provider is shelf" in rules
    assert "measure the shelf" in [each.why for each in permissions.table(shelf.kind().rights)]
    async with Universe(providers=[shelf.kind()]) as universe:
        await universe.server.create(
            Resource.FLEETS, "", fleet("attic", "shelf", shelf={"room": 9})
        )
        await universe.apply(application("shop", component("web", 3), fleet="attic"))
        await universe.until(lambda: ready(universe))
        assert sorted(name for _, name in shelf.boxes) == ["shop-web-0", "shop-web-1", "shop-web-2"]
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        assert shelf.boxes == {}


async def test_a_provider_lives_as_long_as_its_fleet_is_the_same() -> None:
    """It is opened once, opened anew for other settings, not for other limits, and closed."""
    shelf = Shelf()
    async with Universe(providers=[shelf.kind()]) as universe:
        await universe.server.create(
            Resource.FLEETS, "", fleet("attic", "shelf", shelf={"room": 9})
        )
        await universe.until(lambda: reason(universe, "attic") == "Available")
        await change(universe, "attic", {"limits": {"concurrentCalls": 2}})
        await universe.settle()
        assert (shelf.opened, shelf.closed) == ([9], 0)
        await change(universe, "attic", {"shelf": {"room": 7}})
        await universe.until(lambda: (shelf.opened, shelf.closed) == ([9, 7], 1))
        uid = universe.server.objects[Resource.FLEETS]["", "attic"]["metadata"]["uid"]
        await universe.server.delete(Resource.FLEETS, "", "attic", uid=uid)
        await universe.until(lambda: shelf.closed == 2)
    assert len(shelf.opened) == 2


async def test_a_fleet_that_cannot_be_opened_says_so_and_is_tried_again() -> None:
    """Its servers are neither made nor judged; once the cause is gone they come up."""
    shelf = Shelf(trouble=errors.Outage("the shelf is locked", reason=Reason.UNREACHABLE))
    async with Universe(providers=[shelf.kind()]) as universe:
        await universe.server.create(
            Resource.FLEETS, "", fleet("attic", "shelf", shelf={"room": 9})
        )
        await universe.apply(application("shop", component("web", 2), fleet="attic"))
        await universe.until(lambda: reason(universe, "attic") == "Unreachable")
        await universe.settle(quiet=60)
        (condition,) = [
            each for each in told(universe, "attic")["conditions"] if each["type"] == "Ready"
        ]
        assert condition["status"] == "False"
        assert condition["message"] == "The provider cannot be opened: the shelf is locked."
        assert not ready(universe)
        assert shelf.boxes == {}
        shelf.trouble = None
        await universe.until(lambda: ready(universe))
        assert reason(universe, "attic") == "Available"


async def test_what_waits_in_a_changed_fleet_is_within_reach_of_a_delete() -> None:
    """Creates that wait for their turn when the Fleet changes are taken back with their server."""
    async with Universe() as universe:
        universe.machines.settings = universe.machines.settings.__class__(call_seconds=5.0)
        one = fleet("metal", "memory", limits={"concurrentCalls": 1})
        await universe.server.create(Resource.FLEETS, "", one)
        await universe.apply(application("shop", component("web", 20), fleet="metal"))
        await universe.until(lambda: fleets(universe).pool("metal").depth() > 10)
        await change(universe, "metal", {"limits": {"concurrentCalls": 2}})
        await change(universe, "metal", {"failureDomains": [{"name": "a"}]})
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: fleets(universe).pool("metal").depth() < 3, patience=10)
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        assert universe.machines.machines == ()


async def test_limits_hold_for_pods_too() -> None:
    """A pod fleet with limits makes its pods no faster than they allow."""
    async with Universe() as universe:
        slow = fleet("slow", "pod", limits={"concurrentCalls": 1, "callsPerSecond": 1})
        await universe.server.create(Resource.FLEETS, "", slow)
        await universe.apply(application("shop", component("web", 20), fleet="slow"))
        await universe.until(lambda: len(universe.names(Resource.PODS)) == 1)
        began = universe.server.now()
        await universe.until(lambda: len(universe.names(Resource.PODS)) == 20)
        assert universe.server.now() - began >= 18


async def test_concurrent_calls_hold_for_pods_too() -> None:
    """However slow its pods' API is, a pod fleet has no more calls under way than it may."""
    async with Universe() as universe:
        narrow = fleet("narrow", "pod", limits={"concurrentCalls": 2})
        await universe.server.create(Resource.FLEETS, "", narrow)
        most = 0
        await universe.apply(application("shop", component("web", 30), fleet="narrow"))
        while len(universe.names(Resource.PODS)) < 30:
            await asyncio.sleep(0.002)
            most = max(most, fleets(universe).pool("narrow").running())
        assert most == 2


async def test_an_outage_of_the_provider_is_no_failure_of_its_servers() -> None:
    """For an hour no call gets through: nothing fails for good, nobody calls in vain for long.

    The Fleet says so, servers say until when they wait, and all comes up within minutes after it.
    """
    calls: list[float] = []
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", fleet("metal", "memory"))
        await universe.apply(application("shop", component("web", 30), fleet="metal"))
        await universe.until(lambda: ready(universe))

        def out(verb: str, *, after: bool) -> None:
            if not after:
                calls.append(universe.server.now())
                raise errors.Outage(
                    f"{verb}: the cloud does not answer", reason=CloudReason.CLOUD_UNREACHABLE
                )

        well, universe.machines.interfere = universe.machines.interfere, out
        began = universe.server.now()
        await universe.apply(application("shop", component("web", 60), fleet="metal"))
        await universe.until(lambda: told(universe, "metal").get("circuit") == "Open")
        assert reason(universe, "metal") == "CircuitOpen"
        assert fleets(universe).circuits() == {("pods",): 0.0, ("metal",): 1.0}
        await asyncio.sleep(3600)
        tried = [each for each in calls if each - began > 600]
        assert 1 <= len(tried) < 20
        waiting = universe.get(Resource.SERVERS, "shop-web-45")["status"]
        assert [each["reason"] for each in waiting["blockedBy"]] == ["CircuitOpen"]
        assert waiting["blockedBy"][0]["nextAttemptTime"]
        assert not waiting.get("attempts", {}).get("count")
        universe.machines.interfere = well
        await universe.until(lambda: ready(universe), patience=900)
        assert len(universe.machines.machines) == 60
        assert told(universe, "metal")["circuit"] == "Closed"
        assert reason(universe, "metal") == "Available"
        assert {"CircuitOpen", "CircuitClosed"} <= set(events(universe, "metal"))


async def test_claims_that_a_fleet_cannot_give_are_refused_aloud() -> None:
    """No server is made without its volumes, and the application says what to do."""
    claim = {"name": "data", "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", fleet("metal", "memory"))
        with_claims = component("web", 2, volumeClaims=[claim])
        await universe.apply(application("shop", with_claims, fleet="metal"))
        await universe.settle()
        assert universe.condition(Resource.APPLICATIONS, "shop", "Stalled")["status"] == "True"
        assert universe.machines.machines == ()
        blocked = universe.get(Resource.SERVERSETS, "shop-web")["status"]["blockedBy"]
        assert [each["reason"] for each in blocked] == ["NotSupported"]
        assert blocked[0]["remedy"] == "kubectl edit argapp shop -n default"
        await universe.apply(application("shop", component("web", 2), fleet="metal"))
        await universe.until(lambda: ready(universe))


async def test_what_an_act_finds_out_is_in_the_servers_status() -> None:
    """A snapshot's id stands there for programs, and another act's facts take its place."""
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", fleet("metal", "memory"))
        await universe.apply(application("shop", component("web", 1), fleet="metal"))
        await universe.until(lambda: ready(universe))
        await universe.apply(operation("photo", "shop", "Snapshot"))
        await universe.until(lambda: facts(universe) == {"snapshot": "photo"})
        step = {"name": "say", "exec": {"command": ["true"]}}
        await universe.apply(operation("say", "shop", "Steps", steps=[step]))
        await universe.until(lambda: facts(universe) == {"exitCode": "0"})


@pytest.mark.parametrize(("command", "code"), [("true", "0"), ("false", "1")])
@pytest.mark.parametrize("provider", sorted(EXECUTING))
async def test_the_exit_status_of_a_command_is_told_by_every_provider(
    provider: str, command: str, code: str
) -> None:
    """It stands in the server's status, whatever the server is of and however the command ended."""
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", fleet("here", provider))
        await universe.apply(application("shop", component("web", 1), fleet="here"))
        await universe.until(lambda: ready(universe))
        step = {"name": "say", "exec": {"command": [command]}}
        await universe.apply(operation("say", "shop", "Steps", steps=[step]))
        await universe.until(lambda: facts(universe) == {"exitCode": code})


def facts(universe: Universe) -> Json:
    """Return what the last act in the first server found out."""
    found = universe.get(Resource.SERVERS, "shop-web-0")["status"].get("task") or {}
    return dict(found.get("facts") or {})
