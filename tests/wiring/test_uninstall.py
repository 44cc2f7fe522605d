"""What `argosy uninstall` asks before it lets go: whether anything would run on unseen."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import time
from collections.abc import AsyncIterator
from typing import Literal, cast

import pytest

from controller.api import clock, names
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kube import faults, installs
from controller.kube.api import Api
from controller.wiring import uninstall
from fakes.api_server import ApiServer, Verdict
from fakes.api_server.chaos import Rule


def options(*namespaces: str) -> uninstall.UninstallOptions:
    """Return how to go, of all namespaces or of some."""
    return uninstall.UninstallOptions(
        policy="Release",
        pods="Keep",
        namespace="argosy",
        deployment="argosy",
        namespaces=namespaces,
    )


async def test_servers_outside_the_cluster_are_found_by_the_provider_of_their_fleet() -> None:
    """Any Fleet of pods is inside, whatever its name; one that is gone may have been outside.

    Who may not read Fleets knows of the built-in one alone.
    """
    server = ApiServer()
    for name, provider in (("edge", "pod"), ("metal", "memory"), ("west", "openstack")):
        body = {"metadata": {"name": name}, "spec": {"provider": provider}}
        await server.create(Resource.FLEETS, "", body)
    for name in ("pods", "edge", "metal", "west", "gone"):
        body = {"metadata": {"name": f"on-{name}"}, "spec": {"fleet": name}}
        await server.create(Resource.SERVERS, "default", body)
    api = cast("Api", server)
    outside = [f"default/on-{name}" for name in ("gone", "metal", "west")]
    assert sorted(await uninstall._outside(api, options())) == outside
    unseen = ["default/on-edge", *outside]
    assert sorted(await uninstall._outside(api, options("default"))) == unseen


OURS, OTHER = "argosy/argosy-leader", "argosy-b/argosy-leader"
ON_ALL, ON_TEAM = (installs.PUBLIC, installs.CLUSTER), ("team-a", installs.NAMESPACE)
HELD = [names.FINALIZER]


SERVER = {"apiVersion": names.API_VERSION, "kind": "Server"}
OLDER = {"apiVersion": f"{names.GROUP}/v1"}


def pod(name: str, uid: str, *owners: dict[str, str], controller: bool = True) -> dict[str, object]:
    """Return a pod with the label of a server, which these have, or merely refer to."""
    reference = {"name": name, "uid": uid, "controller": controller}
    references = [{**each, **reference} for each in owners]
    labels = {names.SERVER_LABEL: name}
    meta = {"name": name, "labels": labels, "ownerReferences": references}
    return {"metadata": meta, "spec": {}}


@contextlib.asynccontextmanager
async def claimed(
    place: tuple[str, str], holder: str, *, alive: bool = True
) -> AsyncIterator[ApiServer]:
    """Yield a cluster with two applications, a server's pod, and a claim that is cared for."""
    server = ApiServer(namespaces=("default", "team-a", "argosy", installs.PUBLIC))
    for space in ("default", "team-a"):
        meta = {"name": "shop", "finalizers": HELD}
        await server.create(Resource.APPLICATIONS, space, {"metadata": meta})
    # Without its owner a pod would be collected, whatever the install does.
    owner = {"metadata": {"name": "shop-web-0"}, "spec": {"fleet": names.BUILT_IN_FLEET}}
    text = await server.create(Resource.SERVERS, "default", owner)
    uid = json.loads(text)["metadata"]["uid"]
    await server.create(Resource.PODS, "default", pod("shop-web-0", uid, SERVER))
    deployment = {"metadata": {"name": "argosy"}, "spec": {"selector": {"matchLabels": {"a": "b"}}}}
    await server.create(Resource.DEPLOYMENTS, "argosy", deployment)

    def spec() -> dict[str, str]:
        return {"holderIdentity": holder, "renewTime": clock.precise(time.time())}

    space, name = place
    await server.create(Resource.LEASES, space, {"metadata": {"name": name}, "spec": spec()})

    async def renew() -> None:
        while True:
            await asyncio.sleep(installs.RETRY)
            await server.patch(Resource.LEASES, space, name, {"spec": spec()})

    renewing = asyncio.create_task(renew()) if alive else None
    yield server
    if renewing is not None:
        renewing.cancel()


async def finalizers(server: ApiServer, space: str) -> list[str]:
    """Return what holds an application."""
    text = await server.get(Resource.APPLICATIONS, space, "shop")
    return list(json.loads(text)["metadata"].get("finalizers", ()))


