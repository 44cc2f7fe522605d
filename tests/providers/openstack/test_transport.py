"""Answers of a cloud's services are read whole, and none takes the operator's memory."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from controller.providers.openstack import transport
from controller.providers.openstack.transport import HttpRequest, HttpTransport, NoAnswerError

MOST = 2**20
PIECE = bytes(2**16)


class Talker:
    """A service that says as much as it is asked for, or goes on for ever."""

    def __init__(self) -> None:
        self.said = 0
        # Released once for each request that is never answered.
        self.silent = asyncio.Semaphore(0)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer with that many bytes, or without end where none are asked for."""
        if request.path == "/silent":
            self.silent.release()
            await asyncio.Event().wait()
        if request.path == "/packed":
            headers = {"Content-Encoding": "gzip"}
            return web.Response(body=gzip.compress(bytes(64 * MOST)), headers=headers)
        if size := int(request.query.get("size", "0")):
            return web.Response(body=bytes(size))
        answer = web.StreamResponse()
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await answer.write(PIECE)
                self.said += len(PIECE)
        return answer


@contextlib.asynccontextmanager
async def talking(talker: Talker) -> AsyncIterator[tuple[HttpTransport, str]]:
    """Give who asks a service, and the service's address."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", talker.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    asking = HttpTransport()
    try:
        yield asking, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await asking.close()
        await runner.cleanup()


@pytest.mark.parametrize("path", ["/endless", "/packed", f"/?size={MOST + 1}"])
async def test_an_answer_that_is_too_large_is_none(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more of it is read than may be, and whoever asked is told that no answer came."""
    monkeypatch.setattr(transport, "LARGEST_ANSWER", MOST, raising=False)
    talker = Talker()
    async with asyncio.timeout(180), talking(talker) as (asking, url):
        with pytest.raises(NoAnswerError, match="bytes"):
            await asking.send(HttpRequest(method="GET", url=f"{url}{path}", seconds=180))
    # What the sockets between the two hold was said, too.
    assert talker.said < 32 * MOST


async def test_an_answer_of_the_largest_size_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is of what may come, to the byte."""
    monkeypatch.setattr(transport, "LARGEST_ANSWER", MOST, raising=False)
    async with talking(Talker()) as (asking, url):
        found = await asking.send(HttpRequest(method="GET", url=f"{url}/?size={MOST}", seconds=180))
    assert len(found.body) == MOST


async def test_no_request_uses_up_its_time_before_it_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each reaches the service, however many of them that keeps waiting; its time is its own."""
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 600.0)
    talker = Talker()
    async with asyncio.timeout(180), talking(talker) as (asking, url):
        request = HttpRequest(method="POST", url=f"{url}/silent", seconds=600)
        waiting = [asyncio.ensure_future(asking.send(request)) for _ in range(64)]
        for _ in waiting:
            await talker.silent.acquire()
        with pytest.raises(NoAnswerError):
            await asking.send(HttpRequest(method="POST", url=f"{url}/silent", seconds=1))
        for each in waiting:
            each.cancel()
        found = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in found} == {asyncio.CancelledError}


def test_the_largest_page_of_a_cloud_may_come() -> None:
    """A thousand servers, each with its user data and metadata, are an answer like another."""
    assert transport.LARGEST_ANSWER >= 1000 * (65_535 + 128 * 510)
