"""Somebody at a terminal, in front of a cluster whose fake pods run commands and print.

The tests of `kubectl argosy` share these: each of their modules has a cluster of its own, as some
stop its operator.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from controller.api import names
from controller.api.resources import Resource
from devcluster import accounts, cluster, controlplane, fixtures, operator
from tests.e2e.driving import App, Kube, Place, component

CHECKOUT = Path(__file__).parents[2]
SETTINGS = controlplane.Settings(nodes=10, audit="full", local_exec=True)
SECONDS = 180
ROWS, COLUMNS = 50, 100
# Colours and movements of the cursor.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
UP, ERASE = "\x1b[1A", "\x1b[2K"


class Terminal:
    """Somebody at a terminal of a size, in a namespace, with a kubeconfig."""

    def __init__(self, kubeconfig: Path, namespace: str, **environment: str) -> None:
        # How wide the terminal of whoever runs the tests is must not matter.
        own = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
        self.environment = {
            **own,
            "KUBECONFIG": str(kubeconfig),
            "TERM": "xterm-256color",
            "PYTHONPATH": str(CHECKOUT),
            **environment,
        }
        self.namespace = namespace

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command with its output piped; return what it said on both channels."""
        done = subprocess.run(
            self.argv(*words),
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{words}: exit {done.returncode}\n{said}"
        assert "Traceback" not in said, said
        assert "\x1b" not in said, f"colours in a pipe: {said!r}"
        return said

    def spawn(self, *words: str, columns: int = COLUMNS) -> pexpect.spawn[str]:
        """Start a command in a terminal."""
        program, *arguments = self.argv(*words)
        return self.start(program, arguments, columns=columns)

    def start(
        self, program: str, arguments: Sequence[str], *, columns: int = COLUMNS
    ) -> pexpect.spawn[str]:
        """Start any program in a terminal."""
        return pexpect.spawn(
            program,
            list(arguments),
            env=self.environment,
            dimensions=(ROWS, columns),
            encoding="utf-8",
            timeout=SECONDS,
            preexec_fn=listen_to_ctrl_c,
        )

    def screen(self, *words: str, columns: int, code: int = 0) -> str:
        """Run a command in a terminal to its end; return what is on the screen, none too wide."""
        child = self.spawn(*words, columns=columns)
        found, said = end(child)
        assert found == code, said
        shown = drawn(child.before or "")
        widest = max(shown.splitlines(), key=len, default="")
        assert len(widest) <= columns, widest
        return shown

    def argv(self, verb: str, *rest: str) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-m", "controller", verb, "-n", self.namespace, *rest]


def listen_to_ctrl_c() -> None:
    """Hear Ctrl-C: what is started in a script's background ignores it, and so would all below."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def bash(
    folder: Path, environment: Mapping[str, str], seconds: float
) -> Iterator[pexpect.spawn[str]]:
    """Open a shell in a folder, at its prompt `PS1`; so long it waits for what comes next."""
    child = pexpect.spawn(
        "bash",
        ["--norc", "--noprofile"],
        cwd=str(folder),
        env={**environment},
        encoding="utf-8",
        timeout=seconds,
        dimensions=(50, 200),
        preexec_fn=listen_to_ctrl_c,
    )
    child.setecho(False)
    child.expect_exact(environment["PS1"])
    yield child
    child.close(force=True)


def end(child: pexpect.spawn[str]) -> tuple[int, str]:
    """Return the exit code of a command that ends by itself, and what was on the screen."""
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus is not None, f"ended by signal {child.signalstatus}"
    return child.exitstatus, CONTROL.sub("", child.before or "")


def drawn(text: str) -> str:
    """Return what is on the screen when a command has printed this, without what it took back.

    A sign of life is drawn again and again in one line, and then erased: all that was ever printed
    there is wider than any terminal.
    """
    rows, row, column = [""], 0, 0
    for part in re.findall(rf"{CONTROL.pattern}|\n|[^\x1b\r\n]+", text):
        if part == "\n":
            row += 1
            rows += [""] * (row == len(rows))
        elif part == "\r":
            column = 0
        elif part == UP:
            row = max(0, row - 1)
        elif part == ERASE:
            rows[row] = ""
        elif not part.startswith("\x1b"):
            end_of_part = column + len(part)
            rows[row] = rows[row][:column].ljust(column) + part + rows[row][end_of_part:]
            column = end_of_part
    return "\n".join(rows)


def manifest(app: App, folder: Path) -> Path:
    """Return a file that declares the application as it should be next."""
    body = {"apiVersion": names.API_VERSION, "kind": "Application", "metadata": {"name": app.name}}
    file = folder / f"{app.name}.json"
    file.write_text(json.dumps({**body, "spec": app.spec}))
    return file


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose fake pods run commands and print, with an operator."""
    if os.environ.get(fixtures.GIVEN):
        pytest.skip(f"{fixtures.GIVEN} is set: this needs a cluster of our own")
    one = cluster.Cluster(tmp_path_factory.mktemp("cli"))
    try:
        one.start(SETTINGS)
        operator.run(one)
        yield Place(api=one.client, cluster=one)
    finally:
        operator.stop(one)
        one.stop()


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of the test's own."""
    from tests.e2e.conftest import namespace_of  # noqa: PLC0415 - conftest may import this

    yield from namespace_of(place)


@pytest.fixture
def terminal(place: Place, kube: Kube) -> Terminal:
    """An administrator at a terminal."""
    return Terminal(owner(place).kubeconfig, kube.namespace)


@pytest.fixture
def shop(kube: Kube) -> App:
    """A shop of two databases and six web servers, at work."""
    app = kube.app(
        component("db", replicas=2), component("web", replicas=6, dependsOn=["db"]), name="shop"
    )
    app.apply()
    app.wait_ready()
    return app


def owner(place: Place) -> cluster.Cluster:
    """Return the cluster, which is always ours here."""
    assert place.cluster is not None
    return place.cluster


def viewer(place: Place, kube: Kube, folder: Path, name: str) -> Terminal:
    """Return a terminal of somebody who has the role `view` in the namespace, and nothing else."""
    return Terminal(
        accounts.account(owner(place), kube.namespace, name, role="view", folder=folder),
        kube.namespace,
    )


def pods(kube: Kube) -> dict[str, str]:
    """Return the UIDs of the shop's pods, by name."""
    found = kube.list(Resource.PODS, application="shop")
    return {name: each["metadata"]["uid"] for name, each in found.items()}


def verdict(kube: Kube, name: str) -> str:
    """Return the reason that an operation gives for its standing."""
    found = kube.get(Resource.OPERATIONS, name)
    conditions = found["status"]["conditions"] if found else []
    return next((each["reason"] for each in conditions if each["type"] == "Succeeded"), "")
