"""Alerts and dashboard ask for metrics that there are, and alerts have runbooks that there are."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import prometheus_client.parser
import pytest

from controller.telemetry import metrics

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
Helm = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[2]
METRIC = re.compile(r"\bargosy_[a-z_]+\b")


@pytest.fixture(scope="module")
def known() -> set[str]:
    """The names under which Argosy's metrics are scraped."""
    families = prometheus_client.parser.text_string_to_metric_families(metrics.render().decode())
    found = set()
    for family in families:
        name = family.name
        found |= {name, f"{name}_total", f"{name}_bucket", f"{name}_sum", f"{name}_count"}
    return {name for name in found if name.startswith("argosy_")}


@pytest.fixture(scope="module")
def alerts(render: Render) -> list[Manifest]:
    """The alerts that the chart installs, with one replica that acts and with several."""
    found = {
        alert["alert"]: alert
        for sharing in ("false", "true")
        for each in render("metrics.prometheusRule.enabled=true", f"sharing.enabled={sharing}")
        if each["kind"] == "PrometheusRule"
        for group in each["spec"]["groups"]
        for alert in group["rules"]
    }
    return list(found.values())


@pytest.mark.parametrize("sharing", [False, True])
def test_several_that_lead_are_an_alert_where_one_should(render: Render, sharing: bool) -> None:
    """Two leaders are trouble but where replicas share the work: there slots without an owner."""
    shown = str(sharing).lower()
    found = render("metrics.prometheusRule.enabled=true", f"sharing.enabled={shown}")
    rule = next(each for each in found if each["kind"] == "PrometheusRule")
    told = {alert["alert"] for group in rule["spec"]["groups"] for alert in group["rules"]}
    assert ("ArgosySlotsUnowned" in told) is sharing
    assert ("ArgosyTwoLeaders" in told) is not sharing


def test_a_pod_monitor_chooses_the_operators_pods_and_their_port(render: Render) -> None:
    """Each replica is scraped by its pod, and none of the dashboard's."""
    found = render(
        "metrics.podMonitor.enabled=true", "metrics.tokenSecret.name=t", "dashboard.enabled=true"
    )
    (monitor,) = (each for each in found if each["kind"] == "PodMonitor")
    labels = monitor["spec"]["selector"]["matchLabels"]
    chosen = [
        each["spec"]["template"]
        for each in found
        if each["kind"] == "Deployment"
        and labels.items() <= each["spec"]["template"]["metadata"]["labels"].items()
    ]
    (pod,) = chosen
    ports = [port["name"] for port in pod["spec"]["containers"][0]["ports"]]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in ports
    assert not any(each["kind"] == "PodMonitor" for each in render())


def test_no_replica_is_scraped_twice(helm: Helm, chart: Path) -> None:
    """Both monitors would count everything two times."""
    both = ("metrics.podMonitor.enabled=true", "metrics.serviceMonitor.enabled=true")
    done = helm("template", str(chart), *(word for each in both for word in ("--set", each)))
    assert done.returncode != 0
    assert "scraped twice" in done.stderr


def test_alerts_ask_for_metrics_that_there_are(alerts: list[Manifest], known: set[str]) -> None:
    """Each expression reads at least one of Argosy's metrics, and none that does not exist."""
    for alert in alerts:
        asked = set(METRIC.findall(alert["expr"]))
        assert asked, alert["alert"]
        assert asked <= known, alert["alert"]


def test_alerts_have_runbooks(alerts: list[Manifest]) -> None:
    """The link of each alert leads to a heading of its own, and no runbook is left over."""
    page = (ROOT / "docs" / "reference" / "alerts.md").read_text()
    headings = set(re.findall(r"^## (\w+)$", page, re.MULTILINE))
    assert headings == {alert["alert"] for alert in alerts}
    for alert in alerts:
        assert alert["annotations"]["runbook_url"].endswith(f"#{alert['alert'].lower()}")
        assert alert["annotations"]["summary"]
        assert alert["labels"]["severity"] in {"warning", "critical"}


def test_dashboard_asks_for_metrics_that_there_are(render: Render, known: set[str]) -> None:
    """Each panel reads metrics that exist; all of Argosy's gauges of work are on it."""
    config = next(
        each for each in render("metrics.dashboard.enabled=true") if each["kind"] == "ConfigMap"
    )
    dashboard = json.loads(config["data"]["argosy.json"])
    asked = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            asked |= set(METRIC.findall(target["expr"]))
    assert asked <= known
    assert {"argosy_leader", "argosy_servers", "argosy_writes_total"} <= asked
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
