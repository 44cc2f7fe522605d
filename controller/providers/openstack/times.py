"""The time of the cloud: its stamps are by its clock, and all that is decided is by ours.

`client` tells it the `Date` of Nova's answers; `observation` and `readiness` read stamps through
it. An answer's date allows a span of offsets, as it was written between the question and its
arrival. The known offset is kept for as long as it is allowed, and until several answers in a row
agree on another: what is told must not waver, not even where one of the cloud's hosts has a clock
of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

from controller.providers.openstack import machines

# How far clocks may be apart that count as one: a cloud's hosts differ a little, too.
SLACK = 5.0
# How many answers in a row must speak against what is known.
AGREE = 3
# A date is cut to the second.
_CUT = 1.0


class CloudTimes:
    """The offset between the cloud's clock and ours."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        # The cloud's time minus ours.
        self._ahead = 0.0
        self._heard = False
        # The offsets that the latest answers allow, all of which speak against that.
        self._against: list[tuple[float, float]] = []

    def hear(self, date: float, *, sent: float, received: float) -> None:
        """Take in the date of an answer to what was sent, and received, at these times of ours."""
        if not date:
            return
        least, most = date - received, date + _CUT - sent
        first, self._heard = not self._heard, True
        if not least - SLACK <= self._ahead <= most + SLACK:
            self._against = [*self._agreeing(least, most), (least, most)]
            if not first and len(self._against) < AGREE:
                return
            self._ahead = min(max(self._ahead, least), most)
        self._against = []

    def _agreeing(self, least: float, most: float) -> list[tuple[float, float]]:
        """Return the latest answers if they allow some of what this one does, else none."""
        spans = [*self._against, (least, most)]
        agree = max(low for low, _ in spans) - SLACK <= min(high for _, high in spans) + SLACK
        return self._against if agree else []

    def ours(self, stamp: str | None) -> float:
        """Return the time of one of Nova's stamps by our clock; 0 for none."""
        theirs = machines.time_of(stamp)
        return theirs - self._ahead if theirs else 0.0

    def theirs(self, ours: float) -> float:
        """Return a time of ours by the cloud's clock."""
        return ours + self._ahead


def date_of(text: str) -> float:
    """Return the time that an answer's `Date` tells; 0 for none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        # The last is of a number without end, for a day or a zone.
        return 0.0
