"""What goes with an application and is kept by somebody's finalizer: told, and not for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from controller.presentation import answers, inspection
from controller.presentation.references import Reference
from fakes.forge import Forge
from fakes.universe import Universe, application, component

Json = Any

pytestmark = pytest.mark.looptime

FOREIGN = "example.com/hold"
SECOND = "example.com/second"
GOES = {
    "name": "data",
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    "whenDeleted": "Delete",
    "whenScaled": "Delete",
}
SHOP = (
    component("db", 1, volumeClaims=[GOES]),
    component("web", 2, dependsOn=["db"], volumeClaims=[GOES]),
)
KEPT = {
    Resource.CLAIMS: "data-shop-web-0",
    Resource.SERVICES: "shop-web",
    Resource.DISRUPTION_BUDGETS: "shop-web",
}
KINDS = {
    Resource.CLAIMS: "PersistentVolumeClaim",
    Resource.SERVICES: "Service",
    Resource.DISRUPTION_BUDGETS: "PodDisruptionBudget",
}
# What belongs to the application itself, and to what is below that.
OWN = pytest.mark.parametrize(
    "resource", [Resource.REVISIONS, Resource.BUILDS, Resource.JOBS], ids=str
)
SOURCE = {
    "git": {"url": "https://git.example.com/shop.git"},
    "image": "registry.example.com/shop/web",
}
EVERY = pytest.mark.parametrize("resource", KEPT, ids=str)


async def keep(universe: Universe, resource: Resource, name: str) -> None:
    """Put somebody's finalizer on an object, beside those that it has."""
    had = universe.get(resource, name)["metadata"].get("finalizers") or []
    await universe.merge(resource, name, {"metadata": {"finalizers": [*had, FOREIGN]}})
    await universe.settle()


async def let_go(universe: Universe, resource: Resource, name: str) -> None:
    """Take it off again."""
    had = universe.get(resource, name)["metadata"]["finalizers"]
    left = [each for each in had if each != FOREIGN]
    await universe.merge(resource, name, {"metadata": {"finalizers": left}})


def blocked(universe: Universe, resource: Resource, name: str) -> dict[str, Json]:
    """Return what an object tells of whatever is in its way, by object."""
    status = universe.get(resource, name).get("status", {})
    return {each["object"]: each for each in status.get("blockedBy", ())}


async def walked(universe: Universe) -> dict[str, list[str]]:
    """Return what `why` on the application says of each object."""
    async with inspection.look(universe.server, "default") as look:
        meant = Reference(resource=Resource.APPLICATIONS, name="shop")
        found = answers.walk(look, meant, "default")
    assert found is not None
    said: dict[str, list[str]] = {}
    for each in answers.every(found):
        said.setdefault(each.object, []).append(each.message)
        for waited in each.waits:
            said.setdefault(waited.object, []).append(waited.message)
    return said


@EVERY
@pytest.mark.parametrize("foreground", [False, True], ids=["background", "foreground"])
async def test_what_others_keep_is_named_while_all_else_goes(
    resource: Resource, foreground: bool
) -> None:
    """The application names the object and the finalizer, and how to look; its other servers go.

    Nothing more is written while nothing changes; once it is let go, everything ends.
    """
    async with Universe() as universe:
        await universe.bring_up(application("shop", *SHOP))
        name = KEPT[resource]
        await keep(universe, resource, name)
        if foreground:
            await universe.delete(Resource.APPLICATIONS, "shop", propagation="Foreground")
        else:
            await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.settle(quiet=60)
        assert universe.names(Resource.SERVERS) == []
        assert universe.names(Resource.PODS) == []
        if not foreground:
            # What it relied on did not wait for a finalizer.
            assert universe.names(Resource.SERVERSETS) == ["shop-web"]
        thing = f"{KINDS[resource]}/{name}"
        for each, called in ((Resource.SERVERSETS, "shop-web"), (Resource.APPLICATIONS, "shop")):
            told = blocked(universe, each, called)[thing]
            assert told["reason"] == "KeptByOthers"
            assert FOREIGN in told["message"]
            assert told["remedy"] == f"kubectl get {resource} {name} -n default -o yaml"
        ready = universe.condition(Resource.APPLICATIONS, "shop")
        assert (ready["status"], ready["reason"]) == ("False", "Deleting")
        assert "Waiting for the servers" not in ready["message"]
        assert "still there" not in str(blocked(universe, Resource.APPLICATIONS, "shop"))
        why = await walked(universe)
        assert FOREIGN in str(why[thing])
        since = len(universe.server.writes)
        await asyncio.sleep(300)
        assert len(universe.server.writes) == since
        await let_go(universe, resource, name)
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await universe.until(lambda: not universe.names(resource))


