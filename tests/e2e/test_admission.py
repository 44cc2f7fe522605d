"""What the API server accepts and refuses by the CRDs alone, with no operator anywhere.

Each file of `manifests/bad` says in its head why it is bad and what the refusal must say; of
several documents, all but the last are good. What is in `examples/` is good.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api import crds, names
from controller.providers import models
from devcluster import client, operator, processes

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
BAD = sorted((Path(__file__).parent / "manifests" / "bad").glob("*.yaml"))
GOOD = sorted((ROOT / "examples").glob("*.yaml"))
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DEADLINE_SECONDS = 180
SERVER = {"fleet": "pods", "incarnation": 1, "revision": "abc", "power": "Running"}
TEMPLATE = {"spec": {"containers": [{"name": "main", "image": "app"}]}}


@pytest.fixture(scope="module", autouse=True)
def served(api: client.Client) -> None:
    """Have the API server serve the CRDs as they are rendered now."""
    wanted = [yaml.safe_load(text) for text in crds.render(models.MODELS).values()]
    for each in wanted:
        api.apply(f"{CRDS}/{each['metadata']['name']}", each)
    assert processes.wait_until(
        lambda: all(_has_service(api, each) for each in wanted), DEADLINE_SECONDS
    ), "the CRDs are not served"
    assert processes.wait_until(
        lambda: all(_admitted(api, each) for each in wanted), DEADLINE_SECONDS
    ), "admission does not know the kinds"


def _admitted(api: client.Client, crd: dict[str, Any]) -> bool:
    kind = crd["spec"]["names"]["kind"]
    probe = {"apiVersion": names.API_VERSION, "kind": kind, "metadata": {"name": "probe"}}
    return operator.is_admitted(api, _collection(probe, "default"), probe)


def _has_service(api: client.Client, crd: dict[str, Any]) -> bool:
    """Return whether the API server speaks of a kind as `crd` does, not as one before it did."""
    try:
        document = api.get(f"/openapi/v3/apis/{names.API_VERSION}")
    except client.ApiError:
        return False
    kind = crd["spec"]["names"]["kind"]
    has_service = document["components"]["schemas"].get(f"dev.argosy.{names.VERSION}.{kind}")
    wanted = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return has_service is not None and all(
        has_service["properties"][each] == wanted["properties"][each] for each in ("spec", "status")
    )


def _collection(document: dict[str, Any], namespace: str) -> str:
    definition = models.MODELS[document["kind"]].definition
    where = "" if definition.scope == "Cluster" else f"/namespaces/{namespace}"
    return f"/apis/{names.API_VERSION}{where}/{definition.plural}"


def _create(api: client.Client, namespace: str, document: dict[str, Any], **options: str) -> Any:
    query = "&".join(f"{key}={value}" for key, value in options.items())
    return api.create(
        f"{_collection(document, namespace)}?fieldValidation=Strict&{query}", document
    )


def _write(
    api: client.Client, namespace: str, document: dict[str, Any], made: list[dict[str, Any]]
) -> None:
    """Write `document` over the last object `made`, or as the first."""
    if not made:
        _create(api, namespace, document, dryRun="All")
        return
    metadata = made[-1]["metadata"]
    document["metadata"]["resourceVersion"] = metadata["resourceVersion"]
    path = f"{_collection(document, namespace)}/{metadata['name']}"
    api.call("PUT", f"{path}?fieldValidation=Strict", document)


def _application(**component: Any) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Application",
        "metadata": {"name": "shop"},
        "spec": {"components": [{"name": "web", "template": TEMPLATE, **component}]},
    }


def test_there_are_many_bad_manifests() -> None:
    """The collection has not been lost: an empty one would let every test below pass."""
    assert len(BAD) >= 90
    assert len(GOOD) >= 7


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_manifest_is_refused(api: client.Client, namespace: str, path: Path) -> None:
    """A bad manifest is refused when it is applied, with a message that says what must hold."""
    text = path.read_text()
    expected = next(
        line.removeprefix("# refused: ")
        for line in text.splitlines()
        if line.startswith("# refused: ")
    )
    *before, last = yaml.safe_load_all(text)
    made = [_create(api, namespace, each) for each in before]
    try:
        with pytest.raises(client.ApiError) as refusal:
            _write(api, namespace, last, made)
    finally:
        for each in made:
            api.delete(f"{_collection(each, namespace)}/{each['metadata']['name']}")
    assert refusal.value.status in (400, 422)
    assert expected in str(refusal.value)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_example_is_accepted(api: client.Client, namespace: str, path: Path) -> None:
    """What people are told to copy is accepted as it stands."""
    for document in yaml.safe_load_all(path.read_text()):
        _create(api, namespace, document, dryRun="All")


def test_new_object_never_looks_current(api: client.Client, namespace: str) -> None:
    """A new object says that nobody has looked at it, without anybody having written that."""
    _create(api, namespace, _application())
    made = api.get(f"{_collection(_application(), namespace)}/shop")
    assert made["status"]["observedGeneration"] < made["metadata"]["generation"]
    ready = made["status"]["conditions"][0]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "Unknown", "Pending")
    assert made["status"]["available"] == 0


def test_defaults_are_visible(api: client.Client, namespace: str) -> None:
    """Who reads an application sees every policy that is in force."""
    made = _create(api, namespace, _application(), dryRun="All")
    assert made["spec"]["fleet"] == "pods"
    assert made["spec"]["deletion"]["onTimeout"] == "Wait"
    component = made["spec"]["components"][0]
    assert component["rollout"]["maxUnavailable"] == "10%"
    assert component["recovery"]["backoff"]["maxSeconds"] == 60
    assert "replicas" not in component


def test_status_cannot_be_written_beside_the_spec(api: client.Client, namespace: str) -> None:
    """A status in a manifest is not taken for an observation."""
    lying = _application()
    lying["status"] = {"observedGeneration": 1, "desired": 7}
    _create(api, namespace, lying)
    made = api.get(f"{_collection(lying, namespace)}/shop")
    assert made["status"]["desired"] == 0
    assert made["status"]["observedGeneration"] == 0


def test_partial_apply_keeps_what_others_own(api: client.Client, namespace: str) -> None:
    """Two owners of one application, each of its part, do not undo each other's work."""
    whole = _application(replicas=3)
    whole["spec"]["components"][0]["template"] = {
        "spec": {
            "containers": [
                {"name": "main", "image": "app:1", "env": [{"name": "A", "value": "b"}]},
                {"name": "side", "image": "side:1"},
            ],
            "nodeSelector": {"disk": "fast"},
        }
    }
    path = f"{_collection(whole, namespace)}/shop"
    api.apply(path, whole, manager="owner")
    part = copy.deepcopy(whole)
    part["spec"] = {
        "components": [
            {
                "name": "web",
                "rollout": {"partition": 2},
                "template": {"spec": {"containers": [{"name": "side", "image": "side:2"}]}},
            },
            {"name": "cache", "template": TEMPLATE},
        ]
    }
    merged = api.apply(path, part, manager="partner")
    web, cache = merged["spec"]["components"]
    assert cache["name"] == "cache"
    assert web["replicas"] == 3
    assert web["rollout"]["partition"] == 2
    assert web["rollout"]["maxUnavailable"] == "10%"
    main, side = web["template"]["spec"]["containers"]
    assert main["image"] == "app:1"
    assert main["env"] == [{"name": "A", "value": "b"}]
    assert side["image"] == "side:2"
    assert web["template"]["spec"]["nodeSelector"] == {"disk": "fast"}


