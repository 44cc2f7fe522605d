"""What Argosy made and let go of is taken up again as it runs, at every level, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from controller.kube import faults as kube_faults
from controller.reasons import ForeignReason
from fakes.api_server import Faults, Verdict
from fakes.api_server.chaos import Rule
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime

CLAIM = {
    "name": "data",
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
MADE = (
    Resource.SERVERSETS,
    Resource.SERVERS,
    Resource.PODS,
    Resource.CLAIMS,
    Resource.REVISIONS,
    Resource.SERVICES,
)
FREE: dict[str, Any] = {"metadata": {"ownerReferences": []}}


def shop(replicas: int = 3, **fields: Any) -> dict[str, Any]:
    """Return an application of one component with claims."""
    return application("shop", component("db", replicas, volumeClaims=[CLAIM], **fields))


def uids(universe: Universe, *resources: Resource) -> dict[tuple[Resource, str], str]:
    """Return the UID of everything that is there of these resources."""
    return {
        (each, name): universe.get(each, name)["metadata"]["uid"]
        for each in resources or MADE
        for name in universe.names(each)
    }


def controllers(universe: Universe, resource: Resource) -> set[str]:
    """Return the UIDs of what controls the objects of a resource; "" where nothing does."""
    found = universe.server.objects[resource].values()
    owners = [each["metadata"].get("ownerReferences", []) for each in found]
    return {next((o["uid"] for o in each if o.get("controller")), "") for each in owners}


async def test_an_application_that_was_orphaned_is_taken_up_as_it_runs() -> None:
    """Orphan, then apply again: everything keeps its UID, no pod is touched, and then silence."""
    async with Universe() as universe:
        await universe.apply(shop())
        await universe.until(universe.is_ready)
        await universe.settle()
        before = uids(universe)
        await universe.delete(Resource.APPLICATIONS, "shop", propagation="Orphan")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await universe.settle()
        began = len(universe.server.writes)
        await universe.apply(shop())
        await universe.until(universe.is_ready)
        await universe.settle()
        assert uids(universe) == before
        later = universe.server.writes[began:]
        assert not [w for w in later if w.resource in (Resource.PODS, Resource.CLAIMS)]
        owner = universe.get(Resource.APPLICATIONS, "shop")["metadata"]["uid"]
        assert controllers(universe, Resource.SERVERSETS) == {owner}
        assert controllers(universe, Resource.REVISIONS) == {owner}
        before_rest = len(universe.server.writes)
        await universe.settle(quiet=600)
        assert len(universe.server.writes) == before_rest


async def test_an_application_that_was_taken_up_can_go_back() -> None:
    """Its earlier revisions are taken up with it, so that history and rollback go on from there."""
    async with Universe() as universe:
        for image in ("app:1", "app:2"):
            await universe.apply(shop(image=image))
            await universe.until(universe.is_ready)
            await universe.settle()
        assert len(universe.names(Resource.REVISIONS)) == 2
        await universe.delete(Resource.APPLICATIONS, "shop", propagation="Orphan")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await universe.apply(shop(image="app:3"))
        await universe.until(universe.is_ready)
        await universe.settle()
        assert len(universe.names(Resource.REVISIONS)) == 3
        owner = universe.get(Resource.APPLICATIONS, "shop")["metadata"]["uid"]
        assert controllers(universe, Resource.REVISIONS) == {owner}
        numbers = {
            universe.get(Resource.REVISIONS, name)["revision"]
            for name in universe.names(Resource.REVISIONS)
        }
        assert numbers == {1, 2, 3}
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await universe.settle()
        assert not universe.names(Resource.REVISIONS)


async def test_a_set_that_was_orphaned_takes_up_all_its_servers() -> None:
    """With fewer wanted by then, the rest is scaled down as ever, highest first; data stays."""
    async with Universe() as universe:
        await universe.apply(shop(4))
        await universe.until(universe.is_ready)
        await universe.settle()
        before = uids(universe, Resource.SERVERS, Resource.PODS, Resource.CLAIMS)
        await universe.delete(Resource.SERVERSETS, "shop-db", propagation="Orphan")
        await universe.apply(shop(2))
        await universe.until(universe.is_ready)
        await universe.settle()
        after = uids(universe, Resource.SERVERS, Resource.PODS, Resource.CLAIMS)
        gone = {
            (resource, f"shop-db-{n}")
            for resource in (Resource.SERVERS, Resource.PODS)
            for n in (2, 3)
        }
        assert after == {key: uid for key, uid in before.items() if key not in gone}
        assert controllers(universe, Resource.SERVERS) == {
            universe.get(Resource.SERVERSETS, "shop-db")["metadata"]["uid"]
        }


async def test_a_server_that_was_orphaned_leaves_its_pod_to_the_next() -> None:
    """The pod runs on under the new Server, whichever incarnation it was of the old one."""
    async with Universe() as universe:
        await universe.apply(shop(1))
        await universe.until(universe.is_ready)
        await universe.merge(Resource.SERVERS, "shop-db-0", {"spec": {"incarnation": 2}})
        await universe.settle()
        pod = universe.get(Resource.PODS, "shop-db-0")["metadata"]
        assert pod["labels"][names.INCARNATION_LABEL] == "2"
        await universe.delete(Resource.SERVERS, "shop-db-0", propagation="Orphan")
        await universe.settle()
        await universe.until(universe.is_ready)
        assert universe.get(Resource.PODS, "shop-db-0")["metadata"]["uid"] == pod["uid"]
        server = universe.get(Resource.SERVERS, "shop-db-0")
        assert server["spec"]["incarnation"] == server["status"]["incarnation"] == 1
        assert controllers(universe, Resource.PODS) == {server["metadata"]["uid"]}


async def test_owner_references_taken_off_by_hand_come_back() -> None:
    """Of a set, a server, a Service and a pod; a reference that somebody else put there stays."""
    async with Universe() as universe:
        await universe.apply(shop(2))
        await universe.until(universe.is_ready)
        await universe.settle()
        before = uids(universe)
        node = universe.get(Resource.SERVICES, "shop-db")["metadata"]["uid"]
        other = {"apiVersion": "v1", "kind": "Service", "name": "shop-db", "uid": node}
        await universe.merge(Resource.PODS, "shop-db-0", {"metadata": {"ownerReferences": [other]}})
        await universe.merge(Resource.SERVERS, "shop-db-1", FREE)
        await universe.merge(Resource.SERVICES, "shop-db", FREE)
        await universe.settle()
        await universe.merge(Resource.SERVERSETS, "shop-db", FREE)
        await universe.settle()
        await universe.until(universe.is_ready)
        assert uids(universe) == before
        for each in MADE:
            assert each is Resource.CLAIMS or "" not in controllers(universe, each)
        owners = universe.get(Resource.PODS, "shop-db-0")["metadata"]["ownerReferences"]
        assert [(each["kind"], each.get("controller", False)) for each in owners] == [
            ("Service", False),
            ("Server", True),
        ]


@pytest.mark.parametrize(
    "labels",
    [{}, {"argosy.dev/application": "other", "argosy.dev/component": "db"}],
    ids=["unlabelled", "another's"],
)
async def test_what_was_never_ours_is_left_alone(labels: dict[str, str]) -> None:
    """A Service of the name stays as it is, unless it has all our labels; servers run beside it.

    Once it goes, the set has its own, and nothing is told any more.
    """
    async with Universe() as universe:
        mine = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "shop-db", "namespace": "default", "labels": labels},
            "spec": {"selector": {"app": "mine"}, "ports": [{"port": 80}]},
        }
        await universe.server.create(Resource.SERVICES, "default", mine)
        found = universe.get(Resource.SERVICES, "shop-db")
        await universe.apply(shop(2))
        await universe.until(universe.is_ready)
        await universe.settle()
        assert universe.get(Resource.SERVICES, "shop-db") == found
        for resource, name in ((Resource.SERVERSETS, "shop-db"), (Resource.APPLICATIONS, "shop")):
            (told,) = universe.get(resource, name)["status"]["blockedBy"]
            assert (told["object"], told["reason"]) == ("Service/shop-db", "NameTaken")
        began = len(universe.server.writes)
        # It is asked for again now and then, so the engine is not idle throughout.
        await asyncio.sleep(600)
        assert len(universe.server.writes) == began
        before = uids(universe, Resource.PODS)
        await universe.delete(Resource.SERVICES, "shop-db")
        await universe.until(lambda: universe.names(Resource.SERVICES) == ["shop-db"])
        await universe.settle()
        assert not universe.get(Resource.APPLICATIONS, "shop")["status"].get("blockedBy")
        assert uids(universe, Resource.PODS) == before


def a_strangers(uid: str = "a-stranger") -> dict[str, Any]:
    """Return the patch that gives an object a controller which is not Argosy's."""
    other = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "stranger",
        "uid": uid,
        "controller": True,
    }
    return {"metadata": {"ownerReferences": [other]}}


