"""A thousand servers at once, and what somebody at a terminal sees of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from devcluster import fixtures
from tests.e2e import hindsight, terminals
from tests.e2e.driving import App, Kube, Place, component
from tests.e2e.terminals import Terminal

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.long(reason="a thousand servers; test_costs has three hundred, test_creation ten"),
]

MANY = 1000
# One of them does not come up.
ILL = "large-web-13"
HOOKS = {"outcome": "fail", "only": ILL}


def test_a_thousand_servers_come_up_stay_one_screen_and_go(
    operated: Place, kube: Kube, tmp_path: Path
) -> None:
    """A thousand servers are made, each once, are seen at a glance, and leave nothing behind."""
    if operated.cluster is None:
        pytest.skip(f"{fixtures.GIVEN} is set: pods that fail need a cluster of our own")
    app = kube.app(component("web", replicas=MANY, hooks=HOOKS), name="large")
    app.apply()
    kube.wait_until("the others are", lambda: app.counts().get("available") == MANY - 1, 300)
    assert set(app.servers()) == app.pod_names()
    assert set(app.pods()) - {ILL} == app.pod_names() - {ILL}
    made = [each.name for each in hindsight.pods(kube.history()) if each.name != ILL]
    assert len(made) == MANY - 1
    see(Terminal(operated.cluster.kubeconfig, kube.namespace), app, tmp_path)
    app.delete()
    kube.wait_until("all is gone", lambda: not app.left(), 300)


def see(terminal: Terminal, app: App, folder: Path) -> None:
    """Status counts servers, names the one in trouble, and is short; so are other screens."""
    for columns in (80, 120):
        shown = terminal.screen("status", "large", columns=columns)
        told = " ".join(shown.split())
        assert f"{MANY - 1}/{MANY} available" in told
        assert re.search(rf"{MANY - 1} ready, 1 (unready|failed|starting): web-13", told), told
        assert len(shown.splitlines()) < 20
        assert f"{MANY - 1}/{MANY}" in terminal.screen("top", columns=columns)
    assert "web-999  ready" in terminal.run("status", "large", "-o", "wide")
    assert "why server/large-web-13" in terminal.run("why", "serverset/large-web")
    app.component()["replicas"] = MANY + 1
    app.component()["template"]["spec"]["containers"][0]["image"] = "app:2"
    shown = terminals.end(
        terminal.spawn("plan", "-f", str(terminals.manifest(app, folder)), columns=80)
    )[1]
    assert "1 to create" in shown
    assert "large-web-1000" in shown
    assert len(shown.splitlines()) < 40
