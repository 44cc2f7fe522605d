"""Servers on a node that stops answering: replaced where nothing is kept, waited for with data."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from controller.presentation import answers
from controller.presentation.references import Reference
from fakes.api_server import Behaviour, Kubelet
from fakes.universe import Universe, application, component
from tests.presentation.test_answers import Leases

pytestmark = pytest.mark.looptime

CLAIM = {
    "name": "data",
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
EVICTING = "Taint manager: deleting due to NoExecute taint"
# Longer than anybody waits for a node.
GRACE: dict[str, Any] = {
    "template": {
        "spec": {
            "containers": [{"name": "main", "image": "app:1"}],
            "terminationGracePeriodSeconds": 300,
        }
    },
    "rollout": {"progressDeadlineSeconds": 86400},
}


def uid(universe: Universe, pod: str) -> str:
    """Return the UID of a pod; empty where there is none."""
    found = universe.server.objects[Resource.PODS].get(("default", pod))
    return found["metadata"]["uid"] if found else ""


async def lose(universe: Universe, pod: str) -> str:
    """Have a pod's node stop answering, and the cluster tell the pod to go, as it then does."""
    body = universe.get(Resource.PODS, pod)
    universe.kubelet.lost.add(body["spec"]["nodeName"])
    await universe.delete(Resource.PODS, pod)
    return str(body["metadata"]["uid"])


def evict(universe: Universe, pod: Any) -> None:
    """Mark a pod as the control plane does before it deletes what a node's taint evicts."""
    mark = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}
    conditions = [*pod["status"]["conditions"], mark | {"message": EVICTING}]
    universe.server.registry.set_status(
        Resource.PODS,
        ("default", pod["metadata"]["name"]),
        {**pod["status"], "conditions": conditions},
        actor="taints",
    )


async def come_up(universe: Universe, **fields: Any) -> None:
    """Make an application of one server, and wait until all is quiet."""
    await universe.apply(application("shop", component("web", 1, **fields)))
    await universe.until(
        lambda: universe.condition(Resource.APPLICATIONS, "shop").get("status") == "True"
    )
    await universe.settle()


async def test_a_server_without_data_is_replaced_elsewhere() -> None:
    """As a Deployment would: soon after its end is overdue, on a node that answers, as it was."""
    async with Universe() as universe:
        await come_up(universe)
        before = await lose(universe, "shop-web-0")
        lost = set(universe.kubelet.lost)
        await asyncio.sleep(5)
        assert uid(universe, "shop-web-0") == before
        # Sooner than whoever is ill for long is made anew.
        await universe.until(lambda: uid(universe, "shop-web-0") not in ("", before), patience=60)
        await universe.until(
            lambda: universe.condition(Resource.SERVERS, "shop-web-0")["status"] == "True"
        )
        pod = universe.get(Resource.PODS, "shop-web-0")
        assert pod["spec"]["nodeName"] not in lost
        status = universe.get(Resource.SERVERS, "shop-web-0")["status"]
        assert not status.get("attempts", {}).get("count")


@pytest.mark.parametrize("kept", ["claims", "a person"])
async def test_a_server_with_data_or_a_hold_is_waited_for(kept: str) -> None:
    """Two might write the same data: it says what it waits for, until the node is back."""
    async with Universe() as universe:
        await come_up(universe, **({"volumeClaims": [CLAIM]} if kept == "claims" else {}))
        if kept != "claims":
            await universe.merge(Resource.SERVERS, "shop-web-0", {"spec": {"held": True}})
        before = await lose(universe, "shop-web-0")
        await asyncio.sleep(200)
        assert uid(universe, "shop-web-0") == before
        told = universe.get(Resource.SERVERS, "shop-web-0")["status"]["blockedBy"]
        assert told[0]["reason"] == "Unreachable"
        assert "does not confirm" in told[0]["message"]
        assert told[0]["remedy"] == "kubectl get nodes"
        for node in tuple(universe.kubelet.lost):
            universe.kubelet.return_node(node)
        await universe.until(lambda: uid(universe, "shop-web-0") not in ("", before))


@pytest.mark.parametrize("replicas", [1, 3])
async def test_a_silent_node_is_named_from_the_moment_that_it_is_known(replicas: int) -> None:
    """Before its pods are told to go, while they have their grace, and after that: always."""
    async with Universe() as universe:
        await universe.apply(
            application("shop", component("web", replicas, volumeClaims=[CLAIM], **GRACE))
        )
        await universe.until(
            lambda: universe.condition(Resource.APPLICATIONS, "shop").get("status") == "True"
        )
        node = universe.get(Resource.PODS, "shop-web-0")["spec"]["nodeName"]
        universe.kubelet.silence(node)
        said = set()
        for second in range(0, 700, 5):
            await asyncio.sleep(5)
            if second == 200:
                # The taint's toleration is over: the pod has its grace, which nobody counts.
                await universe.delete(Resource.PODS, "shop-web-0")
            told = universe.condition(Resource.APPLICATIONS, "shop")
            blocked = universe.get(Resource.APPLICATIONS, "shop")["status"]["blockedBy"]
            (why,) = [each for each in blocked if each["object"] == "Server/shop-web-0"]
            assert f"the node {node} does not" in told["message"]
            assert f"the node {node} does not" in why["message"]
            assert (why["reason"], why["remedy"][:8]) == (told["reason"], "kubectl ")
            said.add(told["reason"])
        assert said == {"NodeSilent", "Unreachable"}


