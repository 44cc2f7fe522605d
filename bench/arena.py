"""One cluster in which arms take turns: it is emptied and left to calm down between them.

`trials` share two arenas: one without an audit log, where times are taken, and one with, where
writes are counted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import statistics
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench import bodies, etcd, manual, meters, watcher
from bench import tally as tallies
from controller.api.resources import Resource
from devcluster import client, cluster, controlplane, fixtures, processes
from devcluster import operator as operators

NODES = 10
OPERATOR = "operator-0"
SERVER = (controlplane.APISERVER, controlplane.ETCD)
PATIENCE_SECONDS = 900.0
START_SECONDS = 60.0
# A cluster is calm when it uses no more than this share of one core for a moment.
CALM_SHARE = 0.25
CALM_MOMENT_SECONDS = 0.4
CALM_SECONDS = 15.0
# What the controller manager has where nobody says otherwise, as in hosted clusters.
DEFAULT = ("--kube-api-qps=20", "--kube-api-burst=30")
# Where its limits shall not be what is measured of its controllers.
RAISED = ("--kube-api-qps=5000", "--kube-api-burst=10000")

Say = Callable[[str], None]
Usage = Mapping[str, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds by process, while something was done."""

    seconds: Mapping[str, float]

    @property
    def server(self) -> float:
        """Of the API server and etcd."""
        return sum(self.seconds.get(name, 0.0) for name in SERVER)

    @property
    def operator(self) -> float:
        """Of the operator."""
        return self.seconds.get(OPERATOR, 0.0)


