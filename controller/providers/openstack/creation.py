"""Makes a server once, though Nova's POST is not idempotent and names are not unique.

A POST without an answer may be carried out half a second later. So before the next one the exact
tag is listed for a while; and since two may come about all the same, by two operators or so, of
several with one tag the oldest stays, which the lister sees to.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from controller import errors
from controller.api import objects
from controller.api.reasons import Reason
from controller.contract.reasons import ProviderReason
from controller.providers.openstack import listing, machines
from controller.providers.openstack.client import COMPUTE, Client, decode
from controller.providers.openstack.machines import Machine, Row
from controller.providers.openstack.register import Register

# How long after a POST without an answer what it has made may yet appear, and how often to look.
DOUBT_SECONDS = 5.0
LOOK_SECONDS = 0.5
K = TypeVar("K", bound=Hashable)


@contextlib.contextmanager
def in_doubt(doubts: dict[K, float], key: K) -> Iterator[None]:
    """Note when a POST has ended, under its key, unless it is certain what became of it.

    One that was given up half-way is as doubtful as one whose answer was lost.
    """
    certain = False
    try:
        yield
        certain = True
    except errors.ArgosyError as error:
        certain = error.policy.kind is not errors.Kind.UNKNOWN
        raise
    finally:
        if not certain:
            doubts[key] = asyncio.get_running_loop().time()


class _Id(msgspec.Struct, frozen=True):
    id: str


class _Made(msgspec.Struct, frozen=True):
    server: _Id


class Creation:
    """Makes servers for a fleet."""

    def __init__(self, client: Client, register: Register) -> None:
        self._client = client
        self._register = register
        # When the latest POST whose end is not known ended for us, by tag.
        self._doubts: dict[str, float] = {}
        # Tags of which a POST is under way.
        self._busy: set[str] = set()

    async def make(
        self, server: objects.Server, body: Callable[[], Awaitable[Mapping[str, Any]]]
    ) -> None:
        """Make the server as `body` asks for, or take up what an earlier call has made."""
        tag = machines.server_tag(server.metadata.uid, server.spec.incarnation)
        if tag in self._busy:
            message = f"the server {server.metadata.name} is being made"
            raise errors.Waiting(message, reason=ProviderReason.OLDER_INSTANCE)
        self._busy.add(tag)
        try:
            if tag in self._doubts and await self._settled(tag):
                return
            await self._post(server, tag, await body())
        finally:
            self._busy.discard(tag)

    async def _settled(self, tag: str) -> bool:
        """Return whether a POST in doubt has made something; waits for as long as that may take."""
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            found = await listing.servers(self._client, {"tags": tag}, detail=True)
            for row in found.rows:
                self._register.see(row, begun=found.begun)
            # A cloud that ignores filters lists all: each row is checked.
            if any(tag in row.tags and row.id in self._register.machines for row in found.rows):
                del self._doubts[tag]
                return True
            if begun >= self._doubts[tag] + DOUBT_SECONDS:
                del self._doubts[tag]
                return False
            await asyncio.sleep(LOOK_SECONDS)

    async def _post(self, server: objects.Server, tag: str, body: Mapping[str, Any]) -> None:
        with in_doubt(self._doubts, tag):
            reply = await self._client.call(
                COMPUTE, "POST", "/servers", what=f"create {server.metadata.name}",
                body=body, creates=True,
            )  # fmt: skip
            made = decode(reply.body, _Made).server.id
        now = asyncio.get_running_loop().time()
        self._register.expect(_expected(server, made, body), now=now)


def check(known: Machine, server: objects.Server) -> None:
    """Raise what stands in the way of a server that is to be made, unless it is that very one."""
    name = server.metadata.name
    if known.uid != server.metadata.uid:
        message = f"the server {known.id} in the cloud was made for another {name}"
        raise errors.NameTaken(message, reason=Reason.NAME_TAKEN)
    if not known.marked:
        message = f"the server {known.id} in the cloud lacks the marks of {name}"
        raise errors.NameTaken(message, reason=Reason.NAME_TAKEN)
    if known.row.going or known.incarnation != server.spec.incarnation:
        message = f"the server {known.id} is still there as incarnation {known.incarnation}"
        raise errors.Waiting(message, reason=ProviderReason.OLDER_INSTANCE)


def _expected(server: objects.Server, identifier: str, body: Mapping[str, Any]) -> Machine:
    asked = body["server"]
    row = Row(
        id=identifier, status="BUILD", tags=tuple(asked["tags"]), metadata=asked["metadata"]
    )  # fmt: skip
    return Machine(
        id=identifier, namespace=server.metadata.namespace, name=server.metadata.name,
        uid=server.metadata.uid, incarnation=server.spec.incarnation, row=row, listed=False,
    )  # fmt: skip
