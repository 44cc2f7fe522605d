"""The supervisor of fleets by itself: what it opens, lends, holds back and closes."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller import contract, errors
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import Verb
from controller.contract.reasons import ProviderReason
from controller.execution.caches import Caches
from controller.execution.fleets import Fleets
from controller.execution.pool import Pool
from controller.kube import faults
from controller.kube.reasons import KubeReason
from controller.planning import keys, relations
from controller.planning.circuit import CircuitState
from controller.planning.keys import Key
from controller.providers import registry
from controller.providers.openstack.reasons import CloudReason
from fakes.api_server import ApiServer
from tests.simulation.shelf.kind import Shelf

pytestmark = pytest.mark.looptime

OUT = errors.Outage("the shelf does not answer", reason=Reason.UNREACHABLE)


class Harbour:
    """Fleets that follow an API server in memory, with a shelf for a provider."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.shelf = Shelf()
        self.touched: list[Key] = []
        self.pool = Pool()
        self.caches = Caches(server)
        context = contract.Context(api=server, informers=self.caches.informers, clock=server.now)
        kinds = {**registry.kinds(), "shelf": self.shelf.kind()}
        self.fleets = Fleets(self.caches, kinds=kinds, context=context, pool=self.pool)
        self.fleets.subscribe(self.touched.append)

    async def put(self, name: str, **spec: Any) -> None:
        """Create a Fleet of the shelf."""
        spec = {"provider": "shelf", "shelf": {"room": 9}, **spec}
        body = {"metadata": {"name": name}, "spec": spec}
        await self.server.create(Resource.FLEETS, "", body)
        await self.until(lambda: self.fleets.find(name) is not None)

    async def change(self, name: str, **spec: Any) -> None:
        """Change a Fleet."""
        await self.server.patch(Resource.FLEETS, "", name, {"spec": spec})

    async def until(self, holds: Any) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(120):
            while not holds():  # noqa: ASYNC110 - in virtual time
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def harbour(*, fleet: bool = True) -> AsyncIterator[Harbour]:
    """Give fleets that have started, with one called attic if asked for."""
    made = Harbour(ApiServer())
    running = asyncio.create_task(made.caches.run())
    try:
        await made.caches.wait()
        if fleet:
            await made.put("attic")
        await made.fleets.start()
        yield made
        await made.fleets.stop()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def answer(_provider: contract.Provider) -> str:
    """Be a call that succeeds."""
    return "done"


async def fail(_provider: contract.Provider) -> str:
    """Be a call that the provider does not answer."""
    raise OUT


async def test_what_there_is_at_the_start_is_open_after_it() -> None:
    """The built-in fleet needs no object; a provider is opened once, and closed at the end."""
    async with harbour() as one:
        assert one.fleets.is_open("pods")
        assert one.fleets.is_open("attic")
        assert one.shelf.opened == [9]
        assert await one.fleets.ask("attic", Verb.CREATE, answer) == "done"
        assert one.fleets.pool("pods") is one.pool
        assert one.fleets.pool("attic") is not one.pool
    assert one.shelf.closed == 1


async def test_a_fleet_that_comes_later_is_opened_and_wakes_who_waits() -> None:
    """Until then its calls wait; afterwards whoever may have waited is touched."""
    async with harbour(fleet=False) as one:
        with pytest.raises(errors.NotSent) as refused:
            await one.fleets.ask("attic", Verb.CREATE, answer)
        assert refused.value.reason == Reason.FLEET_OPENING
        await one.put("attic")
        await one.until(lambda: one.fleets.is_open("attic"))
        assert keys.fleet("attic") in one.touched


async def test_a_lent_provider_stays_open_until_it_is_given_back() -> None:
    """A changed Fleet is served by a new provider at once, and the old one ends its call first."""
    async with harbour() as one:
        may_end = asyncio.Event()

        async def slow(_provider: contract.Provider) -> str:
            await may_end.wait()
            return f"closed {one.shelf.closed}"

        call = asyncio.create_task(one.fleets.ask("attic", Verb.CREATE, slow))
        await asyncio.sleep(0.1)
        await one.change("attic", shelf={"room": 7})
        await one.until(lambda: one.shelf.opened == [9, 7] and one.fleets.is_open("attic"))
        await asyncio.sleep(60)
        assert one.shelf.closed == 0
        may_end.set()
        assert await call == "closed 0"
        await one.until(lambda: one.shelf.closed == 1)


async def test_other_limits_keep_the_provider_and_the_pool() -> None:
    """What waits in the pool stays there, under the new bounds."""
    async with harbour() as one:
        before = one.fleets.pool("attic"), one.fleets.provider("attic")
        await one.change("attic", limits={"concurrentCalls": 1})
        await one.until(lambda: one.fleets.find("attic").spec.limits.concurrent_calls == 1)  # type: ignore[union-attr]
        assert (one.fleets.pool("attic"), one.fleets.provider("attic")) == before
        assert one.shelf.opened == [9]


