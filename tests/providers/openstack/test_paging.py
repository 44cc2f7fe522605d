"""Lists of a cloud come to an end, whatever the cloud makes of the questions."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest

from controller.providers.openstack import addresses, listing, refusals, volumes
from controller.providers.openstack.client import (
    COMPUTE,
    NETWORK,
    VOLUME,
    CloudClient,
    CloudSession,
)
from controller.providers.openstack.refusals import Reply
from controller.providers.openstack.transport import HttpRequest

pytestmark = pytest.mark.looptime

# How each list is read, by its member in an answer.
LISTS: dict[str, Callable[[CloudClient], Awaitable[Any]]] = {
    "servers": lambda client: listing.servers(client, {}, detail=True),
    "floatingips": lambda client: addresses.listed(client, "fleet-1"),
    "volumes": lambda client: volumes.listed(client, {}),
}


class Deaf:
    """A cloud that gives its pages in turn, whichever it is asked for; each has a next one."""

    def __init__(self, member: str, ids: Sequence[str]) -> None:
        self.asked = 0
        self._member = member
        self._ids = itertools.cycle(ids)

    async def session(self, stale: str = "") -> CloudSession:
        """Give a token that is good for all services."""
        endpoints = dict.fromkeys((COMPUTE, NETWORK, VOLUME), "https://cloud")
        return CloudSession(token=f"token{stale}", endpoints=endpoints)

    async def send(self, request: HttpRequest) -> Reply:
        """Answer with a page."""
        self.asked += 1
        assert self.asked < 10, request.url
        links = [{"rel": "next", "href": "next"}]
        page = {self._member: [{"id": next(self._ids)}], f"{self._member}_links": links}
        return Reply(status=200, body=msgspec.json.encode(page))

    async def close(self) -> None:
        """Let go of nothing."""


@pytest.mark.parametrize("ids", [["a"], ["a", "b"], ["a", "b", "b"]], ids="".join)
@pytest.mark.parametrize("member", LISTS)
async def test_a_cloud_that_ignores_markers_is_not_read_for_ever(
    member: str, ids: list[str]
) -> None:
    """A page that ends as one before ends the list, as an answer that tells nothing."""
    cloud = Deaf(member, ids)
    client = CloudClient(
        cloud, cloud, per_second=lambda: 10.0, clock=lambda: 0.0, may_write=lambda: True
    )
    with pytest.raises(refusals.CloudUnreachable, match="same page") as refused:
        await LISTS[member](client)
    assert refused.value.reason == "CloudUnreachable"
    assert cloud.asked <= len(ids) + 1
