"""Calls to a cloud's services: tokens, the pace that the cloud allows, and errors with a policy.

`provider` and its parts ask it. A call goes out once: what may be sent again is sent again by those
who know what it would do twice.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib import parse

import msgspec

from controller import errors
from controller.api import tags
from controller.kube import faults
from controller.providers.openstack import refusals, times
from controller.providers.openstack.reasons import CloudReason
from controller.providers.openstack.refusals import Reply, decode
from controller.providers.openstack.transport import (
    HttpRequest,
    NoAnswerError,
    NotSentError,
    Transport,
)

COMPUTE, IMAGE, NETWORK = "compute", "image", "network"
VOLUME = "block-storage"
# Below the floor tags of servers that cannot be reached are not told apart from none.
NEWEST, FLOOR = (2, 93), (2, 69)
# Of the same release as the floor; before 3.42 a volume that is in use does not grow.
_VOLUME_VERSION = "volume 3.59"
PER_SECOND = 10.0
# The seconds that a call waits at most where the cloud asks for a pause.
LONGEST_HOLD = 60.0
DEADLINE = 30.0
# Actions of Nova's that change nothing.
_READING = {"os-getConsoleOutput"}
_NO_TOKEN, _SLOW_DOWN = 401, (413, 429)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CloudSession:
    """A token, where it is good, and where the services are; never shown."""

    token: str = dataclasses.field(repr=False)
    endpoints: Mapping[str, str] = dataclasses.field(default_factory=dict)
    # The project and the region, as people are told.
    home: str = ""


class Tokens(Protocol):
    """Whoever knows how to get a token."""

    async def session(self, stale: str = "") -> CloudSession:
        """Return a session with another token than `stale`; raises CredentialsRefused."""


class Pace:
    """How many requests a service gets a second; a cloud that says "later" holds all back."""

    def __init__(self, per_second: Callable[[], float]) -> None:
        self._per_second = per_second
        self._next = 0.0
        self.held_until = 0.0

    async def turn(self) -> None:
        """Return when the next request may go out.

        Whoever waits while all are held back waits on for a turn after that: the cloud has just
        said that it gets too many at once.
        """
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            # A second's worth may go out at once after a rest.
            mine = max(self._next, now - 1.0, self.held_until)
            self._next = mine + 1.0 / self._per_second()
            if mine > now:
                await asyncio.sleep(mine - now)
            if mine >= self.held_until:
                return

    def hold(self, seconds: float) -> None:
        """Let nothing out for that long."""
        self.held_until = max(self.held_until, asyncio.get_running_loop().time() + seconds)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Going:
    """A call, before it is known with which token it goes out."""

    service: str
    method: str
    target: str
    what: str
    body: bytes | None
    # Whether it is to change anything: then only who leads may send it.
    changes: bool


class CloudClient:
    """The services of one cloud, as one project sees them."""

    def __init__(
        self,
        transport: Transport,
        tokens: Tokens,
        *,
        per_second: Callable[[], float],
        clock: Callable[[], float],
        may_write: Callable[[], bool],
        home: str = "",
    ) -> None:
        """Keep to `home`; where it is empty, to wherever the first session is."""
        self.times = times.CloudTimes(clock)
        self._transport = transport
        self._tokens = tokens
        self._may_write = may_write
        self._per_second = per_second
        self._paces: dict[str, Pace] = {}
        self._version = NEWEST
        # Where the fleet's servers are: ids mean nothing elsewhere.
        self.home = home

    async def open(self) -> None:
        """Agree with Nova on a microversion; raises Stalled where it is too old."""
        reply = await self.call(COMPUTE, "GET", "/", what="ask Nova for its version")
        known = decode(reply.body, _Versions).version
        newest = _pair(known.version)
        if newest < FLOOR:
            message = f"Nova knows microversions up to {known.version}, and 2.69 is needed"
            raise errors.Stalled(message, reason=CloudReason.CLOUD_TOO_OLD)
        self._version = min(newest, NEWEST)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._transport.close()

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        *,
        what: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        creates: bool = False,
    ) -> Reply:
        """Return the answer of a call that succeeded; raises an error of `refusals` otherwise."""
        going = _Going(
            service=service, method=method, what=what,
            target=f"{path}?{parse.urlencode(query)}" if query else path,
            body=None if body is None else msgspec.json.encode(body),
            changes=method != "GET" and not _reads(body),
        )  # fmt: skip
        session = await self._session()
        reply = await self._send(session, going)
        if reply.status == _NO_TOKEN:
            session = await self._session(stale=session.token)
            reply = await self._send(session, going)
            if reply.status == _NO_TOKEN:
                message = f"{what}: the cloud refuses a token that it has just given"
                raise refusals.CredentialsRefused(message, reason=CloudReason.CREDENTIALS_REFUSED)
        if reply.status in _SLOW_DOWN and reply.retry_after > 0:
            # Nothing was carried out, and everybody else would be told the same.
            self._pace(service).hold(min(reply.retry_after, LONGEST_HOLD))
            if reply.retry_after <= LONGEST_HOLD:
                reply = await self._send(session, going)
        if reply.status >= 300:  # noqa: PLR2004 - what is no success
            raise refusals.explain(reply, method=method, what=what, creates=creates)
        if creates and not _tells_id(reply.body):
            message = f"{what}: the answer cannot be read"
            raise refusals.AnswerLost(message, reason=CloudReason.ANSWER_LOST)
        return reply

    async def _session(self, stale: str = "") -> CloudSession:
        """Return a session where the fleet's servers are.

        Elsewhere each of them is honestly not to be found: all would be made anew there.
        """
        found = await self._tokens.session(stale=stale)
        self.home = self.home or found.home
        if found.home != self.home:
            message = (
                f"clouds.yaml has credentials of {found.home or 'no project'},"
                f" and the fleet's servers are in {self.home}"
            )
            raise refusals.CredentialsRefused(message, reason=CloudReason.ANOTHER_PROJECT)
        return found

    async def _send(self, session: CloudSession, going: _Going) -> Reply:
        await self._pace(going.service).turn()
        base = session.endpoints.get(going.service)
        if not base:
            message = f"{going.what}: the catalogue of the cloud has no service {going.service}"
            raise refusals.NoService(message, reason=CloudReason.CREDENTIALS_MISSING)
        request = HttpRequest(
            method=going.method,
            url=f"{base.rstrip('/')}{going.target}",
            body=going.body,
            headers=self._headers(session, going.service),
            seconds=DEADLINE,
        )
        # Asked last: a process that was frozen on its way here may lead no more.
        if going.changes and not self._may_write():
            raise faults.lease_lost(going.what)
        sent = self.times.now()
        try:
            reply = await self._transport.send(request)
        except NotSentError as error:
            message = f"{going.what}: the service {going.service} cannot be reached: {error}"
            raise refusals.unreachable(message) from error
        except NoAnswerError as error:
            message = f"{going.what}: no answer from the service {going.service}: {error}"
            if going.method == "GET":
                raise refusals.unreachable(message) from error
            raise refusals.AnswerLost(message, reason=CloudReason.ANSWER_LOST) from error
        if going.service == COMPUTE:
            date = times.date_of(reply.headers.get("date", ""))
            self.times.hear(date, sent=sent, received=self.times.now())
        return reply

    def _headers(self, session: CloudSession, service: str) -> dict[str, str]:
        headers = {
            "X-Auth-Token": session.token,
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        if service == COMPUTE:
            headers["OpenStack-API-Version"] = "compute {}.{}".format(*self._version)
        elif service == VOLUME:
            headers["OpenStack-API-Version"] = _VOLUME_VERSION
        return headers

    def _pace(self, service: str) -> Pace:
        return self._paces.setdefault(service, Pace(self._per_second))


class _Version(msgspec.Struct, frozen=True):
    version: str = ""


class _Versions(msgspec.Struct, frozen=True):
    version: _Version = _Version()


def _pair(text: str) -> tuple[int, int]:
    major, minor = (tags.number(each) for each in text.partition(".")[::2])
    return (0, 0) if major is None or minor is None else (major, minor)


def _tells_id(body: bytes) -> bool:
    """Return whether an answer has the id of what was made, as those of all services do.

    Others are of a proxy on the way, say: whether anything was made nobody knows.
    """
    try:
        wrapped = decode(body, Any)
    except refusals.CloudUnreachable:
        return False
    inner = wrapped.values() if isinstance(wrapped, dict) else ()
    return any(isinstance(each, dict) and isinstance(each.get("id"), str) for each in inner)


def _reads(body: Any) -> bool:
    """Return whether an action only reads, though it is a POST."""
    return isinstance(body, dict) and body.keys() == _READING
