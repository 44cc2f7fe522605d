"""The reverse proxies between a provider and the APIs of its cloud: one for each service.

Tests start them, give the provider the proxies' clouds.yaml, and say what goes wrong. Credentials
pass through. The catalogue, and all that services say of their own addresses, names the proxies, so
nothing goes round them.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import random
import re
import shutil
import tempfile
import urllib.parse
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml
from aiohttp import hdrs, web

from devcluster.openstack import api
from proof.faults import answers, forwarding, streams

IDENTITY = "identity"
# Longer than any client waits.
FOREVER_SECONDS = 3600
BODY_LIMIT = 256 << 20


class Kind(enum.StrEnum):
    """One way in which a call goes wrong."""

    REFUSED = "refused"  # the service answers with the rule's status; the cloud hears nothing
    LATE = "late"  # the answer comes, after the rule's seconds
    LOST = "lost"  # the cloud carries the call out; the connection ends without an answer
    BELATED = "belated"  # carried out after the rule's seconds, whatever becomes of the caller
    UNHEARD = "unheard"  # the connection ends; the cloud hears nothing
    SILENT = "silent"  # the cloud carries the call out; the connection stays, nobody answers
    EMPTY = "empty"  # a list is answered with 200 and nothing in it, as by a silent cell


@dataclasses.dataclass(slots=True, kw_only=True)
class Rule:
    """What goes wrong with which calls; the first rule that fits a call decides."""

    kind: Kind
    service: str = ""  # the catalogue's type; empty for all
    method: str = ""  # empty for all
    path: str = ""  # a pattern that is searched in path and query
    times: int | None = None  # how often; None for ever
    chance: float = 1.0
    status: int = 503
    text: str = "the service is unavailable"
    retry_after: int | None = None
    seconds: float = 1.0

    def fits(self, call: Call) -> bool:
        """Whether the rule is about this call, and is not used up."""
        return (
            self.times != 0
            and self.service in ("", call.service)
            and self.method in ("", call.method)
            and re.search(self.path, call.path) is not None
        )

    def refusal(self) -> answers.Answer:
        """Return the answer of a service that refuses, in the words of OpenStack's services."""
        headers: dict[str, str] = {}
        if self.retry_after is not None:
            headers[hdrs.RETRY_AFTER] = str(self.retry_after)
        return answers.as_json(
            self.status, {"error": {"code": self.status, "message": self.text}}, headers
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that came, and what was done with it."""

    service: str
    method: str
    path: str
    fault: Kind | None = None


class CloudProxy:
    """The ways from one provider to its cloud; `async with` opens and closes them.

    `rules` may be changed at any time; `calls` are those that came, in order.
    """

    def __init__(self, clouds: Path, name: str, *, seed: int = 0) -> None:
        self.rules: list[Rule] = []
        self.calls: list[Call] = []
        # Those that callers had, for tests to have them taken back.
        self.tokens: set[str] = set()
        # What the cloud is yet to hear, though its caller may be gone.
        self.belated: set[asyncio.Task[answers.Answer]] = set()
        # How the seconds of a rule go by, for tests to say when they are over.
        self.pause: Callable[[float], Awaitable[object]] = asyncio.sleep
        self._name = name
        self._known = yaml.safe_load(clouds.read_text())["clouds"][name]
        self._login = api.Login.of(clouds, name)
        self._random = random.Random(seed)  # noqa: S311 - a seed is what makes a failure repeat
        self._folder = Path(tempfile.mkdtemp(prefix="argosy-cloud-proxy-"))
        self.clouds = self._folder / "clouds.yaml"
        self._ways: dict[str, _Way] = {}
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        points = await asyncio.to_thread(api.Client(self._login).endpoints)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10)
        )
        for service, url in {**points, IDENTITY: self._login.url}.items():
            place = urllib.parse.urlsplit(url)
            upstream = f"{place.scheme}://{place.netloc}"
            if upstream not in self._ways:
                self._ways[upstream] = _Way(self, upstream)
            self._ways[upstream].paths[service] = place.path
        for each in self._ways.values():
            await each.open()
        self._write_clouds()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in self._ways.values():
            await each.close()
        await self._session.close()
        shutil.rmtree(self._folder)

    async def down(self, service: str) -> None:
        """End a service's connections, and have every new one refused.

        Services that share a host and port with it are down with it.
        """
        await self._way(service).close()

    async def up(self, service: str) -> None:
        """Let callers reach the service again, where they did before."""
        await self._way(service).open()

    def made(self, service: str, method: str, path: str = "") -> list[Call]:
        """Return the calls of a kind that came."""
        wanted = Rule(kind=Kind.LATE, service=service, method=method, path=path)
        return [each for each in self.calls if wanted.fits(each)]

    def decide(self, call: Call) -> Rule | None:
        """Return what goes wrong with a call, if anything does; count both."""
        for rule in self.rules:
            if rule.fits(call) and self._random.random() < rule.chance:
                if rule.times is not None:
                    rule.times -= 1
                self.calls.append(dataclasses.replace(call, fault=rule.kind))
                return rule
        self.calls.append(call)
        return None

    def addressed(self, text: bytes) -> bytes:
        """Return an answer in which the cloud's addresses are the proxies'."""
        for each in self._ways.values():
            text = text.replace(each.upstream.encode(), each.address.encode())
        return text

    async def forward(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> answers.Answer:
        """Return what the cloud answers."""
        async with self._session.request(
            method, url, headers=headers, data=body or None, allow_redirects=False
        ) as response:
            content = await response.read()
            kept = forwarding.kept(response.headers)
            # The session has unpacked the body.
            kept.pop(hdrs.CONTENT_ENCODING, None)
        if answers.JSON in kept.get(hdrs.CONTENT_TYPE, ""):
            content = self.addressed(content)
        if hdrs.LOCATION in kept:
            kept[hdrs.LOCATION] = self.addressed(kept[hdrs.LOCATION].encode()).decode()
        return answers.Answer(status=response.status, body=content, headers=kept)

    def later(
        self, going: Coroutine[Any, Any, answers.Answer], seconds: float
    ) -> asyncio.Task[answers.Answer]:
        """Have a call carried out after a while; return whoever does that."""

        async def carry_out() -> answers.Answer:
            await self.pause(seconds)
            return await going

        task = asyncio.create_task(carry_out())
        self.belated.add(task)
        task.add_done_callback(self.belated.discard)
        return task

    def _way(self, service: str) -> _Way:
        return next(each for each in self._ways.values() if service in each.paths)

    def _write_clouds(self) -> None:
        auth = dict(self._known["auth"])
        auth["auth_url"] = self.addressed(str(auth["auth_url"]).encode()).decode()
        self.clouds.touch(mode=0o600)
        told = {"clouds": {self._name: {**self._known, "auth": auth}}}
        self.clouds.write_text(yaml.safe_dump(told, sort_keys=False))


class _Way:
    """The proxy of one host and port; it keeps its own port while it is closed."""

    def __init__(self, owner: CloudProxy, upstream: str) -> None:
        self.upstream = upstream
        self.paths: dict[str, str] = {}  # of the services that answer there
        self._owner = owner
        self._port = 0
        self._runner: web.AppRunner | None = None
        self._open: set[asyncio.BaseTransport] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        if self._runner is not None:
            return
        application = web.Application(client_max_size=BODY_LIMIT)
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(
            application, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        runner, self._runner = self._runner, None
        for each in list(self._open):
            forwarding.abort(each)
        if runner is not None:
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            return forwarding.cut(request)
        self._open.add(transport)
        try:
            answer = await self._answer(request)
        except (aiohttp.ClientError, streams.Broken, ConnectionError):
            return forwarding.cut(request)
        finally:
            self._open.discard(transport)
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    async def _answer(self, request: web.Request) -> answers.Answer:
        body = await request.read()
        self._owner.tokens.update(request.headers.getall("X-Auth-Token", []))
        service = self._service(request.path)
        call = Call(service=service, method=request.method, path=request.path_qs)
        rule = self._owner.decide(call)
        kind = rule.kind if rule else None
        if kind is Kind.UNHEARD:
            raise streams.Broken
        if rule is not None and kind is Kind.REFUSED:
            return rule.refusal()
        if rule is not None and kind is Kind.LATE:
            await self._owner.pause(rule.seconds)
        url = self.upstream + request.raw_path
        headers = forwarding.kept(request.headers)
        # What has been sent is carried out, also when its sender gives up meanwhile.
        going = self._owner.forward(request.method, url, headers, body)
        if rule is not None and kind is Kind.BELATED:
            answer = await asyncio.shield(self._owner.later(going, rule.seconds))
        else:
            answer = await asyncio.shield(going)
        if kind is Kind.LOST:
            raise streams.Broken
        if kind is Kind.SILENT:
            await asyncio.sleep(FOREVER_SECONDS)
        return answers.emptied(answer) if kind is Kind.EMPTY else answer

    def _service(self, path: str) -> str:
        """Return whose path this is; a service's versions are asked for at its root."""
        found = [each for each, own in self.paths.items() if path.startswith(own)]
        return max(found or self.paths, key=lambda each: len(self.paths[each]))
