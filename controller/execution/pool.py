"""The pool of calls: a heap in front of a few calls in flight, fair between applications.

The API server serves best with eight writes in flight and its own queue cannot be reordered, so all
that waits, waits here. Ranks are start-time fair queueing: each flow (an application) has a virtual
clock that its own calls push ahead, so a busy application's backlog lies in the future and another
one's first call goes straight out. Urgent calls ignore their flow's backlog. Ranks are times, so
whatever waits grows older and is served.

P. Goyal, H. M. Vin, H. Cheng: Start-time Fair Queueing, SIGCOMM 1996.
"""

from __future__ import annotations

import asyncio
import dataclasses
import heapq
import itertools
from collections.abc import Awaitable, Callable, Hashable

from controller.execution.keys import Key
from controller.planning.plan import Urgency

WIDTH = 8
# Creates in flight while a teardown waits or runs: a delete's latency grows with what is beside it.
NARROW = 4
# How far one call pushes its flow's clock ahead, and the furthest that a clock may run, in seconds.
PACE = 0.002
HORIZON = 10.0
# Clocks that have fallen behind say nothing; they are swept when there are more than these.
MOST_CLOCKS = 4096
# What each urgency is worth in age, in seconds.
BONUS = {Urgency.ROUTINE: 0.0, Urgency.PERSONAL: 5.0, Urgency.TEARDOWN: 30.0}


@dataclasses.dataclass(slots=True, eq=False)
class Entry:
    """One call that waits or runs; `withdrawn` ones are skipped."""

    key: Key
    run: Callable[[], Awaitable[None]]
    urgency: Urgency
    creates: bool
    withdrawn: bool = False


class Pool:
    """Runs calls: at most `width` at once, and `per_second` started each second (0: no limit)."""

    def __init__(self, *, width: int = WIDTH, per_second: float = 0.0) -> None:
        self._width = width
        self._gap = 1.0 / per_second if per_second else 0.0
        self._not_before = 0.0
        # Creates stand in a line of their own, as they alone are held back for teardowns.
        self._creating: list[tuple[float, int, Entry]] = []
        self._others: list[tuple[float, int, Entry]] = []
        self._sequence = itertools.count()
        self._clocks: dict[Hashable, float] = {}
        self._waiting: dict[Key, list[Entry]] = {}
        self._depth = 0
        self._running: set[asyncio.Task[None]] = set()
        self._creates = 0
        self._teardowns = 0
        self._timer: asyncio.TimerHandle | None = None

    def submit(
        self,
        key: Key,
        run: Callable[[], Awaitable[None]],
        *,
        flow: Hashable,
        urgency: Urgency = Urgency.ROUTINE,
        creates: bool = False,
    ) -> None:
        """Have `run` called when its turn comes; `run` handles its own errors."""
        now = asyncio.get_running_loop().time()
        if urgency is Urgency.ROUTINE:
            clock = max(now, self._clocks.get(flow, 0.0)) + PACE
            self._clocks[flow] = rank = min(clock, now + HORIZON)
        else:
            rank = now - BONUS[urgency]
        if len(self._clocks) > MOST_CLOCKS:
            self._clocks = {flow: at for flow, at in self._clocks.items() if at > now}
        entry = Entry(key=key, run=run, urgency=urgency, creates=creates)
        self._waiting.setdefault(key, []).append(entry)
        self._depth += 1
        if urgency is Urgency.TEARDOWN:
            self._teardowns += 1
        line = self._creating if creates else self._others
        heapq.heappush(line, (rank, next(self._sequence), entry))
        self._start()

    def withdraw(self, key: Key) -> int:
        """Take back the calls of `key` that have not started; return how many."""
        entries = self._waiting.pop(key, [])
        self._depth -= len(entries)
        for entry in entries:
            entry.withdrawn = True
            if entry.urgency is Urgency.TEARDOWN:
                self._teardowns -= 1
        return len(entries)

    def idle(self) -> bool:
        """Return whether nothing waits and nothing runs."""
        return not self._running and not self._waiting

    def running(self) -> int:
        """Return how many calls are in flight."""
        return len(self._running)

    def depth(self) -> int:
        """Return how many calls wait."""
        return self._depth

    async def drain(self) -> None:
        """Wait for the calls in flight; what waits is dropped."""
        for key in list(self._waiting):
            self.withdraw(key)
        if self._running:
            await asyncio.wait(set(self._running))

    def _start(self) -> None:
        while len(self._running) < self._width:
            line = self._next_line()
            if line is None or self._paced():
                return
            self._launch(heapq.heappop(line)[2])

    def _next_line(self) -> list[tuple[float, int, Entry]] | None:
        """Return the line whose first call is to start next, or None where none may."""
        for line in (self._creating, self._others):
            while line and line[0][2].withdrawn:
                heapq.heappop(line)
        held = self._teardowns and self._creates >= NARROW
        if not self._creating or held:
            return self._others or None
        if not self._others or self._creating[0] < self._others[0]:
            return self._creating
        return self._others

    def _paced(self) -> bool:
        """Return whether the rate limit says to wait, and arrange to go on when it ends."""
        if not self._gap:
            return False
        loop = asyncio.get_running_loop()
        if loop.time() >= self._not_before:
            self._not_before = max(self._not_before, loop.time() - self._gap) + self._gap
            return False
        if self._timer is None:
            self._timer = loop.call_at(self._not_before, self._resume)
        return True

    def _resume(self) -> None:
        self._timer = None
        self._start()

    def _launch(self, entry: Entry) -> None:
        waiting = self._waiting[entry.key]
        waiting.remove(entry)
        self._depth -= 1
        if not waiting:
            del self._waiting[entry.key]
        self._creates += entry.creates
        task = asyncio.get_running_loop().create_task(self._run(entry))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, entry: Entry) -> None:
        try:
            await entry.run()
        finally:
            self._creates -= entry.creates
            if entry.urgency is Urgency.TEARDOWN:
                self._teardowns -= 1
            task = asyncio.current_task()
            if task is not None:
                self._running.discard(task)
            self._start()
