"""What 0.1 left on a real API server is taken over as it is: its objects, under its own schema."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api import resources
from controller.api.resources import PLACES, Resource
from devcluster import client, controlplane, operator, processes
from devcluster.cluster import Cluster
from tests.e2e.conftest import is_given, namespace_of
from tests.e2e.driving import PATIENCE_SECONDS, App, Kube, Place, uids

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SERVERS = ROOT / "crds" / "argosy.dev_servers.yaml"
OLD_SERVERS = Path(__file__).parent / "fixtures" / "release_0_1_servers.yaml"
STORED = ROOT / "tests" / "simulation" / "fixtures" / "release_0_1.json"
COPIES = {"template", "volumeClaims", "recovery", "deletion", "minReadySeconds"}
# Owners first, as others name their UIDs.
ORDER = (
    Resource.APPLICATIONS,
    Resource.SERVERSETS,
    Resource.REVISIONS,
    Resource.SERVICES,
    Resource.SERVERS,
    Resource.CLAIMS,
    Resource.PODS,
)
WITH_STATUS = (Resource.SERVERS, Resource.SERVERSETS, Resource.APPLICATIONS)
MADE_BY_SERVER = ("uid", "resourceVersion", "generation", "creationTimestamp", "namespace")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster of this module's own, with the CRDs of the last release."""
    if is_given():
        pytest.skip("this installs an older schema than a given cluster has")
    owner = Cluster(tmp_path_factory.mktemp("upgrade"))
    owner.start(controlplane.Settings(nodes=3, audit="full"))
    define(owner.client, OLD_SERVERS)
    for each in owner.client.get("/api/v1/nodes")["items"]:
        # What the stored pods select.
        label = {"metadata": {"labels": {"zone": "a"}}}
        owner.client.merge(f"/api/v1/nodes/{each['metadata']['name']}", label)
    yield Place(api=owner.client, cluster=owner)
    owner.stop()


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace."""
    yield from namespace_of(place)


def define(api: client.Client, servers: Path = SERVERS) -> None:
    """Apply the CRDs, the one of Servers as it stands in the file, and have all kinds known."""
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        chosen = servers if path.name == SERVERS.name else path
        body = yaml.safe_load(chosen.read_text())
        api.apply(f"{DEFINITIONS}/{body['metadata']['name']}", body)
    for resource in resources.OURS:
        place = PLACES[resource]
        collection = resources.path(resource, "default" if place.namespaced else "")
        probe = {"apiVersion": place.api_version, "kind": place.kind, "metadata": {"name": "x"}}
        known = functools.partial(operator.is_admitted, api, collection, probe)
        assert processes.wait_until(known, PATIENCE_SECONDS), resource


def restore(kube: Kube) -> None:
    """Make the stored objects anew, with the UIDs and addresses that this cluster gives them."""
    stored = json.loads(STORED.read_text())
    known: dict[str, str] = {}

    def renewed(value: Any) -> Any:
        text = json.dumps(value)
        for old, new in known.items():
            text = text.replace(old, new)
        return json.loads(text)

    for resource in ORDER:
        for body in stored:
            if body["kind"] != PLACES[resource].kind:
                continue
            meta = {k: v for k, v in body["metadata"].items() if k not in MADE_BY_SERVER}
            whole = {k: v for k, v in body.items() if k not in ("metadata", "status")}
            if resource is Resource.PODS:
                whole["spec"] = {k: v for k, v in body["spec"].items() if k != "nodeName"}
            # Applied, as the API server keeps the bytes of a record's data as they were sent.
            path = resources.path(resource, kube.namespace, meta["name"])
            made = kube.api.apply(path, renewed({**whole, "metadata": meta}))
            known[body["metadata"]["uid"]] = made["metadata"]["uid"]
    for resource in WITH_STATUS:
        for body in stored:
            if body["kind"] == PLACES[resource].kind:
                name = body["metadata"]["name"]
                path = resources.path(resource, kube.namespace, name, "status")
                kube.api.merge(path, {"status": renewed(body["status"])})


def test_servers_of_the_last_release_run_on(place: Place, kube: Kube) -> None:
    """New CRDs and a new operator: the same pods, no server written; a rollout drops the copies."""
    assert place.cluster is not None
    restore(kube)
    app = App(kube, "shop", [], {})
    kube.wait_until("pods run", lambda: _running(kube) == 6)
    before, told = uids(kube.list(Resource.PODS)), _specs(kube)
    assert all(told[name].keys() >= COPIES - {"volumeClaims"} for name in told)
    define(place.api)
    kube.wait_until("the new schema is served", lambda: _is_served(kube))
    # Images are built from now on; of servers whose images are prebuilt nothing moves.
    builds = ["build.image=forge:1", "build.address=tcp://daemon:1234"]
    operator.run(place.cluster, values=["crds.enabled=false", *builds])
    found = kube.get(Resource.APPLICATIONS, "shop") or {}
    kube.patch(Resource.APPLICATIONS, "shop", {"spec": {"revisionHistoryLimit": 9}})
    kube.wait_until(
        "the operator is at work", lambda: _observed(kube) > found["metadata"]["generation"]
    )
    app.wait_ready()
    # The new schema gives each the constant scale that it had without saying so.
    assert _specs(kube) == {name: {**each, "replicas": 1} for name, each in told.items()}
    assert uids(kube.list(Resource.PODS)) == before
    assert not kube.list(Resource.BUILDS)
    components = found["spec"]["components"]
    for each in components:
        if each["name"] == "web":
            each["template"]["spec"]["containers"][0]["image"] = "app:3"
    kube.patch(Resource.APPLICATIONS, "shop", {"spec": {"components": components}})
    kube.wait_until("two servers are at the new image", lambda: _at(kube, "app:3") == 2)
    carried = {name: bool(COPIES & spec.keys()) for name, spec in _specs(kube).items()}
    assert [carried[f"shop-web-{n}"] for n in range(4)] == [True, True, False, False]
    app.wait_ready()


def _is_served(kube: Kube) -> bool:
    """Whether Servers can be listed: after a change of its CRD the API server begins anew."""
    try:
        kube.list(Resource.SERVERS)
    except client.ApiError:
        return False
    return True


def _specs(kube: Kube) -> dict[str, Any]:
    return {name: each["spec"] for name, each in kube.list(Resource.SERVERS).items()}


def _running(kube: Kube) -> int:
    pods = kube.list(Resource.PODS).values()
    return sum(1 for each in pods if each.get("status", {}).get("phase") == "Running")


def _observed(kube: Kube) -> int:
    found = kube.get(Resource.APPLICATIONS, "shop") or {}
    return int(found["status"]["observedGeneration"])


def _at(kube: Kube, image: str) -> int:
    pods = kube.list(Resource.PODS).values()
    return sum(1 for each in pods if each["spec"]["containers"][0]["image"] == image)
