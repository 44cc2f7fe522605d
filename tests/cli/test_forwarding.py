"""Ports of this machine that lead to servers, over a websocket as a kubelet answers it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from controller.cli import forwarding, session
from controller.cli.target import ClusterTarget
from controller.kube import client, connection, credentials
from controller.presentation import problems

DATA, ERROR = 0, 1
PORT = 8080
GREETING = PORT.to_bytes(2, "little")
PODS = "/api/v1/namespaces/prod/pods"
SHOP = "/apis/argosy.dev/v1alpha1/namespaces/prod/applications/shop"
SERVER = "/apis/argosy.dev/v1alpha1/namespaces/prod/servers"


def pod(name: str, *, ready: bool = True, going: bool = False) -> dict[str, Any]:
    """Return a server's pod, with a port that has a name and one of UDP that has none."""
    told = {"type": "Ready", "status": "True" if ready else "False"}
    ports = [
        {"containerPort": 53, "protocol": "UDP"},
        {"containerPort": 9090, "name": "metrics"},
        {"containerPort": PORT, "name": "http"},
    ]
    meta = {"name": name, "namespace": "prod", "uid": name}
    return {
        "metadata": {**meta, **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if going else {})},
        "spec": {"containers": [{"name": "main", "ports": ports}]},
        "status": {"conditions": [told]},
    }


class Kubelet:
    """Answers each connection with its pod's name and whatever it is sent."""

    def __init__(self) -> None:
        self.pods = [pod("shop-web-0"), pod("shop-web-1")]
        self.components = ["web"]
        self.selector = ""
        self.asked: list[tuple[str, str]] = []
        # Pods that no connection reaches yet, and what a kubelet says where nobody listens.
        self.gone: set[str] = set()
        self.says = ""

    async def list(self, request: web.Request) -> web.Response:
        """Answer which pods there are."""
        self.selector = request.query["labelSelector"]
        return web.json_response({"metadata": {}, "items": self.pods})

    async def application(self, _: web.Request) -> web.Response:
        """Answer with the shop."""
        template = {"spec": {"containers": [{"name": "main", "image": "app:1"}]}}
        components = [{"name": each, "template": template} for each in self.components]
        meta = {"name": "shop", "namespace": "prod", "uid": "u"}
        return web.json_response({"metadata": meta, "spec": {"components": components}})

    async def nothing(self, _: web.Request) -> web.Response:
        """Answer that there is no such server."""
        return web.json_response({"kind": "Status", "reason": "NotFound"}, status=404)

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Answer as a kubelet does: both channels begin with the number of the port."""
        name = request.match_info["pod"]
        assert request.headers["Accept"] == "*/*"
        self.asked.append((name, request.query["ports"]))
        if name in self.gone:
            return web.Response(status=404)
        stream = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await stream.prepare(request)
        # One of them in two messages, as it may come.
        await stream.send_bytes(bytes([DATA]) + GREETING[:1])
        await stream.send_bytes(bytes([ERROR]) + GREETING)
        await stream.send_bytes(bytes([DATA]) + GREETING[1:])
        if self.says:
            await stream.send_bytes(bytes([ERROR]) + self.says.encode())
            await stream.close()
            return stream
        message = await stream.receive()
        if message.data[1:] == b"say nothing":
            await stream.receive()
            return stream
        await stream.send_bytes(bytes([DATA]) + name.encode() + b" " + message.data[1:])
        await stream.close()
        return stream


@pytest.fixture
def kubelet() -> Kubelet:
    """What answers."""
    return Kubelet()


@pytest.fixture
async def here(kubelet: Kubelet) -> AsyncIterator[session.Session]:
    """A session of an API server that has nothing but the kubelet and the shop."""
    app = web.Application()
    app.router.add_get(PODS, kubelet.list)
    app.router.add_get(SHOP, kubelet.application)
    app.router.add_get(SERVER + "/{name}", kubelet.nothing)
    app.router.add_get(PODS + "/{pod}/portforward", kubelet.forward)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    where = connection.Connection(
        server=f"http://127.0.0.1:{runner.addresses[0][1]}",
        tls=None,
        credentials=credentials.Fixed(),
    )
    async with client.Client(where) as api:
        yield session.Session(
            api=api, namespace="prod", target=ClusterTarget(), server=where.server
        )
    await runner.cleanup()


@contextlib.asynccontextmanager
async def listening(
    here: session.Session, remote: str = "http", **target: str
) -> AsyncIterator[int]:
    """Lend a free port that leads to the shop's servers."""
    meant = forwarding.ForwardTarget(**(target or {"application": "shop", "component": "web"}))
    wanted = forwarding.Pair(local=0, remote=remote)
    async with forwarding.listen(here, meant, wanted, "127.0.0.1") as port:
        yield port


