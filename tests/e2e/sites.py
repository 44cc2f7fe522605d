"""Dashboards that somebody has started on a living cluster, for a browser to look at."""

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
from pathlib import Path

from tests.e2e.people import Stay

ADDRESS = re.compile(r"(?P<url>http://127\.0\.0\.1:\d+)/#token=(?P<token>\S+)")
PATIENCE_SECONDS = 180


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A dashboard and a session there: a `browser.Site`."""

    url: str
    cookie: str
    session: str


@contextlib.contextmanager
def started(config: Path, namespace: str, *words: str) -> Iterator[Site]:
    """Lend the dashboard of whoever has this kubeconfig, in which they have signed in."""
    given = ["dashboard", "--no-browser", "-n", namespace, "--kubeconfig", str(config), *words]
    with subprocess.Popen(
        [sys.executable, "-m", "controller", *given], stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            found = ADDRESS.search(running.stdout.readline() + running.stdout.readline())
            assert found is not None, "the dashboard printed no address"
            name, _, session = _cookie(found["url"], found["token"]).partition("=")
            yield Site(url=found["url"], cookie=name, session=session)
        finally:
            running.terminate()


def _cookie(url: str, token: str) -> str:
    """Return the cookie that the token is exchanged for."""
    data = urllib.parse.urlencode({"token": token}).encode()
    try:
        urllib.request.build_opener(Stay).open(f"{url}/sign-in", data, PATIENCE_SECONDS).close()
    except urllib.error.HTTPError as answer:
        with answer:
            return str(answer.headers["Set-Cookie"]).partition(";")[0]
    raise AssertionError("the token lets nobody in")