class Arena:
    """A running cluster of a benchmark's own; made by `opened`."""

    def __init__(self, owner: cluster.Cluster, say: Say) -> None:
        self.cluster = owner
        self.say = say
        self._numbers = itertools.count()
        self._operator: operators.Operator | None = None
        self.hand = manual.Hand(owner.kubeconfig)
        self._controllers: tuple[str, ...] = DEFAULT

    @property
    def client(self) -> client.Client:
        """A client with the administrator's rights."""
        return self.cluster.client

    @property
    def operator(self) -> operators.Operator:
        """The operator's process, not started by this: the chart is installed for it."""
        if self._operator is None:
            (self._operator,) = operators.run(self.cluster)
            self.until("a leader", self._leads, START_SECONDS)
            self._operator.terminate()
            # Half a minute may pass until the garbage collector watches new kinds. Until then it
            # asks for the owner of every pod and server.
            self.cluster.restart(controlplane.CONTROLLERS)
            self.calm()
        return self._operator

    def operate_by(self, process: operators.Operator) -> None:
        """Have this be the operator from now on: the same one, with another way to its cluster."""
        self._operator = process

    @contextlib.contextmanager
    def operated(self, process: operators.Operator | None = None) -> Iterator[operators.Operator]:
        """Have the operator run, leading and idle, while this is entered.

        Another `process` is the same operator, started in another way.
        """
        self.start_operator(process)
        try:
            yield self.operator
        finally:
            self.operator.terminate()

    def start_operator(self, process: operators.Operator | None = None) -> None:
        """Start the operator and wait until it leads and has seen everything.

        An API server that has just been started may not know for seconds which kinds it serves.
        """
        (process or self.operator).start()
        self.until("a leader", lambda: self._leads() and self.synced(), START_SECONDS)
        self.until("the kinds", self._are_known, START_SECONDS)

    def synced(self) -> bool:
        """Whether the operator's caches are full."""
        return _get(self.operator.health_port, "/readyz") is not None

    @contextlib.contextmanager
    def namespace(self) -> Iterator[str]:
        """A namespace in a calm cluster; all that is made in it is gone afterwards."""
        name = self.make_namespace()
        try:
            yield name
        finally:
            self.wipe(name)

    def make_namespace(self) -> str:
        """Return a new namespace that pods can run in, in a calm cluster."""
        name = f"arm-{next(self._numbers)}"
        self.client.create(
            "/api/v1/namespaces",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        )
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        self.until(account, lambda: fixtures.exists(self.client, account), START_SECONDS)
        self.calm()
        return name

    def wipe(self, namespace: str) -> None:
        """Take everything out of a namespace, also what a controller still puts in."""
        etcd.wipe(self.cluster, namespace)
        self.calm()
        while etcd.wipe(self.cluster, namespace):
            self.calm()

    def watch(self, namespace: str, *watched: Resource) -> watcher.Sight:
        """Return what sees objects of a namespace come and go; to be entered."""
        return watcher.Sight(self.hand, namespace, watched)

    def tally(self) -> tallies.Tally:
        """Count the operator's writes from now on."""
        return tallies.Tally(self.cluster.audit_log)

    def lists(self) -> tallies.Tally:
        """Count what the operator lists from now on."""
        return tallies.Tally(self.cluster.audit_log, verbs=frozenset({"list"}))

    def limit_controllers(self, flags: tuple[str, ...]) -> None:
        """Give the built-in controllers these limits; they start anew if they had others."""
        if flags != self._controllers:
            self.cluster.set_flags(controlplane.CONTROLLERS, flags)
            self._controllers = flags
            self.calm()

    def usage(self) -> Usage:
        """Return the CPU seconds that each process of the cluster has used."""
        return {
            name: meters.cpu_seconds(each.pid)
            for name, each in self.cluster.processes.all().items()
        }

    def cost(self, since: Usage) -> Cost:
        """Return what each process has used since."""
        return Cost({name: value - since.get(name, 0.0) for name, value in self.usage().items()})

    def calm(self) -> None:
        """Wait until the cluster has nothing left to do, or for a while."""
        deadline = time.monotonic() + CALM_SECONDS
        while time.monotonic() < deadline:
            before = sum(self.usage().values())
            time.sleep(CALM_MOMENT_SECONDS)
            if sum(self.usage().values()) - before < CALM_SHARE * CALM_MOMENT_SECONDS:
                return

    def uid(self, resource: Resource, namespace: str, name: str) -> str:
        """Return the UID of an object."""
        answer = self.hand.do(self.hand.client.get(resource, namespace, name))
        return str(json.loads(answer)["metadata"]["uid"])

    def writes(self) -> int:
        """Return how many writes the operator has sent since it started, by its own metrics."""
        text = _get(self.operator.metrics_port, "/metrics") or ""
        lines = (each for each in text.splitlines() if each.startswith("argosy_writes_total{"))
        return sum(int(float(each.rpartition(" ")[2])) for each in lines)

    def write_seconds(self, namespace: str, count: int, prefix: str = "write") -> float:
        """Return how long one create takes while nothing else happens: the median of some."""

        async def write(number: int) -> float:
            body = bodies.pod(f"{prefix}-{number}")
            began = time.monotonic()
            await self.hand.client.create(Resource.PODS, namespace, body)
            return time.monotonic() - began

        return statistics.median(self.hand.do(write(number)) for number in range(count))

    def until(self, what: str, condition: Callable[[], bool], seconds: float) -> None:
        """Return once the condition holds; raise TimeoutError after the deadline."""
        if not processes.wait_until(condition, seconds):
            raise TimeoutError(f"{what}: not in {seconds:.0f} s; see {self.cluster.dir / 'logs'}")

    def _are_known(self) -> bool:
        probe = bodies.application("probe", 0)
        return operators.is_admitted(self.client, operators.APPLICATIONS, probe)

    def _leads(self) -> bool:
        assert self._operator is not None  # noqa: S101  asked by those who started it
        return "\nargosy_leader 1.0" in (_get(self._operator.metrics_port, "/metrics") or "")


@contextlib.contextmanager
def opened(folder: Path, say: Say, *, audit: str = "off") -> Iterator[Arena]:
    """Start a cluster whose controllers have their default limits; end it whatever happens."""
    owner = cluster.Cluster(folder, say)
    try:
        owner.start(
            controlplane.Settings(
                nodes=NODES, audit=audit, flags={controlplane.CONTROLLERS: DEFAULT}
            )
        )
        opened = Arena(owner, say)
        try:
            yield opened
        finally:
            opened.hand.close()
    finally:
        owner.stop()


def _get(port: int, path: str) -> str | None:
    """Return what a local port answers, or None where it is not a success."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return None
