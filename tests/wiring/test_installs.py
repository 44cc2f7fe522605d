"""Two installs in two namespaces: one looks after a namespace, the other says why it does not."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from controller.api import clock
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kube import faults as kube_faults
from controller.kube import installs
from controller.telemetry import metrics
from controller.wiring.operator import Operator, Options
from fakes.api_server import Faults, Verdict
from fakes.api_server.chaos import Rule
from tests.wiring.test_operator import SHOP, Server

pytestmark = pytest.mark.looptime

HOMES = ("argosy-a", "argosy-b", "argosy-c")
TENANTS = ("default", "team-a", "team-b")
LEASE = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}


@pytest.fixture(autouse=True)
def _no_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no gauge ask an operator that is gone."""
    for gauge in vars(metrics).values():
        if isinstance(gauge, metrics._Asked):
            monkeypatch.setattr(gauge, "_source", None)


def cluster(**more: Any) -> Server:
    """Return an API server with a home for each install."""
    return Server(namespaces=("kube-public", *HOMES, *TENANTS), **more)


class Run:
    """The processes of some installs on one cluster, and who of them looks after what."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.alive: list[Operator] = []
        self.doubled: list[str] = []

    async def start(self, home: str, *namespaces: str, identity: str = "one") -> Operator:
        """Start a process of the install in `home`."""
        api: Any = self.server  # as a client, by delegation
        options = Options(
            identity=identity,
            lease_namespace=home,
            namespaces=namespaces,
            health_port=0,
            metrics_port=0,
        )
        made = Operator(options, api)
        self.alive.append(made)
        await made.start()
        await made.caches.wait()
        return made

    async def end(self, one: Operator) -> None:
        """Stop a process as Kubernetes does."""
        self.alive.remove(one)
        one.parts.stopped.set()
        await one.stop()

    def owners(self, namespace: str) -> list[Operator]:
        """Return who may write there now."""
        return [
            each for each in self.alive if each.elector.leading and each.installs.cover(namespace)
        ]

    async def watch(self) -> None:
        """See at every moment that no two may write to one namespace."""
        while True:
            for each in TENANTS:
                if len(self.owners(each)) > 1:
                    self.doubled.append(each)
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def running(server: Server) -> AsyncIterator[Run]:
    """Watch over what is started, and end it; fails where two looked after one namespace."""
    run = Run(server)
    watch = asyncio.create_task(run.watch())
    try:
        yield run
    finally:
        for each in tuple(run.alive):
            await run.end(each)
        watch.cancel()
    assert not watch.done() or watch.cancelled()
    assert run.doubled == []


async def until(true: Callable[[], bool], seconds: float) -> float:
    """Return after how long it is so."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - virtual time, which has no events of its own
            await asyncio.sleep(0.1)
    return loop.time() - began


def writers(server: Server, resource: Resource) -> int:
    """Return how many objects of a kind there are."""
    return len(server.objects.get(resource, {}))


async def test_second_install_does_nothing_and_says_so() -> None:
    """The first goes on undisturbed; the other is not ready, names it, and has a gauge of 1."""
    server = cluster()
    async with running(server) as run:
        first = await run.start("argosy-a")
        await until(lambda: run.owners("default") == [first], 10)
        second = await run.start("argosy-b")
        await asyncio.sleep(600)
        assert run.owners("default") == [first]
        assert second.elector.leading
        assert second.refused() == {
            "": "the install argosy-a/argosy-leader looks after the whole cluster"
        }
        assert "argosy-a/argosy-leader" in second._unready()
        assert b"argosy_refused_scopes 1.0" in metrics.render()
        assert first._unready() == second.ailing() == first.ailing() == ""
        await server.create(Resource.APPLICATIONS, "default", SHOP)
        await until(lambda: writers(server, Resource.PODS) == 1, 10)


async def test_install_takes_over_when_the_other_is_gone() -> None:
    """Reinstalled elsewhere, Argosy goes on with what is there, within a minute, by itself."""
    server = cluster()
    async with running(server) as run:
        first = await run.start("argosy-a")
        second = await run.start("argosy-b")
        await until(lambda: run.owners("default") == [first], 10)
        await run.end(first)
        await server.create(Resource.APPLICATIONS, "default", SHOP)
        took = await until(lambda: run.owners("default") == [second], 60)
        assert took >= installs.DURATION - installs.RETRY
        await until(lambda: writers(server, Resource.PODS) == 1, 10)
        assert second._unready() == ""


async def test_upgrade_lets_no_other_install_in_between() -> None:
    """Replicas of one install follow one another at once, though another install waits."""
    server = cluster()
    async with running(server) as run:
        old = await run.start("argosy-a")
        await until(lambda: run.owners("default") == [old], 10)
        other = await run.start("argosy-b")
        for number in range(5):
            new = await run.start("argosy-a", identity=f"new-{number}")
            await asyncio.sleep(40)
            await run.end(old)
            assert await until(lambda new=new: run.owners("default") == [new], 10) < 5  # type: ignore[misc]
            old = new
        assert other.installs.idle


async def test_installs_for_namespaces_that_differ_work_side_by_side() -> None:
    """Disjoint namespaces are legal; of one that both name, the first keeps it, and alone."""
    async with running(cluster()) as run:
        one = await run.start("argosy-a", "team-a")
        other = await run.start("argosy-b", "team-b")
        both = await run.start("argosy-c", "team-b", "default")
        await asyncio.sleep(100)
        assert run.owners("team-a") == [one]
        assert run.owners("team-b") == [other]
        assert run.owners("default") == [both]
        assert both.refused() == {
            "team-b": "the install argosy-b/argosy-leader looks after namespace team-b"
        }
        assert both._unready() == ""
        await run.end(other)
        await until(lambda: run.owners("team-b") == [both], 60)


