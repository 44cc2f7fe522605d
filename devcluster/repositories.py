"""Git repositories that pods and this machine reach over HTTP; `forge` and tests make them.

The server is a process of the cluster, `git`, to be killed and started again like the others.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devcluster import cluster, git_server, ports, registry

NAME = "git"
BRANCH = "main"
AUTHOR = ("-c", "user.name=devcluster", "-c", "user.email=devcluster@example.com")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One repository: where it is reached, and a checkout of it to commit from."""

    url: str
    checkout: Path

    def commit(self, files: Mapping[str, str], message: str = "A change") -> str:
        """Write these files, commit all that differs, push it, and return the commit."""
        for name, text in files.items():
            path = self.checkout / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        _git(self.checkout, "add", "--all")
        _git(self.checkout, *AUTHOR, "commit", "--quiet", "--allow-empty", "--message", message)
        _git(self.checkout, "push", "--quiet", "origin", BRANCH)
        return _git(self.checkout, "rev-parse", "HEAD")


def start(owner: cluster.Cluster) -> str:
    """Return the server's address as `http://host:port`; started on the first call."""
    net = registry.require_node(owner)
    folder = _folder(owner)
    known = folder / "address"
    if known.exists():
        address = known.read_text()
    else:
        folder.mkdir(exist_ok=True)
        address = f"{net.gateway}:{ports.free(1)[0]}"
        known.write_text(address)
    if not owner.alive(NAME):
        owner.processes.start(
            NAME,
            [sys.executable, "-m", git_server.__name__, str(folder), address],
            environment={"PYTHONPATH": str(Path(__file__).parents[1])},
        )
        owner.watch(NAME)
        owner.wait("the git server", lambda: registry.listens(address))
    return f"http://{address}"


def create(owner: cluster.Cluster, name: str, *, password: str = "") -> Repository:
    """Make an empty repository, and a checkout of it in the cluster's folder.

    With a password, the server asks for it, and for the user `git`; the checkout knows no server
    but the folder, so that it needs none.
    """
    url = f"{start(owner)}/{name}.git"
    bare, checkout = _folder(owner) / f"{name}.git", _folder(owner) / "checkouts" / name
    subprocess.run(
        ["git", "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(bare)], check=True
    )
    _git(bare, "config", "http.receivepack", "true")
    checkout.parent.mkdir(exist_ok=True)
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    subprocess.run(
        ["git", "clone", "--quiet", str(bare), str(checkout)],
        check=True,
        capture_output=True,
        env=environment,
    )
    set_password(owner, name, password)
    return Repository(url=url, checkout=checkout)


def set_password(owner: cluster.Cluster, name: str, password: str) -> None:
    """Have the server ask for this password from now on; for none where it is empty."""
    file = _folder(owner) / git_server.PASSWORDS
    known = json.loads(file.read_text()) if file.exists() else {}
    known.pop(name, None)
    if password:
        known[name] = password
    scratch = file.with_suffix(".part")
    scratch.write_text(json.dumps(known))
    scratch.rename(file)


def _folder(owner: cluster.Cluster) -> Path:
    return owner.dir / NAME


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
