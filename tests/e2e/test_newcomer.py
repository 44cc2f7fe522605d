"""The quick start of the README, typed by somebody who has nothing else, on real containers.

The commands come from the page, in its order. Two things are the test's own, and said here: the
registry that the page calls registry.example.com is the cluster's, and `docker` is a script that
gives the same words to the BuildKit of the cluster, as no Docker may run where tests do.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from devcluster import binaries, cluster, debian, images, processes, registry
from tests.e2e import conftest, storage, terminals
from tests.e2e.test_tour import README, section, typed

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]

ROOT = README.parent
EXAMPLE = "registry.example.com"
SECONDS = 600
PROMPT = "newcomer> "
# Understands what the page says, and nothing else.
DOCKER = """#!{python}
import os, pathlib, sys
os.environ["PATH"] = {path!r}
sys.path.insert(0, {root!r})
from devcluster import cluster, images
words = sys.argv[1:]
assert words[:4] == ["buildx", "build", "--push", "--tag"] and words[5:] == ["."], words
images.build(cluster.Cluster(pathlib.Path({folder!r})), pathlib.Path.cwd(), words[4], push=True)
"""
# Fetches what it is told to show, as the page is seen only once that came.
BROWSER = """#!{python}
import pathlib, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=30) as page:
    pathlib.Path({seen!r}).write_bytes(page.read())
"""


@pytest.fixture
def real(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[cluster.Cluster]:
    """A cluster as people have one: a node, a default StorageClass with volumes, a registry."""
    # Not below `tmp_path`, which has the test's long name: a node's sockets have short paths.
    folder = tmp_path_factory.mktemp("newcomer")
    with conftest.cluster_of_its_own(folder, conftest.REAL_NODE) as one:
        images.provide(one, debian.PYTHON)
        storage.provide(one.client, tmp_path / "volumes", 3, "1Gi")
        yield one


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files of this checkout that git knows or would take, and no others."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    folder = tmp_path / "argosy"
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def shell(real: cluster.Cluster, checkout: Path, tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    """A shell in the checkout, with kubectl, helm, a Python of its own, and no Argosy yet."""
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("kubectl is not there: its plugins cannot be called through it")
    venv.create(tmp_path / "python", with_pip=True)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(kubectl)
    (programs / "helm").symlink_to(binaries.ensure(binaries.HELM, real.say) / "helm")
    for name, text in (("docker", DOCKER), ("browser", BROWSER)):
        path = programs / name
        path.write_text(
            text.format(
                python=sys.executable,
                root=str(ROOT),
                path=os.environ["PATH"],
                folder=str(real.dir),
                seen=str(tmp_path / "seen"),
            )
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    environment = {
        **os.environ,
        "KUBECONFIG": str(real.kubeconfig),
        "PATH": f"{programs}:{tmp_path / 'python' / 'bin'}:/usr/bin:/bin",
        "BROWSER": f"{programs / 'browser'} %s",
        "PS1": PROMPT,
        "TERM": "dumb",
    }
    environment.pop("PYTHONPATH", None)
    with terminals.bash(checkout, environment, SECONDS) as child:
        yield child


def test_the_quick_start_ends_in_a_page(
    shell: pexpect.spawn[str], real: cluster.Cluster, checkout: Path, tmp_path: Path
) -> None:
    """From the image to the page in the browser, and the end: every command does what it should."""
    text = section("Quick start")
    declared = text.partition("```yaml\n")[2].partition("```")[0]
    address = registry.start(real)
    commands = list(typed(text.replace("\\\n   ", "")))
    assert [each.split()[0] for each in commands[:4]] == ["docker", "helm", "helm", "pip"]
    opened = False
    for each in commands:
        command = each.replace(EXAMPLE, address)
        if command == "kubectl apply -f shop.yaml":
            (checkout / "shop.yaml").write_text(declared)
        if command.startswith("kubectl argosy open"):
            _open(shell, command, tmp_path / "seen")
            opened = True
            continue
        shown = _type(shell, command)
        if "status" in command:
            assert "All 13 servers are available." in shown
    assert opened
    assert (tmp_path / "seen").read_text() == "Shop 1\n"
    assert "No resources found" in _type(shell, "kubectl get argapp")
    claims = _type(shell, "kubectl get pvc --output name").split()
    assert [each for each in claims if "/" in each] == [
        f"persistentvolumeclaim/data-shop-db-{each}" for each in range(3)
    ]


def _open(shell: pexpect.spawn[str], command: str, seen: Path) -> None:
    """Type what stays until Ctrl-C; press that once the page was seen."""
    shell.sendline(command)
    shell.expect(r"http://127\.0\.0\.1:\d+/ leads to port http")
    assert processes.wait_until(lambda: seen.exists() and bool(seen.read_text()), SECONDS)
    shell.sendintr()
    shell.expect_exact(PROMPT)


def _type(shell: pexpect.spawn[str], command: str) -> str:
    """Type a command and return what it showed, if it succeeded."""
    shell.sendline(f'{command}; echo "exit"ed $?')
    shell.expect(r"exited (\d+)")
    assert isinstance(shell.match, re.Match)
    shown = shell.before or ""
    assert shell.match[1] == "0", f"{command}:\n{shown}"
    shell.expect_exact(PROMPT)
    return shown
