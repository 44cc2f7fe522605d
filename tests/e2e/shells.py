"""A shell in which a guide is typed on a real cluster, with nothing else at hand.

On its PATH are kubectl, helm and our own command; its folder has what a checkout has that pages
name, and the manifests of the page.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import yaml

from devcluster import binaries, cluster
from tests.docs import pages
from tests.e2e import terminals
from tests.e2e.guides import CTRL_C, Guide

PROMPT = "reader> "
SECONDS = 180
GIVEN = ("charts", "crds", "examples", "plugins")
# What differs each time: ages, hashes, moments, where a server is, and the provider's own names.
MASKS = (
    (re.compile(r"\b\d+(?:ms|[dhms])(?:\d+[hms])*\b"), "AGE"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{10}\b"), "HASH"),
    (re.compile(r"\bmemory-\d+\b"), "MACHINE"),
    (re.compile(r"\b(zone-[abc]|real-0)\b"), ""),
    (re.compile(r"\s+"), " "),
)
# Of what a page shows: parts of a picture, steps on the way, and what is cut short.
LOOSE = re.compile(r"[├└│━]|\[…\]|^…$| Running \d+/|^\S+ Waiting$|servers left$")


class Shell:
    """A shell in a folder of its own, whose kubectl is in a namespace."""

    def __init__(self, child: pexpect.spawn[str], folder: Path, namespace: str) -> None:
        self._child = child
        self._folder = folder
        self._namespace = namespace

    def write(self, files: dict[str, str]) -> None:
        """Write manifests into the shell's folder."""
        for name, text in files.items():
            (self._folder / name).write_text(text)

    def type(self, command: str, *, fails: bool = False) -> str:
        """Type a command, say yes to what it asks, return what it showed; it must end as said."""
        self._child.sendline(f'{{ {command}; }} 2>&1 | cat; echo "exit"ed ${{PIPESTATUS[0]}}')
        shown = ""
        while self._child.expect([r"\[y/N\] ", r"exited (\d+)"]) == 0:
            shown += self._child.before or ""
            self._child.sendline("y")
        shown = terminals.CONTROL.sub("", shown + (self._child.before or ""))
        assert isinstance(self._child.match, re.Match)
        assert (self._child.match[1] != "0") == fails, f"{command}:\n{shown}"
        self._child.expect_exact(PROMPT)
        return shown.replace(f"{self._namespace}/", "default/").replace(
            f"{self._namespace} namespace", "default namespace"
        )

    def stay(self, command: str, shown: str, end: str, says: str = "web ") -> None:
        """Type what stays until it is ended; fetch the page that it says it leads to."""
        self._child.sendline(command)
        self._child.expect(shown)
        assert isinstance(self._child.match, re.Match)
        if at := self._child.match.groupdict().get("at"):
            assert says in _fetch(at)
        self._child.send(end)
        self._child.expect_exact(PROMPT)

    def follow(self, guide: Guide) -> list[str]:
        """Type a page from its top to its end; return the commands that were typed."""
        self.write(guide.written())
        for command in guide.first:
            self.type(command)
        done = []
        for name, command, lines in guide.commands():
            if name in guide.left:
                continue
            for each in guide.before.get(name, ()):
                self.type(each)
            if name in guide.stays:
                self.stay(guide.instead.get(name, command), *guide.stays[name])
            else:
                told = self.type(
                    guide.instead.get(name, command), fails=guide.must_fail(name, lines)
                )
                assert re.search(guide.seen.get(name, ""), told), f"{name}:\n{told}"
                _compare(guide, name, lines, told)
            done.append(name)
        for command in guide.last:
            self.type(command)
        return done


def _fetch(at: str) -> str:
    """Return what a page says, also one that lets nobody in yet."""
    try:
        with urllib.request.urlopen(f"http://{at}/", timeout=SECONDS) as page:
            return str(page.read().decode())
    except urllib.error.HTTPError as refused:
        return refused.read().decode()


def _compare(guide: Guide, name: str, lines: list[str], told: str) -> None:
    """Assert that a command shows what its page shows, but for what is another each time."""
    firm = [each for each in lines if not LOOSE.search(each) and not re.search(guide.loose, each)]
    missing = {*map(_masked, firm)} - {*map(_masked, told.splitlines())}
    assert not missing, f"{name}: the page shows\n{missing}\nand there was\n{told}"


def _masked(line: str) -> str:
    for pattern, word in MASKS:
        line = pattern.sub(word, line)
    return line.strip()


@contextmanager
def opened(owner: cluster.Cluster, folder: Path, namespace: str) -> Iterator[Shell]:
    """Open a shell whose kubectl is an administrator's in this namespace."""
    for name in GIVEN:
        (folder / name).symlink_to(pages.ROOT / name)
    programs = folder / "bin"
    programs.mkdir()
    kubectl = shutil.which("kubectl")
    assert kubectl, "kubectl is not there: its plugins cannot be called through it"
    (programs / "kubectl").symlink_to(kubectl)
    (programs / "helm").symlink_to(binaries.ensure(binaries.HELM, owner.say) / "helm")
    for name in ("argosy", "kubectl-argosy"):
        (programs / name).symlink_to(Path(sys.executable).parent / name)
    config = yaml.safe_load(owner.kubeconfig.read_text())
    for each in config["contexts"]:
        each["context"]["namespace"] = namespace
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    environment = {
        "HOME": str(folder),
        "KUBECONFIG": str(folder / "kubeconfig"),
        "PATH": f"{programs}:/usr/bin:/bin",
        "PYTHONPATH": str(pages.ROOT),
        "BROWSER": "true %s",
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "PS1": PROMPT,
        "TERM": "dumb",
    }
    with terminals.bash(folder, environment, SECONDS) as child:
        yield Shell(child, folder, namespace)


__all__ = ["CTRL_C", "Shell", "opened"]