async def test_a_server_given_to_a_stranger_is_missed_at_once_and_told() -> None:
    """Its set does not count it any more, says so on the application, and leaves it running."""
    async with Universe() as universe:
        await universe.apply(shop(2))
        await universe.until(universe.is_ready)
        await universe.settle()
        before = uids(universe, Resource.SERVERS, Resource.PODS)
        await universe.merge(Resource.SERVERS, "shop-db-1", a_strangers())
        await universe.until(lambda: not universe.is_ready(), patience=10)
        await universe.until(
            lambda: "shop-db-1" in universe.condition(Resource.APPLICATIONS, "shop")["message"],
            patience=30,
        )
        assert universe.get(Resource.SERVERSETS, "shop-db")["status"]["replicas"] == 1
        await universe.settle()
        assert uids(universe, Resource.SERVERS, Resource.PODS) == before


async def test_a_server_that_a_stranger_gives_back_is_counted_again() -> None:
    """By UID or with no controller at all: the set takes it up, and no pod is touched."""
    async with Universe() as universe:
        await universe.apply(shop(2))
        await universe.until(universe.is_ready)
        await universe.settle()
        before = uids(universe, Resource.SERVERS, Resource.PODS)
        await universe.merge(Resource.SERVERS, "shop-db-1", a_strangers())
        await universe.until(lambda: not universe.is_ready(), patience=10)
        await universe.merge(Resource.SERVERS, "shop-db-1", FREE)
        await universe.until(universe.is_ready, patience=60)
        assert "" not in controllers(universe, Resource.SERVERS)
        assert uids(universe, Resource.SERVERS, Resource.PODS) == before


