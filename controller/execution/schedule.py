"""The order in which waiting calls go out: by urgency in shares, and fair between applications.

Start-time fair queueing, twice: between the urgencies, each with its share of the calls, and within
an urgency between flows (applications), each with the same. Tags count calls and not seconds, so an
application's first call goes next however slow the API server is, and whatever waits is served,
however much comes in above it. `pool` asks.

P. Goyal, H. M. Vin, H. Cheng: Start-time Fair Queueing, SIGCOMM 1996.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Awaitable, Callable, Hashable, Iterator

from controller.execution.keys import Key
from controller.planning.plan import Urgency

# How many calls of each urgency go out for one of the lowest, while all of them wait.
SHARES = {Urgency.ROUTINE: 1, Urgency.PERSONAL: 8, Urgency.TEARDOWN: 16}
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
    withdrawn: bool = False


_Heap = list[tuple[float, int, Entry]]


class _Line:
    """The calls of one urgency that wait. Creates stand apart, as they alone may be held back."""

    __slots__ = ("_clock", "_creating", "_ends", "_others", "_sequence", "turn")

    def __init__(self) -> None:
        # The line's own tag among the lines.
        self.turn = 0.0
        self._clock = 0.0
        # Up to where each flow's calls reach.
        self._ends: dict[Hashable, float] = {}
        self._sequence = itertools.count()
        self._creating: _Heap = []
        self._others: _Heap = []

    def push(self, entry: Entry) -> None:
        start = max(self._clock, self._ends.get(entry.flow, 0.0))
        self._ends[entry.flow] = start + 1.0
        if len(self._ends) > MOST_FLOWS:
            self._ends = {flow: end for flow, end in self._ends.items() if end > self._clock}
        heap = self._creating if entry.creates else self._others
        heapq.heappush(heap, (start, next(self._sequence), entry))

    def head(self, *, creates: bool) -> _Heap | None:
        """Return the heap whose first call is next, or None where none may go."""
        found = [each for each in self._heaps(creates=creates) if _trim(each)]
        return min(found, key=lambda each: each[0]) if found else None

    def pop(self, heap: _Heap) -> Entry:
        start, _, entry = heapq.heappop(heap)
        self._clock = max(self._clock, start)
        return entry

    def _heaps(self, *, creates: bool) -> Iterator[_Heap]:
        yield self._others
        if creates:
            yield self._creating


class Schedule:
    """Calls that wait for their turn."""

    def __init__(self) -> None:
        self._lines = {each: _Line() for each in sorted(Urgency, reverse=True)}
        self._clock = 0.0

    def push(self, entry: Entry) -> None:
        """Put a call in line."""
        line = self._lines[entry.urgency]
        if line.head(creates=True) is None:
            # What was not there has saved nothing up.
            line.turn = max(line.turn, self._clock)
        line.push(entry)

    def ready(self, *, creates: bool) -> bool:
        """Return whether a call may go; without `creates`, one that creates nothing."""
        return any(line.head(creates=creates) is not None for line in self._lines.values())

    def pop(self, *, creates: bool) -> Entry:
        """Return the call whose turn it is; there must be one that is `ready`."""
        urgency, line, heap = min(
            (
                (urgency, line, heap)
                for urgency, line in self._lines.items()
                if (heap := line.head(creates=creates)) is not None
            ),
            key=lambda each: each[1].turn,
        )
        self._clock = max(self._clock, line.turn)
        line.turn = self._clock + 1.0 / SHARES[urgency]
        return line.pop(heap)


def _trim(heap: _Heap) -> bool:
    """Drop what was withdrawn from the front; return whether anything is left."""
    while heap and heap[0][2].withdrawn:
        heapq.heappop(heap)
    return bool(heap)
