"""The pool of calls: a few in flight, the rest in line where it can still be reordered.

The API server serves best with eight writes at hand and its own queue cannot be reordered, so all
that waits, waits here, and `schedule` says what goes next. How many more may be under way to a
server that is far away, `width` learns.

A call that takes long keeps nobody's API server busy: it waits for something, a webhook of its
namespace's most likely. So it gives its place up after a while, and a namespace with such calls has
half of the places at most.

Example: a webhook of namespace a never answers, so each call of a takes 4.5 s to fail. After the
first second the eight places are free again. Once a call of b was quick, a has four at a time, and
b always finds one. Where all calls are slow, nobody is held to half of the places.

Where a large application is being made, the first creates of another find one call in flight
instead of seven, and so do those of a namespace beside another's crowd of small ones: see
`newcomers`.

Where a few namespaces have all places, one that has none does not wait for theirs to end: there are
two more for such namespaces, also while room is made for who cuts in. So a small application's
chain of calls takes as long as its calls.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Awaitable, Callable, Hashable

import structlog

from controller.execution import width as widths
from controller.execution.newcomers import LINGER_SECONDS, Newcomers, Standing
from controller.execution.schedule import Entry, Schedule
from controller.planning.keys import Key
from controller.planning.plan import Urgency

_log = structlog.get_logger(__name__)

WIDTH = widths.BASE
# Other calls in flight, of eight, while there is one that cuts in: a call's latency grows with what
# is beside it. Beside a newcomer alone there is one: it is up in a moment. A teardown may last, and
# newcomers may be many: then others keep three.
NARROW, NARROWER = 3, 1
# How long a call may take until it counts as slow, and for how long its namespace is remembered as
# one whose calls are. No more than so many slow calls give up their places.
SLOW_SECONDS, REMEMBERED_SECONDS = 1.0, 60.0
MOST_SLOW = 2 * WIDTH
# Places beyond the width for namespaces that have no call in flight, while as few have all others.
EXTRA_PLACES, FEW = 2, 4


class Pool:
    """Runs calls: at most `width` at once, and `per_second` started each second (0: no limit).

    With `strict` no call gives its place up and no namespace has an extra one: the limit is
    somebody else's, such as a cloud's. With `learnt` the width is what that says by now. Where
    `sharers` processes have such a pool each, all of them together keep to the limits; each has a
    place.
    """

    def __init__(
        self,
        *,
        width: int = WIDTH,
        per_second: float = 0.0,
        strict: bool = False,
        learnt: widths.Width | None = None,
        sharers: Callable[[], int] = lambda: 1,
    ) -> None:
        self._width = width
        self._sharers = sharers
        self._learnt = learnt
        self._most_slow = 0 if strict else MOST_SLOW
        self._extra = 0 if strict else EXTRA_PLACES
        self._slow = 0
        # Of each namespace: calls in flight, and until when its calls count as slow.
        self._busy: collections.Counter[str] = collections.Counter()
        self._slow_until: dict[str, float] = {}
        # While there are such: until when the calls of others are remembered as quick.
        self._quick_until: dict[str, float] = {}
        # Calls that were started, by when each counts as slow; one timer for the first of them.
        self._watched: collections.deque[tuple[float, Entry]] = collections.deque()
        self._watch: asyncio.TimerHandle | None = None
        self._gap = 1.0 / per_second if per_second else 0.0
        self._not_before = 0.0
        self._schedule = Schedule()
        # To a cloud nobody cuts in by being small: its calls take seconds, however few they are.
        self._newcomers = Newcomers(learnt.clock) if learnt is not None else None
        self._waiting: dict[Key, list[Entry]] = {}
        self._depth = 0
        self._running: set[asyncio.Task[None]] = set()
        # Of each rank: calls in flight that have not given their places up.
        self._ranks: collections.Counter[Standing] = collections.Counter()
        self._teardowns = 0
        self._narrow_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def limit(self, *, width: int, per_second: float) -> None:
        """Bound calls otherwise from now on; what waits goes on waiting here."""
        self._width = width
        self._gap = 1.0 / per_second if per_second else 0.0
        self._start()

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
        standing = Standing.OTHER
        if creates and self._newcomers is not None:
            standing = self._newcomers.enter(key.namespace, flow)
        entry = Entry(
            key=key, run=run, flow=flow, urgency=urgency, creates=creates, standing=standing
        )
        self._waiting.setdefault(key, []).append(entry)
        self._depth += 1
        if urgency is Urgency.TEARDOWN:
            self._teardowns += 1
        self._schedule.push(entry)
        self._start()

    def withdraw(self, key: Key) -> int:
        """Take back the calls of `key` that have not started; return how many."""
        entries = self._waiting.pop(key, [])
        self._depth -= len(entries)
        for entry in entries:
            entry.withdrawn = True
            self._end(entry)
            if entry.urgency is Urgency.TEARDOWN:
                self._teardowns -= 1
        return len(entries)

    def idle(self) -> bool:
        """Return whether nothing waits and nothing runs."""
        return not self._running and not self._waiting

    def width(self) -> int:
        """Return how many calls may be in flight."""
        whole = self._width if self._learnt is None else self._learnt.now
        return max(1, whole // self._sharers())

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
        width = self.width()
        while self._depth:
            beyond = len(self._running) - self._slow - width
            if beyond >= 0 and not self._has_extra_place(beyond):
                break
            admitted = self._admitted(width, beyond)
            if admitted is None or self._paced():
                if beyond < 0:
                    return
                break
            most, full = admitted
            self._launch(self._schedule.pop(most, full=full))
        if self._learnt is not None and self._depth:
            self._learnt.crowd()

    def _admitted(self, width: int, beyond: int) -> tuple[Standing, frozenset[str]] | None:
        """Return of which rank the next call is at most, and of no namespace of these.

        None where all that may go now has gone.
        """
        # Beyond the width goes only whose namespace has no call in flight.
        full = self._full() if beyond < 0 else frozenset(self._busy)
        first = self._first()
        too_many = self._behind(first) - self._most_behind(first, width)
        most = Standing.OTHER if too_many < 0 else first
        if self._schedule.ready(most, full=full):
            return most, full
        # None who comes first is there, and the others have what is left to them: of these, too, a
        # namespace without a call may have one. Example: an application of a comes up, and one call
        # of b is in flight beside it. A routine write of c goes all the same, another of b waits.
        busy = frozenset(self._busy)
        extra = too_many >= 0 and self._has_extra_place(max(beyond, too_many))
        if extra and self._schedule.ready(Standing.OTHER, full=busy):
            return Standing.OTHER, busy
        return None

    def _first(self) -> Standing:
        """Return for which rank others make room; for none where it is the last."""
        first = Standing.OTHER if self._newcomers is None else self._newcomers.first()
        tearing = self._teardowns > 0 or asyncio.get_running_loop().time() < self._narrow_until
        return Standing.NEWCOMER if tearing and first is Standing.OTHER else first

    def _behind(self, first: Standing) -> int:
        """Return how many calls are in flight that make room."""
        return sum(count for rank, count in self._ranks.items() if rank > first)

    def _most_behind(self, first: Standing, width: int) -> int:
        """Return how many calls that make room may be in flight.

        Calls that stand at the server make room, and none that is on the road: of 28 to a server
        that is 40 ms away, 20 are on the road and keep it busy, so 23 go on. A width that somebody
        set says nothing of a road.
        """
        if first is Standing.OTHER:
            return width + self._slow
        least = NARROW
        if self._newcomers is not None and self._newcomers.first() is not Standing.OTHER:
            cutting_in = len(self._running) - self._slow - self._behind(first)
            least = NARROWER if cutting_in < WIDTH - NARROW else NARROW
        if self._learnt is None:
            return max(least, least * width // WIDTH)
        return least + max(0, width - WIDTH)

    def _has_extra_place(self, beyond: int) -> bool:
        """Return whether a namespace without a call in flight may have one beyond the width."""
        return beyond < self._extra and len(self._busy) <= FEW and self._depth > 0

    def _full(self) -> frozenset[str]:
        """Return the namespaces whose calls are slow, and that have half of the places already.

        None is where nobody's calls are quick: then it is the API server that is slow.
        """
        if not self._slow_until:
            return frozenset()
        now = asyncio.get_running_loop().time()
        self._slow_until = {each: end for each, end in self._slow_until.items() if end > now}
        self._quick_until = {
            each: end
            for each, end in self._quick_until.items()
            if end > now and each not in self._slow_until
        }
        if not self._quick_until:
            return frozenset()
        half = max(1, self.width() // 2)
        return frozenset(each for each in self._slow_until if self._busy[each] >= half)

    def _look(self) -> None:
        """Remember whose calls take long, and give their places to others while that is bounded."""
        loop = asyncio.get_running_loop()
        while self._watched and (self._watched[0][1].ended or self._watched[0][0] <= loop.time()):
            _, entry = self._watched.popleft()
            if entry.ended:
                continue
            self._slow_until[entry.key.namespace] = loop.time() + REMEMBERED_SECONDS
            if self._slow < self._most_slow:
                entry.slow = True
                self._slow += 1
                self._ranks[entry.rank] -= 1
        self._watch = loop.call_at(self._watched[0][0], self._look) if self._watched else None
        self._start()

    def _paced(self) -> bool:
        """Return whether the rate limit says to wait, and arrange to go on when it ends."""
        if not self._gap:
            return False
        loop = asyncio.get_running_loop()
        if loop.time() >= self._not_before:
            gap = self._gap * self._sharers()
            self._not_before = max(self._not_before, loop.time() - gap) + gap
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
        self._ranks[entry.rank] += 1
        self._busy[entry.key.namespace] += 1
        loop = asyncio.get_running_loop()
        self._watched.append((loop.time() + SLOW_SECONDS, entry))
        if self._watch is None:
            self._watch = loop.call_at(self._watched[0][0], self._look)
        task = loop.create_task(self._run(entry))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _leave(self, entry: Entry) -> None:
        """Count the call out; one that was slow has given up its place before."""
        entry.ended = True
        namespace = entry.key.namespace
        self._busy[namespace] -= 1
        if not self._busy[namespace]:
            del self._busy[namespace]
        self._end(entry)
        if entry.slow:
            self._slow -= 1
        else:
            if self._slow_until:
                now = asyncio.get_running_loop().time()
                self._quick_until[namespace] = now + REMEMBERED_SECONDS
            self._ranks[entry.rank] -= 1

    def _end(self, entry: Entry) -> None:
        if entry.creates and self._newcomers is not None:
            self._newcomers.leave(entry.key.namespace, entry.flow)

    async def _run(self, entry: Entry) -> None:
        try:
            await entry.run()
        except Exception:  # noqa: BLE001 - nobody waits for this task: what it raises would be lost
            _log.exception("call crashed", key=str(entry.key))
        finally:
            self._leave(entry)
            if entry.urgency is Urgency.TEARDOWN:
                self._teardowns -= 1
                self._narrow_until = asyncio.get_running_loop().time() + LINGER_SECONDS
            task = asyncio.current_task()
            if task is not None:
                self._running.discard(task)
            self._start()
