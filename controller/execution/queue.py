"""The reconcile queue: which key is planned next, each at most once at a time.

Planning is shared out between namespaces by the time that it takes: whoever has the engine plan for
long waits for longer, so three hundred operations of one tenant never stand before one server of
another. Within a namespace what is urgent goes first by an age bonus, and nothing starves. Time is
the event loop's.

Example: namespace a has a thousand keys of 1 ms each, b gets one. After the plan of a that is under
way, b's turn stands behind a's by what a has used, so b's key is planned next.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools

from controller.planning.keys import Key

# An urgent key is served as if it had been waiting this much longer, in seconds.
URGENT_BONUS = 5.0
# The least that a visit costs its namespace, in seconds: virtual time stands still while planning.
LEAST_COST = 20e-6
# Namespaces that have had no more than others say nothing; they are swept when there are more.
MOST_NAMESPACES = 4096


class Queue:
    """Keys with the time at which each is due; adding a key again only brings it forward."""

    def __init__(self) -> None:
        # The keys of each namespace, and the namespaces by how much planning they have had.
        self._ready: dict[str, list[tuple[float, int, Key]]] = {}
        self._turns: list[tuple[float, int, str]] = []
        self._had: dict[str, float] = {}
        self._clock = 0.0
        self._served = ""
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
        line = self._ready.get(key.namespace)
        if line is None:
            line = self._ready[key.namespace] = []
            self._queue_up(key.namespace)
        heapq.heappush(line, (rank, next(self._sequence), key))
        self._filled.set()

    def discard(self, key: Key) -> None:
        """Forget `key`, ready or delayed."""
        self._ranks.pop(key, None)
        self._dues.pop(key, None)

    def pop(self) -> Key | None:
        """Return the key whose turn it is, or None where none is ready."""
        while self._turns:
            turn, _, namespace = heapq.heappop(self._turns)
            if turn < self._had[namespace]:
                self._queue_up(namespace)  # its last visit took long: it stands further behind
                continue
            line = self._ready[namespace]
            while line:
                rank, _, key = heapq.heappop(line)
                if self._ranks.get(key) == rank:
                    del self._ranks[key]
                    self._clock, self._served = turn, namespace
                    self._settle(namespace, line)
                    return key
            del self._ready[namespace]
        self._filled.clear()
        return None

    def charge(self, seconds: float) -> None:
        """Put down what the visit of the key that was popped last has taken."""
        if self._served in self._had:
            self._had[self._served] += max(seconds - LEAST_COST, 0.0)

    def _settle(self, namespace: str, line: list[tuple[float, int, Key]]) -> None:
        """Have the namespace's next key wait for its turn; one that has none left saves nothing."""
        self._had[namespace] = self._clock + LEAST_COST
        if line:
            self._queue_up(namespace)
        else:
            del self._ready[namespace]

    def _queue_up(self, namespace: str) -> None:
        had = max(self._had.get(namespace, 0.0), self._clock)
        if len(self._had) > MOST_NAMESPACES:
            self._had = {each: was for each, was in self._had.items() if was > self._clock}
            self._had |= dict.fromkeys(self._ready.keys() - self._had.keys(), self._clock)
        self._had[namespace] = had
        heapq.heappush(self._turns, (had, next(self._sequence), namespace))

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
