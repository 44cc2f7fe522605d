"""`argosy uninstall`, which the chart's pre-delete hook runs: it refuses by name, or lets go."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devcluster import client, operator, processes
from devcluster.cluster import Cluster

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
GROUP = "/apis/argosy.dev/v1alpha1"
OURS, THEIRS = "argosy.dev/finalizer", "example.com/theirs"
SECONDS = 180
TEMPLATE = {"spec": {"containers": [{"name": "main", "image": "app"}]}}


@pytest.fixture
def installed(new_cluster: Callable[..., Cluster]) -> Cluster:
    """A cluster of the test's own with the chart, and no operator that runs."""
    owner = new_cluster(nodes=1)
    operator.install(owner)
    return owner


def uninstall(
    owner: Cluster, *flags: str, home: str = operator.NAMESPACE
) -> subprocess.CompletedProcess[str]:
    """Run the command as the hook of the install in `home` does."""
    where = [f"--namespace={home}", "--deployment=argosy"]
    return subprocess.run(
        [sys.executable, "-m", "controller", "uninstall", *where, *flags],
        env={**os.environ, "KUBECONFIG": str(owner.kubeconfig)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def make(api: client.Client, kind: str, name: str, spec: dict[str, Any]) -> str:
    """Make an object that our finalizer and another's hold; return its path."""
    collection = f"{GROUP}/namespaces/default/{kind.lower()}s"
    body = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "finalizers": [OURS, THEIRS]},
        "spec": spec,
    }
    create(api, collection, body)
    return f"{collection}/{name}"


def create(api: client.Client, collection: str, body: dict[str, Any]) -> None:
    """Create an object of a kind whose CRD has just been made."""
    assert processes.wait_until(lambda: operator.is_admitted(api, collection, body), SECONDS), body
    api.create(collection, body)


def application(api: client.Client, name: str) -> str:
    """Make an application without servers."""
    component = {"name": "web", "replicas": 0, "template": TEMPLATE}
    return make(api, "Application", name, {"components": [component]})


def server(api: client.Client, fleet: str) -> str:
    """Make a server of a fleet."""
    spec = {
        "application": "shop",
        "component": "web",
        "ordinal": 0,
        "fleet": fleet,
        "incarnation": 1,
        "revision": "r1",
        "power": "Running",
    }
    return make(api, "Server", "shop-web-0", spec)


def test_it_refuses_by_name(installed: Cluster) -> None:
    """While there are applications the answer is no, with their names; then it is yes."""
    path = application(installed.client, "shop")
    done = uninstall(installed)
    assert done.returncode == 1
    assert "default/shop" in done.stdout
    assert installed.client.get(path)["metadata"]["finalizers"] == [OURS, THEIRS]

    installed.client.merge(path, {"metadata": {"finalizers": None}})
    installed.client.delete(path)
    assert uninstall(installed).returncode == 0


def test_it_lets_go(installed: Cluster) -> None:
    """Released, everything stays where it is, without our finalizers and with those of others."""
    api = installed.client
    paths = [*(application(api, f"shop{n}") for n in range(3)), server(api, "pods")]
    done = uninstall(installed, "--policy=Release")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [api.get(path)["metadata"]["finalizers"] for path in paths] == [[THEIRS]] * 4
    assert "let go of 3 applications" in done.stdout


def test_it_does_not_leak_machines(installed: Cluster) -> None:
    """Servers of fleets that are not pods are never released, and nothing else is then."""
    api = installed.client
    fleet = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Fleet",
        "metadata": {"name": "rehearsal"},
        "spec": {"provider": "memory"},
    }
    create(api, f"{GROUP}/fleets", fleet)
    paths = [application(api, "shop"), server(api, "rehearsal")]
    done = uninstall(installed, "--policy=Release")
    assert done.returncode == 1
    assert "default/shop-web-0" in done.stdout
    assert [api.get(path)["metadata"]["finalizers"] for path in paths] == [[OURS, THEIRS]] * 2
