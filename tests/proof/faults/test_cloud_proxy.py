"""What the proxies of a cloud do to calls, in front of a small Keystone and Nova."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from proof.faults.cloud import CloudProxy, Kind, Rule

SERVERS = "/v2.1/servers"


class Nova:
    """Keeps the names that were posted; Keystone's catalogue leads to it."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.address = ""
        self.identity = ""
        self.posted = asyncio.Event()

    async def token(self, _: web.Request) -> web.Response:
        """Give a token whose catalogue has this very server, by its own address."""
        point = {"interface": "public", "url": f"{self.address}/v2.1"}
        catalog = [{"type": "compute", "endpoints": [point]}]
        body = {"token": {"project": {"id": "p"}, "catalog": catalog}}
        return web.json_response(body, status=201, headers={"X-Subject-Token": "t"})

    async def list(self, _: web.Request) -> web.Response:
        """List the names, with a link to the next page."""
        link = {"rel": "next", "href": f"{self.address}{SERVERS}?marker=x"}
        return web.json_response({"servers": self.names, "servers_links": [link]})

    async def create(self, request: web.Request) -> web.Response:
        """Keep a name."""
        self.names.append((await request.json())["name"])
        self.posted.set()
        return web.json_response({}, status=202, headers={"Location": f"{self.address}/x"})


@pytest.fixture
async def nova() -> AsyncIterator[Nova]:
    """A running one: each of the two services has a port, as in a cloud of devcluster."""
    one = Nova()
    application = web.Application()
    application.router.add_post("/v3/auth/tokens", one.token)
    application.router.add_get(SERVERS, one.list)
    application.router.add_post(SERVERS, one.create)
    runner = web.AppRunner(application)
    await runner.setup()
    for _ in range(2):
        await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.address, one.identity = (f"http://127.0.0.1:{port}" for _, port in runner.addresses)
    yield one
    await runner.cleanup()


@pytest.fixture
async def proxy(nova: Nova, tmp_path: Path) -> AsyncIterator[CloudProxy]:
    """Proxies in front of it."""
    auth = {
        "auth_url": f"{nova.identity}/v3",
        "username": "u",
        "password": "p",
        "project_name": "p",
    }
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(yaml.safe_dump({"clouds": {"argosy": {"auth": auth, "region_name": "R"}}}))
    async with CloudProxy(clouds, "argosy") as one:
        yield one


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the test's own."""
    async with aiohttp.ClientSession() as session:
        yield session


async def catalogue(proxy: CloudProxy, client: aiohttp.ClientSession) -> str:
    """Log in by the clouds.yaml that the proxy gives, and return where Nova is said to be."""
    given = yaml.safe_load(proxy.clouds.read_text())["clouds"]["argosy"]
    assert given["region_name"] == "R"
    async with client.post(f"{given['auth']['auth_url']}/auth/tokens", json={}) as answer:
        body = await answer.json()
        assert answer.headers["X-Subject-Token"] == "t"
    return str(body["token"]["catalog"][0]["endpoints"][0]["url"])


async def post(client: aiohttp.ClientSession, url: str, name: str = "one") -> Any:
    """Post a server; return the answer's status and headers."""
    async with client.post(f"{url}/servers", json={"name": name}) as answer:
        await answer.read()
        return answer


async def test_nothing_leads_round_the_proxies(
    nova: Nova, proxy: CloudProxy, client: aiohttp.ClientSession
) -> None:
    """Catalogue, links and Location name the proxies; calls arrive, and are counted."""
    url = await catalogue(proxy, client)
    assert not url.startswith(nova.address)
    answer = await post(client, url)
    assert answer.status == 202
    assert not answer.headers["Location"].startswith(nova.address)
    async with client.get(f"{url}/servers") as listed:
        body = await listed.json()
    assert body["servers"] == nova.names == ["one"]
    assert body["servers_links"][0]["href"].startswith(url)
    assert [(each.method, each.fault) for each in proxy.made("compute", "")] == [
        ("POST", None),
        ("GET", None),
    ]


async def test_a_lost_answer_is_of_a_call_that_was_carried_out(
    nova: Nova, proxy: CloudProxy, client: aiohttp.ClientSession
) -> None:
    """The caller's connection ends; the server was made all the same; the next call passes."""
    url = await catalogue(proxy, client)
    proxy.rules = [Rule(kind=Kind.LOST, service="compute", method="POST", times=1)]
    with pytest.raises(aiohttp.ClientError):
        await post(client, url)
    assert nova.names == ["one"]
    assert (await post(client, url, "two")).status == 202
    assert [each.fault for each in proxy.made("compute", "POST")] == [Kind.LOST, None]


async def test_an_unheard_call_was_not_carried_out(
    nova: Nova, proxy: CloudProxy, client: aiohttp.ClientSession
) -> None:
    """To the caller it looks as a lost answer does."""
    url = await catalogue(proxy, client)
    proxy.rules = [Rule(kind=Kind.UNHEARD, method="POST", path="/servers$")]
    with pytest.raises(aiohttp.ClientError):
        await post(client, url)
    assert nova.names == []


