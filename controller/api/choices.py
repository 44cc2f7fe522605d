"""The words by which decisions are made, as closed lists: what a field of our kinds may hold.

The models say the same to the API server, and a test holds the two to the same words; they are not
asked here, because the operator loads no pydantic. A view's field stays a plain text, so that
decoding costs no more and a word of a later version can still be read: a member is equal to its
text. But each word is written out here alone, so that a misspelt one is an error, not a decision.
"""

from __future__ import annotations

import enum


class Power(enum.StrEnum):
    """Whether a server should run, or was seen to."""

    RUNNING = "Running"
    STOPPED = "Stopped"


class UpdateStrategy(enum.StrEnum):
    """How a rollout takes servers to another revision."""

    ROLLING_UPDATE = "RollingUpdate"
    RECREATE = "Recreate"
    ON_DELETE = "OnDelete"


class TaskState(enum.StrEnum):
    """How an act of a server goes: not begun, claimed, or how it ended."""

    PENDING = "Pending"
    STARTED = "Started"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    # It was begun, and who began it is gone: it may have taken effect, or run on.
    UNKNOWN = "Unknown"


class Action(enum.StrEnum):
    """What an operation does to servers; of all but a rollback and Steps, a step's act, too."""

    RESTART = "Restart"
    START = "Start"
    STOP = "Stop"
    REPLACE = "Replace"
    ROLL_BACK = "RollBack"
    SNAPSHOT = "Snapshot"
    RESTORE = "Restore"
    STEPS = "Steps"
