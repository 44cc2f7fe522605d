"""The proxy does to requests what its faults say, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from proof.faults import Crash, Fault, Faults, Kind, Moment, Proxy, Replay
from proof.faults.crash import EveryWrite
from proof.faults.serving import serving

PODS = "/api/v1/namespaces/shop/pods"
POD = {"metadata": {"name": "web-0"}}


class ApiServer:
    """As much of an API server as the proxy can tell from a real one."""

    def __init__(self) -> None:
        self.created: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.patches: list[tuple[str, Any]] = []
        self.queries: list[str] = []
        self.lists = 0
        self.events: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.kubeconfig = Path()

    async def start(self, folder: Path) -> web.AppRunner:
        """Listen, and write a kubeconfig."""
        application = web.Application()
        application.router.add_post(PODS, self.create)
        application.router.add_patch(PODS + "/{path:.*}", self.patch)
        application.router.add_get(PODS, self.read)
        application.router.add_get(PODS + "/web-0/exec", self.exec)
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.kubeconfig = folder / "upstream"
        server = f"http://127.0.0.1:{runner.addresses[0][1]}"
        config = {
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "clusters": [{"name": "x", "cluster": {"server": server}}],
            "users": [{"name": "x", "user": {"token": "secret"}}],
        }
        self.kubeconfig.write_text(yaml.safe_dump(config))
        return runner

    async def create(self, request: web.Request) -> web.Response:
        """Create a pod, once."""
        self.headers.append(dict(request.headers))
        name = (await request.json())["metadata"]["name"]
        if name in self.created:
            return web.json_response({"kind": "Status", "reason": "AlreadyExists"}, status=409)
        self.created.append(name)
        return web.json_response({"kind": "Pod"}, status=201)

    async def patch(self, request: web.Request) -> web.Response:
        """Take a patch of any pod."""
        self.patches.append((request.path, await request.json()))
        return web.json_response({"kind": "Pod"})

    async def read(self, request: web.Request) -> web.StreamResponse:
        """List, or watch what the test puts into `events`."""
        if "watch" not in request.query:
            self.queries.append(request.query_string)
            self.lists += 1
            return web.json_response({"kind": "PodList", "number": self.lists, "pad": "x" * 100})
        response = web.StreamResponse()
        await response.prepare(request)
        while (event := await self.events.get()) is not None:
            await response.write(event + b"\n")
        return response

    async def exec(self, request: web.Request) -> web.WebSocketResponse:
        """Echo."""
        socket = web.WebSocketResponse(protocols=["v5.channel.k8s.io"])
        await socket.prepare(request)
        async for message in socket:
            await socket.send_bytes(b"echo " + message.data)
            break
        await socket.close()
        return socket


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    """A running API server."""
    server = ApiServer()
    runner = await server.start(tmp_path)
    yield server
    await runner.cleanup()


@contextlib.asynccontextmanager
async def through(
    api: ApiServer, rates: dict[Kind, float] | None = None, **options: Any
) -> AsyncIterator[tuple[Proxy, aiohttp.ClientSession]]:
    """Open a proxy and a client of it."""
    faults = Faults(rates=rates or {}, delay_seconds=0.05, events_before=0)
    async with Proxy(api.kubeconfig, **{"faults": faults, **options}) as proxy:
        server = yaml.safe_load(proxy.kubeconfig_path.read_text())["clusters"][0]["cluster"]
        headers = {"Authorization": "Bearer secret", "User-Agent": "argosy"}
        async with aiohttp.ClientSession(server["server"], headers=headers) as session:
            yield proxy, session


async def test_all_is_well_without_faults(api: ApiServer) -> None:
    """Requests pass with their credentials, answers come back, writes are noted."""
    async with through(api) as (proxy, session):
        async with session.post(PODS, json=POD) as answer:
            assert (answer.status, await answer.json()) == (201, {"kind": "Pod"})
        async with session.get(PODS, params={"limit": "5"}) as answer:
            assert (await answer.json())["number"] == 1
        assert proxy.writes == ["create pods/web-0#0"]
        assert proxy.log_path.read_text() == ""
    assert api.headers[0]["Authorization"] == "Bearer secret"
    assert api.headers[0]["User-Agent"] == "argosy"


async def test_the_proxy_asks_for_no_compression(api: ApiServer) -> None:
    """Else long lists would come compressed to operators that have not asked for that."""
    async with through(api) as (_, session), session.post(PODS, json=POD) as answer:
        assert answer.status == 201
    assert "Accept-Encoding" not in api.headers[0]


def test_credentials_pass_into_the_kubeconfig(tmp_path: Path) -> None:
    """The proxy's kubeconfig has the user of the API server's, and no authority."""
    upstream = tmp_path / "config"
    cluster = {"server": "https://127.0.0.1:1", "certificate-authority-data": ""}
    upstream.write_text(
        yaml.safe_dump(
            {
                "current-context": "x",
                "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
                "clusters": [{"name": "x", "cluster": cluster}],
                "users": [{"name": "x", "user": {"token": "secret"}}],
            }
        )
    )
    with serving(lambda: Proxy(upstream)) as handle:
        config = yaml.safe_load(handle.proxy.kubeconfig_path.read_text())
    assert config["users"][0]["user"] == {"token": "secret"}
    assert list(config["clusters"][0]["cluster"]) == ["server"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [(Kind.BUSY, 429), (Kind.ERROR, 500), (Kind.UNAVAILABLE, 503), (Kind.TIMEOUT, 504)],
)
async def test_refusals_never_reach_the_server(api: ApiServer, kind: Kind, status: int) -> None:
    """A refusal looks like the API server's, and nothing has happened."""
    async with (
        through(api, {kind: 1.0}) as (_, session),
        session.post(PODS, json=POD) as answer,
    ):
        assert answer.status == status
        assert (await answer.json())["kind"] == "Status"
        assert ("Retry-After" in answer.headers) == (kind is Kind.BUSY)
    assert api.created == []


