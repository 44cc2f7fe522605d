"""What the documentation shows works: manifests are accepted, and the tutorial runs as written."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api.resources import Resource
from controller.providers import models
from devcluster import client, fixtures
from tests.docs import pages
from tests.e2e.driving import Kube, Place, component, condition

pytestmark = pytest.mark.e2e

GROUP = "/apis/argosy.dev/v1alpha1"
AUTOSCALER = "HorizontalPodAutoscaler"
ACTS = pages.ROOT / "docs" / "how-to" / "acts"
TUTORIAL = pages.ROOT / "docs" / "tutorial" / "first-application.md"
# The sections between them need only a cluster with an operator.
FIRST, LAST = "## Declare an application", "## Clear up"
SECONDS = 120
DRY = "dryRun=All&fieldValidation=Strict"
KNOWN = {*models.MODELS, AUTOSCALER, "Ingress"}
# Argo CD's kind of the same name as ours.
OTHERS = {"argoproj.io/v1alpha1"}
SOURCES = [*pages.PAGES, *pages.EXAMPLES]


def manifests(path: Path) -> list[dict[str, Any]]:
    """Return the manifests in a page or an example that this API server knows."""
    if path.suffix == ".yaml":
        return list(yaml.safe_load_all(path.read_text()))
    found = pages.documents(path.read_text())
    return [
        each for each in found if each.get("kind") in KNOWN and each["apiVersion"] not in OTHERS
    ]


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if manifests(path)],
    ids=lambda path: str(path.relative_to(pages.ROOT)),
)
def test_the_api_server_takes_every_manifest(operated: Place, path: Path) -> None:
    """Each manifest of a page or an example is accepted, strictly, in a dry run."""
    for given in manifests(path):
        body = copy.deepcopy(given)
        # Under a name of its own: what a page shows may be there already.
        body["metadata"] = {**body["metadata"], "name": "shown"}
        body["metadata"].pop("generateName", None)
        made = operated.api.create(f"{place_of(body['kind'])}?{DRY}", body)
        assert made["kind"] == given["kind"]


def place_of(kind: str) -> str:
    """Return where objects of a kind are created."""
    if kind == AUTOSCALER:
        return "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
    if kind == "Ingress":
        return "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
    served = models.MODELS[kind].definition
    where = GROUP if served.scope == "Cluster" else f"{GROUP}/namespaces/default"
    return f"{where}/{served.crd.partition('.')[0]}"


def test_a_wrong_manifest_is_found(operated: Place) -> None:
    """The test above could fail: a field that does not exist is refused."""
    body = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Operation",
        "metadata": {"name": "shown"},
        "spec": {"application": "shop", "action": "Restart", "concurency": 1},
    }
    with pytest.raises(client.ApiError, match="concurency"):
        operated.api.create(f"{place_of('Operation')}?{DRY}", body)


def test_the_pages_of_acts_do_what_they_say(operated: Place, kube: Kube) -> None:
    """The manifest of each act's page, applied as it stands, succeeds on all that it is about.

    Steps are left out: their commands and requests need servers that run something.
    """
    shop = kube.app(component("db", replicas=1), component("web", replicas=4))
    shop.apply()
    shop.wait_ready()
    shop.set_image("app:2", "web")
    shop.wait_ready()
    for act in ("restart", "stop", "start", "replace", "roll-back"):
        carry_out(kube, act)
    assert shop.says("Ready")["reason"] == "RolledBack"

    fleet = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Fleet", "spec": {"provider": "memory"}}
    operated.api.create(place_of("Fleet"), {**fleet, "metadata": {"name": kube.namespace}})
    node = {"name": "node", "replicas": 4, "template": {"spec": {"image": "debian:13"}}}
    lab = kube.app(node, name="lab", fleet=kube.namespace)
    lab.apply()
    lab.wait_ready()
    for act in ("snapshot", "restore"):
        carry_out(kube, act)
    lab.delete()
    lab.wait_gone()
    kube.remove_fleet(kube.namespace)


def carry_out(kube: Kube, act: str) -> None:
    """Apply what an act's page shows, and wait until it has succeeded."""
    for body in manifests(ACTS / f"{act}.md"):
        kube.create(Resource.OPERATIONS, {"metadata": body["metadata"], "spec": body["spec"]})
        name = body["metadata"]["name"]

        def ended(name: str = name) -> dict[str, Any]:
            found = condition(kube.get(Resource.OPERATIONS, name) or {}, "Succeeded")
            return found if found.get("status") in {"True", "False"} else {}

        assert kube.wait_until(f"{act} has ended", ended)["reason"] == "Completed"


def shell_lines() -> list[tuple[str, list[str]]]:
    """Return each command of the tutorial, as it is typed, and what it shows."""
    return list(pages.typed(TUTORIAL.read_text().partition(FIRST)[2].partition(LAST)[0]))


def test_the_tutorial_runs_as_written(
    operated: Place, kube: Kube, kubeconfig_of: Path, tmp_path: Path
) -> None:
    """Every command of the tutorial succeeds in its order, and ends as the page says it does."""
    del operated
    shutil.copytree(pages.ROOT / "examples", tmp_path / "examples")
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig_of),
        "PATH": f"{pages.ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "NO_COLOR": "1",
    }
    lines = shell_lines()
    assert len(lines) > 12
    for command, shown in lines:
        done = subprocess.run(
            ["bash", "-ec", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        told = done.stdout + done.stderr
        assert done.returncode == 0, f"{command}\n{told}"
        for line in filter(_is_firm, shown):
            assert line.replace(" default ", f" {kube.namespace} ") in told, f"{command}\n{told}"


def _is_firm(line: str) -> bool:
    """Whether a line that is shown is the same each time: it has no age, hash, zone or count."""
    firm = (
        "application.argosy.dev/",
        "application/",
        "Completed: ",
        "servers are available",
        "pod ",
    )
    return line.startswith(firm) or "No resources found" in line


@pytest.fixture
def kubeconfig_of(operated: Place, kube: Kube, tmp_path: Path) -> Path:
    """A kubeconfig whose current namespace is the test's own."""
    given = operated.cluster.kubeconfig if operated.cluster else Path(os.environ[fixtures.GIVEN])
    config = yaml.safe_load(given.read_text())
    for each in config["contexts"]:
        each["context"]["namespace"] = kube.namespace
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path
