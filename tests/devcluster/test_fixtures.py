"""The fixtures that other tests use: one cluster for all workers of a run, gone afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devcluster import cluster, fixtures, operator, processes

pytestmark = pytest.mark.e2e
CONFTEST = "from devcluster.fixtures import api, kubeconfig, namespace, shared_cluster"
TESTS = """
import pathlib
import pytest

@pytest.mark.parametrize("number", range(4))
def test_one(number, kubeconfig, namespace, api):
    assert len(api.get("/api/v1/nodes")["items"]) == EXPECTED
    assert api.get(f"/api/v1/namespaces/{namespace}")["status"]["phase"] == "Active"
    with pathlib.Path(__file__).with_name("seen").open("a") as seen:
        print(kubeconfig, file=seen)
"""


def run(folder: Path, nodes: int, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run the little suite above with two workers."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(TESTS.replace("EXPECTED", str(nodes)))
    inherited = {key: value for key, value in os.environ.items() if "PYTEST" not in key}
    variables = {"PYTHONPATH": str(operator.CHECKOUT), "TMPDIR": str(folder), fixtures.GIVEN: given}
    argv = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--rootdir", str(folder), str(folder)]
    return subprocess.run(
        argv,
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


def test_workers_share_one_cluster_and_the_last_ends_it(tmp_path: Path) -> None:
    """Two workers, one kubeconfig; when the run is over no process is left."""
    done = run(tmp_path, fixtures.SHARED.nodes)
    assert done.returncode == 0, done.stdout
    seen = (tmp_path / "seen").read_text().split()
    assert len(seen) == 4
    assert len(set(seen)) == 1
    folder = Path(seen[0]).parent
    assert list(processes.marked(folder)) == []
    assert not folder.exists()


def test_a_given_kubeconfig_is_used_instead(tmp_path: Path) -> None:
    """The same suite runs against any cluster that the environment names."""
    one = cluster.Cluster(tmp_path / "given")
    try:
        one.start()
        suite = tmp_path / "suite"
        suite.mkdir()
        done = run(suite, 1, given=str(one.kubeconfig))
        assert done.returncode == 0, done.stdout
        assert set((suite / "seen").read_text().split()) == {str(one.kubeconfig)}
        assert processes.wait_until(lambda: one.running, 180)
    finally:
        one.stop()