async def test_a_conflict_befalls_patches_alone(api: ApiServer) -> None:
    """A patch is refused as if somebody had been quicker; a create is not."""
    async with through(api, {Kind.CONFLICT: 1.0}) as (_, session):
        async with session.patch(PODS + "/web-0", json={}) as answer:
            assert (answer.status, (await answer.json())["reason"]) == (409, "Conflict")
        async with session.post(PODS, json=POD) as answer:
            assert answer.status == 201


async def test_a_rival_is_quicker_than_a_patch(api: ApiServer) -> None:
    """Somebody else's write to the same object arrives first; a create has no rival."""
    async with through(api, {Kind.RIVAL: 1.0}, rival=api.kubeconfig) as (_, session):
        async with session.patch(PODS + "/web-0/status", json={"mine": 1}) as answer:
            assert answer.status == 200
        async with session.post(PODS, json=POD) as answer:
            assert answer.status == 201
    (rival_path, rival), mine = api.patches
    assert rival_path == PODS + "/web-0"
    assert list(rival["metadata"]["annotations"]) == ["example.com/seen"]
    assert mine == (PODS + "/web-0/status", {"mine": 1})


async def test_lists_come_in_small_pages(api: ApiServer) -> None:
    """Whoever asks for pages gets smaller ones; whoever asks for all gets all."""
    async with through(api) as (proxy, session):
        proxy.begin("small", Faults(), page=2)
        for query in ("limit=500&continue=x", "labelSelector=a"):
            async with session.get(f"{PODS}?{query}") as answer:
                assert answer.status == 200
    assert api.queries == ["limit=2&continue=x", "labelSelector=a"]


async def test_each_run_counts_anew(api: ApiServer) -> None:
    """A run has the keys of the run before it, and a log tells them apart."""
    async with through(api, {Kind.ERROR: 1.0}) as (proxy, session):
        for name in ("one", "two"):
            rates = {Kind.BUSY if name == "one" else Kind.UNAVAILABLE: 1.0}
            proxy.begin(name, Faults(rates=rates))
            async with session.post(PODS, json=POD) as answer:
                assert answer.status == (429 if name == "one" else 503)
            assert proxy.writes == ["create pods/web-0#0"]
        found = [Replay.read(proxy.log_path, each) for each in ("one", "two")]
    assert [each.decisions["create pods/web-0#0"].kind for each in found] == [
        Kind.BUSY,
        Kind.UNAVAILABLE,
    ]


async def test_lost_answers_have_taken_effect(api: ApiServer) -> None:
    """The client sees a dead connection, the server has created the pod."""
    async with through(api, {Kind.LOST: 1.0}) as (_, session):
        with pytest.raises(aiohttp.ClientError):
            await session.post(PODS, json=POD)
    assert api.created == ["web-0"]


