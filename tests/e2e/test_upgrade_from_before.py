"""The chart and the operator of an older commit, upgraded as people do: no pod is restarted.

The commit is the last one before applications took over what others had made, and before all that
came with it: services, orders of starting, labels for everything, other defaults. It is taken from
the checkout's history.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api.resources import Resource
from devcluster import controlplane, operator
from tests.e2e import conftest, storage
from tests.e2e.driving import App, Kube, Place, component, uids
from tests.e2e.operating import submit

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
BEFORE = "9f5a8d130aac0ec69711d670621434e85c2a0933"
PARTS = ("controller", "charts", "examples")
CHOSEN = ("operator.logLevel=warning", "podLabels.team=shops")
REASON = {"argosy.dev/somebody": "wrote this"}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older checkout, as far as it is needed."""
    if _git("rev-parse", "--is-shallow-repository") != b"false\n":
        pytest.skip("this checkout has no history that reaches back so far")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(_git("archive", BEFORE, *PARTS))) as packed:
        packed.extractall(folder, filter="data")
    return folder


def _git(*words: str) -> bytes:
    """Return what git says of this checkout."""
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, before: Path) -> Iterator[Place]:
    """A cluster with the older chart, and its operator at work."""
    folder = tmp_path_factory.mktemp("upgraded")
    with conftest.cluster_of_its_own(folder, controlplane.Settings(nodes=6, audit="full")) as one:
        chart = before / "charts" / "argosy"
        operator.run(one, chart=chart, code=before, values=CHOSEN)
        yield Place(api=one.client, cluster=one)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace."""
    yield from conftest.namespace_of(place)


def applications(kube: Kube, before: Path) -> dict[str, App]:
    """Apply what may be said in many ways, and return it running."""
    shop = yaml.safe_load((before / "examples" / "shop.yaml").read_text())["spec"]
    for each in shop["components"]:
        each["template"]["metadata"] = {"labels": {"app": "shop"}, "annotations": REASON}
    name = storage.made(kube, grows=False)
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": name,
        "resources": {"requests": {"storage": "1Gi"}},
    }
    claim = {"name": "data", "spec": spec, "whenDeleted": "Retain"}
    kept = component("db", replicas=3, volumeClaims=[claim])
    plain = component(replicas=3, rollout={"maxUnavailable": 1}, dependsOn=["db"])
    found = {
        "shop": App(kube, "shop", shop["components"], {}),
        "files": App(kube, "files", [kept, plain], {}),
    }
    for number in range(3):
        storage.volume(kube, name, f"data-files-db-{number}")
    for each in found.values():
        each.apply()
    for each in found.values():
        each.wait_ready()
    submit(kube, "restarted", "Restart", components=["web"]).wait_end("Completed")
    found["shop"].wait_ready()
    return found


def test_no_pod_is_restarted_and_all_goes_on(place: Place, kube: Kube, before: Path) -> None:
    """By `--reset-then-reuse-values`, as the page says: what was chosen stays chosen, too."""
    assert place.cluster is not None
    apps = applications(kube, before)
    pods = kube.list(Resource.PODS)
    told = {name: _lived(pod) for name, pod in pods.items()}
    claims = uids(kube.list(Resource.CLAIMS))
    upgraded = operator.helm(
        place.cluster,
        ["upgrade", operator.RELEASE, str(operator.CHART), "--reset-then-reuse-values"],
    )
    assert "STATUS: deployed" in upgraded
    values = operator.helm(place.cluster, ["get", "values", operator.RELEASE, "-o", "yaml"])
    assert yaml.safe_load(values)["operator"] == {"logLevel": "warning"}
    operator.run(place.cluster, values=CHOSEN)
    for name in apps:
        kube.patch(Resource.APPLICATIONS, name, {"spec": {"revisionHistoryLimit": 9}})
    for each in apps.values():
        each.wait_ready()
    assert {name: _lived(pod) for name, pod in kube.list(Resource.PODS).items()} == told
    assert uids(kube.list(Resource.CLAIMS)) == claims
    # It is the new one that is at work: what the old one did not know is done, with the same pods.
    service = {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    files = apps["files"]
    files.component("web")["service"] = service
    files.apply()
    path = f"/api/v1/namespaces/{kube.namespace}/services/files-web"
    kube.wait_until(
        "the Service has its port",
        lambda: [each["port"] for each in kube.api.get(path)["spec"].get("ports", [])] == [80],
    )
    files.wait_ready()
    assert {name: _lived(pod) for name, pod in kube.list(Resource.PODS).items()} == told
    files.component("web")["template"]["spec"]["containers"][0]["image"] = "app:2"
    files.apply()
    kube.wait_until(
        "a rollout is done",
        lambda: all(
            pod["spec"]["containers"][0]["image"] == "app:2"
            for name, pod in kube.list(Resource.PODS).items()
            if name.startswith("files-web")
        ),
    )
    files.wait_ready()
    apps["shop"].delete()
    kube.wait_until(
        "the shop is gone",
        lambda: not any(name.startswith("shop-") for name in kube.list(Resource.PODS)),
    )


def _lived(pod: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a pod keeps for as long as it lives and nothing in it is changed."""
    restarts = [each["restartCount"] for each in pod["status"].get("containerStatuses", [])]
    return pod["metadata"]["uid"], pod["spec"], restarts
