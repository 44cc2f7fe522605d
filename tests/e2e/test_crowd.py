"""The dashboard for many on a real API server: whose token it is decides what is shown and done."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.api.permissions import Scope
from controller.api.resources import Resource
from controller.wiring import permissions
from tests.e2e.driving import Kube, Place, component
from tests.e2e.people import HIDDEN, Stay, token

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.long(reason="many people at once; test_rights has one of each"),
]

PATIENCE_SECONDS = 180
LISTENING = re.compile(r"listens on port (\d+)")
OURS = {
    "apiGroups": ["argosy.dev"],
    "resources": ["applications", "serversets", "servers", "operations"],
    "verbs": ["get", "list", "watch"],
}
PAUSES = {"apiGroups": ["argosy.dev"], "resources": ["applications"], "verbs": ["patch"]}


def asked(port: int, path: str, token: str, sent: dict[str, str] | None = None) -> tuple[int, str]:
    """Return the status and the text of a page, as a proxy that brings a token asks for it."""
    data = None if sent is None else urllib.parse.urlencode(sent).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data=data, headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@contextlib.contextmanager
def served(config: Path, namespace: str) -> Iterator[int]:
    """Lend the port of a dashboard for many, which runs with this account."""
    words = ["--kubeconfig", str(config), "--namespaces", namespace, "--port", "0", "--writes"]
    with subprocess.Popen(
        [sys.executable, "-m", "controller", "serve-dashboard", *words],
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stdout is not None
            found = LISTENING.search(running.stdout.readline())
            assert found is not None, "the dashboard said no port"
            yield int(found[1])
        finally:
            running.terminate()


def test_everybody_sees_and_does_what_their_own_token_may(
    kube: Kube, operated: Place, tmp_path: Path
) -> None:
    """A reader sees and cannot pause, a clerk pauses under their own name, a stranger sees nothing.

    The dashboard's own account has the rights of the chart's table, and no more.
    """
    owner = operated.cluster
    if owner is None:
        pytest.skip("the cluster is given, and so are its users")
    app = kube.app(component(replicas=1))
    app.apply()
    app.wait_ready()
    space = kube.namespace
    people = {
        "dashboard": permissions.rules(Scope.DASHBOARD),
        "reader": [OURS],
        "clerk": [OURS, PAUSES],
        "stranger": [],
    }
    tokens = {name: token(owner, space, tmp_path, name, *rules) for name, rules in people.items()}
    reader, clerk, stranger = (tokens[each] for each in ("reader", "clerk", "stranger"))

    mine, pause = f"/applications/{space}/shop", f"/acts/pause/{space}/application/shop"
    with served(tmp_path / "dashboard", space) as port:
        for held in (reader, clerk):
            assert f'href="{mine}"' in asked(port, "/", held)[1]
            assert asked(port, mine, held)[0] == 200
        for held, status in ((stranger, 200), ("guess", 401), (f"{clerk}x", 401)):
            found, text = asked(port, "/", held)
            assert (found, "shop-web" in text, f'href="{mine}"' in text) == (status, False, False)
            assert asked(port, mine, held)[0] in {401, 404}
            assert asked(port, f"/why/{space}/application/shop", held)[0] in {401, 403}
        assert "Not offered: Pause" in asked(port, mine, reader)[1]
        status, text = asked(port, pause, clerk)
        assert (status, "Consequences</h2>" in text) == (200, True), text
        form = dict(HIDDEN.findall(text))
        assert asked(port, pause, reader, form)[0] == 403
        assert asked(port, pause, clerk, form)[0] == 303
    paused = kube.get(Resource.APPLICATIONS, "shop")
    assert paused is not None
    assert paused["spec"]["paused"] is True