async def test_doubled_requests_arrive_twice(api: ApiServer) -> None:
    """The server sees the request twice, the client the second answer."""
    async with (
        through(api, {Kind.TWICE: 1.0}) as (_, session),
        session.post(PODS, json=POD) as answer,
    ):
        assert answer.status == 409
    assert len(api.headers) == 2


async def test_lists_can_be_old(api: ApiServer) -> None:
    """A stale list is an earlier answer to the same question; the first has none before it."""
    async with through(api, {Kind.STALE: 1.0}) as (proxy, session):
        numbers = []
        for stale in (True, False, True):
            if not stale:
                proxy.faults = Faults()
            async with session.get(PODS) as answer:
                numbers.append((await answer.json())["number"])
    assert numbers == [1, 2, 3]
    async with through(api) as (proxy, session):
        await session.get(PODS)
        proxy.faults = Faults(rates={Kind.STALE: 1.0})
        async with session.get(PODS) as answer:
            assert (await answer.json())["number"] == 4
    assert api.lists == 4


async def test_lists_can_be_torn(api: ApiServer) -> None:
    """Half a list arrives, then the connection ends."""
    async with through(api, {Kind.TORN: 1.0}) as (_, session), session.get(PODS) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientError):
            await answer.read()


async def test_continue_tokens_expire(api: ApiServer) -> None:
    """A later page is refused with 410, a first page is not."""
    async with through(api, {Kind.EXPIRED: 1.0}) as (_, session):
        async with session.get(PODS, params={"continue": "abc"}) as answer:
            assert (answer.status, (await answer.json())["reason"]) == (410, "Expired")
        async with session.get(PODS) as answer:
            assert answer.status == 200


async def watched(
    api: ApiServer, fault: Fault, events: list[bytes | None]
) -> tuple[list[bytes], bool]:
    """Return the lines that came through a watch, and whether it ended well."""
    for each in events:
        api.events.put_nowait(each)

    class Always:
        def fault(self, _key: str, _request: object) -> Fault:
            return fault

    told = b""
    async with (
        through(api, faults=Always()) as (_, session),
        session.get(PODS, params={"watch": "1"}) as answer,
    ):
        try:
            while chunk := await answer.content.readany():
                told += chunk
        except aiohttp.ClientError:
            return told.splitlines(keepends=True), False
    return told.splitlines(keepends=True), True


EVENTS: list[bytes | None] = [b'{"n":1}', b'{"n":2}', b'{"n":3}', b'{"n":4}', b'{"n":5}', None]
WHOLE = [b'{"n":1}\n', b'{"n":2}\n', b'{"n":3}\n', b'{"n":4}\n', b'{"n":5}\n']


@pytest.mark.parametrize(
    ("kind", "after", "lines", "well"),
    [
        (Kind.NONE, 0, WHOLE, True),
        (Kind.LAG, 0, WHOLE, True),
        (Kind.DROP, 2, WHOLE[:2], True),
        (Kind.DROP, 0, [], True),
        (Kind.FREEZE, 1, WHOLE[:1], False),
        (Kind.CUT, 1, [*WHOLE[:1], b'{"n"'], False),
    ],
)
async def test_watches_break_off(
    api: ApiServer, kind: Kind, after: int, lines: list[bytes], well: bool
) -> None:
    """What comes before the fault is whole, in order, and nothing comes after it."""
    fault = Fault(kind=kind, seconds=0.01, after=after)
    assert await watched(api, fault, EVENTS) == (lines, well)


@pytest.mark.parametrize(("kind", "code"), [(Kind.GONE, 410), (Kind.FAIL, 500), (Kind.HIDE, 410)])
async def test_watches_end_with_an_error_event(api: ApiServer, kind: Kind, code: int) -> None:
    """An ERROR event is the last line; hidden events never come."""
    lines, well = await watched(api, Fault(kind=kind, after=1), EVENTS)
    assert (lines[:-1], well) == (WHOLE[:1], True)
    last = json.loads(lines[-1])
    assert (last["type"], last["object"]["code"]) == ("ERROR", code)


async def test_watches_can_bring_garbage(api: ApiServer) -> None:
    """A line that is no JSON comes as if it were an event."""
    lines, _ = await watched(api, Fault(kind=Kind.GARBAGE), EVENTS)
    with pytest.raises(json.JSONDecodeError):
        json.loads(lines[-1])


