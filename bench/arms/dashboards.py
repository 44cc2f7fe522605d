"""The dashboard as people have it: on their own machine, and in the cluster for many.

Both are processes of their own, with accounts that an audit log tells apart; `showroom` lends them
to viewers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import yaml

from bench import arena as arenas
from bench.viewers import Headers
from controller.api.permissions import Scope
from controller.wiring import permissions
from devcluster import accounts

READER, OWN, VIEWER, WRITERS = "reader", "dashboard", "viewer", 8
SHOWN = {
    "apiGroups": ["argosy.dev"],
    "resources": ["applications", "serversets", "servers", "operations"],
    "verbs": ["get", "list", "watch"],
}
_ADDRESS = re.compile(r"(?P<url>http://127\.0\.0\.1:\d+)/#token=(?P<token>\S+)")
_PORT = re.compile(r"listens on port (\d+)")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One that is up: where, with which process, and who may look with which headers."""

    url: str
    pid: int
    people: tuple[Headers, ...]


@contextlib.contextmanager
def alone(arena: arenas.Arena, namespace: str, people: int) -> Iterator[Dashboard]:
    """Lend that of one person who reads with their kubeconfig, and has so many pages open."""
    config = _account(arena, namespace, READER, SHOWN)
    words = ["dashboard", "--no-browser", "-n", namespace, "--kubeconfig", str(config)]
    with _running(words) as process:
        found = _ADDRESS.search(_line(process))
        if found is None:
            raise RuntimeError("the dashboard printed no address")
        cookie = {"Cookie": _session(found["url"], found["token"])}
        yield Dashboard(url=found["url"], pid=process.pid, people=(cookie,) * people)


@contextlib.contextmanager
def many(arena: arenas.Arena, namespace: str, people: int) -> Iterator[Dashboard]:
    """Lend that of a cluster; each person has an account of their own, for this namespace alone."""
    config = _account(arena, namespace, OWN, *permissions.rules(Scope.DASHBOARD))
    with futures.ThreadPoolExecutor(WRITERS) as pool:
        made = [
            pool.submit(_account, arena, namespace, f"{VIEWER}-{each}", SHOWN)
            for each in range(people)
        ]
        tokens = [_token(each.result()) for each in made]
    words = ["--kubeconfig", str(config), "--namespaces", namespace, "--port", "0"]
    with _running(["serve-dashboard", *words]) as process:
        found = _PORT.search(_line(process))
        if found is None:
            raise RuntimeError("the dashboard said no port")
        headers = tuple({"Authorization": f"Bearer {each}"} for each in tokens)
        yield Dashboard(url=f"http://127.0.0.1:{found[1]}", pid=process.pid, people=headers)


def _account(arena: arenas.Arena, namespace: str, name: str, *rules: dict[str, Any]) -> Path:
    folder = arena.cluster.dir / "kubeconfigs" / namespace
    return accounts.account(
        arena.cluster, namespace, name, *rules, folder=folder, seconds=24 * accounts.HOUR
    )


@contextlib.contextmanager
def _running(words: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "controller", *words], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise RuntimeError("nobody hears the dashboard")
    return process.stdout.readline()


def _session(url: str, token: str) -> str:
    """Return the cookie that the token is exchanged for."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
    data = urllib.parse.urlencode({"token": token}).encode()
    try:
        opener.open(f"{url}/sign-in", data=data, timeout=arenas.START_SECONDS).close()
    except urllib.error.HTTPError as answer:
        with answer:
            return str(answer.headers["Set-Cookie"]).partition(";")[0]
    raise RuntimeError("the token lets nobody in")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the cookie comes with it."""

    def redirect_request(self, *_: Any) -> None:
        """Return nothing to go on with."""


def _token(config: Path) -> str:
    found = yaml.safe_load(config.read_text())
    return str(found["users"][0]["user"]["token"])