async def test_a_fleet_that_goes_is_closed_and_unknown() -> None:
    """Its provider is closed, its facts say that it does not exist, its calls wait."""
    async with harbour() as one:
        uid = one.server.objects[Resource.FLEETS]["", "attic"]["metadata"]["uid"]
        await one.server.delete(Resource.FLEETS, "", "attic", uid=uid)
        await one.until(lambda: one.shelf.closed == 1)
        assert one.fleets.facts("attic", "default").problem == Reason.UNKNOWN_FLEET
        with pytest.raises(errors.NotSent):
            await one.fleets.ask("attic", Verb.CREATE, answer)


async def test_a_provider_that_cannot_be_opened_is_tried_again() -> None:
    """Meanwhile the fleet pauses for that reason; once the cause is gone it is open."""
    async with harbour(fleet=False) as one:
        one.shelf.trouble = OUT
        await one.put("attic")
        await one.until(lambda: one.fleets.failure("attic") is not None)
        pause = one.fleets.facts("attic", "default").pause
        assert pause is not None
        assert pause.reason == "Unreachable"
        one.shelf.trouble = None
        await one.until(lambda: one.fleets.is_open("attic"))
        assert one.fleets.failure("attic") is None
        assert one.fleets.facts("attic", "default").pause is None


@pytest.mark.parametrize(
    ("name", "spec", "problem", "said"),
    [
        (
            "cellar", {}, Reason.UNKNOWN_FLEET,
            ("Fleet cellar does not exist. Create it, or set spec.fleet to one of `kubectl get"
             " argfleet` or to the built-in fleet pods."),
        ),
        (
            "attic", {"provider": "cloud", "shelf": None}, Reason.UNKNOWN_FLEET,
            "Fleet attic cannot be used. This operator has no provider cloud.",
        ),
        (
            "attic", {"allowedNamespaces": {"matchLabels": {"a": "b"}}}, Reason.FLEET_NOT_ALLOWED,
            ("Fleet attic does not allow namespace default. The labels of the namespace must"
             " match spec.allowedNamespaces of the Fleet."),
        ),
    ],
)  # fmt: skip
async def test_facts_say_what_stands_in_the_way(
    name: str, spec: dict[str, Any], problem: str, said: str
) -> None:
    """No such Fleet, no such provider, not for this namespace: a reason, and whole sentences."""
    async with harbour(fleet=False) as one:
        await one.put("attic", **spec)
        facts = one.fleets.facts(name, "default")
        assert (facts.problem, facts.message) == (problem, said)


@pytest.mark.parametrize("words", ["the key is of last year", "The key is of last year."])
async def test_of_a_fleet_that_cannot_be_opened_nothing_is_known_rather_than_none(
    words: str,
) -> None:
    """It may have volumes, and whoever is let go of is written on its Fleet.

    A set that goes would leave volumes behind that were to go with it; an instance that is
    abandoned would be on no record.
    """
    async with harbour(fleet=False) as one:
        one.shelf.trouble = errors.Stalled(words, reason=CloudReason.CREDENTIALS_REFUSED)
        await one.put("attic")
        await one.until(lambda: one.fleets.failure("attic") is not None)
        facts = one.fleets.facts("attic", "default")
        assert facts.problem == "CredentialsRefused"
        assert facts.message.lower() == "fleet attic cannot be opened: the key is of last year."
        assert facts.pause is None
        assert facts.claims("default", "shop", "web") is None
        assert facts.record == one.fleets.find("attic")
        assert facts.may_abandon


async def test_what_a_fleet_has_is_known_where_it_is_not_allowed_any_more() -> None:
    """Servers of before stay: they change in place, and stop, as the provider can."""
    async with harbour() as one:
        before = one.fleets.facts("attic", "default")
        await one.change("attic", allowedNamespaces={"matchLabels": {"a": "b"}})
        await one.until(lambda: one.fleets.facts("attic", "default").problem)
        after = one.fleets.facts("attic", "default")
        assert after.capabilities == before.capabilities
        assert after.can_change(b"same", b"same")
        assert after.claims("default", "shop", "web") == ()
        assert after.record == one.fleets.find("attic")


