"""The kind Operation: one imperative act on an application, to its end."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from controller.api import manifest, schema
from controller.api.policies import Attempts, Backoff
from controller.api.reasons import Reason
from controller.api.schema import (
    ComponentName,
    ErrorClass,
    Name,
    Parameters,
    Seconds,
    Share,
    ShortText,
    Tally,
    Text,
    Time,
    rule,
    rules,
)
from controller.api.status import PENDING, Condition, Conditions, Status
from controller.api.step import Step, StepStatus

ORDINALS = r"^[0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*$"
RISING = (
    "self.split(',').all(r, !r.matches('^[0-9]{1,5}-[0-9]{1,5}$')"
    " || int(r.split('-')[0]) <= int(r.split('-')[1]))"
)
FIXED = (
    "{} is immutable: only paused, cancelled and retry of an operation can change, so it must stay"
)
# All but paused, cancelled and retry.
FIXED_FIELDS = (
    "application",
    "action",
    "components",
    "servers",
    "steps",
    "parameters",
    "concurrency",
    "failureBudget",
    "order",
    "recovery",
    "onFailure",
    "startDeadlineSeconds",
    "timeoutSeconds",
    "cancelGraceSeconds",
    "ttlSecondsAfterFinished",
)


def _immutability() -> list[schema.Extra]:
    return [rule(schema.unchanged(each), FIXED.format(each)) for each in FIXED_FIELDS]


class OperationRecovery(schema.Model):
    """How failing acts are tried again."""

    attempts: Attempts = 3
    """How often to try an act on a server."""
    backoff: Backoff = Backoff()
    """How long to wait between attempts."""


class Retry(schema.Written):
    """A request to go on after Failed, TimedOut or Cancelled."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                f"self.id != oldSelf.id || (({schema.unchanged('from')})"
                f" && ({schema.unchanged('parameters')}))",
                "retry.id must change with retry.from and retry.parameters: each id is one retry",
            )
        )
    )

    id: Annotated[
        str,
        schema.Matching(
            "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
            "retry.id must be letters, digits, dashes, dots and underscores",
        ),
    ]
    """The id that tells this retry from earlier ones."""
    from_: Name | None = Field(default=None, alias="from")
    """The step to start again at: servers that have not finished forget it and later ones."""
    parameters: Parameters | None = None
    """Parameters that replace those of the operation."""


class OperationSpec(schema.Written):
    """The work to do; immutable but for paused, cancelled and retry."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                "(self.action == 'Steps') == (has(self.steps) && size(self.steps) > 0)",
                "steps must be given if, and only if, action is Steps",
            ),
            rule(
                "!has(self.retry) || !has(self.retry.from)"
                " || (has(self.steps) && self.steps.exists(s, s.name == self.retry.from))",
                "retry.from must name a step of the operation",
            ),
            rule(
                f"!has(self.concurrency) || !{schema.is_zero('self.concurrency')}",
                "concurrency must be at least 1, or 1%: with none no server has its turn",
            ),
            *_immutability(),
        )
    )

    application: Name
    """The Application to act on."""
    components: (
        Annotated[
            list[ComponentName],
            Field(min_length=1, max_length=schema.MAX_COMPONENTS),
            schema.UNORDERED,
        ]
        | None
    ) = None
    """The components to act on; all when left out."""
    servers: (
        Annotated[
            str,
            schema.Matching(
                ORDINALS,
                "servers must be ordinals and ranges of them, such as 0-9,12",
                longest=512,
            ),
            schema.must(RISING, "each range in servers must rise, as 0-9 does"),
        ]
        | None
    ) = None
    """The ordinals to act on, such as 0-9,12; all when left out."""
    action: Literal[
        "Restart", "Start", "Stop", "Replace", "RollBack", "Snapshot", "Restore", "Steps"
    ]
    """The act."""
    steps: Annotated[list[Step], Field(max_length=32), schema.keyed("name")] | None = None
    """For the action Steps: what to do, in order; each step is a checkpoint."""
    parameters: Parameters | None = None
    """The arguments of the action."""
    concurrency: Share | None = None
    """How many servers of each component may be in flight. A percentage is of the component's
    targeted servers, rounded down, at least 1. When left out, the component's own budget: what its
    rollout.maxUnavailable allows."""
    failure_budget: Share = "10%"
    """How many servers of each component may fail before nothing new starts. A percentage is of the
    component's targeted servers, rounded down."""
    order: Literal["Ascending", "Descending"] = "Ascending"
    """In which order of ordinals servers take their turn."""
    recovery: OperationRecovery = OperationRecovery()
    """How failing acts are tried again."""
    on_failure: Literal["Halt", "Revert"] = "Halt"
    """When the failure budget is spent, the operation is cancelled or out of time: Halt stops
    there, Revert runs compensations, last first, for at most timeoutSeconds."""
    start_deadline_seconds: Seconds = 600
    """How long the operation may wait for its turn."""
    timeout_seconds: Annotated[int, Field(ge=1, le=schema.YEAR)] = 3600
    """How long a run may take."""
    cancel_grace_seconds: Seconds = 30
    """How long an act that is cancelled may take to end."""
    ttl_seconds_after_finished: Seconds = 86400
    """How long the operation is kept after its end."""
    paused: bool = False
    """Whether nothing new starts."""
    cancelled: bool = False
    """Whether the operation should end without finishing."""
    retry: Retry | None = None
    """A request to go on after Failed, TimedOut or Cancelled."""