async def test_events_of_any_size_pass(api: ApiServer) -> None:
    """An event of a megabyte is one line."""
    big = b'{"x":"' + b"y" * (1 << 20) + b'"}'
    api.events.put_nowait(big)
    api.events.put_nowait(None)
    async with through(api) as (_, session), session.get(PODS, params={"watch": "1"}) as answer:
        assert await answer.read() == big + b"\n"


async def test_events_can_be_held_for_any_time(api: ApiServer) -> None:
    """Held events come when they are released, in order; requests pass meanwhile."""
    async with through(api) as (proxy, session):
        proxy.hold_watches()
        async with session.get(PODS, params={"watch": "1"}) as answer:
            api.events.put_nowait(b"1")
            api.events.put_nowait(b"2")
            async with session.get(PODS) as listed:
                assert listed.status == 200
            reading = asyncio.ensure_future(answer.content.readline())
            await asyncio.sleep(0)
            assert not reading.done()
            proxy.release_watches()
            assert await reading == b"1\n"
            assert await answer.content.readline() == b"2\n"


async def test_a_partition_cuts_everything(api: ApiServer) -> None:
    """Open watches end, new requests die; after it heals, requests pass again."""
    async with through(api) as (proxy, session):
        async with session.get(PODS, params={"watch": "1"}) as answer:
            proxy.part()
            with pytest.raises(aiohttp.ClientError):
                await answer.read()
        with pytest.raises(aiohttp.ClientError):
            await session.post(PODS, json=POD)
        assert api.created == []
        proxy.heal()
        async with session.post(PODS, json=POD) as answer:
            assert answer.status == 201


@pytest.mark.parametrize(
    ("moment", "created", "answered"),
    [
        (Moment.BEFORE_SEND, [], False),
        (Moment.AFTER_COMMIT, ["web-0"], False),
        (Moment.AFTER_RESPONSE, ["web-0"], True),
    ],
)
async def test_crashes_strike_at_their_moment(
    api: ApiServer, moment: Moment, created: list[str], answered: bool
) -> None:
    """When the operator is struck, the write has or has not happened, and was or was not told."""
    seen: list[list[str]] = []
    key = "create pods/web-0#0"
    crash = Crash(key=key, moment=moment, strike=lambda: seen.append(list(api.created)))
    async with through(api, crash_at=crash) as (_, session):
        try:
            async with session.post(PODS, json=POD) as answer:
                assert await answer.json() == {"kind": "Pod"}
                told = True
        except aiohttp.ClientError:
            told = False
        async with session.post(PODS, json={"metadata": {"name": "web-1"}}) as answer:
            assert answer.status == 201
    assert told is answered
    assert seen == [created]
    assert crash.struck


async def test_a_run_may_die_at_every_write(api: ApiServer) -> None:
    """Each write is kept back once, and happens once without its sender learning of it."""
    strikes: list[int] = []
    crash = EveryWrite(strike=lambda: strikes.append(len(api.created)))
    async with through(api, crash_at=crash) as (_, session):
        for name in ("web-0", "web-0", "web-1", "web-1"):
            with pytest.raises(aiohttp.ClientError):
                await session.post(PODS, json={"metadata": {"name": name}})
        async with session.get(PODS) as answer:
            assert answer.status == 200
    assert api.created == ["web-0", "web-1"]
    assert strikes == [0, 1, 1, 2]
    moments = [Moment.BEFORE_SEND, Moment.AFTER_COMMIT] * 2
    assert [each for _, each in crash.kills] == moments


async def test_a_run_can_be_replayed(api: ApiServer) -> None:
    """The log of a run makes the same requests fail in the same way."""

    async def run(session: aiohttp.ClientSession) -> list[int]:
        found = []
        for number in range(30):
            async with session.get(f"{PODS}?limit={number}") as answer:
                found.append(answer.status)
        return found

    async with through(api, {Kind.ERROR: 0.3, Kind.BUSY: 0.3}) as (proxy, session):
        first = await run(session)
        replay = Replay.read(proxy.log_path)
    async with through(api, faults=replay) as (_, session):
        assert await run(session) == first
    assert {200, 429, 500} == set(first)


async def test_commands_in_pods_pass(api: ApiServer) -> None:
    """A WebSocket goes through, with its protocol and its data."""
    async with (
        through(api) as (_, session),
        session.ws_connect(PODS + "/web-0/exec", protocols=["v5.channel.k8s.io"]) as socket,
    ):
        assert socket.protocol == "v5.channel.k8s.io"
        await socket.send_bytes(b"hello")
        assert (await socket.receive()).data == b"echo hello"
