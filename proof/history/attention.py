"""How long the operator was there to notice: the clock by which it is judged.

What people read may be late by as long as the operator needs to see what has changed. Seconds of a
wall would judge the machine and not the operator: one that is killed, frozen or starved notices
nothing. So time counts only between two requests of the operator that follow each other closely.
Its leader renews the Lease every few seconds, and whatever does not is not there to act.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
from collections.abc import Iterable
from typing import Self

# A leader that is silent for longer has lost its Lease.
GAP_SECONDS = 15.0


@dataclasses.dataclass(frozen=True, slots=True)
class Attention:
    """The moments at which the operator asked something, and how long it was there until each."""

    moments: tuple[float, ...] = ()
    spent: tuple[float, ...] = ()

    @classmethod
    def of(cls, moments: Iterable[float]) -> Self:
        """Return the attention of an operator that asked something at these moments."""
        rising = sorted(moments)
        gaps = (after - before for before, after in itertools.pairwise(rising))
        spent = itertools.accumulate(
            (gap if gap <= GAP_SECONDS else 0.0 for gap in gaps), initial=0.0
        )
        return cls(tuple(rising), tuple(spent) if rising else ())

    def seconds(self, since: float, until: float) -> float:
        """Return for how long the operator was there between two moments."""
        return max(0.0, self._until(until) - self._until(since))

    def _until(self, moment: float) -> float:
        index = bisect.bisect_right(self.moments, moment) - 1
        if index < 0:
            return 0.0
        if index + 1 == len(self.moments):
            return self.spent[index]
        there = self.spent[index + 1] - self.spent[index]
        return self.spent[index] + min(there, moment - self.moments[index])


NONE = Attention()
