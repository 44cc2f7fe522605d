"""Requests that operations make of servers, sent by the operator itself.

`steps` calls it, whatever servers are made of. A request goes where `urls` allows, once, and what
is answered is looked at for its status code alone.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import aiohttp
import msgspec

from controller import contract, errors
from controller.api import names, objects
from controller.api.resources import Resource
from controller.api.views.meta import View
from controller.contract import tasks
from controller.kube import api as kube
from controller.kube import faults
from controller.providers.steps import answers, headers, places, urls
from controller.providers.steps.reasons import StepReason

IDEMPOTENCY_HEADER = "Idempotency-Key"
# Methods that change nothing: a lost answer leaves nothing in doubt.
_SAFE = frozenset({"GET", "HEAD"})
_CONNECT_SECONDS = 10.0
# Requests under way at once, of all servers of a fleet; one namespace has half of them.
PLACES = 200
# How long a request waits for its place, if half of its time is not over before.
PLACE_SECONDS = 30.0
_NAME = re.compile(names.SUBDOMAIN.removesuffix("$"))


class _Key(View, frozen=True, kw_only=True):
    name: str
    key: str


class _SecretHeader(View, frozen=True, kw_only=True):
    name: str
    secret_key_ref: _Key


class _Expectation(View, frozen=True, kw_only=True):
    statuses: tuple[int, ...] = (200, 201, 202, 204)


class _Request(View, frozen=True, kw_only=True):
    url: str
    method: str = "GET"
    headers: dict[str, str] = {}  # noqa: RUF012 - msgspec copies an empty default
    headers_from: tuple[_SecretHeader, ...] = ()
    body: str | None = None
    expect: _Expectation = _Expectation()


class _Secret(msgspec.Struct, frozen=True):
    data: dict[str, str] = {}


class HttpStep:
    """Sends the requests of tasks; one session for all, without cookies, proxies or redirects."""

    def __init__(
        self,
        api: kube.Api,
        *,
        allowed: Sequence[str] = (),
        may_write: Callable[[], bool] = contract.always,
    ) -> None:
        self._api = api
        self._may_write = may_write
        self._allowed = tuple(urls.parse_target(each) for each in allowed)
        self._places = places.Places(PLACES)
        self._session: aiohttp.ClientSession | None = None

    async def run(
        self, server: objects.Server, task: objects.Task, own: Sequence[str]
    ) -> Mapping[str, str]:
        """Send the request of `task`; return the status code where it was expected.

        `own` are the server's own addresses. The key that makes the request idempotent names the
        task: a repeated attempt is the same request. Raises LeaseLost, and sends nothing that may
        change something, where this process may write no more; and NotSent where as many requests
        are under way as may be. Waiting for its place and for the answer takes no longer than
        `timeoutSeconds`, after which the Server planner, too, has the act ended: that cancels
        either.
        """
        given = tasks.read(task)
        wanted = _read(given)
        urls.check(wanted.url, own=own, allowed=self._allowed)
        headers.check({*wanted.headers, *(each.name for each in wanted.headers_from)})
        async with self._place(server, wanted, given.timeout_seconds) as seconds:
            sent = {**wanted.headers, **await self._secrets(server, wanted)}
            sent[IDEMPOTENCY_HEADER] = task.id
            # Asked last: a process that was frozen on its way here, or waited, may lead no more,
            # and the next leader have sent it.
            if wanted.method not in _SAFE and not self._may_write():
                raise faults.lease_lost(wanted.method)
            status = await self._send(wanted, sent, seconds)
        facts = {"status": str(status)}
        if status not in wanted.expect.statuses:
            message = f"{wanted.method} was answered with {status}"
            raise errors.Transient(message, reason=StepReason.HTTP_FAILED, facts=facts)
        return facts

    async def close(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @contextlib.asynccontextmanager
    async def _place(
        self, server: objects.Server, wanted: _Request, timeout_seconds: float
    ) -> AsyncIterator[float]:
        """Have a place for a request, and tell how many seconds are left for it.

        Raises NotSent where none is free soon. A request that goes out has half of its time at
        least, so that its answer is not lost for the time that it waited.
        """
        loop = asyncio.get_running_loop()
        began, patience = loop.time(), min(PLACE_SECONDS, timeout_seconds / 2)
        async with contextlib.AsyncExitStack() as held:
            try:
                async with asyncio.timeout(patience):
                    await held.enter_async_context(self._places.of(server.metadata.namespace))
            except TimeoutError as error:
                message = f"{wanted.method}: not sent: too many requests of steps are under way"
                raise errors.NotSent(message, reason=StepReason.HTTP_CROWDED) from error
            yield timeout_seconds - min(patience, loop.time() - began)

    async def _send(self, wanted: _Request, sent: Mapping[str, str], timeout_seconds: float) -> int:
        try:
            async with self._open().request(
                wanted.method,
                wanted.url,
                headers=sent,
                data=None if wanted.body is None else wanted.body.encode(),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=timeout_seconds, sock_connect=min(_CONNECT_SECONDS, timeout_seconds)
                ),
            ) as response:
                return response.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            message = f"{wanted.method}: no connection: {type(error).__name__}"
            raise errors.Transient(message, reason=StepReason.HTTP_UNREACHABLE) from error
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            message = f"{wanted.method}: no answer: {type(error).__name__}"
            if wanted.method in _SAFE:
                raise errors.Transient(message, reason=StepReason.HTTP_FAILED) from error
            raise errors.UnknownOutcome(message, reason=StepReason.ANSWER_LOST) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            # A fresh connection each time, or a server made anew could be taken for the old one.
            self._session = aiohttp.ClientSession(
                # No limit of its own: waiting for a connection would take of a request's time.
                connector=aiohttp.TCPConnector(force_close=True, limit=0),
                response_class=answers.BoundedAnswer,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    async def _secrets(self, server: objects.Server, wanted: _Request) -> dict[str, str]:
        found: dict[str, str] = {}
        for each in wanted.headers_from:
            reference = each.secret_key_ref
            data = await self._secret(server.metadata.namespace, reference.name)
            if reference.key not in data:
                message = f"the Secret {reference.name} must have the key {reference.key}"
                raise errors.Stalled(message, reason=StepReason.SECRET_MISSING)
            found[each.name] = _plain(reference, data[reference.key])
        return found

    async def _secret(self, namespace: str, name: str) -> dict[str, str]:
        if not _NAME.fullmatch(name):
            # A proxy between here and the API server may take dots and slashes for a way.
            message = f"{name!r:.80} must be a Secret's name"
            raise errors.Stalled(message, reason=StepReason.SECRET_MISSING)
        try:
            answer = await self._api.get(Resource.SECRETS, namespace, name)
        except faults.NotFound as error:
            message = f"the Secret {name} must exist"
            raise errors.Stalled(message, reason=StepReason.SECRET_MISSING) from error
        return msgspec.json.decode(answer, type=_Secret).data


def is_harmless(task: objects.Task) -> bool:
    """Return whether the request of `task` changes nothing, so it may be sent again."""
    return _read(tasks.read(task)).method in _SAFE


def _read(given: tasks.TaskParameters) -> _Request:
    return tasks.decode(given.http, _Request)


def _plain(reference: _Key, encoded: str) -> str:
    try:
        value = base64.b64decode(encoded, validate=True).decode().rstrip("\n")
    except (binascii.Error, UnicodeDecodeError):
        value = "\n"
    if "\n" in value or "\r" in value:
        message = f"the key {reference.key} of the Secret {reference.name} must be one line of text"
        raise errors.Stalled(message, reason=StepReason.SECRET_MISSING)
    return value
