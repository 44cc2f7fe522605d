"""`argosy explain KIND NAME`: the operator's own brain, asked from outside, about every kind."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from controller.api.resources import Resource
from tests.e2e import driving
from tests.e2e.driving import Kube, Place, component

pytestmark = pytest.mark.e2e


def test_every_kind_is_explained(kube: Kube, operated: Place) -> None:
    """What would be done now and why, of each kind; of what is not there, that it is not."""
    if operated.cluster is None:
        pytest.skip("argosy is pointed at a cluster of ours")
    app = kube.app(component(replicas=2), spare := component("spare", replicas=1))
    spare["rollout"] = {"strategy": "OnDelete"}
    app.apply()
    app.wait_ready()
    app.set_env("2", "spare")
    kube.wait_until("the new revision is told", lambda: app.counts("spare").get("updated") == 0)
    kube.create(
        Resource.OPERATIONS,
        {
            "metadata": {"name": "later"},
            "spec": {"application": "shop", "action": "Restart", "paused": True},
        },
    )
    fleet = f"memory-{kube.namespace}"
    path = f"/apis/argosy.dev/v1alpha1/fleets/{fleet}"
    kube.api.apply(
        path,
        {
            "apiVersion": "argosy.dev/v1alpha1",
            "kind": "Fleet",
            "metadata": {"name": fleet},
            "spec": {"provider": "memory"},
        },
    )
    environment = {**os.environ, "KUBECONFIG": str(operated.cluster.kubeconfig)}

    def explain(kind: str, name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "controller", "explain", "-n", kube.namespace, kind, name],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=driving.PATIENCE_SECONDS,
        )

    expected = {
        ("application", "shop"): "All 3 servers are available.",
        ("serverset", "shop-spare"): "1 server at older revisions until deleted (OnDelete)",
        ("server", "shop-web-1"): "Running and ready.",
        ("operation", "later"): "Paused",
        ("fleet", fleet): "The operator alone sees the servers of this fleet",
    }
    try:
        for (kind, name), words in expected.items():
            done = explain(kind, name)
            assert done.returncode == 0, done.stderr
            assert words in done.stdout
    finally:
        kube.api.delete(path)
    missing = explain("server", "shop-web-7")
    assert missing.returncode != 0
    assert "server/shop-web-7 does not exist" in missing.stderr
