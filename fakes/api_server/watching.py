"""One open watch: the changes after a version, bookmarks, and the ways in which it can break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator

import msgspec

from controller.api.resources import PLACES, Resource
from fakes.api_server import chaos, refusal
from fakes.api_server.registry import Selector
from fakes.api_server.storage import Event, Storage

BOOKMARK_SECONDS = 60.0
# Sums of floating-point times miss each other by less; a waiter that wakes early would spin.
TICK = 1e-6

_GONE = (
    b'{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired",'
    b'"code":410,"message":"too old resource version"}}\n'
)


class Changes:
    """Wakes whoever waits for a change."""

    def __init__(self) -> None:
        # In the order in which they came, which a set would take from where they are in memory.
        self._waiters: dict[asyncio.Future[None], None] = {}

    def tell(self) -> None:
        """Wake all who wait."""
        waiters, self._waiters = self._waiters, {}
        for each in waiters:
            _finish(each)

    async def wait(self, until: float) -> None:
        """Return at the next change, or at `until` by the loop's clock."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters[waiter] = None
        timer = loop.call_at(until, _finish, waiter)
        try:
            await waiter
        finally:
            self._waiters.pop(waiter, None)
            timer.cancel()


class Watch:
    """Follows one resource in one namespace ("" for all) from the version `reached`."""

    def __init__(
        self,
        storage: Storage,
        faults: chaos.Faults,
        changes: Changes,
        *,
        resource: Resource,
        namespace: str,
        selector: Selector,
        reached: int,
        seconds: float,
    ) -> None:
        self._storage = storage
        self._faults = faults
        self._changes = changes
        self._resource = resource
        self._namespace = namespace
        self._selector = selector
        self._reached = reached
        self._seconds = seconds
        # The last line that was said when the connection broke.
        self._broken: bytes | None = None

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """Yield what the watch says; raises what breaks it."""
        if self._reached < self._storage.oldest(self._resource):
            raise refusal.refuse(410, "Expired", f"too old resource version: {self._reached}")
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        bookmark = loop.time() + BOOKMARK_SECONDS
        ticket = self._faults.enter(self._resource, self._cut)
        try:
            while True:
                told = False
                for line in self._news():
                    told = True
                    yield line
                if told:
                    continue  # more may have come while the lines were read
                if self._broken is not None:
                    if self._broken:
                        yield self._broken
                    raise chaos.cut("the watch broke")
                now = loop.time() + TICK
                if now >= min(bookmark, end) and not self._frozen:
                    bookmark = now + BOOKMARK_SECONDS
                    yield self._mark()
                    if now >= end:
                        return
                    continue
                # A frozen watch does not end either: only the other side can give it up.
                soon = now + BOOKMARK_SECONDS if self._frozen else min(bookmark, end)
                await self._changes.wait(soon)
        finally:
            self._faults.leave(ticket)

    @property
    def _frozen(self) -> bool:
        held = self._selector.text in self._faults.held
        return held or self._resource in self._faults.frozen

    def _news(self) -> Iterator[bytes]:
        """Yield the changes since the last look, until the watch freezes or breaks."""
        if self._reached < self._storage.oldest(self._resource) and not self._frozen:
            self._broken = _GONE
        for event in self._storage.since(self._resource, self._reached):
            if self._frozen or self._broken is not None:
                return
            self._reached = event.version
            line = self._line(event)
            if line:
                yield line

    def _line(self, event: Event) -> bytes:
        """Return what is told of a change: nothing, where it is none of this watch's concern."""
        if self._namespace not in ("", event.key[0]):
            return b""
        was = event.before is not None and self._selector.matches(event.before)
        now = event.after is not None and self._selector.matches(event.after)
        if not was and not now:
            return b""
        kind = b"DELETED" if not now else b"MODIFIED" if was else b"ADDED"
        return b'{"type":"%b","object":%b}\n' % (kind, event.text)

    def _mark(self) -> bytes:
        """Return a bookmark: nothing up to the newest version is missing."""
        self._reached = max(self._reached, self._storage.version)
        meta = {"resourceVersion": str(self._reached)}
        body = msgspec.json.encode({"kind": PLACES[self._resource].kind, "metadata": meta})
        return b'{"type":"BOOKMARK","object":%b}\n' % body

    def _cut(self, line: bytes) -> None:
        self._broken = line
        self._changes.tell()


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