def test_operation_can_be_paused_cancelled_and_retried(api: client.Client, namespace: str) -> None:
    """What of an operation may change can be changed."""
    operation = {
        "apiVersion": names.API_VERSION,
        "kind": "Operation",
        "metadata": {"name": "upgrade"},
        "spec": {
            "application": "shop",
            "action": "Steps",
            "steps": [{"name": "check", "exec": {"command": ["true"]}}],
        },
    }
    _create(api, namespace, operation)
    path = f"{_collection(operation, namespace)}/upgrade"
    for change in (
        {"paused": True},
        {"paused": False, "cancelled": True},
        {"cancelled": False, "retry": {"id": "2", "from": "check"}},
        {"retry": {"id": "3", "from": None, "parameters": {"FORCE": "yes"}}},
    ):
        changed = api.merge(path, {"spec": change})
    assert changed["spec"]["retry"] == {"id": "3", "parameters": {"FORCE": "yes"}}


def test_server_set_scales(api: client.Client, namespace: str) -> None:
    """The scale subresource reads and writes replicas, and shows autoscalers the selector."""
    server_set = {
        "apiVersion": names.API_VERSION,
        "kind": "ServerSet",
        "metadata": {"name": "shop-web"},
        "spec": {"application": "shop", "component": "web", "replicas": 3, "template": TEMPLATE},
    }
    _create(api, namespace, server_set)
    path = f"{_collection(server_set, namespace)}/shop-web"
    selector = names.selector("shop", "web")
    api.merge(f"{path}/status", {"status": {"replicas": 2, "selector": selector}})
    api.merge(f"{path}/scale", {"spec": {"replicas": 5}})
    assert api.get(path)["spec"]["replicas"] == 5
    assert api.get(f"{path}/scale")["status"] == {"replicas": 2, "selector": selector}