async def test_a_silent_call_is_carried_out_whoever_gives_up(
    nova: Nova, proxy: CloudProxy, client: aiohttp.ClientSession
) -> None:
    """The connection stays open without an answer; the server is there."""
    url = await catalogue(proxy, client)
    proxy.rules = [Rule(kind=Kind.SILENT, method="POST", service="compute")]
    waiting = asyncio.create_task(post(client, url))
    await nova.posted.wait()
    assert not waiting.done()
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    assert nova.names == ["one"]


async def test_a_belated_call_is_carried_out_after_its_caller_has_gone(
    nova: Nova, proxy: CloudProxy, client: aiohttp.ClientSession
) -> None:
    """The cloud hears of it when nobody waits for an answer any more."""
    url = await catalogue(proxy, client)
    over = asyncio.Event()
    proxy.pause = lambda _seconds: over.wait()
    proxy.rules = [Rule(kind=Kind.BELATED, method="POST", service="compute", times=1)]
    waiting = asyncio.create_task(post(client, url))
    while not proxy.belated:
        await asyncio.wait([waiting], timeout=0.01)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    assert nova.names == []
    over.set()
    await asyncio.gather(*proxy.belated)
    assert nova.names == ["one"]


async def test_a_refusal_has_the_words_and_the_pause_that_were_asked_for(
    nova: Nova, proxy: CloudProxy, client: aiohttp.ClientSession
) -> None:
    """429 with Retry-After, in the form that OpenStack's services answer in."""
    url = await catalogue(proxy, client)
    proxy.rules = [Rule(kind=Kind.REFUSED, status=429, text="slower", retry_after=3, path="/serv")]
    async with client.post(f"{url}/servers", json={"name": "one"}) as answer:
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "3"
        assert (await answer.json())["error"] == {"code": 429, "message": "slower"}
    assert nova.names == []


async def test_an_empty_list_is_an_answer_as_any_other(
    nova: Nova, proxy: CloudProxy, client: aiohttp.ClientSession
) -> None:
    """A silent cell's servers are missing from a list that says 200."""
    url = await catalogue(proxy, client)
    nova.names.append("one")
    proxy.rules = [Rule(kind=Kind.EMPTY, method="GET", path="/servers", times=1)]
    seen = []
    for _ in range(2):
        async with client.get(f"{url}/servers") as listed:
            seen.append((listed.status, (await listed.json())["servers"]))
    assert seen == [(200, []), (200, ["one"])]


async def test_a_service_that_is_down_refuses_connections_until_it_is_up(
    proxy: CloudProxy, client: aiohttp.ClientSession
) -> None:
    """Nothing was sent, so the caller may know that; afterwards the address is the same."""
    url = await catalogue(proxy, client)
    await post(client, url)
    await proxy.down("compute")
    # A new client, without the connection that the first has kept, and lost.
    async with aiohttp.ClientSession() as late:
        with pytest.raises(aiohttp.ClientConnectorError):
            await post(late, url)
    await proxy.up("compute")
    assert (await post(client, url)).status == 202


async def test_the_same_seed_spoils_the_same_calls(
    nova: Nova, proxy: CloudProxy, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """A failure by chance can be had again; another seed spoils others."""
    known = tmp_path / "clouds.yaml"

    async def spoiled(seed: int) -> list[bool]:
        async with CloudProxy(known, "argosy", seed=seed) as one:
            url = await catalogue(one, client)
            one.rules = [Rule(kind=Kind.REFUSED, service="compute", chance=0.5)]
            return [(await post(client, url)).status == 503 for _ in range(20)]

    first = await spoiled(1)
    assert first == await spoiled(1) != await spoiled(2)
    assert {True, False} == set(first)
    assert len(nova.names) >= first.count(False)
    assert proxy.made("compute", "POST") == []


async def test_tokens_that_callers_had_are_known(
    proxy: CloudProxy, client: aiohttp.ClientSession
) -> None:
    """Whichever service they were shown to, so that a test can have them taken back."""
    url = await catalogue(proxy, client)
    assert proxy.tokens == set()
    for token in ("one", "two", "one"):
        async with client.get(f"{url}/servers", headers={"X-Auth-Token": token}) as answer:
            await answer.read()
    assert proxy.tokens == {"one", "two"}


async def test_a_late_answer_comes(proxy: CloudProxy, client: aiohttp.ClientSession) -> None:
    """The call waits before it is carried out, and is answered then."""
    url = await catalogue(proxy, client)
    proxy.rules = [Rule(kind=Kind.LATE, seconds=0.01, method="POST")]
    assert (await post(client, url)).status == 202
    assert [each.fault for each in proxy.made("compute", "POST")] == [Kind.LATE]
