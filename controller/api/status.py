"""The status of every kind: conditions, what blocks it, and the generation it speaks of."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from controller.api import schema
from controller.api.reasons import Reason
from controller.api.schema import ShortText, Tally, Text, Time

EPOCH = "1970-01-01T00:00:00Z"


class Condition(schema.Model):
    """One aspect of the object's state, as Kubernetes conditions have it."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """The question that the condition answers, such as Ready."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(max_length=1024)]
    """Why, in one CamelCase word for programs."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """Why, in a sentence for people."""
    last_transition_time: Time = EPOCH
    """When `status` last changed."""
    observed_generation: Tally = 0
    """The generation of the object that this condition speaks of."""


class Blocked(schema.Model):
    """One thing that has not converged: what, why, since when, and what can be done about it."""

    object: Annotated[str, Field(max_length=512)]
    """The object that is waited for, as Kind/name."""
    reason: Annotated[str, Field(max_length=1024)]
    """Why, in one CamelCase word for programs."""
    message: Text | None = None
    """Why, in a sentence for people."""
    since: Time | None = None
    """Since when."""
    next_attempt_time: Time | None = None
    """When the next attempt is due, if one is."""
    remedy: Text | None = None
    """The remedy: a command that can be typed, where there is one."""


Conditions = Annotated[list[Condition], Field(max_length=16), schema.keyed("type")]
BlockedBy = Annotated[list[Blocked], Field(max_length=32)]

PENDING = Condition(
    type="Ready",
    status="Unknown",
    reason=Reason.PENDING,
    message="Argosy has not looked at the object yet.",
)


class Status(schema.Model):
    """The state that Argosy observed.

    The default makes a new object say that nobody has looked at it yet, at no write.
    Unknown fields are skipped, so that an older command reads what a newer operator wrote.
    """

    model_config = pydantic.ConfigDict(extra="ignore")

    observed_generation: Tally = 0
    """The generation of the spec that this status speaks of."""
    conditions: Conditions = Field(default=[PENDING])
    """Ready, and Reconciling or Stalled while they are true."""
    blocked_by: BlockedBy | None = None
    """The obstacles that the object waits for, since when, and their remedies."""


class RetriedStatus(Status):
    """The status of an object that people may tell to try again now."""

    last_handled_retry: ShortText | None = None
    """The latest value of the annotation argosy.dev/retry-now that was acted upon."""
