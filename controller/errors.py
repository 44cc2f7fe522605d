"""The three ways in which work can fail to happen, each with its own retry, event and log policy.

Every layer raises these; only `execution` catches them.
"""

from __future__ import annotations


class ArgosyError(Exception):
    """The root: `reason` is of a `reasons.py`, the text says what, where and what must hold."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Waiting(ArgosyError):  # noqa: N818 - the three are words for states, not for mishaps
    """Something else must happen first: look again when it has. No event, logged at debug."""


class Stalled(ArgosyError):  # noqa: N818 - as above
    """Retrying cannot help until a person changes something. One warning event, logged once."""


class Transient(ArgosyError):  # noqa: N818 - as above
    """May pass by itself: retried with backoff. No event, logged at warning when it repeats.

    `retry_after` is what the other side asked for, in seconds, or None.
    """

    def __init__(self, message: str, *, reason: str, retry_after: float | None = None) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class UnknownOutcome(Transient):
    """The call may have taken effect: observe before anything is done again."""


class Outage(Transient):
    """The other side as a whole does not work: unreachable, overloaded or failing.

    That is no failure of whatever was asked for; a fleet's circuit breaker counts it.
    """
