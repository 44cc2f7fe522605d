"""A claim that somebody deletes under a running server: its data stays while the server runs.

Kubernetes keeps the claim for as long as a pod uses it, and takes no delete back. So whatever would
take the pod down would take the data: Argosy waits, and says for whom.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from controller.planning import finalizers
from fakes.api_server import Kubelet
from fakes.universe import Universe, application, component, operation

pytestmark = pytest.mark.looptime

CLAIM = "data-shop-db-1"
Act = Callable[[Universe], Awaitable[Any]]


def shop() -> dict[str, Any]:
    """Return an application of three servers with a claim each."""
    claims = [{"name": "data", "spec": {}}]
    return application("shop", component("db", 3, volumeClaims=claims))


async def begin(universe: Universe) -> None:
    """Bring it up, and delete the claim of one server as a person does."""
    await universe.bring_up(shop())
    for name in universe.names(Resource.CLAIMS):
        used = {"metadata": {"finalizers": [finalizers.CLAIM_IN_USE]}}
        await universe.merge(Resource.CLAIMS, name, used)
        volume = {"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}
        await universe.merge(Resource.CLAIMS, name, volume, subresource="status")
    await universe.delete(Resource.CLAIMS, CLAIM)
    await universe.settle()


async def let_go(universe: Universe) -> None:
    """Delete the pod by hand, upon which the claim goes, as Kubernetes has it."""
    await universe.delete(Resource.PODS, "shop-db-1")
    await universe.until(lambda: "shop-db-1" not in universe.names(Resource.PODS))
    await universe.merge(Resource.CLAIMS, CLAIM, {"metadata": {"finalizers": None}})


def pod(universe: Universe) -> str:
    """Return the UID of the pod that uses the claim; empty where it is going."""
    meta = universe.get(Resource.PODS, "shop-db-1")["metadata"]
    return "" if meta.get("deletionTimestamp") else str(meta["uid"])


async def _releases(universe: Universe) -> None:
    body = shop()
    body["spec"]["components"][0]["template"]["spec"]["serviceAccountName"] = "other"
    await universe.apply(body)


async def _adds_a_claim(universe: Universe) -> None:
    body = shop()
    body["spec"]["components"][0]["volumeClaims"].append({"name": "logs", "spec": {}})
    await universe.apply(body)


async def _restarts(universe: Universe) -> None:
    await universe.apply(operation("act", "shop", "Restart"))


async def _replaces(universe: Universe) -> None:
    await universe.apply(operation("act", "shop", "Replace"))


async def _stops(universe: Universe) -> None:
    await universe.apply(operation("act", "shop", "Stop"))


@pytest.mark.parametrize("act", [_releases, _adds_a_claim, _restarts, _replaces, _stops])
async def test_nothing_that_argosy_does_ends_the_last_user_of_a_deleted_claim(act: Act) -> None:
    """Whatever is asked for, the pod runs on; who waits names the claim and what to look at.

    It was told before anything was asked for, too. Another operator does the same.
    """
    async with Universe() as universe:
        await begin(universe)
        first = pod(universe)
        told = universe.condition(Resource.SERVERS, "shop-db-1")
        assert (told["status"], "The claim data was deleted" in told["message"]) == ("True", True)
        await act(universe)
        await asyncio.sleep(300)
        await universe.crash()
        await asyncio.sleep(300)
        assert first
        assert pod(universe) == first
        assert CLAIM in universe.names(Resource.CLAIMS)
        for resource, name in (
            (Resource.SERVERS, "shop-db-1"),
            (Resource.SERVERSETS, "shop-db"),
            (Resource.APPLICATIONS, "shop"),
        ):
            waits = universe.get(resource, name)["status"]["blockedBy"]
            assert (waits[0]["object"], waits[0]["reason"], waits[0]["remedy"]) == (
                f"PersistentVolumeClaim/{CLAIM}",
                "DataWouldGo",
                f"kubectl describe pvc {CLAIM} -n default",
            )
            assert universe.condition(resource, name)["status"] == "False"
        if "act" in universe.names(Resource.OPERATIONS):
            waits = universe.get(Resource.OPERATIONS, "act")["status"]["blockedBy"]
            assert ("Server/shop-db-1", "DataWouldGo") in [
                (each["object"], each["reason"]) for each in waits
            ]


@pytest.mark.parametrize("act", [_releases, _restarts])
async def test_whoever_ends_the_pod_by_hand_lets_the_rest_go_on(act: Act) -> None:
    """The server comes back as was asked for, with a claim of its own that is new."""
    async with Universe() as universe:
        await begin(universe)
        gone = universe.get(Resource.CLAIMS, CLAIM)["metadata"]["uid"]
        await act(universe)
        await asyncio.sleep(100)
        await let_go(universe)
        await universe.until(universe.is_ready)
        await universe.settle()
        assert universe.get(Resource.CLAIMS, CLAIM)["metadata"]["uid"] != gone
        incarnations = {
            universe.get(Resource.PODS, name)["metadata"]["labels"][names.INCARNATION_LABEL]
            for name in universe.names(Resource.PODS)
        }
        assert incarnations == {"2"}


async def test_a_deleted_claim_holds_up_no_teardown() -> None:
    """Whoever deletes the application has all of it go, as ever."""
    async with Universe() as universe:
        await begin(universe)
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.PODS))
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))


async def test_a_claim_without_a_volume_keeps_no_pod() -> None:
    """There is no data in it: a server that never found a node is made anew as ever."""
    async with Universe(kubelet=Kubelet()) as universe:
        await begin(universe)
        empty = {"status": {"phase": "Pending", "capacity": {"storage": None}}}
        await universe.merge(Resource.CLAIMS, CLAIM, empty, subresource="status")
        first = pod(universe)
        await _releases(universe)
        await universe.until(
            lambda: "shop-db-1" not in universe.names(Resource.PODS) or pod(universe) != first
        )
