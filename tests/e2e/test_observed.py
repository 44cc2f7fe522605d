"""An observed application on a real API server: the audit log tells what is written for it."""

from __future__ import annotations

import json

import pytest

from controller.api.resources import Resource
from proof.history import journal
from tests.e2e.driving import Kube, component

pytestmark = pytest.mark.e2e


def test_nothing_outside_argosy_is_written_for_what_is_observed(kube: Kube) -> None:
    """Another image, another number, a pod and a Service that go, an operation: all only told."""
    app = kube.app(component(replicas=2), management="Observe")
    app.apply()
    app.wait_for_reason("Observed")
    assert _written(kube) == []
    app.spec["management"] = "Full"
    app.apply()
    app.wait_ready()
    app.spec["management"] = "Observe"
    app.apply()
    app.wait_for_reason("Observed")
    kube.wait_until("its set has heard of it", lambda: _hears(kube))
    before = len(_written(kube))
    app.set_image("app:2")
    app.component()["replicas"] = 4
    app.apply()
    kube.delete(Resource.PODS, "shop-web-0")
    kube.delete(Resource.SERVICES, "shop-web")
    restart = {"application": "shop", "action": "Restart"}
    kube.create(Resource.OPERATIONS, {"metadata": {"name": "again"}, "spec": restart})

    def told() -> bool:
        server = kube.get(Resource.SERVERS, "shop-web-0") or {}
        waits = kube.get(Resource.OPERATIONS, "again") or {}
        return all(
            any(each["status"] != "True" for each in one.get("status", {}).get("conditions", ()))
            for one in (server, waits)
        )

    kube.wait_until("what is missing, and what waits, is told", told)
    assert len(_written(kube)) == before
    assert set(kube.list(Resource.PODS)) == {"shop-web-1"}
    app.spec["management"] = "Full"
    app.apply()
    app.wait_ready()


def _hears(kube: Kube) -> bool:
    found = kube.get(Resource.SERVERSETS, "shop-web") or {}
    conditions = found.get("status", {}).get("conditions", ())
    return any(each["reason"] == "Observed" for each in conditions)


def _written(kube: Kube) -> list[str]:
    """Return what the operator wrote in the namespace that is no object of argosy.dev."""
    source = kube.history().source
    assert source is not None
    found = []
    for line in source.read_bytes().splitlines():
        entry = json.loads(line) if line.endswith(b"}") else {}
        about = entry.get("objectRef", {})
        ours = entry.get("user", {}).get("username") in journal.OPERATOR
        if (
            ours
            and about.get("namespace") == kube.namespace
            and entry["verb"] in journal.WRITES
            and about.get("apiGroup") != "argosy.dev"
        ):
            found.append(f"{entry['verb']} {about['resource']}/{about.get('name')}")
    return found
