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

from controller.planning.keys import Key
from controller.planning.plan import Urgency

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
    withdrawn: bool = False


class _Line:
    """Calls of one urgency that wait: the first of each flow before the second of any."""

    __slots__ = ("_clock", "_ends", "_heap", "_sequence", "pace", "turn")

    def __init__(self, share: int) -> None:
        # The line's own tag among the lines, and how far one call takes it.
        self.turn = 0.0
        self.pace = 1.0 / share
        self._clock = 0.0
        # Up to where each flow's calls reach.
        self._ends: dict[Hashable, float] = {}
        self._sequence = itertools.count()
        self._heap: list[tuple[float, int, Entry]] = []

    def push(self, entry: Entry) -> None:
        start = max(self._clock, self._ends.get(entry.flow, 0.0))
        self._ends[entry.flow] = start + 1.0
        if len(self._ends) > MOST_FLOWS:
            self._ends = {flow: end for flow, end in self._ends.items() if end > self._clock}
        heapq.heappush(self._heap, (start, next(self._sequence), entry))

    def waits(self) -> bool:
        """Return whether there is a call; what was withdrawn is dropped from the front."""
        while self._heap and self._heap[0][2].withdrawn:
            heapq.heappop(self._heap)
        return bool(self._heap)

    def pop(self) -> Entry:
        self._clock, _, entry = heapq.heappop(self._heap)
        return entry


class Schedule:
    """Calls that wait for their turn."""

    def __init__(self) -> None:
        self._lines = {
            (urgency, creates): _Line(SHARES[urgency] * (CREATES if creates else 1))
            for urgency in sorted(Urgency, reverse=True)
            for creates in (False, True)
        }
        self._clock = 0.0

    def push(self, entry: Entry) -> None:
        """Put a call in line."""
        line = self._lines[entry.urgency, entry.creates]
        if not line.waits():
            # What was not there has saved nothing up.
            line.turn = max(line.turn, self._clock)
        line.push(entry)

    def ready(self, *, others: bool) -> bool:
        """Return whether a call may go; without `others`, one that tears down."""
        return any(self._waiting(others=others))

    def pop(self, *, others: bool) -> Entry:
        """Return the call whose turn it is; there must be one that is `ready`."""
        line = min(self._waiting(others=others), key=lambda each: each.turn)
        self._clock = max(self._clock, line.turn)
        line.turn = self._clock + line.pace
        return line.pop()

    def _waiting(self, *, others: bool) -> Iterator[_Line]:
        for (urgency, _), line in self._lines.items():
            if (others or urgency is Urgency.TEARDOWN) and line.waits():
                yield line