async def test_a_server_of_a_stranger_that_goes_is_made_anew() -> None:
    """The name that it held is taken as soon as it is free."""
    async with Universe() as universe:
        await universe.apply(shop(2))
        await universe.until(universe.is_ready)
        await universe.settle()
        await universe.merge(Resource.SERVERS, "shop-db-1", a_strangers())
        await universe.until(lambda: not universe.is_ready(), patience=10)
        await universe.delete(Resource.SERVERS, "shop-db-1")
        await universe.until(universe.is_ready, patience=90)
        assert universe.get(Resource.SERVERSETS, "shop-db")["status"]["replicas"] == 2


def told_of(universe: Universe, reason: str) -> dict[str, str]:
    """Return the notes of Events with this reason, by what they are about."""
    return {
        f"{each['regarding']['kind']}/{each['regarding']['name']}": each["note"]
        for each in universe.server.objects.get(Resource.EVENTS, {}).values()
        if each["reason"] == reason
    }


@pytest.mark.parametrize("moment", ["before", "during"])
@pytest.mark.parametrize("change", [a_strangers(), FREE])
async def test_no_server_is_left_behind_in_silence(change: dict[str, Any], moment: str) -> None:
    """Whenever it was taken out of the application's control: it goes, too, or is named."""
    async with Universe() as universe:
        await universe.apply(shop(3))
        await universe.until(universe.is_ready)
        await universe.settle()
        await universe.process.kill()
        if moment == "before":
            await universe.merge(Resource.SERVERS, "shop-db-1", change)
        await universe.delete(Resource.APPLICATIONS, "shop")
        if moment == "during":
            await universe.delete(Resource.SERVERSETS, "shop-db")
            await universe.merge(Resource.SERVERS, "shop-db-1", change)
        universe.start()
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await universe.settle()
        left = {f"Server/{each}" for each in universe.names(Resource.SERVERS)}
        assert set(told_of(universe, "ServersLeft")) - {"Application/shop"} == left
        if change != FREE:
            assert left == {"Server/shop-db-1"}


