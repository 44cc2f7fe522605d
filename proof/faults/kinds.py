"""What can go wrong between an operator and its API server, and which requests it can befall."""

from __future__ import annotations

import dataclasses
import enum


class Kind(enum.StrEnum):
    """One way in which a request goes wrong."""

    NONE = "none"
    # Of any request.
    DELAY = "delay"  # answered late
    BUSY = "busy"  # 429 with Retry-After; never reaches the API server
    ERROR = "error"  # 500; never reaches it
    UNAVAILABLE = "unavailable"  # 503; never reaches it
    TIMEOUT = "timeout"  # 504; never reaches it
    CONFLICT = "conflict"  # 409 for a patch, as if somebody else had been quicker
    RIVAL = "rival"  # somebody else writes to the object just before a patch of it arrives
    LOST = "lost"  # reaches it, takes effect; the connection ends without an answer
    TWICE = "twice"  # reaches it twice; the second answer is given
    # Of lists.
    STALE = "stale"  # an older answer to the same list is given again
    EXPIRED = "expired"  # 410: the continue token, or the version asked for, is too old
    TORN = "torn"  # the answer's body ends in the middle
    # Of watches.
    DROP = "drop"  # ends after some events
    FREEZE = "freeze"  # goes silent, stays open
    LAG = "lag"  # every event comes late
    CUT = "cut"  # ends in the middle of an event
    HIDE = "hide"  # loses events, then says 410
    GONE = "gone"  # an ERROR event with 410
    FAIL = "fail"  # an ERROR event with 500
    GARBAGE = "garbage"  # a line that is no JSON


ANY = (Kind.DELAY, Kind.BUSY, Kind.ERROR, Kind.UNAVAILABLE, Kind.TIMEOUT)
READS = ANY
WRITES = (*ANY, Kind.LOST, Kind.TWICE)
PATCHES = (*WRITES, Kind.CONFLICT, Kind.RIVAL)
LISTS = (*ANY, Kind.STALE, Kind.TORN)
PAGES = (*LISTS, Kind.EXPIRED)
WATCHES = (
    Kind.DROP,
    Kind.FREEZE,
    Kind.LAG,
    Kind.CUT,
    Kind.HIDE,
    Kind.GONE,
    Kind.FAIL,
    Kind.GARBAGE,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one request.

    `seconds` is how long a delay, a lag or a freeze is; `after` is how many events a watch brings
    before it goes wrong.
    """

    kind: Kind = Kind.NONE
    seconds: float = 0.0
    after: int = 0


FINE = Fault()
