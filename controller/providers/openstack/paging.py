"""Lists of a cloud's services: pages of a thousand, each asked for by the last id before it.

`listing`, `addresses` and `volumes` read theirs with it, so that none is read without end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, TypeVar

from controller.providers.openstack import refusals
from controller.providers.openstack.client import CloudClient
from controller.providers.openstack.refusals import Reply, decode

PAGE = 1000


class _Row(Protocol):
    @property
    def id(self) -> str:
        """The marker that asks for the page after it, where it is the last one."""


class CloudPage(Protocol):
    """One page of a list, whatever it lists."""

    @property
    def rows(self) -> Sequence[_Row]:
        """The rows that are on it."""

    @property
    def links(self) -> Sequence[Mapping[str, str]]:
        """Where its service says to go on: one of them is `next` where there is more."""


P = TypeVar("P", bound=CloudPage)


async def pages(
    client: CloudClient,
    service: str,
    path: str,
    kind: type[P],
    *,
    what: str,
    query: Mapping[str, str],
) -> AsyncIterator[tuple[P, Reply]]:
    """Yield each page of a list, and the answer that it came in.

    Raises CloudUnreachable where a page ends as one before, since a cloud that ignores what it is
    asked for would be read for ever; and where the last row of a page was deleted meanwhile, so
    that its service knows no way on.
    """
    asked = {**query, "limit": str(PAGE)}
    seen = set[str]()
    while True:
        try:
            reply = await client.call(service, "GET", path, what=what, query=asked)
        except refusals.Missing as error:
            if not seen:
                raise
            # A cloud that has given a page has the service.
            raise refusals.unreachable(f"{what}: the list changed as it was read") from error
        page = decode(reply.body, kind)
        yield page, reply
        if not page.rows or not any(each.get("rel") == "next" for each in page.links):
            return
        marker = page.rows[-1].id
        if marker in seen:
            raise refusals.unreachable(f"{what}: the cloud gives the same page again and again")
        seen.add(marker)
        asked["marker"] = marker
