"""What keeps servers from being made, as a real API server words it: told, waited for, and over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from devcluster import client
from tests.e2e import driving, probes
from tests.e2e.driving import App, Kube, component

pytestmark = pytest.mark.e2e
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


def failures(kube: Kube) -> list[dict[str, Any]]:
    """Return the Events that say that something could not be made."""
    path = f"/apis/events.k8s.io/v1/namespaces/{kube.namespace}/events"
    items: list[dict[str, Any]] = kube.api.get(path)["items"]
    return [
        each
        for each in items
        if each["reason"] == "FailedCreate" and each["reportingController"] == "argosy.dev"
    ]


def told(app: App, thing: str, reason: str) -> None:
    """Wait until the application says that this is in its way; nothing of it costs an attempt."""
    app.kube.wait_until(
        f"{thing} is told",
        lambda: app.blocked_by().get(thing, {}).get("reason") == reason,
    )
    assert app.says("Ready")["reason"] == reason
    held = [each for each in app.servers().values() if not driving.is_ready(each)]
    assert held
    for each in held:
        assert not each["status"]["attempts"].get("count")
        assert each["status"]["blockedBy"][0]["object"] == thing


def test_a_quota_is_told_and_over_when_it_is_raised(kube: Kube) -> None:
    """The quota is named in the API server's words, with one Event; raised, all come up."""
    quotas = f"/api/v1/namespaces/{kube.namespace}/resourcequotas"
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "two"},
        "spec": {"hard": {"pods": "2"}},
    }
    kube.api.create(quotas, quota)
    kube.wait_until("the quota counts", lambda: kube.api.get(f"{quotas}/two")["status"].get("hard"))
    app = kube.app(component(replicas=4))
    app.apply()
    told(app, "ResourceQuota/two", "QuotaExceeded")
    assert "exceeded quota: two" in app.says("Ready")["message"]
    kube.wait_until("one Event tells it", lambda: len(failures(kube)) == 1)
    kube.api.merge(f"{quotas}/two", {"spec": {"hard": {"pods": "20"}}})
    app.wait_ready()
    assert not app.blocked_by()
    assert len(failures(kube)) == 1


@contextlib.contextmanager
def webhook_that_is_gone(kube: Kube) -> Iterator[str]:
    """Have the pods of the namespace admitted by a webhook that nobody serves."""
    name = f"gone-{kube.namespace}"
    hook = {
        "name": "gone.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 1,
        "failurePolicy": "Fail",
        "clientConfig": {"service": {"name": "gone", "namespace": "default"}},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": kube.namespace}},
        "rules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["pods"],
            }
        ],
    }
    body = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [hook],
    }
    kube.api.create(WEBHOOKS, body)
    try:
        probes.wait_for_refusal(kube.api, kube.namespace, "failed calling webhook")
        yield name
    finally:
        with contextlib.suppress(client.ApiError):
            kube.api.delete(f"{WEBHOOKS}/{name}")


def test_a_webhook_that_is_down_is_told_and_over_when_it_is_gone(kube: Kube) -> None:
    """An admission webhook that cannot be asked fails no server, and is named."""
    with webhook_that_is_gone(kube) as name:
        app = kube.app(component(replicas=3))
        app.apply()
        told(app, "Webhook/gone.example.com", "WebhookFailed")
        kube.wait_until("one Event tells it", lambda: len(failures(kube)) == 1)
        kube.api.delete(f"{WEBHOOKS}/{name}")
        app.wait_ready()


def test_a_limit_range_is_told_and_over_when_it_is_lifted(kube: Kube) -> None:
    """A namespace's LimitRange refuses the template in its own words; without it all come up."""
    path = f"/api/v1/namespaces/{kube.namespace}/limitranges"
    limits = [{"type": "Container", "max": {"memory": "64Mi"}}]
    body = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "small"},
        "spec": {"limits": limits},
    }
    kube.api.create(path, body)
    app = kube.app(component(replicas=2, recovery={"backoff": {"maxSeconds": 2}}))
    app.container()["resources"] = {"limits": {"memory": "128Mi"}}
    app.apply()
    kube.wait_until(
        "the limit is told",
        lambda: any("maximum memory" in each["message"] for each in app.blocked_by().values()),
    )
    assert not app.pods()
    kube.api.delete(f"{path}/small")
    app.wait_ready()
    assert not app.blocked_by()


def test_a_zone_without_room_leads_to_the_next(kube: Kube) -> None:
    """Servers that no node of one zone may take come up in the other.

    Until then the set and the application tell it in the scheduler's words, once for all servers.
    """

    def zone(name: str) -> dict[str, Any]:
        selector = {"topology.kubernetes.io/zone": name}
        return {"name": name, "patch": {"spec": {"nodeSelector": selector}}}

    recovery = {"attempts": 1, "alternatives": [zone("zone-none"), zone("zone-b")]}
    app = kube.app(component(replicas=2, recovery=recovery))
    app.apply()
    kube.wait_until("no node takes them", lambda: "Fleet/pods" in app.blocked_by())
    told = app.blocked_by()["Fleet/pods"]
    assert told["reason"] == "Unschedulable"
    assert "nodes are available" in told["message"]
    found = app.set_of()
    assert found is not None
    (below,) = found["status"]["blockedBy"]
    assert (below["object"], below["reason"]) == ("Fleet/pods", "Unschedulable")
    app.wait_ready(seconds=240)
    assert not app.blocked_by()
    for each in app.pods().values():
        assert each["spec"]["nodeSelector"] == {"topology.kubernetes.io/zone": "zone-b"}
