"""What time it is for the cloud: its stamps are by its clock, and all that is decided is by ours.

`client` tells it the `Date` of Nova's answers; `observation` and `readiness` read stamps through
it. An answer's date allows a span of offsets, as it was written between the question and its
arrival. What is known is kept for as long as it is allowed: what is told must not waver.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

from controller.providers.openstack import machines

# How far clocks may be apart that count as one: a cloud's hosts differ a little, too.
SLACK = 5.0
# A date is cut to the second.
_CUT = 1.0


class CloudTimes:
    """The offset between the cloud's clock and ours."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        # The cloud's time minus ours.
        self._ahead = 0.0

    def hear(self, date: float, *, sent: float, received: float) -> None:
        """Take in the date of an answer to what was sent, and received, at these times of ours."""
        if not date:
            return
        least, most = date - received, date + _CUT - sent
        if not least - SLACK <= self._ahead <= most + SLACK:
            self._ahead = min(max(self._ahead, least), most)

    def ours(self, stamp: str | None) -> float:
        """Return the time of one of Nova's stamps by our clock; 0 for none."""
        theirs = machines.time_of(stamp)
        return theirs - self._ahead if theirs else 0.0


def date_of(text: str) -> float:
    """Return the time that an answer's `Date` tells; 0 for none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return 0.0
