"""Usual failures on a real node: one `why` on the application, and `kubectl get`, name the cause.

With those of `test_why`, which need no kubelet, these are the twelve: image, crash, probe, rejected
by the node and the lost node here; quota, webhook, no node, gate, claim, name taken and bad fleet
there. Each in the words of whoever said it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from devcluster import debian, images, kubelet, operator
from tests.e2e import conftest, driving, storage
from tests.e2e.driving import App, Kube, Object, Place, component
from tests.e2e.test_why import printed, told, typed

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]

IMAGE = debian.PYTHON.image
SERVES = ["python", "-m", "http.server", "8080"]
# How often a container has been started again, until its crash was seen often enough.
ENOUGH = 4
UNSCHEDULABLE = {"requests": {"cpu": "500"}}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """A container and a pod that come to it, and the reason and words that are to be told."""

    reasons: frozenset[str]
    words: str
    # What `why` prints beside them: the container's own last line.
    printed: str = ""
    container: Object = dataclasses.field(default_factory=dict)
    pod: Object = dataclasses.field(default_factory=dict)


FAILURES = {
    "image": Failure(
        reasons=frozenset({"ImagePullBackOff", "ErrImagePull"}),
        words="registry.invalid/none:1",
        container={"image": "registry.invalid/none:1", "imagePullPolicy": "Always"},
    ),
    "crash": Failure(
        reasons=frozenset({"CrashLoopBackOff"}),
        words="container main exited with 1 (Error)",
        printed="no configuration",
        container={"command": ["python", "-c", "raise SystemExit('no configuration')"]},
    ),
    # It is ready for a while before each end, and says why it ends.
    "lasting": Failure(
        reasons=frozenset({"CrashLoopBackOff"}),
        words="container main exited with 3 (Error): no configuration",
        container={
            "command": ["sh", "-c", "sleep 4; echo no configuration >&2; exit 3"],
            "terminationMessagePolicy": "FallbackToLogsOnError",
        },
    ),
    "probe": Failure(
        reasons=frozenset({"ContainersNotReady"}),
        words="containers with unready status: [main]",
        container={"readinessProbe": {"httpGet": {"path": "/health", "port": 8080}}},
    ),
    "rejected": Failure(
        reasons=frozenset({"OutOfcpu"}),
        words="Node didn't have enough resource: cpu, requested: 500000",
        container={"resources": UNSCHEDULABLE},
        pod={"nodeName": kubelet.NODE},
    ),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose only node is real, and an operator."""
    with conftest.cluster_of_its_own(tmp_path_factory.mktemp("ill"), conftest.REAL_NODE) as one:
        images.provide(one, debian.PYTHON)
        operator.run(one)
        yield Place(api=one.client, cluster=one)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace."""
    yield from conftest.namespace_of(place, slack=20.0)


def ill(kube: Kube, name: str, failure: Failure) -> App:
    """Apply an application of one server that comes to the failure."""
    # It is told while it lasts, not only once attempts are used up: then that is told as well.
    web = component(replicas=1, image=IMAGE, recovery={"attempts": 100})
    spec = web["template"]["spec"]
    spec["containers"][0].update({"command": SERVES} | failure.container)
    spec.update({"terminationGracePeriodSeconds": 0} | failure.pod)
    app = kube.app(web, name=name)
    app.apply()
    return app


def is_told(app: App, place: Place, failure: Failure, thing: str) -> None:
    """Ready, blockedBy, what kubectl prints and `why` on the application say the same.

    A container that crashes without a probe is ready for a moment before it does, so all of that
    is asked anew until it is asked between two such moments.
    """
    kube = app.kube
    assert place.cluster is not None
    config = place.cluster.kubeconfig

    def says() -> bool:
        said, blocked = app.says("Ready"), app.blocked_by()
        if said.get("reason") not in failure.reasons or thing not in blocked:
            return False
        if failure.words not in said["message"]:
            return False
        answer = typed(kube, config, "why", f"application/{app.name}")
        data = json.loads(typed(kube, config, "why", f"application/{app.name}", "-o", "json"))
        named = {each for each, _ in told(data)}
        return (
            said["status"] == "False"
            and blocked[thing]["remedy"].startswith("kubectl ")
            and failure.words in answer
            and failure.printed in answer
            and thing in answer
            and "kubectl " in answer
            and named >= {f"Application/{app.name}", thing}
            and printed(app)["Reason"] in failure.reasons
        )

    kube.wait_until(f"{app.name} names its cause", says, 240)


def taint(kube: Kube, node: str) -> None:
    """Have the node's pods told to go, as the control plane does of a silent node among many.

    Where no node of a cluster answers, it takes the fault for its own, and has nobody evicted.
    """
    path = f"/api/v1/nodes/{node}"
    mark = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
    there = kube.api.get(path)["spec"].get("taints", [])
    if not any(mark.items() <= each.items() for each in there):
        kube.api.merge(path, {"spec": {"taints": [*there, mark]}})


def test_failures_of_containers_are_told(kube: Kube, place: Place) -> None:
    """An image that is nowhere, crashes, a probe that fails, and a node that takes no such pod."""
    apps = {name: ill(kube, name, each) for name, each in FAILURES.items()}
    for name, app in apps.items():
        is_told(app, place, FAILURES[name], f"Server/{name}-web-0")


def test_a_crash_is_told_whenever_one_looks(kube: Kube, place: Place) -> None:
    """Many looks: as it ends, waits and runs again, it is the crash or it is Ready."""
    app = ill(kube, "crash", FAILURES["crash"])
    is_told(app, place, FAILURES["crash"], "Server/crash-web-0")
    told: list[tuple[Object, dict[str, Object]]] = []

    def enough() -> bool:
        one = app.status()
        ready = next(each for each in one["conditions"] if each["type"] == "Ready")
        told.append((ready, {each["object"]: each for each in one.get("blockedBy", [])}))
        # Some ends more: the back-off has grown meanwhile.
        states = app.pods()["crash-web-0"]["status"]["containerStatuses"]
        return all(each["restartCount"] >= ENOUGH for each in states)

    kube.wait_until("it has ended again and again", enough, 300)
    for ready, blocked in told:
        if ready["status"] == "True":
            continue
        assert ready["reason"] in ("CrashLoopBackOff", "Error"), ready
        assert "container main exited with 1 (Error)" in ready["message"]
        assert blocked["Server/crash-web-0"]["reason"] == ready["reason"]


def test_a_lost_node_is_told(kube: Kube, place: Place) -> None:
    """Its kubelet is silent: the application says so, waits with its volume, and goes on."""
    assert place.cluster is not None
    name = storage.made(kube, grows=False)
    storage.volume(kube, name, "data-lost-web-0")
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": name,
        "resources": {"requests": {"storage": "1Gi"}},
    }
    gone = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
    web = component(replicas=1, image=IMAGE, volumeClaims=[{"name": "data", "spec": claim}])
    spec: dict[str, Any] = web["template"]["spec"]
    spec["containers"][0]["command"] = SERVES
    spec["tolerations"] = [gone | {"tolerationSeconds": 5}]
    app = kube.app(web, name="lost")
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    place.cluster.processes.signal(kubelet.NAME, signal.SIGSTOP)
    try:
        # First that its node is silent, then who told the pod to go, then that nobody confirms it.
        silent = Failure(
            reasons=frozenset({"NodeSilent"}), words=f"the node {kubelet.NODE} does not answer"
        )
        is_told(app, place, silent, "Server/lost-web-0")
        taint(kube, kubelet.NODE)
        evicted = Failure(
            reasons=frozenset({"NodeSilent", "Unreachable"}),
            words="Taint manager: deleting due to NoExecute",
        )
        is_told(app, place, evicted, "Server/lost-web-0")
        lost = dataclasses.replace(evicted, reasons=frozenset({"Unreachable"}))
        is_told(app, place, lost, "Server/lost-web-0")
        assert driving.uids(app.pods()) == before
    finally:
        place.cluster.processes.signal(kubelet.NAME, signal.SIGCONT)
    app.wait_ready(300)