async def test_an_eviction_by_taint_is_told_of_what_was_not_ready_before() -> None:
    """The control plane marks no such pod; it is told as it is evicted, and through its grace."""
    fate = [Behaviour()]
    async with Universe(kubelet=Kubelet(lambda _: fate[0])) as universe:
        fate[0] = Behaviour(fate="Unready")
        await universe.apply(
            application("shop", component("web", 1, volumeClaims=[CLAIM], **GRACE))
        )
        await asyncio.sleep(60)
        pod = universe.get(Resource.PODS, "shop-web-0")
        node = pod["spec"]["nodeName"]
        universe.kubelet.lost.add(node)
        evict(universe, pod)
        await universe.delete(Resource.PODS, "shop-web-0")
        await asyncio.sleep(2)
        said = set()
        for _ in range(100):
            told = universe.condition(Resource.APPLICATIONS, "shop")
            blocked = universe.get(Resource.APPLICATIONS, "shop")["status"]["blockedBy"]
            (why,) = [each for each in blocked if each["object"] == "Server/shop-web-0"]
            assert node in told["message"]
            assert EVICTING in told["message"]
            assert (why["reason"], why["remedy"]) == (told["reason"], "kubectl get nodes")
            said.add(told["reason"])
            await asyncio.sleep(5)
        assert said == {"DeletionByTaintManager", "Unreachable"}
        fate[0] = Behaviour()
        universe.kubelet.return_node(node)
        await universe.until(
            lambda: universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
        )


async def test_why_reads_the_nodes_of_what_is_to_blame() -> None:
    """Long before anybody is evicted: the words of the node's own condition, for who asks."""
    said = "Kubelet stopped posting node status."
    async with Universe(kubelet=Kubelet(lambda _: Behaviour(fate="Unready"))) as universe:
        await universe.apply(application("shop", component("web", 2)))
        await asyncio.sleep(60)
        names_of = {
            universe.get(Resource.PODS, pod)["spec"]["nodeName"]
            for pod in universe.names(Resource.PODS)
        }
        silent = min(names_of)
        for node in names_of:
            ready = {"type": "Ready", "status": "Unknown" if node == silent else "True"}
            body: dict[str, Any] = {"metadata": {"name": node}, "spec": {}}
            universe.server.registry.create(Resource.NODES, "", body, actor="node")
            status = {"conditions": [ready | {"message": said}]}
            universe.server.registry.set_status(Resource.NODES, ("", node), status, actor="node")

        class Door:
            """The server, where nobody has a Lease."""

            raw = Leases().raw

            def __getattr__(self, verb: str) -> Any:
                return getattr(universe.server, verb)

        api: Any = Door()
        meant = Reference(resource=Resource.APPLICATIONS, name="shop")
        found = await answers.read(api, meant, "default", universe.server.now())
    assert found.notes == (f"the node {silent} does not answer: {said}",)


async def test_a_person_can_give_up_a_server_with_data() -> None:
    """`argosy force` names the very instance: that one is let go of, and another comes up."""
    async with Universe() as universe:
        await come_up(universe, volumeClaims=[CLAIM])
        before = await lose(universe, "shop-web-0")
        claim = universe.get(Resource.CLAIMS, "data-shop-web-0")["metadata"]["uid"]
        await asyncio.sleep(120)
        mark = {"metadata": {"annotations": {names.FORCE_ANNOTATION: before}}}
        await universe.merge(Resource.SERVERS, "shop-web-0", mark)
        await universe.until(lambda: uid(universe, "shop-web-0") not in ("", before), patience=60)
        assert universe.get(Resource.CLAIMS, "data-shop-web-0")["metadata"]["uid"] == claim


async def test_an_application_on_its_way_out_waits_as_its_policy_says() -> None:
    """What is deleted for good is not let go of sooner than onTimeout says."""
    async with Universe() as universe:
        await come_up(universe)
        before = await lose(universe, "shop-web-0")
        await universe.delete(Resource.APPLICATIONS, "shop")
        await asyncio.sleep(300)
        assert uid(universe, "shop-web-0") in ("", before)
