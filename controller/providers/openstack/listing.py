"""Lists of servers as Nova gives them.

`lister` and `creation` ask for them.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Mapping

import msgspec

from controller.providers.openstack import paging, times
from controller.providers.openstack.client import COMPUTE, CloudClient
from controller.providers.openstack.machines import ServerRow
from controller.providers.openstack.refusals import Missing, decode

_ID = re.compile(r"^[0-9A-Za-z-]{1,64}$")


class _Servers(msgspec.Struct, frozen=True):
    rows: tuple[ServerRow, ...] = msgspec.field(name="servers", default=())
    links: tuple[dict[str, str], ...] = msgspec.field(name="servers_links", default=())


class _Server(msgspec.Struct, frozen=True):
    server: ServerRow


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A whole list: when it was begun by the loop's clock, and by the cloud's."""

    rows: tuple[ServerRow, ...]
    begun: float
    date: float


async def servers(client: CloudClient, query: Mapping[str, str], *, detail: bool) -> Listed:
    """Return all servers that the query finds, however many pages they take."""
    path = "/servers/detail" if detail else "/servers"
    begun, date = asyncio.get_running_loop().time(), 0.0
    rows: list[ServerRow] = []
    read = paging.pages(client, COMPUTE, path, _Servers, what="list servers", query=query)
    async for page, reply in read:
        date = date or times.date_of(reply.headers.get("date", ""))
        rows += page.rows
    return Listed(rows=tuple(rows), begun=begun, date=date)


def is_id(text: str) -> bool:
    """Return whether a text can be the id of a server: only then it may be part of a path."""
    return _ID.match(text) is not None


async def server(client: CloudClient, identifier: str) -> ServerRow | None:
    """Return one server by its id; None where the cloud says that there is none."""
    try:
        reply = await client.call(COMPUTE, "GET", f"/servers/{identifier}", what="see a server")
    except Missing:
        return None
    return decode(reply.body, _Server).server
