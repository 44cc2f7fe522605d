"""The metrics over TLS, for whoever may read them: a port that anybody in the cluster may reach.

`health` serves it where there is a certificate. A connection is for one scrape and has some seconds
for it; of too many, the oldest is ended, and an address that opens them without end is not shaken
hands with any more. So whoever dawdles or floods takes neither the operator's memory nor its time,
and keeps no scraper out.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog
from aiohttp import web

from controller.telemetry.allowances import Allowances
from controller.telemetry.scrapers import Scrapers

_log = structlog.get_logger(__name__)

# Prometheus gives a scrape ten seconds, unless it is told otherwise.
LONGEST_SECONDS = 15.0
HANDSHAKE_SECONDS = 5.0
MOST_CONNECTIONS = 128
# Of one address: so many at once, and then so many a second.
BURST, RATE = 20.0, 5.0
# Prometheus sends a dozen headers; the longest is a token.
MOST_HEADERS = 64
# When no socket is left to take a connection with.
EXHAUSTED_SECONDS = 1.0
_UNKNOWN = 401
# A log line of aiohttp on a request that cannot be read may have a piece of it, such as a token.
_unheard = logging.getLogger("argosy.unheard")
_unheard.disabled = True
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SecureEndpoint:
    """The parts that serve metrics; `renew` keeps the certificate fresh until cancelled."""

    tls: ssl.SSLContext
    scrapers: Scrapers
    renew: Callable[[], Awaitable[None]]


async def listen(
    stack: contextlib.AsyncExitStack,
    endpoint: SecureEndpoint,
    path: str,
    handler: Handler,
    where: socket.socket,
) -> Sequence[asyncio.Future[None]]:
    """Answer at a path whoever may read it, on a socket that listens, until the stack is closed.

    Returns what runs for that: should one end before, nothing is answered any more.
    """
    application = web.Application()
    application.add_routes([web.get(path, _only_for(endpoint.scrapers, handler))])
    runner = web.AppRunner(
        application,
        access_log=None,
        logger=_unheard,
        handle_signals=False,
        shutdown_timeout=0,
        max_headers=MOST_HEADERS,
        lingering_time=0,
        # A connection that stays would be one that could be held.
        keepalive_timeout=0,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    assert runner.server is not None  # noqa: S101 - it is set up
    connections = _Connections(runner.server, endpoint.tls)
    tasks = [
        asyncio.ensure_future(connections.accept(where)),
        asyncio.ensure_future(endpoint.renew()),
    ]
    stack.push_async_callback(_ended, tasks)
    return tasks


def _only_for(scrapers: Scrapers, handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        said = request.headers.get("Authorization", "")
        refusal = await scrapers.refusal(said, request.remote or "")
        if refusal is None:
            try:
                response = await handler(request)
            except Exception:  # noqa: BLE001 - what is not told to aiohttp's log is told to ours
                _log.exception("metrics cannot be told")
                response = web.Response(status=500, text="The metrics cannot be told.\n")
        else:
            response = web.Response(status=refusal.status, text=f"{refusal.text}\n")
            if refusal.status == _UNKNOWN:
                response.headers["WWW-Authenticate"] = 'Bearer realm="argosy"'
        response.force_close()
        return response

    return answer


class _Connections:
    """The connections of a server, each of them ended in time."""

    def __init__(self, serve: web.Server, tls: ssl.SSLContext) -> None:
        self._serve = serve
        self._tls = tls
        # The oldest first; the server closes those that it is done with.
        self._open: list[socket.socket] = []
        self._beginning: set[asyncio.Task[None]] = set()
        self._allowances = Allowances(BURST, RATE)

    async def accept(self, where: socket.socket) -> None:
        """Take connections until cancelled; then end all."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    made, (address, *_) = await loop.sock_accept(where)
                except ConnectionError:
                    # The other side went before it was its turn.
                    continue
                except OSError as error:
                    _log.warning("no connection can be taken", error=error.strerror)
                    await asyncio.sleep(EXHAUSTED_SECONDS)
                    continue
                if not self._allowances.take(address, time.monotonic()):
                    made.close()
                    continue
                self._take(made)
        finally:
            for each in self._open:
                _end(each)

    def _take(self, made: socket.socket) -> None:
        self._open = [each for each in self._open if each.fileno() >= 0]
        while len(self._open) >= MOST_CONNECTIONS:
            _end(self._open.pop(0))
        self._open.append(made)
        asyncio.get_running_loop().call_later(LONGEST_SECONDS, _end, made)
        task = asyncio.create_task(self._begin(made))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _begin(self, made: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self._serve, made, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except OSError:
            # Plain HTTP, a client that trusts another authority, one that went: all are theirs.
            _end(made)


def _end(connection: socket.socket) -> None:
    """End a connection in whatever state: its transport sees that the other side is gone."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


async def _ended(tasks: Sequence[asyncio.Future[None]]) -> None:
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
