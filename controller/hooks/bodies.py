"""Reads the bodies of requests: whoever sends slowly holds what was sent, and nobody up.

Nothing is known of a sender before the whole body is there, as all of it is signed. So the memory
for all bodies is bounded, and no place is given away: where it is used up, the body that has taken
the most of it, for the longest, makes room for the others.

The receiver of webhooks and the admission webhook read what anybody may send.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

from aiohttp import web

# Of one body. GitHub sends at most 25 MiB; a push of two thousand commits takes less than two.
LARGEST = 4 * 2**20
# Of all that are being read.
MOST = 8 * LARGEST
SECONDS = 10.0


class TooLargeError(ValueError):
    """The body is larger than any that is read."""


class UnreadableError(ValueError):
    """The body is not what its headers say, or its sender went away before its end."""


@dataclasses.dataclass(slots=True, eq=False)
class _Body:
    """The bytes that have come of one body, and until when the rest may."""

    limit: asyncio.Timeout
    began: float
    held: int = 0

    def cost(self, now: float) -> float:
        """The memory that the body has taken: bytes times seconds.

        Example: of many that send 64 KiB and then nothing, each costs more after two seconds than
        one that has sent 300 KiB within a third of a second.
        """
        return self.held * (now - self.began)


class BodyMemory:
    """The memory that bodies share: `most` bytes."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._bodies: set[_Body] = set()
        self._held = 0

    async def read(self, request: web.Request) -> bytes:
        """Return the body of a request.

        Raises TooLargeError, UnreadableError, and TimeoutError for one that did not come in time or
        made room.
        """
        async with self.hold(request) as body:
            return body

    @contextlib.asynccontextmanager
    async def hold(self, request: web.Request) -> AsyncIterator[bytes]:
        """Lend the body of a request, which counts for as long as that lasts; raises as `read`."""
        if (request.content_length or 0) > LARGEST:
            raise TooLargeError
        async with asyncio.timeout(SECONDS) as limit:
            body = _Body(limit, asyncio.get_running_loop().time())
            self._bodies.add(body)
            try:
                yield await self._gather(request, body)
            finally:
                self._bodies.discard(body)
                self._held -= body.held

    async def _gather(self, request: web.Request, body: _Body) -> bytes:
        parts = bytearray()
        try:
            async for chunk in request.content.iter_any():
                parts += chunk
                body.held += len(chunk)
                self._held += len(chunk)
                if len(parts) > LARGEST:
                    raise TooLargeError
                self._make_room()
        except (web.RequestPayloadError, ConnectionError) as error:
            # Else the server reads on, and writes the traceback of the same error.
            request.content.feed_eof()
            raise UnreadableError from error
        return bytes(parts)

    def _make_room(self) -> None:
        """Give up the bodies that cost the most until the others fit."""
        now = asyncio.get_running_loop().time()
        while self._held > self._most:
            dearest = max(self._bodies, key=lambda each: (each.cost(now), each.held))
            self._held -= dearest.held
            dearest.held = 0
            dearest.limit.reschedule(now)
