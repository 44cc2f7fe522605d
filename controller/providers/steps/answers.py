"""Answers of strangers, of which a server may send no end before the one that counts.

Whoever calls an address that users run something at opens its sessions with this: a server that
only ever says that it is still at it would have the operator read for as long as a step may take,
and everybody else wait meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from aiohttp.connector import Connection

# How many answers below 200 are read of one request; servers that send them at all send one or two.
MOST_INTERIM = 8


class BoundedAnswer(aiohttp.ClientResponse):
    """An answer that comes after few that announce it, or is given up."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Read up to the headers of the answer; raises ClientPayloadError where none comes."""
        protocol = connection.protocol
        if protocol is not None:
            read, left = protocol.read, MOST_INTERIM

            async def counted() -> object:
                nonlocal left
                if left < 0:
                    raise aiohttp.ClientPayloadError("too many interim answers")
                left -= 1
                return await read()

            # The connection is of this request alone, as no session of ours keeps any.
            protocol.read = counted  # type: ignore[assignment,method-assign]
        return await super().start(connection)
