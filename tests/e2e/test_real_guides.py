"""The guides, typed as they stand on a real node: in one shell each, with nothing else at hand.

The operator is installed by the first commands of the page on installing it. Images that pages
name at registry.example.com are on the node under these names. What is there before a page's first
command, and which commands are left out, is said in `guides`, page by page.
"""

from __future__ import annotations

import dataclasses
import os
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.api.resources import Resource
from devcluster import cluster, debian, images, kubelet, operator
from tests.docs import pages
from tests.e2e import (
    act_guides,
    chart_guides,
    conftest,
    door_guides,
    guides,
    looking_guides,
    shells,
    storage,
)
from tests.e2e.driving import Kube, Place, condition
from tests.e2e.guides import PYTHON, Guide
from tests.e2e.shells import Shell

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]

ACCOUNTS = frozenset({"system:serviceaccount:argosy-system:argosy"})
HOSTS = 24
SYSTEM = "argosy-system"
OPERATOR = "app.kubernetes.io/component=operator"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/argosy-leader"
REPLICAS = 2
REST_SECONDS = 630
# Succeeds as soon as a replica is not ready.
RESTARTED = (
    "kubectl wait --for=jsonpath='{.status.containerStatuses[0].ready}'=false pod"
    f" --namespace {SYSTEM} --selector {OPERATOR} --timeout=30s"
)
DOCKERFILE = """
FROM python:3.11-slim-bookworm
ARG VERSION
ENV VERSION=$VERSION
COPY serve.py /serve.py
COPY --chmod=755 nginx /usr/local/bin/nginx
CMD ["python", "/serve.py"]
"""
# One that asks for a reload says so and succeeds.
NGINX = "#!/bin/sh\necho reloaded\n"
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
MIGRATE = 'FROM python:3.11-slim-bookworm\nENTRYPOINT ["echo"]\n'
GUIDES = (
    *door_guides.GUIDES,
    *act_guides.GUIDES,
    *looking_guides.GUIDES,
    *chart_guides.GUIDES,
)
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
            shell.type(chart_guides.FIRST)
            shell.type(chart_guides.STANDS)
            one.wait(
                "admission to know the kinds",
                lambda: operator.is_admitted(one.client, operator.APPLICATIONS, {}),
            )
            shell.type(chart_guides.TRIED)
        yield Place(api=one.client, cluster=one)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of that cluster, judged as everywhere; its node, alone, takes pods at the end."""
    yield from conftest.namespace_of(place, slack=20.0, operators=ACCOUNTS)
    place.api.merge(f"/api/v1/nodes/{kubelet.NODE}", {"spec": {"unschedulable": None}})
    # A page that fails leaves its simulated nodes, and pods of the next would go there.
    for each in place.api.get("/api/v1/nodes")["items"]:
        if (name := each["metadata"]["name"]) != kubelet.NODE:
            place.api.delete(f"/api/v1/nodes/{name}")


@pytest.fixture
def shell(place: Place, kube: Kube, tmp_path: Path) -> Iterator[Shell]:
    """A shell in that namespace."""
    assert place.cluster is not None
    with shells.opened(place.cluster, tmp_path, kube.namespace) as one:
        yield one


def _build(one: cluster.Cluster, folder: Path) -> None:
    """Give the node the images that pages name."""
    (folder / "serve.py").write_text(SERVE)
    (folder / "nginx").write_text(NGINX)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "Migrate").write_text(MIGRATE)
    for name in NAMED:
        images.build(
            one,
            folder,
            f"registry.example.com/{name}",
            arguments={"VERSION": name.partition(":")[2]},
        )
    images.build(one, folder, PYTHON.format(12), arguments={"VERSION": "3.12"})
    images.build(one, folder, "registry.example.com/migrate:2", dockerfile="Migrate")
    images.build(one, folder, "registry.k8s.io/pause:3.10", arguments={"VERSION": "3.10"})
    # Under the page's name, and under the one that the chart has.
    for name in ("registry.example.com", "ghcr.io/argosy-dev"):
        images.build(one, pages.ROOT, f"{name}/argosy:0.1.0")


@pytest.mark.parametrize(
    "guide",
    [
        pytest.param(
            each,
            id=each.page,
            marks=[pytest.mark.long(reason=each.long)] if each.long else [],
        )
        for each in GUIDES
    ],
)
def test_a_guide_is_typed_on_a_real_node(shell: Shell, kube: Kube, guide: Guide) -> None:
    """Every command of the page does what it says, in its order, and shows what the page shows."""
    shell.follow(guide)
    kube.api.delete(f"/apis/argosy.dev/v1alpha1/namespaces/{kube.namespace}/applications")
    kube.wait_until("all that was made is gone", lambda: not _left(kube))


@pytest.mark.long(reason="rests for more than ten minutes")
def test_replicas_rest_and_succeed_each_other_without_a_restart(shell: Shell, kube: Kube) -> None:
    """A new leader and the one that stands by are neither restarted nor unready in ten minutes.

    Then that one succeeds at once when the leader is deleted, and acts.
    """
    shell.write({"shop.yaml": guides.shop(2)})
    shell.type(guides.APPLY)
    shell.type(guides.READY)
    first = _succeed(shell, kube)
    before = _replicas(kube)
    assert first in before
    assert len(before) == REPLICAS
    deadline = time.monotonic() + REST_SECONDS
    while time.monotonic() < deadline:
        shell.type(RESTARTED, fails=True)
    assert _replicas(kube) == before
    assert _leader(kube) == first
    assert _succeed(shell, kube) in before
    shell.type("kubectl argosy restart shop --component web")
    assert {each.restarts for each in _replicas(kube).values()} == {0}


@pytest.mark.long(reason="rolls the chart out again and again; test_install has most of it")
def test_the_page_on_installing_is_typed_to_its_end(place: Place, tmp_path: Path) -> None:
    """Upgrades keep every pod; the uninstall is refused, then lets go of pods that run on."""
    assert place.cluster is not None
    with shells.opened(place.cluster, tmp_path, "default") as shell:
        shell.follow(chart_guides.INSTALL)


@dataclasses.dataclass(frozen=True, slots=True)
class Replica:
    """A pod of the operator: which it is, how often it restarted, and since when it is ready."""

    uid: str
    restarts: int
    ready: str


def _replicas(kube: Kube) -> dict[str, Replica]:
    """Return the operator's pods by name, none that goes."""
    query = urllib.parse.urlencode({"labelSelector": OPERATOR})
    pods = kube.api.get(f"/api/v1/namespaces/{SYSTEM}/pods?{query}")["items"]
    return {
        each["metadata"]["name"]: Replica(
            uid=each["metadata"]["uid"],
            restarts=sum(one["restartCount"] for one in each["status"]["containerStatuses"]),
            ready=condition(each, "Ready")["lastTransitionTime"],
        )
        for each in pods
        if "deletionTimestamp" not in each["metadata"]
    }


def _leader(kube: Kube) -> str:
    """Return the name of the pod that has the Lease; empty while nobody has."""
    holder = kube.api.get(LEASE)["spec"].get("holderIdentity") or ""
    return str(holder).partition("_")[0]


def _succeed(shell: Shell, kube: Kube) -> str:
    """Delete the leader's pod; return the name of the one that leads once two are there again."""
    before = _leader(kube)
    shell.type(f"kubectl delete pod {before} --namespace {SYSTEM}")
    kube.wait_until("another leads", lambda: _leader(kube) not in ("", before))
    shell.type(chart_guides.STANDS)
    return _leader(kube)


def _left(kube: Kube) -> list[str]:
    """Return the names of pods and sets: the garbage collector takes the sets of an application."""
    return [*kube.list(Resource.SERVERSETS), *kube.list(Resource.PODS)]
