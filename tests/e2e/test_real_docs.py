"""A newcomer's walk on a real node: the page on building images, typed from its top to its end.

From an empty repository to a page over HTTP, with nothing but the commands as they are written: the
cluster, git and the registry are those that the page itself starts.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import cluster
from tests.docs import pages

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]

PAGE = pages.ROOT / "docs" / "how-to" / "build-images.md"
FIRST, LAST = "## From an empty repository to a page", "## Before you begin"
SECONDS = 1500
MARK = "---- typed "
PERSON = {
    "GIT_AUTHOR_NAME": "newcomer",
    "GIT_AUTHOR_EMAIL": "newcomer@example.com",
    "GIT_COMMITTER_NAME": "newcomer",
    "GIT_COMMITTER_EMAIL": "newcomer@example.com",
}


def walk() -> list[tuple[str, list[str]]]:
    """Return each command of the walk, with all that is typed into it, and the lines it shows."""
    return list(pages.typed(PAGE.read_text().partition(FIRST)[2].partition(LAST)[0]))


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder, whose cluster is ended whatever became of the walk."""
    # The path of a socket below it may not be long.
    one = tmp_path_factory.mktemp("walk")
    yield one
    cluster.Cluster(one / cluster.DEFAULT_FOLDER).stop()


def test_a_newcomer_walks_from_an_empty_repository_to_a_page(folder: Path) -> None:
    """Every command succeeds in one shell, in order, and shows what the page says it shows."""
    typed = walk()
    assert [shown for _, shown in typed].count(["<h1>two</h1>"]) == 2
    script = ["set -eo pipefail"]
    for number, (command, _) in enumerate(typed):
        script += [f"echo {shlex.quote(f'{MARK}{number}')}", command]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    parts = re.split(rf"^{MARK}\d+\n", done.stdout, flags=re.MULTILINE)[1:]
    assert len(parts) == len(typed)
    told = {}
    for (command, shown), output in zip(typed, parts, strict=True):
        assert set(shown) <= set(output.splitlines()), f"{command}\n{output}"
        told[command] = output
    # As the page says of them in words.
    assert "ls /nowhere" in told["kubectl argosy why application/hello"]
    assert "/nowhere" in told["kubectl argosy logs build/hello-web-b3"]
    for build in ("hello-web-b1", "hello-web-b2"):
        assert build in told["kubectl argosy history hello"]


def _environment(folder: Path) -> dict[str, str]:
    """Return what a newcomer's shell has: this checkout's programs, a name for git, and sudo."""
    programs = folder / "bin"
    programs.mkdir()
    sudo = programs / "sudo"
    # The walker is root already, and may have no sudo.
    sudo.write_text('#!/bin/sh\nexec "$@"\n')
    sudo.chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, **PERSON, "PATH": path, "PYTHONPATH": str(pages.ROOT), "NO_COLOR": "1"}
