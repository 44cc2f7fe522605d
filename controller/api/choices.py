"""The words by which decisions are made, as closed lists: what a field of our kinds may hold.

The models say the same to the API server, and a test holds the two to the same words, but for the
lists of which no model has a field of its own; models are not asked here, because the operator
loads no pydantic. A view's field stays a plain text, so that
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
    # The task was begun, and who began it is gone: it may have taken effect, or run on.
    UNKNOWN = "Unknown"


class Action(enum.StrEnum):
    """An act of operations on servers; of all but a rollback and Steps, a step's act, too."""

    RESTART = "Restart"
    START = "Start"
    STOP = "Stop"
    REPLACE = "Replace"
    ROLL_BACK = "RollBack"
    SNAPSHOT = "Snapshot"
    RESTORE = "Restore"
    STEPS = "Steps"


class StepKind(enum.StrEnum):
    """An act that a step asks for by a block of its own, and not as an action."""

    EXEC = "Exec"
    HTTP = "Http"
    JOB = "Job"


class StepScope(enum.StrEnum):
    """How often a step is done: for each server, for each component, or once."""

    SERVER = "Server"
    COMPONENT = "Component"
    ONCE = "Once"


class TurnOrder(enum.StrEnum):
    """In which order of ordinals servers take their turn in an operation."""

    ASCENDING = "Ascending"
    DESCENDING = "Descending"


class OnFailure(enum.StrEnum):
    """The course of an operation that failed."""

    HALT = "Halt"
    REVERT = "Revert"


class OnUnknown(enum.StrEnum):
    """The fate of a step of which nobody knows whether it was done."""

    FAIL = "Fail"
    RERUN = "Rerun"


class Start(enum.StrEnum):
    """Whether a component's servers wait for those of lower ordinals."""

    PARALLEL = "Parallel"
    ORDERED = "Ordered"


class DeletionOrder(enum.StrEnum):
    """Whether components that go wait for those that depend on them."""

    REVERSE = "Reverse"
    PARALLEL = "Parallel"


class DeletionTimeout(enum.StrEnum):
    """The fate of an instance that does not go in time."""

    WAIT = "Wait"
    FORCE = "Force"
    ABANDON = "Abandon"


class Evictions(enum.StrEnum):
    """Whether evictions keep to the component's budget."""

    BUDGET = "Budget"
    IGNORE = "Ignore"


class InPlace(enum.StrEnum):
    """Whether a change is made without another instance where that can be."""

    WHEN_POSSIBLE = "WhenPossible"
    NEVER = "Never"


class RunPolicyName(enum.StrEnum):
    """How the Builds of a component take turns."""

    SERIAL_LATEST_ONLY = "SerialLatestOnly"
    SERIAL = "Serial"
    PARALLEL = "Parallel"


class OnDeadline(enum.StrEnum):
    """The course of a rollout that makes no progress in time."""

    HALT = "Halt"
    ROLL_BACK = "RollBack"


class OnBudgetSpent(enum.StrEnum):
    """The course once too many servers have failed for good."""

    HALT = "Halt"
    REVERT_COMPONENT = "RevertComponent"
    REVERT_APPLICATION = "RevertApplication"


class HeldTogether(enum.StrEnum):
    """Of which servers too many must be ill for remediation to be held."""

    DOMAIN = "Domain"
    COMPONENT = "Component"


class ClaimRetention(enum.StrEnum):
    """The fate of a claim whose server is gone for good."""

    RETAIN = "Retain"
    DELETE = "Delete"


class Management(enum.StrEnum):
    """Whether an application is looked after, or looked at."""

    FULL = "Full"
    OBSERVE = "Observe"


class ServiceType(enum.StrEnum):
    """Which Service a component has, if any."""

    HEADLESS = "Headless"
    CLUSTER_IP = "ClusterIP"
    NONE = "None"


class DomainState(enum.StrEnum):
    """Whether servers land in a failure domain, and whether those in it stay."""

    ACTIVE = "Active"
    CORDONED = "Cordoned"
    EVACUATING = "Evacuating"


class ErrorClass(enum.StrEnum):
    """The consequence of a failure for the next attempt."""

    TRANSIENT = "Transient"
    # Trying again cannot help.
    TERMINAL = "Terminal"
    # The attempt may have taken effect.
    UNKNOWN = "Unknown"
    # Nobody's failure, and no attempt: something else must happen first.
    WAITING = "Waiting"
    # So, too, and a person has to see to it.
    BLOCKED = "Blocked"