class Failure(schema.Model):
    """A server on which the operation failed."""

    server: ShortText
    """The Server."""
    step: ShortText | None = None
    """The step in which it failed."""
    class_: ErrorClass | None = Field(default=None, alias="class")
    """Transient, Terminal or Unknown."""
    message: Text | None = None
    """The cause, in words."""
    attempts: Tally = 0
    """How often it was tried."""


class Retried(schema.Model):
    """A retry that has begun."""

    id: ShortText
    """The run that it began."""
    from_: ShortText | None = Field(default=None, alias="from")
    """The step that it started again at."""


WAITING = Condition(
    type="Succeeded",
    status="Unknown",
    reason=Reason.WAITING,
    message="Argosy has not looked at the object yet.",
)


class OperationStatus(Status):
    """The observed state of the operation; what each server has passed is on the Server."""

    conditions: Conditions = Field(default=[PENDING, WAITING])
    """Succeeded, which tells the end; Ready, and Reconciling or Stalled while they are true."""
    run: ShortText | None = None
    """The run that this status speaks of: another after each retry."""
    progress: Annotated[str, Field(max_length=63)] | None = None
    """How many of the targeted servers have finished, such as 12/50."""
    total: Tally = 0
    """How many servers are targeted."""
    pending: Tally = 0
    """How many have not begun."""
    running: Tally = 0
    """How many are in flight."""
    succeeded: Tally = 0
    """How many have finished."""
    failed: Tally = 0
    """How many have failed."""
    steps: Annotated[list[StepStatus], Field(max_length=32), schema.keyed("name")] | None = None
    """How far the servers are with each step."""
    failures: Annotated[list[Failure], Field(max_length=20)] | None = None
    """The servers on which it failed; the first twenty."""
    targets: (
        Annotated[
            list[Annotated[str, Field(max_length=65536)]], Field(max_length=schema.MAX_COMPONENTS)
        ]
        | None
    ) = None
    """The servers that the run was given when it started, each a component/ordinals."""
    parameters: Parameters | None = None
    """The parameters of the retry that the run began with: they stay what they were then."""
    leaving: (
        Annotated[
            list[Annotated[str, Field(max_length=128)]], Field(max_length=schema.MAX_COMPONENTS)
        ]
        | None
    ) = None
    """For RollBack: the revisions that the run leaves, each a component/revision."""
    retries: Annotated[list[Retried], Field(max_length=100)] | None = None
    """The latest retries that have begun, oldest first: what each server has passed is read by
    them."""
    start_time: Time | None = None
    """When the run started."""
    pause_time: Time | None = None
    """Since when it is paused."""
    paused_seconds: Tally = 0
    """For how long it was paused before: deadlines do not count that time."""
    cancel_time: Time | None = None
    """When it was cancelled."""
    completion_time: Time | None = None
    """When it ended."""
    last_progress_time: Time | None = None
    """When a server last finished or failed."""


class Operation(manifest.Manifest):
    """One act on an application: watched, paused, cancelled, retried, and ended for good or ill."""

    definition = manifest.Definition(
        plural="operations",
        short_name="argop",
        columns=(
            manifest.Column(
                name="Application",
                path="spec.application",
                description="The application that the operation acts on.",
            ),
            manifest.Column(name="Action", path="spec.action", description="The act."),
            manifest.Column(
                name="Succeeded",
                path="status.conditions[?(@.type=='Succeeded')].status",
                description="Whether it did; Unknown until its end.",
            ),
            manifest.Column(
                name="Reason",
                path="status.conditions[?(@.type=='Succeeded')].reason",
                description="Why, or what it is at.",
            ),
            manifest.Column(
                name="Progress",
                path="status.progress",
                description="How many of the targeted servers have finished.",
            ),
            manifest.Column(
                name="Failed",
                path="status.failed",
                description="How many servers have failed.",
                type="integer",
                priority=1,
            ),
            manifest.columns()[-1],
        ),
        selectable=("spec.application", "spec.action"),
    )

    kind: Literal["Operation"]
    """The kind of the object."""
    spec: OperationSpec
    """The act."""
    status: OperationStatus = OperationStatus()
    """The state that Argosy observed."""