def pods(server: ApiServer) -> int:
    """Return how many pods there are."""
    return len(server.objects[Resource.PODS])


@pytest.mark.looptime
@pytest.mark.parametrize("policy", ["Refuse", "Release"])
@pytest.mark.parametrize("namespaces", [(), ("default", "team-a")])
async def test_an_idle_install_goes_and_harms_nobody(
    policy: Literal["Refuse", "Release"], namespaces: tuple[str, ...]
) -> None:
    """Where another install looks after all, there is nothing to refuse for or to let go of."""
    async with claimed(ON_ALL, OTHER) as server:
        going = dataclasses.replace(options(*namespaces), policy=policy, pods="Delete")
        assert await uninstall.run(cast("Api", server), going) == 0
        assert await finalizers(server, "default") == HELD
        assert pods(server) == 1


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("holder", "alive"), [(OURS, True), (OURS, False), (OTHER, False)], ids=str
)
async def test_whoever_looks_after_applications_is_asked(holder: str, *, alive: bool) -> None:
    """A claim of its own, and one that nobody renews, leave an install what it is to care for."""
    async with claimed(ON_ALL, holder, alive=alive) as server:
        api = cast("Api", server)
        refusing = dataclasses.replace(options(), policy="Refuse")
        assert await uninstall.run(api, refusing) == 1
        assert await uninstall.run(api, dataclasses.replace(options(), pods="Delete")) == 0
        assert await finalizers(server, "default") == []
        assert pods(server) == 0


@pytest.mark.looptime
async def test_only_pods_that_servers_control_are_deleted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exported pods keep the label of a server, and go on as whoever has them by now says.

    So do pods that nobody controls, that a Server only refers to, or that another group's Server
    has.
    """
    async with claimed(ON_ALL, OURS) as server:
        text = await server.get(Resource.SERVERS, "default", "shop-web-0")
        uid = json.loads(text)["metadata"]["uid"]
        others = {
            "exported": pod("exported", uid, {"apiVersion": "apps/v1", "kind": "StatefulSet"}),
            "orphan": pod("orphan", uid),
            "referred": pod("referred", uid, SERVER, controller=False),
            "foreign": pod("foreign", uid, {"apiVersion": "example.com/v1", "kind": "Server"}),
        }
        await server.create(Resource.PODS, "default", pod("older", uid, {**SERVER, **OLDER}))
        for body in others.values():
            await server.create(Resource.PODS, "default", body)
        going = dataclasses.replace(options(), pods="Delete")
        assert await uninstall.run(cast("Api", server), going) == 0
        assert {name for _, name in server.objects[Resource.PODS]} == {*others}
    told = capsys.readouterr().out
    assert "deleted 2 pods" in told
    assert "left alone: 4 pods that no Server controls" in told


@pytest.mark.looptime
async def test_an_install_lets_go_of_its_own_namespaces_alone() -> None:
    """Of two that it watches, another install looks after one, which stays as it is."""
    async with claimed(ON_TEAM, OTHER) as server:
        assert await uninstall.run(cast("Api", server), options("default", "team-a")) == 0
        assert await finalizers(server, "default") == []
        assert await finalizers(server, "team-a") == HELD


@pytest.mark.looptime
async def test_a_claim_that_cannot_be_read_is_as_if_there_were_none() -> None:
    """In doubt an install refuses for what it may look after."""
    async with claimed(ON_ALL, OTHER) as server:
        refused = faults.Forbidden("you may not", reason=Reason.FORBIDDEN)
        server.faults.rules.append(
            Rule(
                matches=lambda request: request.resource is Resource.LEASES,
                verdict=Verdict(before=refused),
                times=None,
            )
        )
        refusing = dataclasses.replace(options(), policy="Refuse")
        assert await uninstall.run(cast("Api", server), refusing) == 1


async def test_a_refusal_says_what_works_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Helm upgrades no release whose uninstall was refused, so the way leads over a rollback."""
    server = ApiServer()
    await server.create(Resource.APPLICATIONS, "default", {"metadata": {"name": "shop"}})
    refusing = dataclasses.replace(options(), policy="Refuse")
    assert await uninstall.run(cast("Api", server), refusing) == 1
    told = capsys.readouterr().out
    assert "default/shop" in told
    assert told.index("helm rollback") < told.index("helm upgrade")
    assert uninstall.LET_GO in told
