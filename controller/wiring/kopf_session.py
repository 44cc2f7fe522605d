"""kopf's connection to the API server: its answers can be decoded, however deep they are nested.

kopf reads what it watches with `json`, which gives up at some thousand levels: kopf would end over
one object that anybody wrote, begin again, meet the same object, and see no other any more.
`handlers` logs kopf in with this.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Any, Self, cast

import aiohttp
import kopf
from aiohttp.connector import Connection

from controller.api import nesting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session(kopf.AiohttpSession):
    """A session of some credentials: equal to another of the same, so that kopf knows bad ones."""

    credentials: kopf.ConnectionInfo
    aiohttp_session: aiohttp.ClientSession = dataclasses.field(compare=False)


def connect(info: kopf.ConnectionInfo) -> Session:
    """Return a session as kopf would make it of `info`; call within kopf's loop."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        proxy=info.proxy_url,
        trust_env=info.trust_env,
        response_class=_Response,
    )
    return Session(
        server=info.server,
        priority=info.priority,
        default_namespace=info.default_namespace,
        expiration=info.expiration,
        credentials=info,
        aiohttp_session=session,
    )


class _Response(aiohttp.ClientResponse):
    """An answer whose JSON, and each line of whose stream, is cut where it is too deep."""

    async def start(self, connection: Connection) -> Self:
        await super().start(connection)
        self.content = cast("aiohttp.StreamReader", _Lines(self.content))
        return self

    async def json(self, **_: Any) -> Any:
        return json.loads(_readable(await self.read()))


class _Lines:
    """What a response reads from, which gives a stream in whole lines."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        rest: list[bytes] = []
        async for chunk in self._content.iter_chunked(size):
            *lines, last = chunk.split(b"\n")
            for line in lines:
                yield _readable(b"".join((*rest, line))) + b"\n"
                rest.clear()
            rest.append(last)
        if any(rest):
            yield _readable(b"".join(rest))


def _readable(text: bytes) -> bytes:
    return nesting.readable(text) if nesting.is_deeper(text, nesting.READABLE) else text
