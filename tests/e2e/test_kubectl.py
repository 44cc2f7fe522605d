"""Plain kubectl: what the page says works does, and what cannot says so."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.api.resources import Resource
from tests.e2e import driving
from tests.e2e.driving import Kube, Place, component

pytestmark = pytest.mark.e2e

SECONDS = 180
Type = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def kubectl(operated: Place, kube: Kube) -> Type:
    """Return what types a command of kubectl, in the test's namespace."""
    if shutil.which("kubectl") is None or operated.cluster is None:
        pytest.skip("there is no kubectl, or no cluster of ours")
    config = operated.cluster.kubeconfig

    def typed(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["kubectl", f"--kubeconfig={config}", f"--namespace={kube.namespace}", *words],
            capture_output=True,
            text=True,
            # Longer than kubectl itself may wait, so that it says for what.
            timeout=SECONDS + 60,
            check=False,
        )

    return typed


def autoscales(kube: Kube, kubectl: Type, short: str, kind: str, name: str) -> None:
    """See that `kubectl autoscale` of this object makes an autoscaler that refers to it."""
    asked = kubectl("autoscale", short, name, "--min", "3", "--max", "5")
    assert asked.returncode == 0, asked.stderr
    autoscalers = f"/apis/autoscaling/v2/namespaces/{kube.namespace}/horizontalpodautoscalers"
    (made_for,) = kube.api.get(autoscalers)["items"]
    wanted = {"apiVersion": "argosy.dev/v1alpha1", "kind": kind, "name": name}
    assert made_for["spec"]["scaleTargetRef"] == wanted
    kube.api.delete(f"{autoscalers}/{made_for['metadata']['name']}")


def test_what_kubectl_can_do_works(kube: Kube, kubectl: Type) -> None:
    """Waiting, looking, scaling by hand or by autoscaler, deleting a pod, a Service by selector."""
    labels = {"app.kubernetes.io/name": "front"}
    web = component("web", replicas=2)
    web["template"]["metadata"] = {**web["template"].get("metadata", {}), "labels": labels}
    del web["replicas"]
    app = kube.app(web)
    app.apply()
    waited = kubectl("wait", "--for=condition=Ready", "argapp/shop", f"--timeout={SECONDS}s")
    assert waited.returncode == 0, waited.stderr
    shown = kubectl("get", "argapp,argset,argsrv")
    assert "application.argosy.dev/shop" in shown.stdout
    assert "server.argosy.dev/shop-web-0" in shown.stdout
    scaled = kubectl("scale", "argset", "shop-web", "--replicas", "3")
    assert scaled.returncode == 0, scaled.stderr
    kube.wait_until("there are three", lambda: len(app.pods()) == 3)
    app.wait_ready()
    made = kubectl(
        "expose", "pod", "shop-web-0", "--port", "80", "--name", "front",
        "--selector", "app.kubernetes.io/name=front",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    service = kube.get(Resource.SERVICES, "front") or {}
    selected = kube.api.get(
        f"/api/v1/namespaces/{kube.namespace}/pods?labelSelector=app.kubernetes.io/name=front"
    )
    assert service["spec"]["selector"] == labels
    assert len(selected["items"]) == 3
    before = driving.uids(app.pods())
    assert kubectl("delete", "pod", "shop-web-1", "--wait=false").returncode == 0
    kube.wait_until(
        "another pod has its name",
        lambda: driving.uids(app.pods()).get("shop-web-1") not in (None, before["shop-web-1"]),
    )
    app.wait_ready()
    kube.delete(Resource.SERVICES, "front")
    autoscales(kube, kubectl, "argset", "ServerSet", "shop-web")


def test_an_apply_leaves_the_number_that_kubectl_scale_gave(
    kube: Kube, kubectl: Type, tmp_path: Path
) -> None:
    """Plain `kubectl apply`: the manifest names no number, and the cluster has one."""
    app = kube.app(component("web", replicas=None))
    manifest = tmp_path / "shop.json"

    def apply() -> None:
        body = {
            "apiVersion": "argosy.dev/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "shop"},
            "spec": app.spec,
        }
        manifest.write_text(json.dumps(body))
        done = kubectl("apply", "-f", str(manifest))
        assert done.returncode == 0, done.stderr

    apply()
    app.wait_ready()
    scaled = kubectl("scale", "argapp", "shop", "--replicas", "3")
    assert scaled.returncode == 0, scaled.stderr
    kube.wait_until("there are three", lambda: app.counts().get("available") == 3)
    before = driving.uids(app.pods())
    apply()
    app.container()["image"] = "app:2"
    apply()
    kube.wait_until("the image is there", lambda: app.counts().get("updated") == 3)
    app.wait_ready()
    assert set(driving.uids(app.pods())) == set(before)
    autoscales(kube, kubectl, "argapp", "Application", "shop")


@pytest.mark.parametrize(
    "words",
    [
        ("expose", "argset", "shop-web", "--port", "80"),
        ("rollout", "status", "argset/shop-web"),
        ("rollout", "undo", "argapp/shop"),
        ("rollout", "restart", "argset/shop-web"),
        ("rollout", "pause", "argset/shop-web"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_what_kubectl_cannot_do_fails_and_changes_nothing(
    kube: Kube, kubectl: Type, words: tuple[str, ...]
) -> None:
    """Each ends with an error, as the page says, and the servers are as they were."""
    app = kube.app(component("web"))
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    done = kubectl(*words)
    assert done.returncode != 0
    assert done.stderr
    assert driving.uids(app.pods()) == before
