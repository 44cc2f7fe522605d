"""The phases of a key between two plans, and the moves from each to the next, as one literal table.

`key_state` moves. A move that the table does not have is a bug of Argosy's: it raises, and the
engine tells of it on the key's object, as of any other crash.

    IDLE ──▶ WRITING ──▶ IDLE           calls of a plan are made, and all are answered
    IDLE ──▶ READING ──▶ IDLE           what an answer was lost about is read, before a plan
    IDLE ──▶ PARKED ──▶ IDLE            the caches do not show yet what the key wrote
    WRITING, READING ──▶ BACKING_OFF    a call has failed in a way that may pass
    BACKING_OFF ──▶ IDLE, PARKED        the wait is over, or something has changed
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class KeyPhase(enum.StrEnum):
    """The phase of a key: the thing that it waits for, if for any."""

    # For nothing: it is at rest, or to be visited. Calls begin here, and nowhere else.
    IDLE = "Idle"
    # For the answers to its calls, of which one at least may change something.
    WRITING = "Writing"
    # For the answers to its calls, which only read.
    READING = "Reading"
    # For the caches to show what it wrote; a visit finds out whether they do.
    PARKED = "Parked"
    # For some time to pass, since its last calls failed; a change that concerns it comes first.
    BACKING_OFF = "BackingOff"


# By themselves they are quicker to come by, which each visit does, and the table is easier to read.
IDLE, WRITING, READING, PARKED, BACKING_OFF = KeyPhase

# Of each phase, those that may come next. To stay in a phase is no move.
MOVES: Mapping[KeyPhase, frozenset[KeyPhase]] = {
    # Past the gate a visit leads to calls, or to none; before the gate, to the parked.
    IDLE: frozenset({WRITING, READING, PARKED}),
    # All calls are answered, or those that are not were taken back; or one of them has failed.
    WRITING: frozenset({IDLE, BACKING_OFF}),
    READING: frozenset({IDLE, BACKING_OFF}),
    # A key that is parked calls nobody: first a visit must find it past the gate.
    PARKED: frozenset({IDLE}),
    # Nor does what backs off. Of its last calls others succeeded, which are yet to be seen.
    BACKING_OFF: frozenset({IDLE, PARKED}),
}
# While a key is in one of these, calls are not answered.
IN_FLIGHT = frozenset({WRITING, READING})


class IllegalMoveError(Exception):
    """A key was to come into a phase that cannot follow its own."""

    def __init__(self, before: KeyPhase, after: KeyPhase) -> None:
        super().__init__(f"a key that is {before} cannot become {after}")