async def test_install_for_the_cluster_goes_before_one_for_a_namespace() -> None:
    """The latter gives way, whichever came first, and comes back when the other is gone."""
    server = cluster()
    async with running(server) as run:
        tenant = await run.start("argosy-b", "team-a")
        await until(lambda: run.owners("team-a") == [tenant], 10)
        admin = await run.start("argosy-a")
        await until(lambda: run.owners("team-a") == [admin], 60)
        await asyncio.sleep(300)
        assert "looks after the whole cluster" in tenant.refused()["team-a"]
        await run.end(admin)
        await until(lambda: run.owners("team-a") == [tenant], 90)


@pytest.mark.parametrize("second", [(), ("default", "team-a")])
async def test_installs_that_start_at_once_do_not_both_work(second: tuple[str, ...]) -> None:
    """Whoever writes first has it; nobody waits for the other for ever."""
    for _ in range(5):
        async with running(cluster()) as run:
            await asyncio.gather(run.start("argosy-a"), run.start("argosy-b", *second))
            await until(lambda run=run: len(run.owners("default")) == 1, 120)  # type: ignore[misc]
            await asyncio.sleep(120)
            assert len(run.owners("default")) == 1


async def test_claim_that_a_tenant_made_up_stops_nobody_elsewhere() -> None:
    """Whoever may write Leases in a namespace delays a new install by seconds, and no successor."""
    server = cluster()
    for each in TENANTS:
        spec = {"holderIdentity": "nobody", "leaseDurationSeconds": 2**31 - 1}
        body = {**LEASE, "metadata": {"name": installs.NAMESPACE}, "spec": spec}
        await server.create(Resource.LEASES, each, body)
        await server.patch(
            Resource.LEASES, each, installs.NAMESPACE, {"spec": {"renewTime": server_time()}}
        )
    async with running(server) as run:
        first = await run.start("argosy-a")
        assert await until(lambda: run.owners("team-a") == [first], 60) <= installs.DURATION + 1
        second = await run.start("argosy-a", identity="two")
        await run.end(first)
        assert await until(lambda: run.owners("team-a") == [second], 60) < 5


def server_time() -> str:
    """Return now as a Lease has it."""
    return clock.precise(time.time())


@pytest.mark.parametrize("how", ["deleted", "stolen"])
async def test_claim_that_is_lost_is_taken_again(how: str) -> None:
    """Nothing is planned meanwhile, the process lives, and what was missed is made up for."""
    server = cluster()
    async with running(server) as run:
        one = await run.start("argosy-a")
        await until(lambda: run.owners("default") == [one], 10)
        place = (Resource.LEASES, installs.PUBLIC, installs.CLUSTER)
        if how == "deleted":
            found = server.objects[Resource.LEASES][place[1:]]
            await server.delete(*place, uid=found["metadata"]["uid"])
        else:
            await server.patch(*place, {"spec": {"holderIdentity": "a thief"}})
        await until(lambda: not run.owners("default"), 20)
        await server.create(Resource.APPLICATIONS, "default", SHOP)
        await until(lambda: run.owners("default") == [one], 60)
        await until(lambda: writers(server, Resource.PODS) == 1, 20)
        assert one.ailing() == ""


async def test_install_that_may_not_claim_works_as_before() -> None:
    """Rights of an older chart, or of an administrator, lack this one: it goes on, and says so."""
    faults = Faults()
    refused = kube_faults.Forbidden("leases is forbidden", reason=Reason.FORBIDDEN)
    faults.rules.append(
        Rule(
            matches=lambda request: request.namespace == installs.PUBLIC,
            verdict=Verdict(before=refused),
            times=None,
        )
    )
    server = cluster(faults=faults)
    async with running(server) as run:
        one = await run.start("argosy-a")
        await until(lambda: run.owners("default") == [one], 5)
        await server.create(Resource.APPLICATIONS, "default", SHOP)
        await until(lambda: writers(server, Resource.PODS) == 1, 10)
        assert one._unready() == ""


@pytest.mark.parametrize("seed", range(8))
async def test_whoever_comes_and_goes_no_namespace_has_two(seed: int) -> None:
    """Installs of all scopes start and stop at random moments; in the end somebody works."""
    rng = random.Random(seed)
    scopes: tuple[tuple[str, ...], ...] = ((), ("team-a",), ("team-a", "default"), TENANTS)
    async with running(cluster()) as run:
        for number in range(12):
            if run.alive and rng.random() < 0.5:
                await run.end(rng.choice(run.alive))
            else:
                home = rng.choice(HOMES)
                await run.start(home, *rng.choice(scopes), identity=f"{number}")
            await asyncio.sleep(rng.choice((0.01, 1, 10, 25, 60)))
        last = await run.start(rng.choice(HOMES), identity="last")
        await until(lambda: len(run.owners("team-a")) == 1 and last.elector.holder != "", 200)


async def test_two_that_work_at_once_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without claims the watch over these tests finds what they exclude."""
    monkeypatch.setattr(installs.ScopeClaim, "held", property(lambda _: True))
    async with running(cluster()) as run:
        await run.start("argosy-a")
        await run.start("argosy-b")
        await until(lambda: len(run.owners("default")) == 2, 30)
        await asyncio.sleep(1)
        assert set(run.doubled) == set(TENANTS)
        run.doubled.clear()
        monkeypatch.undo()
        await asyncio.sleep(0)
