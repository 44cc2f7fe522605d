"""The guides, typed as they stand on a real node: in one shell each, with nothing else at hand.

The operator is installed by the first commands of the page on installing it. Images that pages
name at registry.example.com are on the node under these names. What is there before a page's first
command, and which commands are left out, is said in `guides`, page by page.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import cluster, debian, images, kubelet, operator, processes
from tests.docs import pages
from tests.e2e import act_guides, conftest, door_guides, shells, storage
from tests.e2e.driving import Kube, Place
from tests.e2e.guides import Guide
from tests.e2e.shells import Shell

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]

ACCOUNTS = frozenset({"system:serviceaccount:argosy-system:argosy"})
HOSTS = 24
DOCKERFILE = """
FROM python:3.11-slim-bookworm
ARG VERSION
ENV VERSION=$VERSION
COPY serve.py /serve.py
CMD ["python", "/serve.py"]
"""
SERVE = """
import http.server, os, signal, sys


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"web {os.environ['VERSION']}\\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
http.server.ThreadingHTTPServer(("", 8080), Page).serve_forever()
"""
NAMED = ("web:1", "web:2", "web:3", "db:1")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster as people have one, on which the chart is installed as its page says."""
    folder = tmp_path_factory.mktemp("guides")
    with conftest.cluster_of_its_own(folder, conftest.REAL_NODE) as one:
        images.provide(one, debian.PYTHON)
        _build(one, tmp_path_factory.mktemp("images"))
        storage.provide(one.client, tmp_path_factory.mktemp("volumes"), HOSTS, "10Gi")
        with shells.opened(one, tmp_path_factory.mktemp("install"), "default") as shell:
            shell.type(door_guides.FIRST)
            shell.type(door_guides.STANDS)
            one.wait(
                "admission to know the kinds",
                lambda: operator.is_admitted(one.client, operator.APPLICATIONS, {}),
            )
            shell.type(door_guides.TRIED)
        yield Place(api=one.client, cluster=one)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of that cluster, judged as everywhere; its node takes pods again at the end."""
    yield from conftest.namespace_of(place, slack=20.0, operators=ACCOUNTS)
    place.api.merge(f"/api/v1/nodes/{kubelet.NODE}", {"spec": {"unschedulable": None}})


@pytest.fixture
def shell(place: Place, kube: Kube, tmp_path: Path) -> Iterator[Shell]:
    """A shell in that namespace."""
    assert place.cluster is not None
    with shells.opened(place.cluster, tmp_path, kube.namespace) as one:
        yield one


def _build(one: cluster.Cluster, folder: Path) -> None:
    """Give the node the images that pages name."""
    (folder / "serve.py").write_text(SERVE)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    for name in NAMED:
        images.build(
            one,
            folder,
            f"registry.example.com/{name}",
            arguments={"VERSION": name.partition(":")[2]},
        )
    images.build(one, folder, "registry.k8s.io/pause:3.10", arguments={"VERSION": "3.10"})
    images.build(one, pages.ROOT, "registry.example.com/argosy:0.1.0")


@pytest.mark.parametrize(
    "guide",
    [
        pytest.param(
            each,
            id=each.page,
            marks=[pytest.mark.long(reason=each.long)] if each.long else [],
        )
        for each in (*door_guides.GUIDES, *act_guides.GUIDES)
    ],
)
def test_a_guide_is_typed_on_a_real_node(shell: Shell, kube: Kube, guide: Guide) -> None:
    """Every command of the page does what it says, in its order, and shows what the page shows."""
    shell.follow(guide)
    kube.api.delete(f"/apis/argosy.dev/v1alpha1/namespaces/{kube.namespace}/applications")
    assert processes.wait_until(lambda: not _pods(kube), 60)


def _pods(kube: Kube) -> list[object]:
    found: list[object] = kube.api.get(f"/api/v1/namespaces/{kube.namespace}/pods")["items"]
    return found
