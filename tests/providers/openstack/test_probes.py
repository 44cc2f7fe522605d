"""Who does not answer holds up nobody else: not in another namespace, nor at another address."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from controller import contract
from controller.api import objects
from controller.contract import Phase
from controller.providers.openstack import probes, readiness
from controller.providers.openstack import template as templates
from fakes.openstack import Machine
from tests.providers.openstack.coast import Coast, create, server, template

pytestmark = pytest.mark.looptime

PORT = {"tcp": {"port": 80}, "periodSeconds": 2, "startSeconds": 9999}
CONSOLE = {"console": {}, "startSeconds": 9999}


async def quiet(coast: Coast, **settings: Any) -> tuple[contract.Provider, Machine]:
    """Return a provider, and a server that runs and whose port is watched."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8", "203.0.113.0/24"], **settings)
    await provider.create(server(), create(template(readiness=PORT)))
    await coast.until(lambda: provider.observe(server()).phase is Phase.RUNNING)
    return provider, coast.there()[0]


async def crowd(coast: Coast, like: Machine, count: int, readiness: dict[str, Any]) -> set[str]:
    """Have so many servers in another namespace; return their addresses once they run."""
    made = set()
    for number in range(count):
        tags = [each.replace("server-1", f"other-{number}") for each in like.tags]
        marks = {
            **like.metadata,
            "argosy.server": f"noisy/shop-web-{number}",
            "argosy.readiness": msgspec.json.encode(readiness).decode(),
        }
        body = {**like.body, "name": f"shop-web-{number}", "tags": tags, "metadata": marks}
        made.add(coast.cloud.add(body).address)
    await coast.until(lambda: {each.status for each in coast.there()} == {"ACTIVE"})
    await asyncio.sleep(30)
    return made


def hangs(coast: Coast, addresses: set[str]) -> Callable[..., Awaitable[bool]]:
    """Return how a page is asked for where packets to some addresses are dropped."""

    async def http(address: str, port: int, _path: str) -> bool:
        coast.cloud.requests.append(("PROBE", address))
        if address in addresses:
            await asyncio.sleep(probes.PROBE_SECONDS)
            return False
        await asyncio.sleep(0.01)
        return (address, port) in coast.cloud.listening

    return http


async def test_whoever_does_not_answer_holds_up_no_other_namespace(
    coast: Coast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred servers of one tenant drop packets: those of another are asked in time."""
    provider, machine = await quiet(coast)
    silent: set[str] = set()
    monkeypatch.setattr(coast.cloud, "http", hangs(coast, silent))
    silent |= await crowd(coast, machine, 200, PORT)
    listening = (machine.address, 80)
    coast.cloud.listening.add(listening)
    await coast.until(lambda: provider.observe(server()).ready, seconds=4)
    await asyncio.sleep(60)
    coast.cloud.listening.clear()
    await coast.until(lambda: not provider.observe(server()).ready, seconds=14)


async def test_whoever_does_not_answer_is_asked_by_and_by(
    coast: Coast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them in its turn: one that listens at last is ready soon."""
    provider, machine = await quiet(coast)
    silent: set[str] = set()
    monkeypatch.setattr(coast.cloud, "http", hangs(coast, silent))
    silent |= await crowd(coast, machine, 200, PORT)
    meta = objects.Meta(name="shop-web-7", namespace="noisy", uid="other-7")
    one = msgspec.structs.replace(server(), metadata=meta)
    (other,) = (each for each in coast.there() if each.metadata["argosy.server"].endswith("-7"))
    silent.remove(other.address)
    coast.cloud.listening.add((other.address, 80))
    await coast.until(lambda: provider.observe(one).ready, seconds=60)


async def test_consoles_hold_up_no_port(coast: Coast) -> None:
    """The cloud takes its time to read them: whoever listens is ready all the same."""
    provider, machine = await quiet(coast)
    await crowd(coast, machine, 60, CONSOLE)
    coast.cloud.timing.answer = 5.0
    await asyncio.sleep(60)
    coast.cloud.listening.add((machine.address, 80))
    await coast.until(lambda: provider.observe(server()).ready, seconds=4)


async def test_an_address_that_drops_packets_holds_up_no_other(
    coast: Coast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers at its floating IP alone is ready at once, and all the while."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8", "203.0.113.0/24"])
    opened = [{"name": "tenant", "floatingIPFrom": "public"}]
    await provider.create(server(), create(template(networks=opened, readiness=PORT)))
    await coast.until(lambda: bool(coast.cloud.floating_ips))
    (machine,), (outside,) = coast.there(), coast.cloud.floating_ips.values()
    monkeypatch.setattr(coast.cloud, "http", hangs(coast, {machine.address}))
    await coast.until(lambda: outside.address in provider.own_addresses(server()))
    await asyncio.sleep(60)
    coast.cloud.listening.add((outside.address, 80))
    await coast.until(lambda: provider.observe(server()).ready, seconds=9)
    coast.cloud.requests.clear()
    for _ in range(60):
        assert provider.observe(server()).ready
        await asyncio.sleep(1)
    assert len(coast.asked("PROBE", outside.address)) >= 18


@contextlib.asynccontextmanager
async def listening(asked: asyncio.Semaphore | None = None) -> AsyncIterator[int]:
    """Give a port of this machine at which a page is answered, or only `asked` for."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if asked is not None:
            asked.release()
            await over.wait()
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as made:
        yield made.sockets[0].getsockname()[1]
        over.set()


@pytest.mark.looptime(False)  # sockets take the time they take
async def test_the_connections_of_a_namespace_with_all_its_places_leave_others_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each place asks at several addresses at once: none of these waits for a connection."""
    monkeypatch.setattr(probes, "PROBE_SECONDS", 600.0)
    prober, asked = probes.NetworkProbes(), asyncio.Semaphore(0)
    async with listening(asked) as silent, listening() as there:
        count = readiness.PROBES // 2 * probes.ADDRESSES
        hanging = [
            asyncio.ensure_future(prober.http("127.0.0.1", silent, "/")) for _ in range(count)
        ]
        async with asyncio.timeout(180):
            for _ in hanging:
                await asked.acquire()
            assert await prober.http("127.0.0.1", there, "/")
        for each in hanging:
            each.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        await prober.close()


class _Counting:
    """Whoever connects, and counts how many connections are open."""

    def __init__(self) -> None:
        self.now = self.most = self.all = 0

    async def tcp(self, address: str, port: int) -> bool:
        """Take a while; nothing listens but at one address."""
        self.now, self.all = self.now + 1, self.all + 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(1 if port else 0)
        finally:
            self.now -= 1
        return address.endswith(".13")

    async def http(self, address: str, port: int, path: str) -> bool:
        """Ask for no page."""
        raise NotImplementedError((address, port, path))

    async def close(self) -> None:
        """Let go of nothing."""


async def test_a_server_with_many_addresses_takes_few_connections() -> None:
    """All of them are asked in turn, until one answers."""
    prober = _Counting()
    wanted = templates.Readiness(tcp=templates.Tcp(port=80))
    addresses = tuple(f"10.0.0.{number}" for number in range(10, 110))
    assert await probes.is_reached(prober, wanted, addresses)
    assert (prober.most, prober.all) == (probes.ADDRESSES, probes.ADDRESSES)
    assert not await probes.is_reached(prober, wanted, addresses[4:])
    assert (prober.most, prober.now) == (probes.ADDRESSES, 0)
