"""Makes a server once, though Nova's POST is not idempotent and names are not unique.

A POST without an answer may be carried out half a second later. So before the next one the exact
tag is listed for a while, and a Server that goes is not gone before. Since two may come about all
the same, by two operators or so, the oldest of several with one tag stays: `lister` sees to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from controller import contract, errors
from controller.api import objects
from controller.api.reasons import Reason
from controller.contract import Phase
from controller.contract.reasons import ProviderReason
from controller.providers.openstack import listing, machines
from controller.providers.openstack.client import COMPUTE, CloudClient
from controller.providers.openstack.lister import Lister
from controller.providers.openstack.machines import Machine, ServerRow
from controller.providers.openstack.reasons import CloudReason
from controller.providers.openstack.refusals import decode
from controller.providers.openstack.register import Key, MachineRegister

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
        certain = error.policy.kind is not errors.FailureKind.UNKNOWN
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

    def __init__(
        self,
        client: CloudClient,
        register: MachineRegister,
        lister: Lister,
        alone_since: contract.AloneSince,
    ) -> None:
        self._client = client
        self._register = register
        self._lister = lister
        lister.on_heard.append(self._heard)
        self._alone_since = alone_since
        # When the latest POST whose end is not known ended for us, by the Server's UID.
        self._doubts: dict[str, float] = {}
        # Servers of which a POST is under way, by UID.
        self._busy: set[str] = set()
        # Servers that are to be told what became of a POST in doubt, by UID.
        self._waiting: dict[str, Key] = {}

    def left(self, server: objects.Server) -> contract.Observation | None:
        """Return what is seen of a Server that goes while a POST in doubt may yet make something.

        None for one that stays: its next create looks for that, and whatever fails then is told.
        """
        if server.metadata.deletion_timestamp is None or not self.may_make(server.metadata):
            return None
        what = (
            "the answer to its create was lost"
            if server.metadata.uid in self._doubts
            else "another operator, or this one before its Fleet was edited, may have asked for it"
        )
        return contract.Observation(
            phase=Phase.TERMINATING, reason=CloudReason.ANSWER_LOST,
            message=f"{what}: whether that makes a server shows soon",
        )  # fmt: skip

    def may_make(self, server: objects.Meta) -> bool:
        """Return whether a POST in doubt, or of others, may yet make something for a Server.

        A POST may do so until the cloud is heard that was asked late enough; the Server is looked
        at again then. All that was made by that time is known from the same answer.
        """
        ended = self._ended(server.uid, (server.namespace, server.name))
        if self._lister.heard >= ended + DOUBT_SECONDS:
            return False
        if server.uid not in self._waiting:
            self._waiting[server.uid] = server.namespace, server.name
            self._lister.nudge()
        return True

    def _ended(self, uid: str, key: Key) -> float:
        """Return when the latest POST for a Server ended of which nobody knows what it made.

        Whoever made servers before us, the provider of the Fleet as it was or another process, may
        have had some in doubt, and knew alone what the others made.

        Example: a Fleet is edited among eight creates. The new provider lists before they show, and
        each Server is planned again as its POST is answered, to the old one.
        """
        return max(self._doubts.get(uid, -math.inf), self._alone_since(*key))

    def _heard(self, asked: float) -> None:
        """Hear that the cloud has answered what it was asked at that time."""
        for uid, key in list(self._waiting.items()):
            if asked >= self._ended(uid, key) + DOUBT_SECONDS:
                del self._waiting[uid]
                self._register.wake(key)

    async def make(
        self, server: objects.Server, body: Callable[[], Awaitable[Mapping[str, Any]]]
    ) -> None:
        """Make the server as `body` asks for, or take up what an earlier call has made."""
        uid = server.metadata.uid
        tag = machines.server_tag(uid, server.spec.incarnation)
        if uid in self._busy:
            message = f"the server {server.metadata.name} is being made"
            raise errors.Waiting(message, reason=ProviderReason.OLDER_INSTANCE)
        self._busy.add(uid)
        try:
            doubtful = uid in self._doubts or self.may_make(server.metadata)
            if doubtful and await self._settled(server.metadata, tag):
                return
            await self._post(server, await body())
        finally:
            self._busy.discard(uid)

    async def _settled(self, server: objects.Meta, tag: str) -> bool:
        """Return whether a POST in doubt has made something; waits for as long as that may take."""
        loop, uid = asyncio.get_running_loop(), server.uid
        ended = self._ended(uid, (server.namespace, server.name))
        while True:
            begun = loop.time()
            found = await listing.servers(self._client, {"tags": tag}, detail=True)
            for row in found.rows:
                self._register.see(row, begun=found.begun)
            # A cloud that ignores filters lists all: each row is checked. An instance that was let
            # go of bears the same tag, where the attempt after a failed one was in doubt.
            left, known = self._register.orphans(), self._register.machines
            ids = (row.id for row in found.rows if tag in row.tags)
            if any(each in known and each not in left for each in ids):
                self._doubts.pop(uid, None)
                return True
            if begun >= ended + DOUBT_SECONDS:
                self._doubts.pop(uid, None)
                return False
            await asyncio.sleep(LOOK_SECONDS)

    async def _post(self, server: objects.Server, body: Mapping[str, Any]) -> None:
        with in_doubt(self._doubts, server.metadata.uid):
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
    row = ServerRow(
        id=identifier, status="BUILD", tags=tuple(asked["tags"]), metadata=asked["metadata"]
    )  # fmt: skip
    return Machine(
        id=identifier, namespace=server.metadata.namespace, name=server.metadata.name,
        uid=server.metadata.uid, incarnation=server.spec.incarnation, row=row, listed=False,
    )  # fmt: skip
