"""The dashboard on a real API server: as somebody who may do this and not that."""

from __future__ import annotations

import contextlib
import http.cookiejar
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.api.resources import Resource
from devcluster import accounts
from tests.e2e.driving import App, Kube, Place, component
from tests.e2e.people import HIDDEN, Stay

pytestmark = pytest.mark.e2e

NAME = "clerk"
SEE_OTHER = 303
PATIENCE_SECONDS = 180
ADDRESS = re.compile(r"(?P<url>http://127\.0\.0\.1:\d+)/#token=(?P<token>\S+)")
RULES = [
    {"apiGroups": ["argosy.dev"], "resources": ["applications", "serversets", "servers",
     "operations"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["argosy.dev"], "resources": ["applications"], "verbs": ["patch"]},
    {"apiGroups": ["argosy.dev"], "resources": ["operations"], "verbs": ["create", "patch"]},
]  # fmt: skip


@pytest.fixture
def clerk(kube: Kube, operated: Place, tmp_path: Path) -> Path:
    """The kubeconfig of somebody who may read, scale and operate, but delete nothing."""
    if operated.cluster is None:
        pytest.skip("the cluster is given, and so are its users")
    return accounts.account(operated.cluster, kube.namespace, NAME, *RULES, folder=tmp_path)


class Visit:
    """A person who has signed in to a dashboard that may act."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar, Stay)
        assert self.post("/sign-in", {"token": token})[0] == SEE_OTHER

    def get(self, path: str) -> tuple[int, str]:
        """Return the status and the text of a page."""
        status, text, _ = self._ask(urllib.request.Request(self._url + path))  # noqa: S310 - http to this machine
        return status, text

    def post(self, path: str, sent: dict[str, str]) -> tuple[int, str]:
        """Return the status of what a form is answered, and where it leads."""
        data = urllib.parse.urlencode(sent).encode()
        asked = urllib.request.Request(self._url + path, data=data)  # noqa: S310 - as above
        status, _, where = self._ask(asked)
        return status, where

    def confirm(self, path: str) -> tuple[int, str]:
        """Look at what an act would do, and confirm it."""
        status, text = self.get(path)
        assert (status, "Consequences</h2>" in text) == (200, True), text
        return self.post(path.partition("?")[0], dict(HIDDEN.findall(text)))

    def _ask(self, asked: urllib.request.Request) -> tuple[int, str, str]:
        try:
            with self._opener.open(asked, timeout=PATIENCE_SECONDS) as answer:
                return answer.status, answer.read().decode(), ""
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), error.headers.get("Location", "")


@contextlib.contextmanager
def visited(config: Path, namespace: str) -> Iterator[Visit]:
    """Lend a visit of somebody with this kubeconfig, to the dashboard that they have started."""
    words = ["dashboard", "--no-browser", "--writes", "-n", namespace, "--kubeconfig", str(config)]
    with subprocess.Popen(
        [sys.executable, "-m", "controller", *words], stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            found = ADDRESS.search(running.stdout.readline() + running.stdout.readline())
            assert found is not None, "the dashboard printed no address"
            yield Visit(found["url"], found["token"])
        finally:
            running.terminate()


def meta_of(app: App) -> dict[str, Any]:
    """Return the metadata of an application that is there."""
    found = app.found()
    assert found is not None
    return dict(found["metadata"])


def test_a_person_acts_with_their_own_rights_and_under_their_own_name(
    kube: Kube, clerk: Path
) -> None:
    """What they may not do is not offered and refused; what they do is theirs in every record."""
    app = kube.app(component(replicas=2))
    app.apply()
    app.wait_ready()
    of = f"{kube.namespace}/application/shop"

    with visited(clerk, kube.namespace) as person:
        _, text = person.get(f"/applications/{kube.namespace}/shop")
        assert f'href="/acts/scale/{of}"' in text
        assert f'href="/acts/delete/{of}"' not in text
        assert "Not offered: Delete; you may not delete applications" in text
        form = dict(HIDDEN.findall((person.get(f"/acts/pause/{of}"))[1]))
        assert (person.post(f"/acts/delete/{of}", form))[0] == 403
        _, text = person.get(f"/acts/scale/{of}?component=web&replicas=3")
        assert "Servers: 1 to create, 0 to replace" in text
        assert (person.confirm(f"/acts/scale/{of}?component=web&replicas=3"))[0] == SEE_OTHER
        status, where = person.confirm(f"/acts/restart/{of}?component=web&servers=0")
        assert status == SEE_OTHER
        assert (person.get(where))[0] == 200
    made = where.partition("?")[0].rpartition("/")[2]
    kube.wait_until("the third server is there", lambda: len(app.servers()) == 3)
    managers = {each["manager"] for each in meta_of(app)["managedFields"]}
    assert "kubectl-argosy" in managers
    operation = kube.get(Resource.OPERATIONS, made)
    assert operation is not None
    asked = operation["metadata"]["annotations"]["argosy.dev/requested-by"]
    assert asked == f"system:serviceaccount:{kube.namespace}:{NAME}"
    app.wait_ready()


def test_looking_at_an_act_changes_nothing_on_a_real_api_server(
    kube: Kube, operated: Place
) -> None:
    """Dry runs of a create, of changes and of a delete leave every object as it was."""
    if operated.cluster is None:
        pytest.skip("the cluster is given, and so are its users")
    app = kube.app(component(replicas=1))
    app.apply()
    app.wait_ready()
    before = kube.uid(Resource.APPLICATIONS, "shop"), meta_of(app)["generation"]
    servers = set(app.servers())
    of = f"{kube.namespace}/application/shop"

    with visited(operated.cluster.kubeconfig, kube.namespace) as person:
        for act in ("pause", "scale", "restart", "rollback", "retry-now", "delete"):
            path = f"/acts/{act}/{of}" + ("?replicas=0" if act == "scale" else "")
            status, text = person.get(path)
            assert (status, "Consequences</h2>" in text) == (200, True), (act, text)
        (server_name,) = servers
        status, _ = person.get(f"/acts/hold/{kube.namespace}/server/{server_name}")
        assert status == 200

    found = meta_of(app)
    assert (found["uid"], found["generation"]) == before
    assert "deletionTimestamp" not in found
    assert not kube.list(Resource.OPERATIONS)
    assert set(app.servers()) == servers
