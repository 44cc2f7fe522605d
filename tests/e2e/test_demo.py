"""`make demo`, as a person sees it in a terminal: it ends well, also after it was interrupted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from devcluster import processes
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