def test_columns_are_printed(api: client.Client, namespace: str) -> None:
    """`kubectl get` shows the columns that people look for."""
    _create(api, namespace, _application())
    table = api.call(
        "GET",
        _collection(_application(), namespace),
        accept="application/json;as=Table;v=v1;g=meta.k8s.io",
    )
    shown = [each["name"] for each in table["columnDefinitions"] if not each["priority"]]
    assert shown == [
        "Name", "Ready", "Reason", "Desired", "Current", "Available", "Up-to-date", "Age",
    ]  # fmt: skip
    assert table["rows"][0]["cells"][:4] == ["shop", "Unknown", "Pending", 0]


def test_every_field_is_explained(api: client.Client) -> None:
    """`kubectl explain` has a word on every field: the published schema carries descriptions."""
    document = api.get(f"/openapi/v3/apis/{names.API_VERSION}")
    for kind in models.MODELS:
        has_service = document["components"]["schemas"][f"dev.argosy.v1alpha1.{kind}"]
        assert has_service["description"]
        assert set(_unexplained(has_service["properties"]["spec"], "spec")) == set()
        assert set(_unexplained(has_service["properties"]["status"], "status")) == set()


def _unexplained(schema: dict[str, Any], path: str) -> Iterator[str]:
    if not schema.get("description"):
        yield path
    for name, each in schema.get("properties", {}).items():
        yield from _unexplained(each, f"{path}.{name}")
    yield from (
        found
        for name, each in schema.get("items", {}).get("properties", {}).items()
        for found in _unexplained(each, f"{path}[].{name}")
    )


def test_objects_are_found_by_what_they_belong_to(api: client.Client, namespace: str) -> None:
    """Servers can be asked for by application, without reading all of them."""
    for application in ("shop", "bank"):
        server = {
            "apiVersion": names.API_VERSION,
            "kind": "Server",
            "metadata": {"name": f"{application}-web-0"},
            "spec": {**SERVER, "application": application, "component": "web", "ordinal": 0},
        }
        _create(api, namespace, server)
    found = api.get(f"{_collection(server, namespace)}?fieldSelector=spec.application%3Dshop")
    assert [each["metadata"]["name"] for each in found["items"]] == ["shop-web-0"]


def test_widest_application_is_within_the_rules_budget(api: client.Client, namespace: str) -> None:
    """The largest application that the bounds allow is checked in full, and accepted."""
    many = [f"c{'x' * 37}{number:02}" for number in range(64)]
    wide = _application()
    wide["spec"]["components"] = [
        {
            "name": name,
            "template": TEMPLATE,
            "volumeClaims": [{"name": f"v{each}", "spec": {}} for each in range(16)],
            "dependsOn": many[max(0, row * 4 - 16) : row * 4],
        }
        for place, name in enumerate(many)
        for row in [place // 4]
    ]
    accepted = _create(api, namespace, wide, dryRun="All")
    assert len(accepted["spec"]["components"]) == 64


def test_longest_names_are_accepted(api: client.Client, namespace: str) -> None:
    """What just fits into 63 characters, with an ordinal of five digits, is not refused."""
    longest = _application(name="w" * 35)
    longest["metadata"]["name"] = "a" * 21
    _create(api, namespace, longest, dryRun="All")
    server = names.server("a" * 21, "w" * 35, 99_999)
    assert len(server) == names.MAX_NAME
    document = {
        "apiVersion": names.API_VERSION,
        "kind": "Server",
        "metadata": {"name": server},
        "spec": {**SERVER, "application": "a" * 21, "component": "w" * 35, "ordinal": 99_999},
    }
    _create(api, namespace, document, dryRun="All")


def test_status_of_a_busy_operation_fits(api: client.Client, namespace: str) -> None:
    """The bounds of status leave room for the largest operation that spec allows."""
    operation = {
        "apiVersion": names.API_VERSION,
        "kind": "Operation",
        "metadata": {"name": "big"},
        "spec": {"application": "shop", "action": "Restart"},
    }
    _create(api, namespace, operation)
    path = f"{_collection(operation, namespace)}/big"
    status = {
        "targets": [f"web/{','.join(str(each) for each in range(0, 20_000, 2))}"],
        "failures": [{"server": f"shop-web-{each}", "class": "Terminal"} for each in range(20)],
        "blockedBy": [
            {"object": f"Server/shop-web-{each}", "reason": "Failing", "message": "m" * 4096}
            for each in range(32)
        ],
    }
    written = api.merge(f"{path}/status", {"status": status})
    assert len(written["status"]["failures"]) == 20
    assert written["status"]["failures"][0]["class"] == "Terminal"
