"""The arms do the same job: the floor writes what Argosy writes, and the others what they say."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

import kopf
import pytest

from bench import bodies
from bench.arms import direct, plain
from controller.api.resources import Resource
from fakes.api_server import ApiServer, Kubelet
from fakes.universe import Universe

pytestmark = pytest.mark.looptime

SERVERS = 3
CLUSTER = {"scheduler", "kubelet"}
# What an API server gives each object of its own.
GIVEN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


def _bare(body: dict[str, Any]) -> dict[str, Any]:
    """Return an object without what differs between any two clusters."""
    found = copy.deepcopy(body)
    for each in GIVEN:
        found["metadata"].pop(each, None)
    for owner in found["metadata"].get("ownerReferences", ()):
        owner.pop("uid")
    return found


def _there(server: ApiServer, resource: Resource) -> dict[str, dict[str, Any]]:
    return {name: _bare(body) for (_, name), body in server.objects.get(resource, {}).items()}


def _asked(pods: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what was asked for of pods, without what a kubelet adds."""
    return {
        name: (each["metadata"], {k: v for k, v in each["spec"].items() if k != "nodeName"})
        for name, each in pods.items()
    }


def _body(found: Any) -> kopf.Body:
    return kopf.Body(copy.deepcopy(found))


async def test_the_floor_writes_what_argosy_writes() -> None:
    """Servers, their statuses and pods of the plain client are the engine's, and no write is more.

    A floor that wrote less, or smaller bodies, would make ratio 1 look worse than it is; one that
    wrote more, better.
    """
    async with Universe() as universe:
        await universe.apply(bodies.application("floor", SERVERS))
        await universe.settle()
        servers = _there(universe.server, Resource.SERVERS)
        pods = _there(universe.server, Resource.PODS)
    status = servers["floor-web-0"]["status"]
    server = ApiServer(kubelet=Kubelet())
    job = await plain._servers(server, "default", status)
    before = len(server.writes)
    await plain._in_parallel(job, SERVERS)
    written = [each for each in server.writes[before:] if each.cause.actor not in CLUSTER]
    assert len(written) == 3 * SERVERS
    mine = _there(server, Resource.SERVERS)
    assert {name: {**each, "status": status} for name, each in servers.items()} == mine
    assert _asked(_there(server, Resource.PODS)) == _asked(pods)


async def test_bare_pods_behind_a_service_are_what_it_selects() -> None:
    """As servers are: behind one headless Service, with names in DNS, of the template's size."""
    server = ApiServer(kubelet=Kubelet())
    await plain._in_parallel(await plain._named(server, "default", 2_000), SERVERS)
    (service,) = server.objects[Resource.SERVICES].values()
    assert service["spec"]["clusterIP"] == "None"
    for name, each in _there(server, Resource.PODS).items():
        assert service["spec"]["selector"].items() <= each["metadata"]["labels"].items()
        spec = each["spec"]
        assert (spec["hostname"], spec["subdomain"]) == (name, service["metadata"]["name"])
        assert len(json.dumps(spec["containers"])) > 2_000


async def test_the_floor_replaces_each_pod_once() -> None:
    """Every pod is another one afterwards, of the version asked for, and none is missing."""
    server = ApiServer(kubelet=Kubelet())
    await plain._in_parallel(plain._pods(server, "default"), SERVERS)
    before = {body["metadata"]["uid"] for body in server.objects[Resource.PODS].values()}
    await plain._replace(server, "default", SERVERS, "2")
    pods = server.objects[Resource.PODS]
    assert len(pods) == SERVERS
    assert before.isdisjoint(body["metadata"]["uid"] for body in pods.values())
    assert all(body["spec"]["containers"][0]["env"][0]["value"] == "2" for body in pods.values())


async def test_the_plain_operator_does_the_same_job() -> None:
    """It makes Servers, their pods, and says that they are Ready: three writes each."""
    server = ApiServer(kubelet=Kubelet())
    arm = direct.Direct(server)
    made = await server.create(
        Resource.APPLICATIONS, "default", bodies.application("fleet", SERVERS)
    )
    await arm.make_servers(body=_body(json.loads(made)))
    for body in list(server.objects[Resource.SERVERS].values()):
        await arm.make_pod(body=_body(body))
    await asyncio.sleep(60)  # virtual: kubelets start what they find
    for body in list(server.objects[Resource.PODS].values()):
        await arm.tell(body=_body(body))
    names = [bodies.server_name("fleet", ordinal) for ordinal in range(SERVERS)]
    servers = _there(server, Resource.SERVERS)
    assert sorted(servers) == sorted(_there(server, Resource.PODS)) == names
    for each in servers.values():
        (condition,) = each["status"]["conditions"]
        assert (condition["type"], condition["status"]) == ("Ready", "True")
