"""Why what somebody asked for is not done, for every front end alike.

`presentation` raises these, and so may whoever asks; a front end tells them in its own way.
"""

from __future__ import annotations

from controller import errors
from controller.presentation.reasons import CommandReason


class UsageError(errors.Stalled):
    """The request cannot be meant as it was put."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason=CommandReason.USAGE)


class TookTooLongError(errors.Waiting):
    """The state that was waited for did not come in time."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason=CommandReason.TIMEOUT)


class Refusal(errors.Stalled):
    """The request is not possible as things are; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason=CommandReason.IMPOSSIBLE)
