"""The receiver of webhooks on a real API server: it asks for builds, and can do nothing else."""

from __future__ import annotations

import copy
import functools
import hashlib
import hmac
import http.client
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.api import names, resources
from controller.api.resources import Resource
from devcluster import client, cluster, operator, ports, processes, registry
from tests.e2e import releases

pytestmark = pytest.mark.e2e

FORBIDDEN = 403
KEY = b"a secret of the shop"
KEY_NAME = names.BUILD_REQUESTED_ANNOTATION
# How a policy of ours says no, that which leaves one annotation, and roles.
POLICY = "ValidatingAdmissionPolicy 'argosy"
ALONE, CANNOT = "the receiver of webhooks may write the annotation", " cannot "
URL = "https://git.example.com/team/shop"


@pytest.fixture(scope="module")
def account(cluster: cluster.Cluster) -> Path:
    """A kubeconfig of the receiver's ServiceAccount, as the chart makes it."""
    releases.install(cluster)
    return operator.service_account_config(cluster, "argosy-hooks")


@pytest.fixture
def shop(api: client.Client, namespace: str) -> str:
    """The path of an application that is built from git; nobody reconciles it."""
    path = resources.path(Resource.APPLICATIONS, namespace, "shop")
    template = {"spec": {"containers": [{"name": "main", "image": "app"}]}}
    source = {"git": {"url": URL}, "image": "registry.example.com/shop/web"}
    component = {"name": "web", "replicas": 0, "template": template, "source": source}
    api.apply(
        path,
        {
            "apiVersion": names.API_VERSION,
            "kind": "Application",
            "metadata": {
                "name": "shop",
                "labels": {"team": "a"},
                "annotations": {"note": "mine"},
            },
            "spec": {"components": [component]},
        },
    )
    return path


def refusal(attempt: Callable[[], object]) -> str:
    """Return how the API server forbids it; empty where it does not."""
    try:
        attempt()
    except client.ApiError as error:
        return str(error) if error.status == FORBIDDEN else ""
    return ""


def test_its_account_writes_one_annotation_and_nothing_else(
    api: client.Client, account: Path, namespace: str, shop: str
) -> None:
    """Every other change of an application, and every other request, is refused."""
    receiver = client.Client(account)
    asks: dict[str, Any] = {"metadata": {"annotations": {KEY_NAME: "push:1"}}}
    # What the account may and may not is known a moment after it is stored.
    foul = {"metadata": {"labels": {"team": "b"}}}
    assert processes.wait_until(
        lambda: ALONE in refusal(lambda: receiver.merge(f"{shop}?dryRun=All", foul)), 180
    )
    receiver.merge(shop, asks)
    assert api.get(shop)["metadata"]["annotations"] == {"note": "mine", KEY_NAME: "push:1"}
    before = api.get(shop)
    component = copy.deepcopy(before["spec"]["components"][0])
    component["template"]["spec"]["containers"][0]["image"] = "evil"
    for other in (
        foul,
        {"metadata": {"annotations": {"note": "other"}}},
        {"metadata": {"annotations": {"note": None}}},
        {"metadata": {"annotations": {"another": "new"}}},
        {"metadata": {"annotations": {KEY_NAME: f"sha:{'a' * 40}"}}},
        {"metadata": {"finalizers": ["example.com/stays"]}},
        {"metadata": {"ownerReferences": [OWNER]}},
        {"spec": {"components": [component]}},
        {"spec": {"paused": True}},
        {**asks, "spec": {"paused": True}},
    ):
        assert POLICY in refusal(functools.partial(receiver.merge, shop, other)), other
    base = shop.rpartition("/")[0]
    core = f"/api/v1/namespaces/{namespace}"
    for attempt in (
        lambda: receiver.get(shop),
        lambda: receiver.get(base),
        lambda: receiver.delete(shop),
        lambda: receiver.create(base, {**before, "metadata": {"name": "new"}}),
        lambda: receiver.merge(f"{shop}/status", {"status": {"observedGeneration": 9}}),
        lambda: receiver.get(f"{core}/secrets"),
        lambda: receiver.get(f"{core}/pods"),
    ):
        assert CANNOT in refusal(attempt)
    after = api.get(shop)
    assert {**after, "metadata": {}} == {**before, "metadata": {}}
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}


@pytest.fixture
def receiver(account: Path, namespace: str, tmp_path: Path) -> Iterator[str]:
    """`host:port` of a receiver under that account, with a key for the namespace."""
    (tmp_path / namespace).write_bytes(KEY)
    ledger = processes.Ledger(tmp_path)
    port, health = ports.free(2)
    argv = [sys.executable, "-m", "controller", "hooks", f"--keys={tmp_path}"]
    argv += [f"--port={port}", f"--health-port={health}"]
    environment = {"KUBECONFIG": str(account), "PYTHONPATH": str(operator.CHECKOUT)}
    ledger.start("hooks", argv, environment=environment)
    assert processes.wait_until(lambda: registry.listens(f"127.0.0.1:{port}"), 180)
    yield f"127.0.0.1:{port}"
    ledger.end(["hooks"], grace=15)
    assert "Traceback" not in ledger.log_tail("hooks", 50)


def test_a_push_reaches_the_application(
    api: client.Client, receiver: str, namespace: str, shop: str
) -> None:
    """From a signed request to the annotation, with no right but that of the chart."""
    body = json.dumps(
        {"ref": "refs/heads/main", "after": "a" * 40, "repository": {"clone_url": f"{URL}.git"}}
    )

    def send(key: bytes) -> int:
        link = http.client.HTTPConnection(receiver, timeout=30)
        signature = hmac.new(key, body.encode(), hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={signature}"}
        link.request("POST", f"/{namespace}/shop", body, headers)
        status = link.getresponse().status
        link.close()
        return status

    assert send(b"another secret of others") == http.client.UNAUTHORIZED
    assert KEY_NAME not in api.get(shop)["metadata"]["annotations"]
    assert send(KEY) == http.client.ACCEPTED
    assert api.get(shop)["metadata"]["annotations"][KEY_NAME].endswith("component:web")
