"""The operator as a process: it leads and goes on, or it ends; and its liveness tells which."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import prometheus_client
import pytest
from prometheus_client import parser
from prometheus_client.metrics import MetricWrapperBase

from controller.admission.reviewer import FleetAnswer
from controller.api import names
from controller.api.resources import Resource
from controller.kube import lease
from controller.kube.slots import SLOTS
from controller.telemetry import metrics
from controller.wiring import handlers, webhook
from controller.wiring.operator import Operator, Options
from fakes.api_server import ApiServer, Faults, kubelet

pytestmark = pytest.mark.looptime

HOUR = 3600.0
SHOP = {
    "apiVersion": "argosy.dev/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "shop", "namespace": "default"},
    "spec": {
        "components": [
            {
                "name": "web",
                "replicas": 1,
                "template": {"spec": {"containers": [{"name": "main", "image": "app:1"}]}},
            }
        ]
    },
}


class Server(ApiServer):
    """An API server in memory that can be handed to an operator."""

    def guarded(self, _may_write: Callable[[], bool], _answered: object = None) -> Self:
        """Return this one: nothing here is frozen in the middle of a request."""
        return self


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no gauge ask an operator that is gone."""
    for each in vars(metrics).values():
        if isinstance(each, metrics._Asked):
            monkeypatch.setattr(each, "_source", None)


@pytest.fixture
def unfed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out of all metrics what other tests have put into them."""
    monkeypatch.setattr(metrics, "_timers", {})
    monkeypatch.setattr(metrics, "_counted", {})
    for each in vars(metrics).values():
        if isinstance(each, MetricWrapperBase) and each._labelnames:
            each.clear()
        elif isinstance(each, prometheus_client.Gauge):
            each.set(math.nan)


@contextlib.asynccontextmanager
async def running(
    server: Server,
    identity: str = "one",
    *,
    leads: bool = True,
    admission_port: int = 0,
    share_work: bool = False,
    watch_slots: bool = False,
    namespaces: tuple[str, ...] = (),
) -> AsyncIterator[Operator]:
    """Run an operator until it leads, or stands by; stop it in the end."""
    api: Any = server  # as a client, by delegation
    options = Options(
        identity=identity,
        lease_namespace="default",
        health_port=0,
        metrics_port=0,
        admission_port=admission_port,
        share_work=share_work,
        watch_slots=watch_slots,
        namespaces=namespaces,
    )
    made = Operator(options, api)
    await made.start()
    await made.caches.wait()
    await asyncio.sleep(5)
    assert made.elector.leading is leads
    try:
        yield made
    finally:
        made.parts.stopped.set()
        await made.stop()


def cached(one: Operator) -> int:
    """Return how many servers an operator sees."""
    return len(one.caches.informers[Resource.SERVERS].objects)


async def test_an_operator_that_shares_nothing_has_no_slots_to_watch() -> None:
    """Said before anything runs, rather than that it would see nothing."""
    options = Options(identity="one", lease_namespace="default", watch_slots=True)
    api: Any = Server()
    with pytest.raises(ValueError, match="share the work"):
        Operator(options, api)


def task(name: str) -> asyncio.Task[Any]:
    """Return the task of that name."""
    return next(each for each in asyncio.all_tasks() if each.get_name() == name)


@pytest.mark.parametrize("part", ["engine", "lease", "leader", "caches", "watch servers "])
async def test_part_that_somebody_cancels_ends_the_process(part: str) -> None:
    """No leader lives on without what makes it one, however silently that ended."""
    async with running(Server()) as one:
        assert one.ailing() == ""
        task(part).cancel()
        await asyncio.wait_for(one.parts.stopped.wait(), 1)
        assert "cancelled" in str(one.parts.failure)
        assert "cancelled" in one.ailing()


@pytest.mark.usefixtures("unfed")
async def test_every_metric_has_a_sample_after_a_reconcile() -> None:
    """What is declared, documented, drawn and alerted on is fed: a gauge without source is none."""
    server = Server(kubelet=kubelet.Kubelet())
    async with running(server):
        await server.create(Resource.APPLICATIONS, "default", SHOP)
        await asyncio.sleep(60)
        served = parser.text_string_to_metric_families(metrics.render().decode())
        sampled = {
            family.name
            for family in served
            if any(not math.isnan(each.value) for each in family.samples)
        }
        declared = {name.removesuffix("_total") for name, *_ in metrics._declared}
        assert declared - sampled == set()


async def test_leader_and_standby_at_rest_are_alive() -> None:
    """Hours without work are progress all the same, and the gauges say so."""
    server = Server()
    async with running(server) as leader, running(server, "two", leads=False) as standby:
        await asyncio.sleep(2 * HOUR)
        assert leader.ailing() == standby.ailing() == ""
        assert leader.elector.leading
        assert leader.engine.pulse.silence is not None
        assert leader.engine.pulse.silence <= 10
        assert standby.engine.pulse.silence is None
        silences = leader.caches.silences()
        assert ("servers",) in silences
        assert max(silences.values()) < 400


async def test_leader_that_plans_nothing_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its port is open and it holds the Lease: that is not what liveness asks for."""
    async with running(Server()) as one:

        async def hang(_within: float) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(one.engine._queue, "filled", hang)
        await asyncio.sleep(120)
        assert one.elector.leading
        assert not one.parts.stopped.is_set()
        assert "the engine: no progress" in one.ailing()
        assert b"argosy_plan_silence_seconds 1" in metrics.render()