@EVERY
async def test_what_others_keep_is_not_waited_for_for_ever(resource: Resource) -> None:
    """After deletion.timeoutSeconds the application goes; an Event says what stayed, and why."""
    async with Universe() as universe:
        await universe.bring_up(application("shop", *SHOP, deletion={"timeoutSeconds": 120}))
        name = KEPT[resource]
        await keep(universe, resource, name)
        await universe.delete(Resource.APPLICATIONS, "shop")
        await asyncio.sleep(100)
        assert universe.names(Resource.APPLICATIONS) == ["shop"]
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS), patience=60)
        await universe.settle()
        assert universe.names(resource) == [name]
        # By it the reason's remedy lists what is left.
        assert universe.get(resource, name)["metadata"]["labels"][names.APPLICATION_LABEL] == "shop"
        (event,) = [
            each
            for each in universe.server.objects[Resource.EVENTS].values()
            if each["reason"] == "LeftBehind"
        ]
        assert event["type"] == "Warning"
        assert f"{KINDS[resource]}/{name} is kept by finalizers: {FOREIGN}" in event["note"]
        await let_go(universe, resource, name)
        await universe.until(lambda: not universe.names(resource))


async def built(universe: Universe, resource: Resource, **spec: Json) -> str:
    """Bring up an application that is built, and keep one object of it; return which."""
    Forge(universe.server)
    await universe.bring_up(application("shop", component("web", 1, source=SOURCE), **spec))
    name = universe.names(resource)[0]
    await keep(universe, resource, name)
    return name


@OWN
@pytest.mark.parametrize("foreground", [False, True], ids=["background", "foreground"])
async def test_what_others_keep_of_the_application_itself_is_named(
    resource: Resource, foreground: bool
) -> None:
    """A record, a Build or its Job: no server is said to be there, and all else is gone.

    Nothing more is written while nothing changes; once it is let go, everything ends.
    """
    async with Universe() as universe:
        name = await built(universe, resource)
        had = universe.get(resource, name)["metadata"]["finalizers"]
        await universe.merge(resource, name, {"metadata": {"finalizers": [*had, SECOND]}})
        how = {"propagation": "Foreground"} if foreground else {}
        await universe.delete(Resource.APPLICATIONS, "shop", **how)
        await universe.settle(quiet=60)
        assert universe.names(Resource.SERVERSETS) == []
        told = blocked(universe, Resource.APPLICATIONS, "shop")
        ((thing, said),) = told.items()
        assert thing.endswith(f"/{name}")
        assert said["reason"] == "KeptByOthers"
        assert FOREIGN in said["message"]
        assert said["remedy"] == f"kubectl get {resource} {name} -n default -o yaml"
        ready = universe.condition(Resource.APPLICATIONS, "shop")
        assert (ready["status"], ready["reason"]) == ("False", "Deleting")
        assert ready["message"] == "All servers are gone. Others keep something of the application."
        assert FOREIGN in str((await walked(universe))[thing])
        # The second one's is lifted: it is named no longer.
        assert SECOND in said["message"]
        had = universe.get(resource, name)["metadata"]["finalizers"]
        left = [each for each in had if each != SECOND]
        await universe.merge(resource, name, {"metadata": {"finalizers": left}})
        await universe.settle()
        assert SECOND not in blocked(universe, Resource.APPLICATIONS, "shop")[thing]["message"]
        since = len(universe.server.writes)
        await asyncio.sleep(300)
        assert len(universe.server.writes) == since
        await let_go(universe, resource, name)
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS), patience=30)
        await universe.until(lambda: not universe.names(resource))


@OWN
async def test_what_others_keep_of_the_application_itself_is_left_behind(
    resource: Resource,
) -> None:
    """After deletion.timeoutSeconds the application goes, with an Event; the remedy finds it."""
    async with Universe() as universe:
        name = await built(universe, resource, deletion={"timeoutSeconds": 120})
        await universe.delete(Resource.APPLICATIONS, "shop")
        await asyncio.sleep(100)
        assert universe.names(Resource.APPLICATIONS) == ["shop"]
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS), patience=60)
        await universe.settle()
        assert universe.names(resource) == [name]
        assert universe.get(resource, name)["metadata"]["labels"][names.APPLICATION_LABEL] == "shop"
        (event,) = [
            each
            for each in universe.server.objects[Resource.EVENTS].values()
            if each["reason"] == "LeftBehind"
        ]
        assert event["type"] == "Warning"
        assert f"/{name} is kept by finalizers: {FOREIGN}" in event["note"]