async def test_servers_that_strangers_took_before_are_named_when_all_else_is_gone() -> None:
    """All are named on the application; a teardown that leaves nothing says nothing of the kind."""
    async with Universe() as universe:
        for name in ("shop", "other"):
            await universe.apply(shop(3) | {"metadata": {"name": name}})
        await universe.settle()
        for number in (0, 2):
            await universe.merge(Resource.SERVERS, f"shop-db-{number}", a_strangers())
        await universe.settle()
        for name in ("shop", "other"):
            await universe.delete(Resource.APPLICATIONS, name)
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await universe.settle()
        assert universe.names(Resource.SERVERS) == ["shop-db-0", "shop-db-2"]
        assert universe.names(Resource.PODS) == ["shop-db-0", "shop-db-2"]
        told = told_of(universe, "ServersLeft")
        assert set(told) == {"Application/shop", "Server/shop-db-0", "Server/shop-db-2"}
        assert "shop-db-0, shop-db-2" in told["Application/shop"]


def running(universe: Universe) -> str:
    """Return the image of the first pod, if it is there and ready."""
    found = universe.server.objects.get(Resource.PODS, {}).get(("default", "shop-db-0"))
    ready = universe.condition(Resource.SERVERS, "shop-db-0").get("status") == "True"
    return str(found["spec"]["containers"][0]["image"]) if found and ready else ""


async def test_a_record_that_cannot_be_taken_up_holds_nothing_up() -> None:
    """Somebody made one that the API server lets nobody change: new templates come up beside it."""
    faults = Faults()
    odd = "shop-db-odd"
    refused = kube_faults.Refused("data: field is immutable", reason=ForeignReason("Invalid"))
    faults.rules.append(
        Rule(
            matches=lambda request: request.verb == "patch" and request.name == odd,
            verdict=Verdict(before=refused),
            times=None,
        )
    )
    async with Universe(faults=faults) as universe:
        labels = {names.APPLICATION_LABEL: "shop", names.COMPONENT_LABEL: "db"}
        body = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {"name": odd, "labels": labels},
            "revision": 1,
            "data": {},
        }
        await universe.server.create(Resource.REVISIONS, "default", body)
        for image in ("app:1", "app:2"):
            await universe.apply(shop(1, image=image))
            await universe.until(lambda image=image: running(universe) == image)  # type: ignore[misc]
        assert len(universe.names(Resource.REVISIONS)) == 3
        (told,) = universe.get(Resource.APPLICATIONS, "shop")["status"]["blockedBy"]
        assert told["object"] == f"ControllerRevision/{odd}"
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))


@pytest.mark.lagging
@pytest.mark.parametrize(
    ("above", "name", "late"),
    [
        (Resource.SERVERSETS, "shop-db", Resource.SERVERS),
        (Resource.SERVERS, "shop-db-1", Resource.PODS),
    ],
)
async def test_orphans_that_are_seen_late_are_not_torn_down(
    above: Resource, name: str, late: Resource
) -> None:
    """Their owner is seen to go, and not yet that it let go of them: no pod is deleted for that."""
    async with Universe() as universe:
        await universe.apply(shop(2))
        await universe.until(universe.is_ready)
        await universe.settle()
        before = uids(universe, Resource.PODS)
        gone = universe.get(above, name)["metadata"]["uid"]
        universe.faults.frozen.add(late)
        universe.faults.wake()
        await universe.delete(above, name, propagation="Orphan")
        await asyncio.sleep(20)
        assert uids(universe, Resource.PODS) == before
        universe.faults.calm()
        await universe.until(universe.is_ready)
        await universe.settle()
        assert uids(universe, Resource.PODS) == before
        assert universe.get(above, name)["metadata"]["uid"] != gone
