"""Real processes under load, handed over from a StatefulSet to Argosy and back."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Self

import pytest

from controller.api import names
from controller.api.resources import Resource
from devcluster import operator
from tests.e2e import conftest, driving, stations
from tests.e2e.driving import Kube, Object, Place
from tests.e2e.stations import Station
from tests.e2e.terminals import Terminal
from tests.e2e.test_real_operations import strike

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]

NAME, COUNT = "shop-db", 3
# What each command says, in turn: it is killed once it has said so, the operator with it. A step is
# what leaves the cluster in another state; each write of a step is killed at in `test_handover`.
STEPS = {
    "import": (
        "is written, paused",
        "lets go of its pods",
        "takes the pods up",
        "run on as they were",
    ),
    "export": ("is paused", "is made, and waits", "let go of its servers", "run on as they were"),
}
# Where the operator is killed alone, as soon as its own step is seen: in turn, while it takes up.
TAKING_UP: tuple[tuple[str, Resource, str], ...] = (
    ("the set is there", Resource.SERVERSETS, ""),
    ("a server is there", Resource.SERVERS, ""),
    ("a claim is labelled", Resource.CLAIMS, names.COMPONENT_LABEL),
    ("a pod is a server's", Resource.PODS, names.COMPONENT_LABEL),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose only node is real, the servers' image on it, and one operator."""
    with conftest.cluster_of_its_own(
        tmp_path_factory.mktemp("handover"), conftest.REAL_NODE
    ) as one:
        stations.build(one, tmp_path_factory.mktemp("station"))
        operator.run(one)
        yield Place(api=one.client, cluster=one)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of that cluster, judged as everywhere."""
    yield from conftest.namespace_of(place, slack=20.0)


class Load:
    """Asks every server again and again, and counts what was not answered."""

    def __init__(self, kube: Kube) -> None:
        self._servers = [Station(kube, f"{NAME}-{number}") for number in range(COUNT)]
        self._over = threading.Event()
        self.asked = 0
        self.failures: list[str] = []
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)

    def _ask(self) -> None:
        while not self._over.is_set():
            for each in self._servers:
                self.asked += 1
                try:
                    each.lines("none")
                except OSError as error:
                    self.failures.append(str(error))


def test_real_pods_come_in_and_go_out_under_load(place: Place, kube: Kube) -> None:
    """The same UIDs, no restart, no request unanswered; command and operator die at each step.

    On the way in the operator dies also at each step of its own, once the command has no more to do
    than to wait for that.
    """
    assert place.cluster is not None
    with contextlib.ExitStack() as volumes:
        for number in range(COUNT):
            volumes.callback(_volume(kube, number))
        kube.create(Resource.STATEFULSETS, _stateful_set())
        kube.wait_until("the pods are ready", lambda: _ready(kube))
        before = _lives(kube)
        terminal = Terminal(place.cluster.kubeconfig, kube.namespace)
        with Load(kube) as load:
            for words, word in (
                (("import", f"statefulset/{NAME}"), "import"),
                (("export", "shop"), "export"),
            ):
                for said in STEPS[word]:
                    if _is_over(terminal, said, *words, "--no-dry-run"):
                        break
                    strike(place)
                    if said == "takes the pods up":
                        _strike_at_each_step(place, kube)
                else:
                    terminal.run(*words, "--no-dry-run")
                assert _lives(kube) == before
        assert load.failures == []
        assert load.asked > COUNT
        kube.wait_until("the StatefulSet has its pods", lambda: _is_its_own(kube))
        assert _lives(kube) == before
        kube.delete(Resource.STATEFULSETS, NAME)


def _strike_at_each_step(place: Place, kube: Kube) -> None:
    """Kill the operator as soon as each step of its own is seen; one may be over before that."""
    for told, resource, label in TAKING_UP:

        def seen(resource: Resource = resource, label: str = label) -> bool:
            found = kube.list(resource).values()
            return any(not label or label in each["metadata"].get("labels", {}) for each in found)

        kube.wait_until(told, seen)
        strike(place)


def _is_over(terminal: Terminal, said: str, *words: str) -> bool:
    """Run a command, and kill it as kill -9 does once it has said this; it must say so.

    Return whether it had done all that it had to before the kill came, as on a busy machine: it
    goes on while it is read what it said.
    """
    child = subprocess.Popen(
        terminal.argv(*words),
        env={**terminal.environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child.stdout:
        heard = any(said in line for line in child.stdout)
        child.kill()
    code = child.wait(60)
    assert heard, f"the command ended without saying: {said}"
    assert code in (0, -signal.SIGKILL)
    return code == 0


def _stateful_set() -> Object:
    labels = {"app": "db"}
    part = stations.component(COUNT)
    template = part["template"]
    template["metadata"] = {"labels": labels}
    (container,) = template["spec"]["containers"]
    container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "handover",
        "resources": {"requests": {"storage": "1Mi"}},
    }
    return {
        "metadata": {"name": NAME},
        "spec": {
            "replicas": COUNT,
            "serviceName": NAME,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": labels},
            "template": template,
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }


def _volume(kube: Kube, number: int) -> Callable[[], object]:
    """Make a volume on the node, and return what deletes it."""
    name = f"{kube.namespace}-{number}"
    path = "/api/v1/persistentvolumes"
    kube.api.create(
        path,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "1Mi"},
                "storageClassName": "handover",
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": f"/tmp/{name}", "type": "DirectoryOrCreate"},  # noqa: S108 - of the node
            },
        },
    )
    return lambda: kube.api.delete(f"{path}/{name}")


def _ready(kube: Kube) -> bool:
    found = kube.list(Resource.PODS).values()
    return len(found) == COUNT and all(map(driving.is_ready, found))


def _lives(kube: Kube) -> dict[str, Object]:
    """Return which pods and claims there are, how often pods were restarted, and others' labels."""
    found: dict[str, Object] = {}
    for resource in (Resource.PODS, Resource.CLAIMS):
        for name, each in kube.list(resource).items():
            states = each.get("status", {}).get("containerStatuses", ())
            found[f"{resource}/{name}"] = {
                "uid": each["metadata"]["uid"],
                "restarts": sum(state["restartCount"] for state in states),
                "labels": {
                    key: value
                    for key, value in each["metadata"].get("labels", {}).items()
                    if not key.startswith(names.GROUP)
                },
            }
    return found


def _is_its_own(kube: Kube) -> bool:
    status = (kube.get(Resource.STATEFULSETS, NAME) or {}).get("status", {})
    return bool(status.get("readyReplicas") == status.get("updatedReplicas") == COUNT)
