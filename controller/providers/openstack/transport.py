"""Requests to a cloud's services over HTTP, one at a time; the tests bring a cloud in memory.

Of a request that failed, only one question matters: whether it can have been carried out. `NotSent`
says that it cannot, `NoAnswer` that it can.
"""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Callable
from typing import Protocol

import aiohttp

from controller.providers.openstack.refusals import Reply

CONNECT_SECONDS = 10.0
# How large an answer may be. The largest that a cloud gives is a page of a thousand servers, each
# with at most 64 KiB of user data, for whoever may see these, and as much of metadata.
LARGEST_ANSWER = 1000 * 2**17


class NotSentError(Exception):
    """The request never left: nobody was there, or its certificate is not to be trusted."""


class NoAnswerError(Exception):
    """The request left, and no whole answer came."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request, as it is to go out; its headers are not for anybody's eyes."""

    method: str
    url: str
    body: bytes | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict, repr=False)
    seconds: float = 30.0


class Transport(Protocol):
    """Whatever carries requests to the services."""

    async def send(self, request: HttpRequest) -> Reply:
        """Return the answer, whatever its status; raises NotSentError and NoAnswerError."""

    async def close(self) -> None:
        """Let go of all connections."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whose certificates connections accept: the system's, others' in PEM, or anybody's."""

    verify: bool = True
    ca: str = dataclasses.field(default="", repr=False)

    def context(self) -> ssl.SSLContext | bool:
        """Return it as the connections take it; raises ValueError for what is no certificate."""
        if not self.verify:
            return False
        try:
            return ssl.create_default_context(cadata=self.ca or None)
        except (ssl.SSLError, TypeError) as error:
            # A TypeError is of text that is not ASCII, even in a comment.
            raise ValueError("certificates must be in PEM") from error


class HttpTransport:
    """Requests over aiohttp, without redirects, cookies or proxies of the environment.

    `trust` tells what connections accept now: once it tells another, new ones are made.
    """

    def __init__(self, trust: Callable[[], Trust] = Trust) -> None:
        self._trust = trust
        self._used = trust()
        # The last one is in use; those before it may have requests under way.
        self._sessions = [_session(self._used)]

    async def send(self, request: HttpRequest) -> Reply:
        """Send it and read the answer to its end."""
        wanted = self._trust()
        if wanted != self._used:
            self._sessions.append(_session(wanted))
            self._used = wanted
        timeout = aiohttp.ClientTimeout(total=request.seconds, sock_connect=CONNECT_SECONDS)
        try:
            async with self._sessions[-1].request(
                request.method, request.url, data=request.body, headers=request.headers,
                allow_redirects=False, timeout=timeout,
            ) as answer:  # fmt: skip
                body = await _body(answer)
                headers = {key.lower(): value for key, value in answer.headers.items()}
                return Reply(status=answer.status, body=body, headers=headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSentError(type(error).__name__) from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise NotSentError("the catalogue names no URL that can be called") from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise NoAnswerError(type(error).__name__) from error

    async def close(self) -> None:
        """Let go of all connections."""
        for each in self._sessions:
            await each.close()


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Return all that an answer says; raises NoAnswerError once that is too much to be one."""
    body = bytearray()
    async for each in answer.content.iter_any():
        body += each
        if len(body) > LARGEST_ANSWER:
            raise NoAnswerError(f"the one that came has more than {LARGEST_ANSWER} bytes")
    return bytes(body)


def _session(trust: Trust) -> aiohttp.ClientSession:
    # No limit: a request that waits for a connection would use up its time, and count as one that
    # left. How many there are the pace bounds, as each has its seconds.
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trust.context(), limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
