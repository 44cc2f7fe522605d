"""How many writes may be under way at once: learnt from how far away the API server is.

Eight at a time keep an API server busy that is near; more of them would only stand in its own line,
which cannot be reordered. A hosted one answers after ten to fifty milliseconds, most of which a
write spends on the road. So as many more may be under way as are on the road: the width is
`width * road / latency + 8`, as a FAST TCP has it, and eight stand at the server wherever it is.

Example: an API server that is 40 ms away and serves 500 writes a second has 20 of them on the road
at any time, so the width settles at 28. Where it gets slow, each answer takes longer and the road
is less of it: the width goes back to 8. Where it says that it is overloaded, the width is halved.

The client tells each answer, the pool when it would have used more; the pool asks.

C. Jin, D. Wei, S. Low: FAST TCP, INFOCOM 2004.
"""

from __future__ import annotations

import math
from collections.abc import Callable

# The calls that stand at the server, and the width until something is known.
BASE = 8
LEAST, MOST = 4, 64
# So long a write takes that spends no time on the road: the quickest of an API server next door.
NEAR_SECONDS = 0.005
# The road is the quickest answer of this window and the one before, lest it never get longer.
WINDOW_SECONDS = 300.0
# A window of a wide pool begins with so few calls at a time, and so many answers of theirs: else
# what stands in line at the server would come to count as the road.
PROBES = 8
_TOO_MANY = 429
_FAILED = 500


class Width:
    """The width of one pool, between `LEAST` and `most`."""

    def __init__(self, *, clock: Callable[[], float], most: int = MOST) -> None:
        self.clock = clock
        self._most = max(LEAST, most)
        self._width = float(min(BASE, self._most))
        # Not more than this after the server said that it is overloaded; one more each round.
        self._bound = math.inf
        self._halved_at = -math.inf
        # The quickest answers of this window and of the one before.
        self._quickest = math.inf
        self._before = math.inf
        self._window_ends = -math.inf
        self._probing_since = 0.0
        self._probes = 0
        # The answers of a round: as many as the pool is wide.
        self._round: list[float] = []
        self._crowded = False

    @property
    def now(self) -> int:
        """How many calls may be under way."""
        return LEAST if self._probes else max(LEAST, int(min(self._width, self._bound)))

    def crowd(self) -> None:
        """Take in that more calls would have gone out had there been room."""
        self._crowded = True

    def answered(self, seconds: float, status: int) -> None:
        """Take in how long a write took to be answered, and with which HTTP status."""
        now = self.clock()
        if status == _TOO_MANY:
            self._halve(now, now - seconds)
        elif status < _FAILED:
            self._measure(now, seconds)
            self._round.append(seconds)
            if len(self._round) >= self.now:
                self._adjust()

    def _halve(self, now: float, began: float) -> None:
        """Halve the width, once for all calls that were under way together."""
        if began >= self._halved_at:
            self._bound = max(LEAST, self.now / 2)
            self._halved_at = now
            self._begin_round()

    def _measure(self, now: float, seconds: float) -> None:
        if self._probes and now - seconds >= self._probing_since:
            self._probes -= 1
        if now >= self._window_ends:
            self._before, self._quickest = self._quickest, math.inf
            if self._width > BASE and self._window_ends > -math.inf:
                self._probes, self._probing_since = PROBES, now
            self._window_ends = now + WINDOW_SECONDS
        self._quickest = min(self._quickest, seconds)

    def _adjust(self) -> None:
        """End a round: one of a pool that had room to spare says nothing of the width."""
        if self._crowded and not self._probes:
            # A quarter of the answers came sooner: a webhook that keeps a namespace waiting, which
            # has half of the calls at most, is not the server.
            latency = sorted(self._round)[len(self._round) // 4]
            road = max(0.0, min(self._quickest, self._before) - NEAR_SECONDS)
            self._width = min(BASE + self._width * road / latency, self._most)
            self._bound += 1
        self._begin_round()

    def _begin_round(self) -> None:
        self._round.clear()
        self._crowded = False
