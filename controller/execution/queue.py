"""The reconcile queue: which key is planned next, each at most once at a time.

Planning is pure and takes microseconds, so order matters little here; what is urgent goes first by
an age bonus, and nothing starves. Time is the event loop's.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools

from controller.planning.keys import Key

# An urgent key is served as if it had been waiting this much longer, in seconds.
URGENT_BONUS = 5.0


class Queue:
    """Keys with the time at which each is due; adding a key again only brings it forward."""

    def __init__(self) -> None:
        self._ready: list[tuple[float, int, Key]] = []
        self._later: list[tuple[float, int, Key]] = []
        # The rank under which each ready key counts, and when each delayed one is due.
        self._ranks: dict[Key, float] = {}
        self._dues: dict[Key, float] = {}
        self._sequence = itertools.count()
        self._filled = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0

    def __len__(self) -> int:
        return len(self._ranks)

    def add(self, key: Key, *, delay: float = 0.0, urgent: bool = False) -> None:
        """Have `key` served once, no earlier than `delay` seconds from now."""
        now = asyncio.get_running_loop().time()
        if delay > 0:
            self._add_later(key, now + delay)
            return
        rank = now - URGENT_BONUS if urgent else now
        if rank >= self._ranks.get(key, float("inf")):
            return
        self._dues.pop(key, None)
        self._ranks[key] = rank
        heapq.heappush(self._ready, (rank, next(self._sequence), key))
        self._filled.set()

    def discard(self, key: Key) -> None:
        """Forget `key`, ready or delayed."""
        self._ranks.pop(key, None)
        self._dues.pop(key, None)

    def pop(self) -> Key | None:
        """Return the key that is first in line, or None where none is ready."""
        while self._ready:
            rank, _, key = heapq.heappop(self._ready)
            if self._ranks.get(key) == rank:
                del self._ranks[key]
                return key
        self._filled.clear()
        return None

    async def filled(self, within: float) -> None:
        """Wait until a key is ready, but no longer than that many seconds."""
        if self._filled.is_set():
            return
        # Cheaper than a timeout, and a queue that turns out to be empty does no harm.
        timer = asyncio.get_running_loop().call_later(within, self._filled.set)
        try:
            await self._filled.wait()
        finally:
            timer.cancel()

    def _add_later(self, key: Key, due: float) -> None:
        if key in self._ranks or due >= self._dues.get(key, float("inf")):
            return
        self._dues[key] = due
        heapq.heappush(self._later, (due, next(self._sequence), key))
        if self._timer is None or due < self._timer_due:
            self._arm(due)

    def _arm(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = asyncio.get_running_loop().call_at(due, self._promote)

    def _promote(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        while self._later and self._later[0][0] <= now:
            due, _, key = heapq.heappop(self._later)
            if self._dues.get(key) == due:
                del self._dues[key]
                self.add(key)
        if self._later:
            self._arm(self._later[0][0])