async def test_a_circuit_opens_holds_calls_back_and_closes() -> None:
    """Deletes go on; after a while one call is tried, and its success lets the others go."""
    async with harbour() as one:
        for _ in range(20):
            with pytest.raises(errors.Outage):
                await one.fleets.ask("attic", Verb.CREATE, fail)
        assert one.fleets.circuit("attic").state is CircuitState.OPEN
        assert one.fleets.circuits() == {("pods",): 0.0, ("attic",): 1.0}
        with pytest.raises(errors.NotSent) as held:
            await one.fleets.ask("attic", Verb.CREATE, answer)
        assert held.value.reason == Reason.CIRCUIT_OPEN
        with pytest.raises(errors.Outage):
            await one.fleets.ask("attic", Verb.DELETE, fail)
        pause = one.fleets.facts("attic", "default").pause
        assert pause is not None
        assert pause.reason == Reason.CIRCUIT_OPEN
        one.touched.clear()
        await one.until(lambda: one.fleets.circuit("attic").state is CircuitState.HALF_OPEN)
        assert keys.fleet("attic") in one.touched
        for _ in range(20):
            await one.fleets.ask("attic", Verb.CREATE, answer)
        assert one.fleets.circuit("attic").state is CircuitState.CLOSED


async def test_of_what_a_provider_says_a_bounded_part_is_told() -> None:
    """Whoever waits for an open circuit repeats it, each in its own status."""

    async def rant(_provider: contract.Provider) -> str:
        raise errors.Outage("no room " * 10_000, reason=Reason.UNREACHABLE)

    async with harbour() as one:
        for _ in range(20):
            with pytest.raises(errors.Outage):
                await one.fleets.ask("attic", Verb.CREATE, rant)
        pause = one.fleets.facts("attic", "default").pause
        assert pause is not None
        assert "no room no room" in pause.message
        assert len(pause.message) < 500


async def test_what_a_provider_refuses_opens_no_circuit() -> None:
    """Who refuses has answered."""

    async def refuse(_provider: contract.Provider) -> str:
        raise errors.Stalled("no such image", reason=ProviderReason.TEMPLATE_REFUSED)

    async with harbour() as one:
        for _ in range(40):
            with pytest.raises(errors.Stalled):
                await one.fleets.ask("attic", Verb.CREATE, refuse)
        assert one.fleets.circuit("attic").state is CircuitState.CLOSED


async def test_a_delete_under_way_is_the_trial_of_a_circuit_that_is_half_open_by_then() -> None:
    """It began while the circuit was open, and ends later: no call begins beside it."""
    async with harbour() as one:
        for _ in range(20):
            with pytest.raises(errors.Outage):
                await one.fleets.ask("attic", Verb.CREATE, fail)
        may_end = asyncio.Event()

        async def slow(_provider: contract.Provider) -> str:
            await may_end.wait()
            raise OUT

        delete = asyncio.create_task(one.fleets.ask("attic", Verb.DELETE, slow))
        await one.until(lambda: one.fleets.tries("attic"))
        pause = one.fleets.facts("attic", "default").pause
        assert pause is not None
        assert pause.reason == Reason.CIRCUIT_OPEN
        with pytest.raises(errors.NotSent):
            await one.fleets.ask("attic", Verb.CREATE, answer)
        may_end.set()
        with pytest.raises(errors.Outage):
            await delete
        assert one.fleets.facts("attic", "default").pause is None
        assert await one.fleets.ask("attic", Verb.CREATE, answer) == "done"


async def keep(_provider: contract.Provider) -> str:
    """Be a write that is not answered in time, as where a webhook of the namespace keeps it."""
    raise faults.Unanswered("no answer in time", reason=KubeReason.CONNECTION_LOST)


async def close_namespace(one: Harbour, namespace: str) -> None:
    """Have calls for servers of a namespace fail until they are held."""
    for number in range(20):
        with pytest.raises(faults.Unanswered):
            await one.fleets.ask("attic", Verb.CREATE, keep, namespace=namespace, whose=str(number))
    assert one.fleets.held("attic") == (namespace,)


async def put_server(one: Harbour, namespace: str) -> None:
    """Create a Server of the fleet, which waits for its circuit."""
    await one.server.create(Resource.NAMESPACES, "", {"metadata": {"name": namespace}})
    spec = {"application": "shop", "component": "web", "ordinal": 0, "fleet": "attic",
            "revision": "r", "incarnation": 1}  # fmt: skip
    name = "shop-web-0"
    body = {"metadata": {"name": name}, "spec": spec}
    await one.server.create(Resource.SERVERS, namespace, body)
    ready = {"type": "Ready", "status": "False", "reason": "CircuitOpen", "message": "It waits.",
             "lastTransitionTime": "2026-01-01T00:00:00Z"}  # fmt: skip
    told = {"status": {"conditions": [ready]}}
    await one.server.patch(Resource.SERVERS, namespace, name, told, subresource="status")
    by_fleet = relations.SERVERS_BY_FLEET
    await one.until(lambda: (namespace, name) in one.caches.by(by_fleet, "attic"))


