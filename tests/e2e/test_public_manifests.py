"""Thirteen public manifests on a real API server: each comes up, said by hand and by `import`.

The files are those of `tests/simulation/test_manifests.py`, where every field is looked for. Here
the API server takes them as they stand, a real scheduler places their pods, real controllers bind
their claims and keep their StatefulSets, and nodes are large enough for all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api import names, resources
from controller.api.resources import Resource
from devcluster import controlplane, kwok, operator
from tests.e2e import conftest, driving, storage
from tests.e2e.driving import Kube, Object, Place
from tests.e2e.test_why import typed

pytestmark = pytest.mark.e2e

MANIFESTS = Path(__file__).parents[1] / "simulation" / "manifests"
FILES = sorted(each.stem for each in MANIFESTS.glob("*.yaml"))
# Whatever anybody asks for: eight GPUs, 125 processors, and a terabyte of memory, of two pods each.
ROOM = {"cpu": "512", "memory": "8Ti", "pods": "200", "nvidia.com/gpu": "16"}
NODES = 3
# Resources that the sources name beside those that Argosy knows.
OTHERS = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "Service": "/api/v1/namespaces/{}/services",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
}


def read(file: str) -> dict[str, list[Object]]:
    """Return what people have, and the same said to Argosy."""
    found: dict[str, list[Object]] = yaml.safe_load((MANIFESTS / f"{file}.yaml").read_text())
    # A file may say a thing once and mean it twice.
    return dict(json.loads(json.dumps(found)))


def fits(kind: str, name: str) -> bool:
    """Return whether `import` takes a workload: its pods have to become servers of its name."""
    return (
        kind in ("StatefulSet", "Deployment") and re.fullmatch("[a-z]+(-[a-z]+)+", name) is not None
    )


IMPORTED = [
    pytest.param(file, each["kind"], each["metadata"]["name"], id=each["metadata"]["name"])
    for file in FILES
    for each in read(file)["source"]
    if fits(each["kind"], each["metadata"]["name"])
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose nodes have room for everything, and an operator."""
    settings = controlplane.Settings(nodes=1, audit="full")
    with conftest.cluster_of_its_own(tmp_path_factory.mktemp("public"), settings) as one:
        for number in range(NODES):
            node = kwok.node(0)
            node["metadata"]["name"] = f"large-{number}"
            node["metadata"]["labels"] |= {"kubernetes.io/hostname": f"large-{number}"}
            node["status"] |= {"capacity": ROOM, "allocatable": ROOM}
            one.client.create("/api/v1/nodes", node)
        operator.run(one)
        yield Place(api=one.client, cluster=one)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace."""
    yield from conftest.namespace_of(place)


def make(kube: Kube, body: Object) -> None:
    """Create an object of a kind that people bring."""
    body["metadata"]["namespace"] = kube.namespace
    kube.api.create(OTHERS[body["kind"]].format(kube.namespace), body)


def provide(kube: Kube, template: Object) -> None:
    """Make what a pod template refers to: its account, and claims that are there already."""
    spec: Object = template["spec"]
    if account := spec.get("serviceAccountName"):
        make(kube, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}})
    for each in spec.get("volumes", ()):
        # A claim of the server's own has the same name as its volume.
        named = each.get("persistentVolumeClaim", {}).get("claimName", "")
        if named and named != each["name"]:
            wanted = {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            }
            claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": wanted}
            make(kube, {**claim, "metadata": {"name": named}})
            volume(kube, named, wanted)


def volume(kube: Kube, claim: str, wanted: Object) -> None:
    """Make the volume of one claim, as much as it asks for and of its class."""
    storage.volume(
        kube,
        wanted.get("storageClassName", ""),
        claim,
        modes=wanted["accessModes"],
        size=wanted["resources"]["requests"]["storage"],
    )


@pytest.mark.parametrize("file", FILES)
def test_what_people_wrote_by_hand_comes_up(kube: Kube, file: str) -> None:
    """The API server takes it as it stands, and all of its servers are available."""
    brought = read(file)["argosy"]
    (found,) = (each for each in brought if each["kind"] == "Application")
    name, parts = found["metadata"]["name"], found["spec"].pop("components")
    for each in brought:
        if each is not found:
            make(kube, each)
    for part in parts:
        provide(kube, part["template"])
        for number in range(part["replicas"]):
            for each in part.get("volumeClaims", ()):
                volume(kube, f"{each['name']}-{name}-{part['name']}-{number}", each["spec"])
    app = driving.App(kube, name, parts, found["spec"])
    app.apply()
    app.wait_ready()
    for part in parts:
        pods = app.pods(part["name"])
        assert len(pods) == part["replicas"]
        assert all(driving.condition(each, "Ready")["status"] == "True" for each in pods.values())
        bound = kube.list(Resource.CLAIMS, application=name, component=part["name"])
        assert len(bound) == part["replicas"] * len(part.get("volumeClaims", ()))
        assert all(each["status"]["phase"] == "Bound" for each in bound.values())


@pytest.mark.parametrize(("file", "kind", "name"), IMPORTED)
def test_what_people_have_comes_in(
    kube: Kube, place: Place, file: str, kind: str, name: str
) -> None:
    """It runs as its own controller keeps it, then `import` takes it over, and it runs on."""
    source = read(file)["source"]
    (found,) = (each for each in source if (each["kind"], each["metadata"]["name"]) == (kind, name))
    for each in source:
        if each["kind"] in ("Service", "PodDisruptionBudget"):
            make(kube, each)
    spec: dict[str, Any] = found["spec"]
    count = spec.get("replicas", 1)
    provide(kube, spec["template"])
    for number in range(count):
        for each in spec.get("volumeClaimTemplates", ()):
            volume(kube, f"{each['metadata']['name']}-{name}-{number}", each["spec"])
    make(kube, found)
    path = f"{OTHERS[kind].format(kube.namespace)}/{name}"
    kube.wait_until(
        f"{name} runs", lambda: kube.api.get(path)["status"].get("readyReplicas", 0) == count
    )
    before = driving.uids(kube.list(Resource.PODS))
    assert place.cluster is not None
    typed(kube, place.cluster.kubeconfig, "import", f"{kind.lower()}/{name}", "--no-dry-run")
    above = name.rpartition("-")[0]
    application = kube.api.get(resources.path(Resource.APPLICATIONS, kube.namespace, above))
    app = driving.App(kube, above, application["spec"]["components"], {})
    app.wait_ready()
    # A Deployment that counts no pods any more may have some that are still going.
    servers = {f"{name}-{number}" for number in range(count)}
    kube.wait_until("only servers are left", lambda: set(kube.list(Resource.PODS)) == servers)
    pods = kube.list(Resource.PODS)
    assert {each["metadata"]["labels"][names.APPLICATION_LABEL] for each in pods.values()} == {
        above
    }
    if kind == "StatefulSet":
        assert driving.uids(pods) == before