async def test_watch_that_stands_still_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that nobody feeds any more is told, although its task lives."""
    server = Server()
    async with running(server) as one:

        async def hang(_error: object) -> None:
            await asyncio.Event().wait()

        follower = next(iter(one.caches.informers[Resource.SERVERS]._all))
        monkeypatch.setattr(follower, "_rest", hang)
        server.faults.drop_watches(Resource.SERVERS)
        await asyncio.sleep(400)
        assert "the watch of servers" in one.ailing()


async def test_standby_outlives_an_api_server_that_is_away() -> None:
    """Another process would fare no better: an hour of outage fails no probe."""
    server = Server(faults=Faults())
    async with running(server) as leader, running(server, "two", leads=False) as standby:
        server.faults.crash()
        for _ in range(60):
            await asyncio.sleep(HOUR / 60)
            assert standby.ailing() == ""
        assert isinstance(leader.parts.failure, lease.LeaseLost)
        server.faults.down = False
        await asyncio.sleep(60)
        assert standby.elector.leading


class FakeKopf:
    """Serves when it is told to."""

    made: FakeKopf

    def __init__(
        self, settings: webhook.WebhookSettings, *, fleet_of: Any, room_for: Any, **_: Any
    ) -> None:
        self.settings = settings
        self.fleet_of = fleet_of
        self.room_for = room_for
        self.ready = False
        FakeKopf.made = self

    async def serve(self, stop_flag: asyncio.Event) -> None:
        """Go on until told to stop."""
        await stop_flag.wait()


async def test_replicas_are_ready_when_they_answer_reviews(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leader and standby alike: the Service leads to whoever is ready."""
    monkeypatch.setattr(handlers, "KopfThread", FakeKopf)
    server = Server()
    async with (
        running(server, admission_port=9443),
        running(server, "two", leads=False, admission_port=9443) as standby,
    ):
        assert "does not listen" in standby._unready()
        assert standby.ailing() == ""
        FakeKopf.made.ready = True
        assert standby._unready() == ""
        assert FakeKopf.made.settings.port == 9443