async def ask(port: int, text: bytes = b"hello") -> bytes:
    """Return what a connection to the port answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_servers_take_turns_by_the_name_of_their_port(
    here: session.Session, kubelet: Kubelet
) -> None:
    """Each connection has one server to itself, among those that are ready and stay."""
    kubelet.pods += [pod("shop-web-2", ready=False), pod("shop-web-3", going=True)]
    async with listening(here) as port:
        said = [await ask(port) for _ in range(4)]
    assert said == [b"shop-web-0 hello", b"shop-web-1 hello"] * 2
    assert {each for _, each in kubelet.asked} == {str(PORT)}
    assert kubelet.selector == "argosy.dev/application=shop,argosy.dev/component=web"


async def test_connections_run_beside_each_other(here: session.Session) -> None:
    """One that says nothing keeps nobody else waiting, nor the command from ending."""
    async with listening(here) as port:
        _, silent = await asyncio.open_connection("127.0.0.1", port)
        assert await ask(port) in {b"shop-web-0 hello", b"shop-web-1 hello"}
    silent.close()


async def test_a_client_that_ends_its_half_is_cut_after_a_while(
    here: session.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that is gone looks the same, and its connection must not stay for good."""
    monkeypatch.setattr(forwarding, "LINGER_SECONDS", 0.0)
    async with listening(here) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"say nothing")
        await writer.drain()
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()


async def test_a_server_that_is_replaced_is_reached_again(
    here: session.Session, kubelet: Kubelet, capsys: pytest.CaptureFixture[str]
) -> None:
    """While its pod is not there, connections fail, and say so; the port stays open."""
    kubelet.pods = [pod("shop-web-0")]
    async with listening(here, server="shop-web-0") as port:
        assert await ask(port) == b"shop-web-0 hello"
        kubelet.gone = {"shop-web-0"}
        assert await ask(port) == b""
        kubelet.pods = []
        assert await ask(port) == b""
        kubelet.gone, kubelet.pods = set(), [pod("shop-web-0")]
        assert await ask(port) == b"shop-web-0 hello"
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("a connection to server/shop-web-0 failed: ") == 2
    assert "server/shop-web-0 has no pod: kubectl argosy why server/shop-web-0" in told
    assert kubelet.selector == "argosy.dev/server=shop-web-0"


async def test_a_kubelet_s_words_are_told_and_steer_nothing(
    here: session.Session, kubelet: Kubelet, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nobody listens in the pod, its kubelet says so; what it says draws nothing."""
    kubelet.says = "\x1b[2Jconnection refused"
    async with listening(here) as port:
        assert await ask(port) == b""
    told = capsys.readouterr().err
    assert "connection refused" in told
    assert "\x1b" not in told


async def test_a_port_that_is_taken_is_refused(here: session.Session) -> None:
    """The message says which one, and what takes a free one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(problems.Refusal, match=f"{port} at 127.0.0.1 cannot be used.*:http"):
            await forwarding.forward(here, ["shop"], "web", [f"{port}:http"], address="127.0.0.1")


async def test_a_port_that_no_server_has_is_refused_at_once(here: session.Session) -> None:
    """Not only at the first connection; with the names that there are."""
    with pytest.raises(problems.Refusal, match="no port named htpp: name one of metrics, http"):
        async with listening(here, "htpp"):
            pytest.fail("it listens")


async def test_what_is_meant_must_be_one_component(here: session.Session, kubelet: Kubelet) -> None:
    """Of one component its name is not needed; of several it is, and must be one of them."""
    found = await forwarding.find(here, ["shop"], "")
    assert found == forwarding.ForwardTarget(application="shop")
    kubelet.components = ["db", "web"]
    with pytest.raises(problems.UsageError, match="has 2 components: add --component web"):
        await forwarding.find(here, ["shop"], "")
    with pytest.raises(problems.Refusal, match="no component wbe: it has db, web"):
        await forwarding.find(here, ["shop"], "wbe")
    with pytest.raises(problems.UsageError, match="leave --component out"):
        await forwarding.find(here, ["server/shop-web-0"], "web")


async def test_open_shows_the_page_of_the_port_named_http(
    here: session.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though another port is named before it; it is served as soon as the browser may ask."""
    shown: asyncio.Future[tuple[str, bytes]] = asyncio.get_running_loop().create_future()

    @contextlib.asynccontextmanager
    async def showing(url: str) -> AsyncIterator[None]:
        port = url.rstrip("/").rpartition(":")[2]
        shown.set_result((url, await ask(int(port))))
        yield

    monkeypatch.setattr("controller.cli.browsers.showing", showing)
    running = asyncio.ensure_future(forwarding.browse(here, ["shop"], "", "", browser=True))
    url, said = await asyncio.wait_for(shown, 60)
    assert url.startswith("http://127.0.0.1:")
    assert said == b"shop-web-0 hello"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize(
    ("text", "local", "remote"),
    [
        ("8080", 8080, "8080"), ("80:8080", 80, "8080"), (":8080", 0, "8080"),
        ("http", 0, "http"), ("8000:http", 8000, "http"),
    ],
)  # fmt: skip
def test_ports_are_written_as_kubectl_writes_them(text: str, local: int, remote: str) -> None:
    """LOCAL:PORT, PORT for both, :PORT for a free one; a name alone takes a free one, too."""
    assert forwarding.pair(text) == forwarding.Pair(local=local, remote=remote)


@pytest.mark.parametrize("text", ["", ":", "8080:", "a:80", "80:70000", "70000:80", "0", "-1:80"])
def test_wrong_ports_are_refused(text: str) -> None:
    """Before anything is asked of the cluster."""
    with pytest.raises(problems.UsageError):
        forwarding.pair(text)
