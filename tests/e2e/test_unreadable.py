"""Objects that somebody nested too deep: told so, and no trouble to anybody else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster import operator
from devcluster.cluster import Cluster
from tests.e2e.driving import App, Kube, component

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
# What the API server takes at most is 10,000.
LEVELS = (1_200, 9_900)


@pytest.fixture(autouse=True)
def deep_json() -> Iterator[None]:
    """Let this process write and read what it is about."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(50_000)
    yield
    sys.setrecursionlimit(before)


def _deepen(app: App, levels: int) -> None:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    app.component()["template"]["spec"]["odd"] = value


def _argosy(owner: Cluster, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "controller", *words],
        env={**os.environ, "KUBECONFIG": str(owner.kubeconfig)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_deep_applications_are_told_and_go_and_others_go_on(
    new_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    """No operator ends or loses a watch; the CLI tells what is wrong; deleted, all of it goes."""
    owner = new_cluster(nodes=1)
    operators = operator.run(owner, replicas=2)
    pids = [each.pid for each in operators]
    kube = Kube(owner.client, "default")
    grown = kube.app(component(), name="grown")
    grown.apply()
    grown.wait_ready()
    deep = []
    for levels in LEVELS:
        app = kube.app(component(), name=f"deep-{levels}")
        _deepen(app, levels)
        app.apply()
        deep.append(app)
    _deepen(grown, LEVELS[0])
    grown.apply()
    deep.append(grown)
    for app in deep:
        told = app.wait_for_reason("Malformed", "Stalled")
        assert "100 levels" in told["message"]
    healthy = kube.app(component(), name="healthy")
    healthy.apply()
    healthy.wait_ready()
    assert len(grown.pods()) == grown.component()["replicas"]

    for words in (
        ("why", "application/deep-1200"),
        ("why", "application/grown"),
        ("status", "deep-9900"),
        ("status",),
        ("report", "--file", str(tmp_path / "report.tar.gz")),
    ):
        said = _argosy(owner, *words)
        assert "Traceback" not in said.stderr, said.stderr
        assert said.returncode == 0, said.stdout + said.stderr
        if words[0] == "why":
            assert "Malformed" in said.stdout

    operators[0].restart()
    for app in deep:
        app.delete()
        app.wait_gone()
    healthy.set_image("app:2")
    healthy.wait_ready()
    assert all(each.alive for each in operators)
    assert operators[1].pid == pids[1]
    logs = [each.log.read_text(errors="replace") for each in operators]
    for text in logs:
        assert "Traceback" not in text
        assert "RecursionError" not in text
        assert "kopf ended" not in text
        assert "deep-9900" in text
    healthy.delete()
    healthy.wait_gone()