async def test_what_is_not_answered_in_time_holds_its_own_namespace_alone() -> None:
    """Others are called as ever; who is held is told which namespace, and when it is tried."""
    async with harbour() as one:
        await close_namespace(one, "slow")
        assert one.fleets.circuit("attic").state is CircuitState.CLOSED
        assert one.fleets.facts("attic", "other").pause is None
        assert not one.fleets.facts("attic", "other").outage.lasts
        assert await one.fleets.ask("attic", Verb.CREATE, answer, namespace="other") == "done"
        held = one.fleets.facts("attic", "slow")
        assert held.outage.lasts
        assert held.pause is not None
        assert (held.pause.reason, held.pause.namespace) == (Reason.CIRCUIT_OPEN, "slow")
        assert held.pause.until > one.server.now()
        assert "the namespace slow" in held.pause.message
        with pytest.raises(errors.NotSent):
            await one.fleets.ask("attic", Verb.CREATE, answer, namespace="slow")
        await one.until(lambda: one.fleets.tries("attic", "slow"))
        assert not one.fleets.tries("attic", "other")
        for _ in range(20):
            await one.fleets.ask("attic", Verb.CREATE, answer, namespace="slow")
        assert one.fleets.held("attic") == ()


async def test_an_outage_of_the_fleet_says_nothing_of_a_namespace() -> None:
    """One that was held before is not held for longer since the fleet is away, too."""
    async with harbour() as one:
        await close_namespace(one, "slow")
        await one.until(lambda: one.fleets.tries("attic", "slow"))
        with pytest.raises(errors.Outage):
            await one.fleets.ask("attic", Verb.CREATE, fail, namespace="slow")
        assert one.fleets.tries("attic", "slow")
        for _ in range(19):
            with pytest.raises(errors.Outage):
                await one.fleets.ask("attic", Verb.CREATE, fail, namespace="other")
        assert one.fleets.circuit("attic").state is CircuitState.OPEN
        assert one.fleets.facts("attic", "third").pause is not None


async def test_a_trial_of_the_fleet_is_for_no_namespace_that_is_held() -> None:
    """It would not be made: the fleet's own trials are for those that may be called."""
    async with harbour() as one:
        await put_server(one, "slow")
        await put_server(one, "other")
        await close_namespace(one, "slow")
        await one.until(lambda: one.fleets.tries("attic", "slow"))
        # From here on it is held for longer than the fleet will be.
        with pytest.raises(faults.Unanswered):
            await one.fleets.ask("attic", Verb.CREATE, keep, namespace="slow")
        for _ in range(20):
            with pytest.raises(errors.Outage):
                await one.fleets.ask("attic", Verb.CREATE, fail, namespace="other")
        nudged = list[Key]()
        one.fleets.subscribe(one.touched.append, nudged.append)
        await one.until(lambda: one.fleets.circuit("attic").state is CircuitState.HALF_OPEN)
        assert keys.server("other", "shop-web-0") in nudged
        assert keys.server("slow", "shop-web-0") not in nudged


async def test_a_namespace_without_servers_is_forgotten() -> None:
    """However many namespaces come and go, each held for a while, no more is kept of them."""
    async with harbour() as one:
        for number in range(3):
            await close_namespace(one, f"team-{number}")


async def test_a_provider_is_told_until_when_the_one_before_it_made_servers() -> None:
    """Nobody did before a new Fleet; once that is edited the old one may, to its last call."""
    loop = asyncio.get_running_loop()
    async with harbour(fleet=False) as one:
        await asyncio.sleep(10)
        await one.put("attic")
        await one.until(lambda: one.fleets.is_open("attic"))
        assert one.shelf.contexts[-1].alone_since("default", "shop-web-0") == -math.inf
        may_end = asyncio.Event()

        async def slow(_provider: contract.Provider) -> None:
            await may_end.wait()

        call = asyncio.create_task(one.fleets.ask("attic", Verb.CREATE, slow))
        await asyncio.sleep(10)
        edited = loop.time()
        await one.change("attic", shelf={"room": 7})
        await one.until(lambda: one.shelf.opened == [9, 7])
        assert edited <= one.shelf.contexts[-1].alone_since("default", "shop-web-0") < edited + 1
        await asyncio.sleep(10)
        may_end.set()
        await call
        assert one.shelf.contexts[-1].alone_since("default", "shop-web-0") == loop.time()
        ended = loop.time()
        await asyncio.sleep(10)
        await one.fleets.ask("attic", Verb.CREATE, answer)
        assert one.shelf.contexts[-1].alone_since("default", "shop-web-0") == ended


async def test_whoever_begins_to_lead_is_not_alone_before() -> None:
    """The leader of before may have made servers of all fleets until the Lease was taken."""
    async with harbour() as one:
        began = asyncio.get_running_loop().time()
        assert one.shelf.contexts[-1].alone_since("default", "shop-web-0") <= began
        assert one.shelf.contexts[-1].alone_since("default", "shop-web-0") > -math.inf
