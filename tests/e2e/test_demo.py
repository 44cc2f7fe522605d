"""`make demo`, as a person sees it in a terminal: it ends well, also after it was interrupted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from devcluster import client, cluster, controlplane, given, operator, processes
from tests.e2e.terminals import listen_to_ctrl_c

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 180


def watch(folder: Path) -> pexpect.spawn[str]:
    """Start the demo in a terminal of 100 columns."""
    return pexpect.spawn(
        sys.executable,
        ["-m", "devcluster.demo", "--dir", str(folder)],
        cwd=str(ROOT),
        dimensions=(40, 100),
        timeout=PATIENCE_SECONDS,
        encoding="utf-8",
        preexec_fn=listen_to_ctrl_c,
    )


def test_interrupted_and_run_again(tmp_path: Path) -> None:
    """Ctrl-C, twice too, ends all that was started; the next run shows a whole life and ends."""
    folder = tmp_path / "demo"
    for moment in ("A Kubernetes of its own", "replicas 15"):
        demo = watch(folder)
        demo.expect(moment)
        demo.sendintr()
        demo.expect("Ending the cluster")
        demo.sendintr()
        demo.expect(pexpect.EOF)
        demo.close()
        assert demo.exitstatus == 130
        assert list(processes.marked(folder)) == []

    demo = watch(folder)
    for scene in ("kubectl apply", "replicas 15", "delete pod", "a new image", "delete argapp"):
        demo.expect(scene)
        demo.expect("done in")
    demo.expect("That was an application's life")
    demo.expect(pexpect.EOF)
    demo.close()
    assert demo.exitstatus == 0
    assert list(processes.marked(folder)) == []


def test_without_a_terminal(tmp_path: Path) -> None:
    """Where nobody watches, as in CI, each scene is printed once, with no control sequences."""
    done = subprocess.run(
        [sys.executable, "-m", "devcluster.demo", "--dir", str(tmp_path / "demo")],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "18 of 18 pods are still the same pods" in done.stdout
    assert "\x1b" not in done.stdout


FAKE_KIND = """\
#!{python}
import pathlib, shutil, sys
sys.path.insert(0, {root!r})
from devcluster import cluster, controlplane
assert sys.argv[2:5] == ["cluster", "--name", "argosy-demo"], sys.argv
assert sys.argv[5] == "--kubeconfig", sys.argv
there = cluster.Cluster(pathlib.Path({folder!r}))
with open({told!r}, "a") as told:
    told.write(sys.argv[1] + "\\n")
if sys.argv[1] == "create":
    there.start(controlplane.Settings(nodes=3))
    shutil.copyfile(there.kubeconfig, sys.argv[6])
else:
    there.stop()
"""


def test_on_a_cluster_that_kind_makes(tmp_path: Path) -> None:
    """The demo asks kind for a cluster, lives its life there with operators of its own, deletes it.

    A stand-in for kind hands over a cluster of ours: kind itself needs Docker and its images.
    """
    programs, told, folder = tmp_path / "bin", tmp_path / "told", tmp_path / "kind"
    programs.mkdir()
    (programs / "kind").write_text(
        FAKE_KIND.format(python=sys.executable, root=str(ROOT), folder=str(folder), told=str(told))
    )
    (programs / "kind").chmod(0o755)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "devcluster.demo",
            "--cluster",
            "kind",
            "--dir",
            str(tmp_path / "d"),
        ],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "A Kubernetes that kind makes" in done.stdout
    assert "18 of 18 pods are still the same pods" in done.stdout
    # What an earlier run was not let to delete goes first.
    assert told.read_text().split() == ["delete", "create", "delete"]
    assert list(processes.marked(tmp_path / "d")) == list(processes.marked(folder)) == []


def test_on_a_cluster_that_is_given(tmp_path: Path) -> None:
    """The same life on somebody's cluster; then what came with it is gone, and all else is there.

    Where somebody has Argosy already, nothing is touched.
    """
    theirs = cluster.Cluster(tmp_path / "theirs")
    theirs.start(controlplane.Settings(nodes=3))
    try:
        kept = "/api/v1/namespaces/default/configmaps"
        theirs.client.create(kept, {"metadata": {"name": "theirs"}, "data": {"a": "b"}})
        done = _given(theirs, tmp_path / "demo")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "A Kubernetes that is given" in done.stdout
        assert "18 of 18 pods are still the same pods" in done.stdout
        assert list(processes.marked(tmp_path / "demo")) == []
        crds = theirs.client.get(given.CRDS)["items"]
        assert [each for each in crds if each["metadata"]["name"].endswith(given.SUFFIX)] == []
        with pytest.raises(client.ApiError, match="404"):
            theirs.client.get(given.HOME)
        assert theirs.client.get(f"{kept}/theirs")["data"] == {"a": "b"}
        operator.install(theirs)
        refused = _given(theirs, tmp_path / "demo")
        assert refused.returncode == 1
        assert "it runs where there is none" in " ".join(refused.stdout.split())
        assert theirs.client.get(given.HOME)["status"]["phase"] == "Active"
    finally:
        theirs.stop()


def _given(theirs: cluster.Cluster, folder: Path) -> subprocess.CompletedProcess[str]:
    """Type `make demo CLUSTER=given KUBECONFIG=…`, as make does."""
    return subprocess.run(
        [sys.executable, "-m", "devcluster.demo", "--cluster", "given", "--dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "KUBECONFIG": str(theirs.kubeconfig)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


def test_kind_that_is_missing_is_told(tmp_path: Path) -> None:
    """Before anything is started, with what to do."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "devcluster.demo",
            "--cluster",
            "kind",
            "--dir",
            str(tmp_path / "d"),
        ],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 1
    assert "kind is missing: install it" in done.stdout