async def test_reviews_know_of_a_fleet_what_planning_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet that does not exist is a problem; templates are tried where they are of pods."""
    monkeypatch.setattr(handlers, "KopfThread", FakeKopf)
    server = Server()
    for name, provider in (("edge", "pod"), ("metal", "memory")):
        body = {"metadata": {"name": name}, "spec": {"provider": provider}}
        await server.create(Resource.FLEETS, "", body)
    async with running(server, admission_port=9443):
        fleet_of = FakeKopf.made.fleet_of
        assert fleet_of("default", "pods") == fleet_of("default", "edge") == FleetAnswer()
        assert fleet_of("default", "metal") == FleetAnswer(dry_runs=False)
        unknown = fleet_of("default", "later")
    assert unknown.problem.startswith("Fleet later does not exist. ")
    assert not unknown.dry_runs


async def test_without_admission_a_replica_is_ready_when_its_caches_are() -> None:
    """Kopf is not even imported for it."""
    async with running(Server()) as one:
        assert one._unready() == ""
        assert one._kopf is None


@pytest.mark.parametrize("by_slot", [False, True])
async def test_operators_that_share_the_work_add_up(*, by_slot: bool) -> None:
    """Two processes: slots and servers of both are all that there are; who leaves gives all.

    By slot, each watches its own servers alone, and labels one that has no label.
    """
    server = Server()
    async with running(server, "one", share_work=True, watch_slots=by_slot) as first:
        await asyncio.sleep(30)
        assert first.sharing is not None
        assert first.sharing.owned() == SLOTS
        async with running(server, "two", share_work=True, watch_slots=by_slot) as second:
            await server.create(Resource.APPLICATIONS, "default", SHOP)
            await asyncio.sleep(30)
            assert cached(first) + cached(second) == (1 if by_slot else 2)
            ((path, body),) = server.objects[Resource.SERVERS].items()
            bucket = body["metadata"]["labels"][names.BUCKET_LABEL]
            gone = {"metadata": {"labels": {names.BUCKET_LABEL: None}}}
            await server.patch(Resource.SERVERS, *path, gone)
            await asyncio.sleep(30)
            (body,) = server.objects[Resource.SERVERS].values()
            found = body["metadata"]["labels"].get(names.BUCKET_LABEL)
            assert found == (bucket if by_slot else None)
            assert second.sharing is not None
            assert (first.sharing.owned(), second.sharing.owned()) == (SLOTS // 2, SLOTS // 2)
            assert sum((first._servers() | second._servers()).values()) == 1
            assert not (first._servers() and second._servers())
            assert first.ailing() == second.ailing() == ""
            assert first.refused() == second.refused() == {}
        await asyncio.sleep(10)
        assert first.sharing.owned() == SLOTS
        assert sum(first._servers().values()) == 1
    holder = server.objects[Resource.LEASES]["default", "argosy-leader"]["spec"]["holderIdentity"]
    assert holder == ""


async def test_operators_for_some_namespaces_watch_slots_of_these() -> None:
    """Each slot in each namespace; of what is elsewhere nothing is seen."""
    server = Server(namespaces=("default", "team", "elsewhere"))
    few = ("default", "team")
    async with (
        running(server, "one", share_work=True, watch_slots=True, namespaces=few) as first,
        running(server, "two", share_work=True, watch_slots=True, namespaces=few) as second,
    ):
        for namespace in ("default", "team", "elsewhere"):
            body = {**SHOP, "metadata": {"name": "shop", "namespace": namespace}}
            await server.create(Resource.APPLICATIONS, namespace, body)
        await asyncio.sleep(60)
        there = sorted(namespace for namespace, _ in server.objects[Resource.SERVERS])
        assert there == ["default", "team"]
        assert cached(first) + cached(second) == 2


async def test_an_operator_that_shares_ends_when_its_heartbeat_is_lost() -> None:
    """Nothing of it goes on: it comes back as another process."""
    server = Server()
    async with running(server, share_work=True) as one:
        await asyncio.sleep(30)
        uid = server.objects[Resource.LEASES]["default", "argosy-replica-one"]["metadata"]["uid"]
        await server.delete(Resource.LEASES, "default", "argosy-replica-one", uid=uid)
        await asyncio.wait_for(one.parts.stopped.wait(), 5)
        assert isinstance(one.parts.failure, lease.LeaseLost)
