"""The git server of devcluster, without a cluster: what is pushed is fetched, by whom it should."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import git_server, ports, processes, registry, repositories

ROOT = Path(__file__).parents[2]
# Neither the machine's settings nor its credentials have a say, and nobody is asked.
ALONE = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
QUIET = {**os.environ, **ALONE, "GIT_TERMINAL_PROMPT": "0"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """`host:port` of a server of the folder `tmp_path / "git"`, which has one bare repository."""
    folder = tmp_path / "git"
    bare = folder / "shop.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    subprocess.run(["git", "-C", str(bare), "config", "http.receivepack", "true"], check=True)
    ledger = processes.Ledger(tmp_path)
    address = f"127.0.0.1:{ports.free(1)[0]}"
    argv = [sys.executable, "-m", git_server.__name__, str(folder), address]
    ledger.start("git", argv, environment={"PYTHONPATH": str(ROOT)})
    assert processes.wait_until(lambda: registry.listens(address), 180)
    yield address
    ledger.sweep()


def git(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run git, whatever its exit status."""
    return subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, check=False, env=QUIET
    )


def commit(folder: Path, text: str) -> str:
    """Commit a file of this text; return the commit."""
    (folder / "word").write_text(text)
    assert git("add", ".", folder=folder).returncode == 0
    done = git(*repositories.AUTHOR, "commit", "-q", "-m", "A word", folder=folder)
    assert done.returncode == 0, done.stderr
    return git("rev-parse", "HEAD", folder=folder).stdout.strip()


def test_what_is_pushed_is_fetched(server: str, tmp_path: Path) -> None:
    """A push over HTTP, large enough to come in chunks, is what the next clone has."""
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    url = f"http://{server}/shop.git"
    assert git("clone", "-q", url, str(mine)).returncode == 0
    made = commit(mine, os.urandom(1_500_000).hex())
    pushed = git("push", "-q", "origin", "HEAD:main", folder=mine)
    assert pushed.returncode == 0, pushed.stderr
    assert git("ls-remote", url, "main").stdout.split()[0] == made
    assert git("clone", "-q", url, str(theirs)).returncode == 0
    assert (theirs / "word").read_text() == (mine / "word").read_text()


def test_a_guarded_repository_asks_for_its_password(server: str, tmp_path: Path) -> None:
    """Without the password, or with one that was changed, nobody gets in; others stay open."""
    passwords = tmp_path / "git" / git_server.PASSWORDS

    def enters(told: str) -> bool:
        return git("ls-remote", f"http://{told}{server}/shop.git").returncode == 0

    assert enters("")
    passwords.write_text(json.dumps({"shop": "hunter22"}))
    assert [enters(told) for told in ("", "git:wrong@", "git:hunter22@")] == [False, False, True]
    passwords.write_text(json.dumps({"shop": "another"}))
    assert [enters(told) for told in ("git:hunter22@", "git:another@")] == [False, True]
    passwords.write_text(json.dumps({"elsewhere": "another"}))
    assert enters("")


@pytest.mark.parametrize("told", ["Basic !!!", "Basic", "Bearer hunter22", "Basic Z2l0"])
def test_nobody_enters_by_a_malformed_word(server: str, tmp_path: Path, told: str) -> None:
    """What is no user and password is answered by 401, and the server goes on."""
    (tmp_path / "git" / git_server.PASSWORDS).write_text(json.dumps({"shop": "hunter22"}))
    split = urllib.parse.urlsplit(f"//{server}")
    for _ in range(2):
        link = http.client.HTTPConnection(str(split.hostname), split.port, timeout=120)
        link.request(
            "GET", "/shop.git/info/refs?service=git-upload-pack", headers={"Authorization": told}
        )
        assert link.getresponse().status == http.HTTPStatus.UNAUTHORIZED
        link.close()


def test_a_way_around_the_name_meets_no_repository(server: str, tmp_path: Path) -> None:
    """Another spelling of a guarded repository's path is refused or unknown, never let in."""
    (tmp_path / "git" / git_server.PASSWORDS).write_text(json.dumps({"shop": "hunter22"}))
    for path in ("//shop.git", "/./shop.git", "/x/../shop.git", "/%73hop.git", "/shop"):
        split = urllib.parse.urlsplit(f"//{server}")
        link = http.client.HTTPConnection(str(split.hostname), split.port, timeout=120)
        link.request("GET", f"{path}/info/refs?service=git-upload-pack")
        assert link.getresponse().status >= http.HTTPStatus.BAD_REQUEST, path
        link.close()