async def test_what_bears_an_applications_name_and_is_nobodys_of_its_own_holds_nothing_up() -> None:
    """Anybody may label and hold Jobs, records and Builds: no teardown waits, and none is touched.

    An operation outlives its application, and its Jobs with it.
    """
    labels = {names.APPLICATION_LABEL: "shop", names.COMPONENT_LABEL: "web"}
    owner = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Operation",
        "name": "op",
        "uid": "0",
        "controller": True,
    }
    async with Universe() as universe:
        await universe.bring_up(application("shop", component("web", 1)))
        registry = universe.server.registry
        for number, owners in enumerate(([], [owner], [{**owner, "kind": "CronJob"}])):
            meta = {
                "name": f"theirs-{number}",
                "labels": labels,
                "finalizers": [FOREIGN],
                "ownerReferences": owners,
            }
            body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {}}
            registry.create(Resource.JOBS, "default", body, actor="user")
        await universe.settle()
        before = {each: universe.get(Resource.JOBS, each) for each in universe.names(Resource.JOBS)}
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS), patience=60)
        after = {each: universe.get(Resource.JOBS, each) for each in universe.names(Resource.JOBS)}
        assert after == before


async def test_a_claim_of_a_server_that_was_scaled_away_is_named() -> None:
    """Whoever keeps it: the set says so while its servers are well, and no longer than it is so."""
    async with Universe() as universe:
        await universe.bring_up(application("shop", component("db", 2, volumeClaims=[GOES])))
        await keep(universe, Resource.CLAIMS, "data-shop-db-1")
        await universe.bring_up(application("shop", component("db", 1, volumeClaims=[GOES])))
        await universe.settle(quiet=60)
        told = blocked(universe, Resource.SERVERSETS, "shop-db")
        assert FOREIGN in told["PersistentVolumeClaim/data-shop-db-1"]["message"]
        assert universe.is_ready()
        # Its server comes back: now it is the server that waits, and says for what.
        await universe.apply(application("shop", component("db", 2, volumeClaims=[GOES])))
        await universe.settle(quiet=60)
        waits = blocked(universe, Resource.SERVERS, "shop-db-1")
        assert list(waits) == ["PersistentVolumeClaim/data-shop-db-1"]
        assert FOREIGN in str(waits)
        await let_go(universe, Resource.CLAIMS, "data-shop-db-1")
        await universe.until(universe.is_ready, patience=150)
        assert blocked(universe, Resource.SERVERSETS, "shop-db") == {}


async def test_an_order_holds_while_what_is_told_of_claims_is_old() -> None:
    """A set that told of a claim before it was deleted has servers yet: what they need stays."""
    async with Universe() as universe:
        one = component("web", 1, dependsOn=["db"], volumeClaims=[GOES])
        await universe.bring_up(application("shop", *SHOP))
        await keep(universe, Resource.CLAIMS, "data-shop-web-1")
        await universe.bring_up(application("shop", SHOP[0], one))
        hold = {"metadata": {"finalizers": [FOREIGN]}}
        await universe.merge(Resource.PODS, "shop-web-0", hold)
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.settle(quiet=60)
        assert universe.names(Resource.PODS) == ["shop-db-0", "shop-web-0"]
        assert "deletionTimestamp" not in universe.get(Resource.SERVERSETS, "shop-db")["metadata"]
        await let_go(universe, Resource.PODS, "shop-web-0")
        await universe.until(lambda: not universe.names(Resource.PODS))
        await let_go(universe, Resource.CLAIMS, "data-shop-web-1")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))


async def test_claims_that_only_their_pods_protect_are_not_waited_for() -> None:
    """Kubernetes' own finalizer of claims goes by itself: a teardown tells nothing of it."""
    async with Universe() as universe:
        await universe.bring_up(application("shop", component("db", 1, volumeClaims=[GOES])))
        used = {"metadata": {"finalizers": ["kubernetes.io/pvc-protection"]}}
        await universe.merge(Resource.CLAIMS, "data-shop-db-0", used)
        await universe.settle()
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS), patience=60)
        assert universe.names(Resource.CLAIMS) == ["data-shop-db-0"]
