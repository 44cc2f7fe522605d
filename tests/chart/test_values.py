"""The values: what the schema refuses, and that every value is described."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

Helm = Callable[..., subprocess.CompletedProcess[str]]

REFUSED = {
    "replicas=-1": "replicas",
    "replicas=ten": "replicas",
    "replica=2": "replica",
    "image.repository=": "repository",
    "image.digest=sha256:short": "digest",
    "image.pullPolicy=Sometimes": "pullPolicy",
    "watchNamespaces={UPPER}": "watchNamespaces",
    "watchNamespaces={a,a}": "watchNamespaces",
    "operator.logLevel=loud": "logLevel",
    "operator.logFormat=xml": "logFormat",
    "operator.extraArgs=one": "extraArgs",
    "steps.allowedUrls={ftp://example.com}": "allowedUrls",
    "steps.allowedUrls={https://user@example.com}": "allowedUrls",
    "steps.allowedUrls={https://example.com/?a=b}": "allowedUrls",
    "crds.keep=maybe": "keep",
    "uninstall.policy=Force": "policy",
    "uninstall.pods=Maybe": "pods",
    "uninstall.timeoutSeconds=0": "timeoutSeconds",
    "admission.port=0": "port",
    "admission.timeoutSeconds=31": "timeoutSeconds",
    "admission.certManager.issuerRef.name=3": "issuerRef",
    "rbac.create=sure": "create",
    "serviceAccount.annotations.a=1": "annotations",
    "podDisruptionBudget.maxUnavailable=200%": "maxUnavailable",
    "terminationGracePeriodSeconds=0": "terminationGracePeriodSeconds",
    "metrics.port=70000": "port",
    "metrics.secure=perhaps": "secure",
    "metrics.tls.secretName=Not_A_Name": "secretName",
    "metrics.tls.insecureSkipVerify=maybe": "insecureSkipVerify",
    "metrics.tokenSecret.key=": "key",
    "metrics.serviceMonitor.interval=often": "interval",
    "metrics.podMonitor.interval=often": "interval",
    "metrics.prometheusRule.runbookUrl=here": "runbookUrl",
    "traces.endpoint=collector:4318": "endpoint",
    "traces.ratio=2": "ratio",
    "traces.ratio=1.5": "ratio",
    "traces.ratio=all": "ratio",
    "traces.headersSecret.name=Not_A_Name": "name",
    "networkPolicy.enabled=perhaps": "enabled",
    "extraObjects.a=b": "extraObjects",
}


@pytest.mark.parametrize("value", REFUSED)
def test_schema_refuses(helm: Helm, chart: Path, value: str) -> None:
    """A wrong value is refused before anything is rendered, with the value's name."""
    done = helm("template", str(chart), "--set", value)
    assert done.returncode != 0
    assert REFUSED[value] in done.stderr


@pytest.mark.parametrize(
    "values",
    [("watchNamespaces={a}", "crds.enabled=false"), ("admissionPolicies.enabled=false",)],
)
def test_no_receiver_of_webhooks_without_its_policy(
    helm: Helm, chart: Path, values: tuple[str, ...]
) -> None:
    """Its account may patch Applications, and nothing but a policy leaves one annotation of it."""
    hooks = ("hooks.enabled=true", "hooks.secretName=hooks")
    sets = [word for each in (*hooks, *values) for word in ("--set", each)]
    done = helm("template", str(chart), *sets)
    assert done.returncode != 0
    assert "hooks.enabled needs admissionPolicies.enabled" in done.stderr


def _paths(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")


def _described(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in schema.get("properties", {}).items():
        yield f"{prefix}{key}"
        yield from _described(value, f"{prefix}{key}.")


def test_schema_and_values_agree(chart: Path) -> None:
    """Each value has a schema, and the schema has nothing that values.yaml does not show."""
    values = yaml.safe_load((chart / "values.yaml").read_text())
    schema = json.loads((chart / "values.schema.json").read_text())
    free = (
        "podSecurityContext.",
        "securityContext.",
        "resources.",
        "dashboard.resources.",
        "build.daemon.resources.",
        "hooks.resources.",
        "metrics.dashboard.labels.",
    )
    shown = {path for path in _paths(values) if not path.startswith(free)}
    wanted = {path for path in _described(schema) if not path.startswith(free)} - {"global"}
    assert shown == wanted
