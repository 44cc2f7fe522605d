"""What catalogues and people are told of the chart: its metadata, and its notes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.providers import models
from controller.wiring import uninstall

Helm = Callable[..., subprocess.CompletedProcess[str]]
HUB = "artifacthub.io/"


@pytest.fixture
def metadata(chart: Path) -> dict[str, Any]:
    """Chart.yaml."""
    found: dict[str, Any] = yaml.safe_load((chart / "Chart.yaml").read_text())
    return found


def annotation(metadata: dict[str, Any], name: str) -> Any:
    """Return an annotation of Artifact Hub's, read."""
    return yaml.safe_load(metadata["annotations"][HUB + name])


def test_the_hub_is_told_of_every_kind(metadata: dict[str, Any]) -> None:
    """Each kind is listed as it is served, and each example is one that the API takes."""
    told = {each["kind"]: each for each in annotation(metadata, "crds")}
    assert told.keys() == models.MODELS.keys()
    for kind, model in models.MODELS.items():
        assert told[kind]["name"] == model.definition.crd
        assert told[kind]["version"] == "v1alpha1"
        assert told[kind]["description"]
    for example in annotation(metadata, "crdsExamples"):
        models.parse(example)


def test_the_hub_is_told_of_this_version(metadata: dict[str, Any]) -> None:
    """The image is that of the chart's own version; category, license and links are there."""
    images = annotation(metadata, "images")
    assert [each["image"].rpartition(":")[2] for each in images] == [metadata["appVersion"]]
    assert metadata["version"] == metadata["appVersion"]
    assert annotation(metadata, "license") == "Apache-2.0"
    assert annotation(metadata, "category") == "integration-delivery"
    for each in annotation(metadata, "links"):
        assert each["url"].startswith("https://")
    assert annotation(metadata, "changes")
    assert metadata["kubeVersion"].startswith(">=1.32")
    assert metadata["maintainers"]
    assert metadata["sources"]


def notes(helm: Helm, chart: Path, *values: str) -> str:
    """Return what `helm install` prints."""
    sets = [word for each in values for word in ("--set", each)]
    done = helm(
        "install", "argosy", str(chart), "--dry-run=client", "--namespace", "argosy-system", *sets
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:")[2]


def test_notes_say_what_to_do_next(helm: Helm, chart: Path) -> None:
    """They test the install, declare a valid first application, and say how to look at it.

    The way to let go of all keeps the values that were set, and the pods.
    """
    told = notes(helm, chart)
    assert "helm test argosy --namespace argosy-system" in told
    assert "kubectl argosy status hello" in told
    source = told.partition("<<END\n")[2].partition("\n  END")[0]
    models.parse(yaml.safe_load(source))
    assert uninstall.LET_GO in told


def test_notes_look_where_the_first_application_is(helm: Helm, chart: Path) -> None:
    """A namespaced install has it in a namespace that is watched; else it is where one works."""
    looks = ("kubectl get argosy", "kubectl argosy status hello", "argosy why application/hello")
    there = notes(helm, chart, "watchNamespaces={team-a,team-b}", "crds.enabled=false")
    here = notes(helm, chart)
    for each in looks:
        assert f"{each} --namespace team-a\n" in there
        assert f"{each}\n" in here
    assert "waits for:\n\n  kubectl get argosy" in here


def test_notes_say_what_a_namespaced_install_lacks(helm: Helm, chart: Path) -> None:
    """No policies, no roles for people, and only the fleet of pods unless it may read others."""
    chosen = ("watchNamespaces={team-a}", "crds.enabled=false")
    told = notes(helm, chart, *chosen)
    assert "watching team-a" in told
    assert "does not refuse" in told
    assert "The operator's only fleet is `pods`" in told
    assert "from crds/" in told
    assert "The operator reads Fleets" in notes(helm, chart, *chosen, "fleets.clusterRole=true")
    assert "namespaced install" not in notes(helm, chart)


def test_notes_of_a_namespaced_install_say_what_nobody_enforces(helm: Helm, chart: Path) -> None:
    """Each policy that such an install lacks is a sentence, as is the bound that still holds."""
    told = " ".join(
        notes(helm, chart, "watchNamespaces={team-a,team-b}", "crds.enabled=false").split()
    )
    for each in (
        "spec.deletion.protected does not refuse deletes",
        "a misspelt field is told by status",
        "No policy holds people to their own rights",
        "servers in team-a, team-b gets pods with any ServiceAccount and Secret of the namespace",
        "Grant these rights only to people who may create pods, jobs and pods/exec there anyway",
        "Nothing records who asked for an operation",
        "limits.serversPerNamespace holds, but is told by status",
        "so is a Server that somebody makes under another name",
    ):
        assert each in told
    assert "No policy holds people" not in notes(helm, chart)
    chosen = ("watchNamespaces={team-a,team-b}", "admissionPolicies.inWatchedNamespaces=true")
    guarded = " ".join(notes(helm, chart, *chosen, "crds.enabled=false").split())
    assert "The install's policies hold in team-a, team-b" in guarded
    assert "No policy holds people" not in guarded
    assert "The operator's only fleet is `pods`" in guarded
