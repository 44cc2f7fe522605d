"""The order in which waiting calls go out: by urgency in shares, fair between tenants, then flows.

Start-time fair queueing, three times: between the urgencies, each with its share of the calls;
within an urgency between namespaces, and within a namespace between flows (applications), each with
the same. Tags count calls and not seconds, so an application's first call goes next however slow
the API server is, and whatever waits is served, however much comes in above it. `pool` asks.

Example: namespace a has 300 applications with calls that wait, b has one. Calls go out a, b, a, b
and so on, and those of a one application after the other.

P. Goyal, H. M. Vin, H. Cheng: Start-time Fair Queueing, SIGCOMM 1996.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterator
from typing import Generic, TypeVar

from controller.execution.newcomers import Standing
from controller.planning.keys import Key
from controller.planning.plan import Urgency

T = TypeVar("T")

# How many calls of each urgency go out for one of the lowest, while all of them wait.
SHARES = {Urgency.ROUTINE: 1, Urgency.INTERACTIVE: 16, Urgency.TEARDOWN: 32}
# How many creates for one other call of their urgency: first what is missing is made, then it is
# told how everything stands.
CREATES = 4
# Flows that have no more ahead than others say nothing; they are swept when there are more.
MOST_FLOWS = 4096


@dataclasses.dataclass(slots=True, eq=False)
class Entry:
    """One call that waits or runs; `withdrawn` ones are skipped."""

    key: Key
    run: Callable[[], Awaitable[None]]
    flow: Hashable
    urgency: Urgency
    creates: bool
    # A create of an application that is coming up goes ahead of others.
    standing: Standing = Standing.OTHER
    withdrawn: bool = False
    ended: bool = False
    # The call has been in flight for so long that its place is another's.
    slow: bool = False

    @property
    def rank(self) -> Standing:
        """Who makes room for it: everybody for a teardown."""
        return Standing.NEW_NAMESPACE if self.urgency is Urgency.TEARDOWN else self.standing


class _Fair(Generic[T]):
    """Things that wait in flows: the first of each flow before the second of any."""

    __slots__ = ("_clock", "_ends", "_heap", "_sequence")

    def __init__(self) -> None:
        self._clock = 0.0
        # Up to where each flow's things reach.
        self._ends: dict[Hashable, float] = {}
        self._sequence = itertools.count()
        self._heap: list[tuple[float, int, T]] = []

    def push(self, flow: Hashable, thing: T) -> None:
        # Example: a pushes three, which get 0, 1 and 2. When two have gone, the clock is at 1, and
        # b pushes two: 1 and 2, as it saved nothing up while it had none. So b, a, b follow.
        start = max(self._clock, self._ends.get(flow, 0.0))
        self._ends[flow] = start + 1.0
        if len(self._ends) > MOST_FLOWS:
            self._ends = {each: end for each, end in self._ends.items() if end > self._clock}
        heapq.heappush(self._heap, (start, next(self._sequence), thing))

    def first(self) -> T | None:
        """Return whose turn it is, without taking it."""
        return self._heap[0][2] if self._heap else None

    def pop(self) -> T:
        self._clock, _, thing = heapq.heappop(self._heap)
        return thing

    def in_order(self) -> list[T]:
        """Return all that waits, in the order of their turns."""
        return [thing for _, _, thing in sorted(self._heap)]

    def take(self, thing: T) -> None:
        """Take out what need not be first."""
        if self.first() is thing:
            self.pop()
            return
        place = next(n for n, (_, _, each) in enumerate(self._heap) if each is thing)
        self._heap[place] = self._heap[-1]
        self._heap.pop()
        heapq.heapify(self._heap)


class _Line:
    """Calls of one urgency that wait: fair between namespaces, and within each between flows."""

    __slots__ = ("_calls", "_namespaces", "pace", "turn")

    def __init__(self, share: int) -> None:
        # The line's own tag among the lines, and how far one call takes it.
        self.turn = 0.0
        self.pace = 1.0 / share
        self._calls: dict[str, _Fair[Entry]] = {}
        # Each namespace that has calls stands here once, with its next one's tag.
        self._namespaces: _Fair[str] = _Fair()

    def push(self, entry: Entry) -> None:
        namespace = entry.key.namespace
        calls = self._calls.get(namespace)
        if calls is None:
            calls = self._calls[namespace] = _Fair()
            self._namespaces.push(namespace, namespace)
        calls.push(entry.flow, entry)

    def waits(self, full: Collection[str]) -> bool:
        """Return whether there is a call of a namespace that is not `full`."""
        return bool(self._calls) and self._first(full) is not None

    def pop(self, full: Collection[str]) -> Entry:
        """Return the call whose turn it is; there must be one that `waits`."""
        namespace = self._first(full)
        assert namespace is not None  # noqa: S101 - asked before
        self._namespaces.take(namespace)
        entry = self._calls[namespace].pop()
        # Back in line at once, a turn later: `_first` drops it where no call is left.
        self._namespaces.push(namespace, namespace)
        return entry

    def _first(self, full: Collection[str]) -> str | None:
        """Return the namespace whose turn it is; drop those that have no call any more.

        Who is full keeps its place in line for when it has room.
        """
        while (namespace := self._namespaces.first()) is not None:
            if not self._has_call(namespace):
                self._namespaces.pop()
                del self._calls[namespace]
            elif namespace in full:
                break
            else:
                return namespace
        if not full:
            return None
        return next(
            (
                each
                for each in self._namespaces.in_order()
                if each not in full and self._has_call(each)
            ),
            None,
        )

    def _has_call(self, namespace: str) -> bool:
        """Return whether a call of the namespace waits; what was withdrawn is dropped."""
        calls = self._calls[namespace]
        while (entry := calls.first()) is not None and entry.withdrawn:
            calls.pop()
        return entry is not None


class Schedule:
    """Calls that wait for their turn."""

    def __init__(self) -> None:
        # By urgency, whether they create, and for whom: of creates, all have as large a share.
        self._lines = {
            (urgency, creates, standing): _Line(SHARES[urgency] * (CREATES if creates else 1))
            for urgency in sorted(Urgency, reverse=True)
            for creates, standing in (
                (False, Standing.OTHER),
                *((True, each) for each in Standing),
            )
        }
        # The lines in which calls wait, in the same order: mostly one or two. One that has
        # emptied since stays until the next is filled.
        self._filled: dict[tuple[Urgency, bool, Standing], _Line] = {}
        self._clock = 0.0

    def push(self, entry: Entry) -> None:
        """Put a call in line."""
        line = self._lines[entry.urgency, entry.creates, entry.standing]
        if line.waits(()):
            line.push(entry)
            return
        # A line that was empty has saved nothing up.
        line.turn = max(line.turn, self._clock)
        line.push(entry)
        self._filled = {rank: each for rank, each in self._lines.items() if each.waits(())}

    def ready(self, most: Standing, *, full: Collection[str] = ()) -> bool:
        """Return whether a call may go of those that rank no later than `most`.

        Namespaces that are `full` have as many calls in flight as they may.
        """
        return any(self._waiting(full, most))

    def pop(self, most: Standing, *, full: Collection[str] = ()) -> Entry:
        """Return the call whose turn it is; there must be one that is `ready`."""
        # Example: teardowns and routine writes wait, both at turn 0. Of two alike the more urgent
        # goes, as its line stands first. Each teardown takes its line on by 1/32, a routine write
        # by 1: so 32 of the former go for one of the latter, and neither ever waits for all.
        line = min(self._waiting(full, most), key=lambda each: each.turn)
        self._clock = max(self._clock, line.turn)
        line.turn = self._clock + line.pace
        return line.pop(full)

    def _waiting(self, full: Collection[str], most: Standing) -> Iterator[_Line]:
        for (urgency, _, standing), line in self._filled.items():
            if (standing <= most or urgency is Urgency.TEARDOWN) and line.waits(full):
                yield line
