"""What caching may change of an object: nothing but how much memory it takes."""

from __future__ import annotations

import tracemalloc
from typing import Any

import msgspec
import pytest

from controller.api import objects
from controller.api.resources import Resource
from controller.kube.cache import Cache

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
            "provider": {"id": name, "zone": "a", "addresses": ["10.0.0.1"]},
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


@pytest.mark.quarantined(
    reason="a server takes 0.98 to 1.01 of its JSON, by what ran in the process before: its views"
    " have grown, and nobody has found yet by what"
)
def test_cached_objects_take_less_than_their_json() -> None:
    """A cached object takes less memory than its JSON."""
    count = 500
    texts = [msgspec.json.encode(written_now(number)) for number in range(count)]
    decoder = msgspec.json.Decoder(objects.Server)
    cache: Cache[objects.Server] = Cache(Resource.SERVERS)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for text in texts:
            cache.put(decoder.decode(text))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < sum(map(len, texts))
