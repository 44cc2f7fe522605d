"""Commands in containers, over a websocket as a real kubelet answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web

from controller.kube import client, connection, credentials, faults, terminal

OUT, ERR, STATUS, RESIZE, CLOSE = 1, 2, 3, 4, 255
PATH = "/api/v1/namespaces/prod/pods/shop-web-0/exec"


class Kubelet:
    """Echoes what it is sent, tells the window's size, and ends with exit code 3."""

    def __init__(self) -> None:
        self.query: dict[str, list[str]] = {}
        self.size = b""

    async def exec(self, request: web.Request) -> web.StreamResponse:
        """Answer as a kubelet does: 406 to whoever accepts only JSON."""
        if request.headers["Accept"] != "*/*":
            return web.Response(status=406)
        self.query = {key: request.query.getall(key) for key in request.query}
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
        await socket.prepare(request)
        if "stdin" in self.query:
            await self._echo(socket)
        await socket.send_bytes(bytes([ERR]) + b"bye")
        status = {
            "status": "Failure",
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
        }
        await socket.send_bytes(bytes([STATUS]) + msgspec.json.encode(status))
        await socket.close()
        return socket

    async def _echo(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            channel, data = message.data[0], message.data[1:]
            if channel == CLOSE:
                return
            if channel == RESIZE:
                self.size = data
            else:
                await socket.send_bytes(bytes([OUT]) + data)


@pytest.fixture
def kubelet() -> Kubelet:
    """What answers."""
    return Kubelet()


@pytest.fixture
async def api(kubelet: Kubelet) -> AsyncIterator[client.Client]:
    """A client of an API server that has nothing but the kubelet."""
    app = web.Application()
    app.router.add_get(PATH, kubelet.exec)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    where = connection.Connection(
        server=f"http://127.0.0.1:{runner.addresses[0][1]}",
        tls=None,
        credentials=credentials.Fixed(),
    )
    async with client.Client(where) as made:
        yield made
    await runner.cleanup()


async def test_a_command_ends_with_its_code(api: client.Client, kubelet: Kubelet) -> None:
    """A command of a step runs on a kubelet that does not speak JSON; code and output are told."""
    found = await api.exec("prod", "shop-web-0", command=["a", "b c"], timeout=10)
    assert (found.exit_code, found.stderr) == (3, b"bye")
    assert kubelet.query["command"] == ["a", "b c"]


async def test_a_terminal_talks_both_ways(api: client.Client, kubelet: Kubelet) -> None:
    """Input arrives, output comes back by channel, the window's size and the exit code are told."""
    said = []
    async with api.open_exec("prod", "shop-web-0", command=["sh"], tty=True) as stream:
        await stream.resize(80, 24)
        await stream.write(b"hello")
        await stream.close_input()
        async for channel, data in stream.output():
            said.append((channel, data))
        assert stream.exit_code == 3
    assert said == [(terminal.STDOUT, b"hello"), (terminal.STDERR, b"bye")]
    assert msgspec.json.decode(kubelet.size) == {"Width": 80, "Height": 24}
    assert kubelet.query["tty"] == ["true"]


async def test_a_pod_that_is_not_there_is_told(api: client.Client) -> None:
    """A refusal before the command could begin is no unknown outcome."""
    with pytest.raises(faults.NotFound):
        async with api.open_exec("prod", "other", command=["sh"], tty=False):
            pytest.fail("nothing was opened")
