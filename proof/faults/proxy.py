"""The reverse proxy between an operator and its API server.

Tests and `matrix` start one for each replica of the operator, give it the proxy's kubeconfig, and
say what goes wrong. Credentials pass through, so the API server sees the operator itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import aiohttp
from aiohttp import hdrs, web

from proof.faults import (
    answers,
    crash,
    forwarding,
    kinds,
    random_faults,
    requests,
    streams,
    upstream,
)
from proof.faults.crash import Moment
from proof.faults.kinds import Kind

BODY_LIMIT = 64 << 20
REMEMBERED_LISTS = 4
# Of a list that is asked for in pages; a watch has none.
_LIMIT = re.compile(r"(?<=[?&]limit=)\d+")


class Proxy:
    """One way from one operator to the API server; `async with` opens and closes it.

    `writes` are the keys of the writes that came since `begin`, in order. `rival` is the kubeconfig
    of somebody else who may write: without one, nobody does.
    """

    def __init__(
        self,
        kubeconfig: Path,
        *,
        faults: random_faults.Decider | None = None,
        crash_at: crash.Crash | None = None,
        rival: Path | None = None,
        log: Path | None = None,
    ) -> None:
        self.faults: random_faults.Decider = faults or random_faults.Faults()
        self.crash_at = crash_at
        self.writes: list[str] = []
        self._page = 0
        self._rival = upstream.Upstream.of(rival) if rival else None
        self._upstream = upstream.Upstream.of(kubeconfig)
        self._folder = Path(tempfile.mkdtemp(prefix="argosy-proxy-"))
        self.kubeconfig_path = self._folder / "kubeconfig"
        self.log_path = log or self._folder / "faults.jsonl"
        self._sequence = requests.Sequence()
        self._open: set[asyncio.BaseTransport] = set()
        self._parted = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._lists: dict[str, deque[answers.Answer]] = {}
        self._log: TextIO
        self._session: aiohttp.ClientSession
        self._runner: web.AppRunner

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=BODY_LIMIT)
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._log = self.log_path.open("a", buffering=1)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._upstream.tls or True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            auto_decompress=False,
            # Nothing is to come compressed to an operator that has not asked for it.
            skip_auto_headers=(hdrs.ACCEPT_ENCODING,),
            read_bufsize=1 << 20,
        )
        self._runner = web.AppRunner(
            application, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self._upstream.through(f"http://127.0.0.1:{port}", self.kubeconfig_path)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cut_all()
        await self._runner.cleanup()
        await self._session.close()
        self._log.close()
        shutil.rmtree(self._folder)

    def begin(
        self,
        name: str,
        faults: random_faults.Decider,
        *,
        crash_at: crash.Crash | None = None,
        page: int = 0,
    ) -> None:
        """Count anew, so that each run has the keys of all others, and let this go wrong.

        `page` is how many objects the API server gives at once where a list is asked for in pages.
        """
        self.faults, self.crash_at, self._page = faults, crash_at, page
        self.writes = []
        self._sequence = requests.Sequence()
        self._lists.clear()
        self._write_down({"begin": name})

    def part(self) -> None:
        """Cut the operator off: open connections end, new ones are cut at once."""
        self._parted = True
        self._cut_all()

    def heal(self) -> None:
        """Let the operator through again."""
        self._parted = False

    def hold_watches(self) -> None:
        """Hold back all events of all watches, for as long as one likes; requests pass."""
        self._flowing.clear()

    def release_watches(self) -> None:
        """Let the events flow again, those held back first."""
        self._flowing.set()

    def _cut_all(self) -> None:
        for each in list(self._open):
            forwarding.abort(each)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport is None or self._parted:
            return forwarding.cut(request)
        self._open.add(transport)
        try:
            return await self._answer(request)
        except (aiohttp.ClientError, streams.Broken, ConnectionError):
            # What the API server does to us, or a fault: for the operator the line is dead.
            return forwarding.cut(request)
        finally:
            self._open.discard(transport)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket":
            return await self._tunnel(request)
        body = await request.read()
        about = requests.parse(request.method, request.path, request.query, body)
        key = self._sequence.key(about)
        fault = self.faults.fault(key, about)
        if fault.kind is not Kind.NONE:
            self._note(key, fault)
        if about.verb == "watch":
            return await self._watch(request, fault)
        if not about.writes:
            return await self._send(request, await self._plain(request, about, body, fault), fault)
        self.writes.append(key)
        self._crash(key, Moment.BEFORE_SEND)
        answer = await self._plain(request, about, body, fault)
        self._crash(key, Moment.AFTER_COMMIT)
        response = await self._send(request, answer, fault)
        if self._due(key, Moment.AFTER_RESPONSE):
            await response.write_eof()
            self._crash(key, Moment.AFTER_RESPONSE)
        return response

    def _due(self, key: str, moment: Moment) -> bool:
        return self.crash_at is not None and self.crash_at.due(key, moment)

    def _crash(self, key: str, moment: Moment) -> None:
        """Strike if it is time; whoever sent the request is no more, nobody gets the answer."""
        if self.crash_at is not None and self._due(key, moment):
            self._write_down({"crash": moment.value, "request": key})
            self.crash_at.hit()
            if moment is not Moment.AFTER_RESPONSE:
                raise streams.Broken

    async def _plain(
        self, request: web.Request, about: requests.Request, body: bytes, fault: kinds.Fault
    ) -> answers.Answer:
        if fault.kind is Kind.DELAY:
            await asyncio.sleep(fault.seconds)
        if refusal := answers.refusal(fault.kind):
            return refusal
        older = self._lists.get(request.path_qs)
        if fault.kind is Kind.STALE and older:
            return older[0]
        if fault.kind is Kind.RIVAL and self._rival:
            await self._compete(request.path.removesuffix(f"/{about.subresource}"), self._rival)
        answer = await self._forward(request, body)
        if fault.kind is Kind.LOST:
            raise streams.Broken
        if fault.kind is Kind.TWICE:
            answer = await self._forward(request, body)
        if about.verb == "list" and answer.status == web.HTTPOk.status_code:
            kept = self._lists.setdefault(request.path_qs, deque(maxlen=REMEMBERED_LISTS))
            kept.append(answer)
        return answer

    async def _compete(self, path: str, rival: upstream.Upstream) -> None:
        """Write to an object as somebody else: whoever has seen it before has an old version."""
        note = {"metadata": {"annotations": {"example.com/seen": str(time.time_ns())}}}
        async with self._session.patch(
            rival.server + path,
            data=json.dumps(note),
            headers={hdrs.CONTENT_TYPE: "application/merge-patch+json"},
            ssl=rival.tls or True,
        ) as response:
            await response.read()

    async def _forward(self, request: web.Request, body: bytes) -> answers.Answer:
        # What has been sent is carried out, also when its sender is killed meanwhile: the API
        # server must not be left with half a request, whose outcome no audit log would tell.
        return await asyncio.shield(self._request(request, body))

    async def _request(self, request: web.Request, body: bytes) -> answers.Answer:
        async with self._session.request(
            request.method,
            self._upstream.server + self._paged(request.raw_path),
            headers=forwarding.kept(request.headers),
            data=body or None,
            allow_redirects=False,
        ) as response:
            content = await response.read()
            return answers.Answer(
                status=response.status, body=content, headers=forwarding.kept(response.headers)
            )

    def _paged(self, path: str) -> str:
        return _LIMIT.sub(str(self._page), path) if self._page else path

    async def _send(
        self, request: web.Request, answer: answers.Answer, fault: kinds.Fault
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.content_length = len(answer.body)
        await response.prepare(request)
        if fault.kind is Kind.TORN:
            await response.write(answer.body[: len(answer.body) // 2])
            raise streams.Broken
        await response.write(answer.body)
        return response

    async def _watch(self, request: web.Request, fault: kinds.Fault) -> web.StreamResponse:
        async with self._session.get(
            self._upstream.server + request.raw_path, headers=forwarding.kept(request.headers)
        ) as upstream_response:
            response = web.StreamResponse(
                status=upstream_response.status, headers=forwarding.kept(upstream_response.headers)
            )
            await response.prepare(request)
            source = streams.lines(upstream_response.content.iter_any())
            async with contextlib.aclosing(streams.spoiled(source, fault)) as passing:  # type: ignore[type-var]  # async generators, declared as iterators
                await self._pass_on(passing, response)
            return response

    async def _pass_on(self, passing: AsyncIterator[bytes], response: web.StreamResponse) -> None:
        async for each in passing:
            await self._flowing.wait()
            await response.write(each)

    async def _tunnel(self, request: web.Request) -> web.StreamResponse:
        """Pass a WebSocket through, as exec needs it; faults of exec are those of its watchers."""
        wanted = request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "")
        protocols = [each.strip() for each in wanted.split(",") if each.strip()]
        headers = forwarding.kept(request.headers)
        headers.pop(hdrs.SEC_WEBSOCKET_PROTOCOL, None)
        async with self._session.ws_connect(
            self._upstream.server + request.raw_path, protocols=protocols, headers=headers
        ) as there:
            chosen = [there.protocol] if there.protocol else []
            here = web.WebSocketResponse(protocols=chosen)
            await here.prepare(request)
            async with asyncio.TaskGroup() as group:
                group.create_task(_bridge(here, there))
                group.create_task(_bridge(there, here))
            return here

    def _note(self, key: str, fault: kinds.Fault) -> None:
        decision = {"kind": fault.kind.value, "seconds": fault.seconds, "after": fault.after}
        self._write_down({"key": key, **decision})

    def _write_down(self, entry: dict[str, object]) -> None:
        self._log.write(json.dumps({"time": time.time(), **entry}) + "\n")


async def _bridge(
    source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    target: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
) -> None:
    async for message in source:
        if message.type is aiohttp.WSMsgType.BINARY:
            await target.send_bytes(message.data)
        elif message.type is aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)
    await target.close(code=source.close_code or aiohttp.WSCloseCode.OK)
