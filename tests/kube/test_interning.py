"""What caching may change of an object: nothing but how much memory it takes."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller.api import objects
from controller.api.resources import Resource
from controller.kube import interning
from controller.kube.cache import Cache

ROOT = Path(__file__).parents[2]
PATCH = {"spec": {"nodeSelector": {"zone": "b"}}}


def server(number: int) -> dict[str, Any]:
    """Return a Server as the API server tells it, who owns which field included."""
    told = manifest(number)
    told["metadata"]["managedFields"] = [
        {
            "manager": "argosy",
            "operation": "Update",
            "apiVersion": "argosy.dev/v1alpha1",
            "time": "2026-11-24T07:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": fields({part: told[part]}),
        }
        for part in ("metadata", "spec", "status")
    ]
    return told


def fields(value: Any) -> dict[str, Any]:
    """Return the names of all fields, as managed fields list them."""
    if isinstance(value, dict):
        return {f"f:{key}": fields(each) for key, each in value.items()}
    return {}


def manifest(number: int) -> dict[str, Any]:
    """Return a Server with everything set."""
    name = f"shop-web-{number}"
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"{number:08x}-0000-4000-8000-000000000000",
            "resourceVersion": str(1000 + number),
            "creationTimestamp": "2026-11-24T07:00:00Z",
            "labels": {"argosy.dev/server": name, "argosy.dev/application": "shop"},
            "annotations": {"note": f"of {name}"},
            "finalizers": ["argosy.dev/finalizer"],
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "ServerSet", "name": "shop-web", "uid": "1234"}
            ],
        },
        "spec": {
            "application": "shop",
            "component": "web",
            "ordinal": number,
            "template": {"spec": {"containers": [{"name": "main", "image": "one:1"}] * 4}},
            "volumeClaims": [{"name": "data", "spec": {"size": 1}}],
            "recovery": {"attempts": 3, "alternatives": [{"name": "b", "patch": PATCH}]},
        },
        "status": {
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Available",
                    "message": "The server is available and does what it was made for.",
                    "lastTransitionTime": "2026-11-24T07:00:01Z",
                }
            ],
            "provider": {
                "id": name,
                "zone": "a",
                "addresses": [f"10.1.{number // 250}.{number % 250}"],
            },
            "incarnation": 1,
        },
    }


def written_now(number: int) -> dict[str, Any]:
    """Return a server as Argosy writes it: it refers to what those of older releases carry."""
    found = server(number)
    for name in ("template", "volumeClaims", "recovery"):
        del found["spec"][name]
    found["spec"] |= {"revision": "c836b31452", "domain": "eu-1"}
    return found


def test_what_is_cached_equals_what_was_told() -> None:
    """Every field of a cached object is what the API server said."""
    cache: Cache[objects.Server] = Cache(Resource.SERVERS)
    for number in range(50):
        text = msgspec.json.encode(server(number))
        cache.put(msgspec.json.decode(text, type=objects.Server))
        kept = cache.objects[("default", f"shop-web-{number}")]
        fresh = msgspec.json.decode(text, type=objects.Server)
        assert kept == fresh


def pod(number: int) -> dict[str, Any]:
    """Return a running pod of a server, as the API server tells it."""
    told = server(number)
    name, uid = told["metadata"]["name"], told["metadata"]["uid"]
    owner = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Server", "name": name, "uid": uid}
    told["metadata"] |= {"uid": uid.replace("-0000-", "-1111-"), "ownerReferences": [owner]}
    moment = "2026-11-24T07:00:01Z"
    kinds = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    told["spec"] = {
        "nodeName": f"node-{number % 50}",
        "containers": [{"name": "main", "image": "one:1", "imagePullPolicy": "IfNotPresent"}],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
    }
    told["status"] = {
        "phase": "Running",
        "podIP": f"10.0.{number // 250}.{number % 250}",
        "conditions": [
            {"type": each, "status": "True", "lastTransitionTime": moment} for each in kinds
        ],
        "containerStatuses": [
            {
                "name": "main",
                "image": "one:1",
                "containerID": f"containerd://{number:064x}",
                "ready": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": moment}},
            }
        ],
    }
    return told


# Of each kind that there are thousands of: its view, one that is told, and how much of its JSON a
# cached one may take.
SIZES: dict[str, tuple[type[objects.Object], Resource, Callable[[int], dict[str, Any]], float]] = {
    "server": (objects.Server, Resource.SERVERS, written_now, 0.85),
    "pod": (objects.Pod, Resource.PODS, pod, 0.8),
}


def measure(kind: str) -> float:
    """Return the memory that cached objects take as a share of their JSON."""
    view, resource, told, _ = SIZES[kind]
    texts = [msgspec.json.encode(told(number)) for number in range(500)]
    decoder = msgspec.json.Decoder(view)
    cache: Cache[objects.Object] = Cache(resource)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for text in texts:
            cache.put(decoder.decode(text))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / sum(map(len, texts))


@pytest.mark.parametrize("kind", SIZES)
def test_cached_objects_take_less_than_their_json(kind: str) -> None:
    """A cached object takes less memory than its JSON, measured by a process of its own.

    In this one the tables of interned strings grow whenever their turn comes, by whatever ran
    before.
    """
    code = f"from tests.kube import test_interning as it; print(it.measure({kind!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < SIZES[kind][-1]


@pytest.mark.parametrize("kind", SIZES)
def test_what_is_cached_repeats_nothing(kind: str) -> None:
    """Of a string that two objects say there is one copy."""
    view, resource, told, _ = SIZES[kind]
    cache: Cache[objects.Object] = Cache(resource)
    for number in range(2):
        cache.put(msgspec.json.decode(msgspec.json.encode(told(number)), type=view))
    one, two = cache.objects.values()
    repeated = {
        path
        for path, value in parts(one).items()
        if parts(two).get(path) == value and parts(two)[path] is not value
    }
    assert repeated == set()
    assert [key[1] is each.metadata.name for key, each in cache.objects.items()] == [True, True]


def parts(value: Any, path: str = "") -> dict[str, Any]:
    """Return the strings of an object by their paths; not those in its labels and annotations."""
    if isinstance(value, msgspec.Struct):
        inner = {f"{path}.{name}": getattr(value, name) for name in value.__struct_fields__}
    elif isinstance(value, tuple):
        inner = {f"{path}[{place}]": each for place, each in enumerate(value)}
    else:
        return {path: value} if isinstance(value, str) else {}
    return {
        found: each for name, part in inner.items() for found, each in parts(part, name).items()
    }


@pytest.mark.parametrize(
    ("place", "large"),
    [
        ("status", {"conditions": [{"type": "Ready", "status": "True", "message": "x" * 9000}]}),
        ("metadata", {"finalizers": ["a.b/" + "c" * 9000]}),
        ("metadata", {"ownerReferences": [
            {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u" * 9000}
        ]}),
    ],
)  # fmt: skip
def test_what_somebody_wrote_at_length_is_not_kept(place: str, large: dict[str, Any]) -> None:
    """A pod whose status says something long and new each second leaves nothing behind."""
    interning._known.cache_clear()
    body: dict[str, Any] = {
        "metadata": {"name": "web-0", "namespace": "default", "uid": "1", "resourceVersion": "1"},
        "spec": {"containers": []},
        "status": {},
    }
    interning.share(msgspec.convert(body, objects.Pod))
    before = interning._known.cache_info().currsize
    said = msgspec.convert({**body, place: {**body[place], **large}}, objects.Pod)
    again = msgspec.convert({**body, place: {**body[place], **large}}, objects.Pod)
    interning.share(said)
    assert said == again
    assert interning._known.cache_info().currsize == before
