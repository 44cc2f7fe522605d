"""The kind Server: one server, whatever it is made of. Argosy writes it; people may hold it.

A Server refers to what it is made from, and carries no copy: the template and the claims are in the
ControllerRevision that `revision` names; the policies, and so the alternatives, in its ServerSet.
As only Argosy makes Servers, and there are many, the schema fills in no status, and who wrote what
is kept of spec and status as a whole, not of each field: that was half of what is stored of a
server, and is read and written with each call.
"""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from controller.api import manifest, schema, template
from controller.api.schema import (
    IMMUTABLE,
    ErrorClass,
    FreeForm,
    Seconds,
    ShortText,
    Tally,
    Text,
    Time,
)
from controller.api.status import RetriedStatus

TaskId = Annotated[str, Field(min_length=1, max_length=512)]
# A rule that reads several fields costs a write a table of all fields for each of them. So a
# server's rules stand on single fields, and its name is held by the policy on what people write.
RISING = schema.must("self >= oldSelf", "incarnation must not go back: what it counts is gone")
TaskStates = Literal["Pending", "Started", "Succeeded", "Failed", "Cancelled", "Unknown"]


class Task(schema.Model):
    """One act that the server is asked for."""

    id: TaskId
    """The id that tells this act from every other; acts are claimed and deduplicated by it."""
    operation: ShortText
    """The Operation that asks."""
    run: ShortText | None = None
    """The run of the operation: another after each retry."""
    step: ShortText | None = None
    """The operation's step."""
    action: ShortText | None = None
    """The act: a built-in one, or the kind of the step."""
    parameters: FreeForm | None = None
    """Everything that the act needs."""
    cancel: bool = False
    """Whether the act should end without finishing."""


class CopiedClaim(schema.Model):
    """A volume claim as 0.1 wrote it into servers."""

    model_config = template.OPEN

    name: ShortText
    """The volume's name in the template."""


class Hold(schema.Model):
    """Who holds the server, why, and until when."""

    owner: ShortText | None = None
    """Who holds it, as they call themselves."""
    reason: Annotated[str, Field(max_length=1024)] | None = None
    """Why it is held."""
    until: Time | None = None
    """When the hold ends by itself; left out, a person has to release the server."""


class ServerSpec(schema.Model):
    """The desired state of the server."""

    model_config = pydantic.ConfigDict(json_schema_extra=schema.WHOLE)

    application: Annotated[ShortText, IMMUTABLE]
    """The Application that the server belongs to."""
    component: Annotated[ShortText, IMMUTABLE]
    """The component that it is one of."""
    ordinal: Annotated[int, Field(ge=0, le=99_999), IMMUTABLE]
    """The number of the server among those of its component."""
    fleet: Annotated[ShortText, IMMUTABLE]
    """The Fleet that it comes from."""
    domain: Annotated[str, Field(max_length=63)] | None = None
    """The failure domain of the fleet that it is to be in; any, where there is none."""
    incarnation: Annotated[int, Field(ge=1, le=2**53), RISING]
    """How often the server has been made anew, and once for the first. Raising it replaces what
    the server is made of, or restarts it: see `restartAs`."""
    restart_as: Annotated[int, Field(ge=1, le=2**53)] | None = None
    """The incarnation to which it comes by a restart of the instance that is there, where its fleet
    can do that. Any other incarnation takes a new instance."""
    revision: ShortText
    """The revision that it should run. The ControllerRevision <application>-<component>-<revision>
    holds what it is made from: the template and the claims."""
    template: FreeForm | None = None
    """Of servers that 0.1 wrote: what they are made from, where their ControllerRevision is gone.
    Not written any more."""
    volume_claims: (
        Annotated[list[CopiedClaim], Field(max_length=16), schema.keyed("name")] | None
    ) = None
    """Of servers that 0.1 wrote, like the template. Not written any more."""
    recovery: FreeForm | None = None
    """Of servers that 0.1 wrote, where their ServerSet is gone. Not written any more."""
    deletion: FreeForm | None = None
    """Of servers that 0.1 wrote, where their ServerSet is gone. Not written any more."""
    min_ready_seconds: Seconds | None = None
    """Of servers that 0.1 wrote, where their ServerSet is gone. Not written any more."""
    power: Literal["Running", "Stopped"]
    """Whether it should run."""
    replicas: Annotated[int, Field(ge=1, le=1)] = 1
    """Always one. By it the disruption controller works out a PodDisruptionBudget that a person
    wrote with a percentage or maxUnavailable."""
    held: bool = False
    """Set by a person who looks into the server: rollouts and operations pass it by. A server that
    is held still counts as unavailable when it is, and is deleted with the rest."""
    hold: Hold | None = None
    """Who holds the server, why, and until when, where that was said. Without `held` that has no
    effect."""
    task: Task | None = None
    """The act that it is asked for; at most one at a time."""


class ProviderStatus(schema.Model):
    """The instance of the server, in the provider's words."""

    id: ShortText | None = None
    """The provider's own identifier, such as a pod's UID."""
    zone: ShortText | None = None
    """The failure domain that it is in."""
    addresses: Annotated[list[ShortText], Field(max_length=16)] | None = None
    """Where it can be reached."""


class ClaimSize(schema.Model):
    """One of the server's own claims."""

    name: Annotated[str, Field(max_length=63)]
    """The name of the claim in the template."""
    size: ShortText
    """How much storage its volume has."""


class LastError(schema.Model):
    """The latest failure."""

    class_: ErrorClass | None = Field(default=None, alias="class")
    """Transient, Terminal or Unknown; or Waiting or Blocked, which costs no attempt."""
    reason: ShortText | None = None
    """Why, in one CamelCase word for programs."""
    object: ShortText | None = None
    """The object that is in the way, as Kind/name, where that is known."""
    message: Text | None = None
    """The cause, in words."""
    time: Time | None = None
    """When."""


class Attempts(schema.Model):
    """The attempts that making the server has taken so far."""

    count: Tally = 0
    """Failed attempts in the present alternative."""
    alternative: Tally = 0
    """The index of the present alternative, in the list of that time."""
    alternative_name: ShortText | None = None
    """The name of the present alternative: it counts, wherever that stands in the list now."""
    used_up: Tally = 0
    """How many alternatives were tried as often as they may be, since the server last came up."""
    last_error: LastError | None = None
    """The latest failure."""
    exhausted: bool = False
    """Whether every alternative was tried as often as it may be: the server counts as failed, and
    is still tried every recovery.backoff.maxSeconds, unless recovery.giveUp says otherwise."""
    waits: Tally = 0
    """How often in a row it was lost through no fault of its own, which costs no attempt."""
    next_attempt_time: Time | None = None
    """When the next attempt is due. Of attempts that cost nothing, not every one is told."""
    revision: ShortText | None = None
    """The revision that the attempts were made at; another one starts afresh."""
    incarnation: Tally = 0
    """The incarnation that the attempts were made for; another one starts afresh."""
    instance: ShortText | None = None
    """The provider's identifier of what failed last, so that it is counted once."""


class TaskStatus(schema.Model):
    """How the act went."""

    id: TaskId
    """The act that this speaks of."""
    attempt: Tally = 0
    """How often it has been begun."""
    state: TaskStates = "Pending"
    """Pending and Started go on; Succeeded, Failed and Cancelled are ends; Unknown is an act begun
    by an operator that did not live to see its end."""
    message: Text | None = None
    """The outcome, in words."""
    error_class: ErrorClass | None = None
    """The class of the failure."""
    facts: Annotated[dict[str, ShortText], Field(max_length=16)] | None = None
    """The facts that the act found out, such as an exit code or the id of a snapshot; the first
    sixteen."""
    claimed_by: ShortText | None = None
    """The operator process that began it: another one cannot know how it went."""
    start_time: Time | None = None
    """When it began."""
    end_time: Time | None = None
    """When it ended."""


class Checkpoint(schema.Model):
    """A step that the server has passed, or in which it failed.

    A checkpoint of another incarnation does not count.
    """

    operation: ShortText
    """The Operation."""
    run: ShortText
    """The run of the operation."""
    step: ShortText
    """The step that was passed."""
    incarnation: Tally
    """The incarnation that passed it."""
    failed: bool = False
    """Whether it failed: the run leaves the server alone from then on."""


class ServerStatus(RetriedStatus):
    """The observed state of the server."""

    model_config = pydantic.ConfigDict(json_schema_extra=schema.WHOLE)

    provider: ProviderStatus | None = None
    """The instance of the server, in the provider's words."""
    revision: ShortText | None = None
    """The revision that it runs."""
    incarnation: Tally = 0
    """The incarnation that exists."""
    power: ShortText | None = None
    """Whether it runs."""
    attempts: Attempts | None = None
    """The attempts that making the server has taken so far."""
    claims: Annotated[list[ClaimSize], Field(max_length=16)] | None = None
    """The server's claims that have volumes, and how large those are."""
    task: TaskStatus | None = None
    """How the latest act went."""
    checkpoints: Annotated[list[Checkpoint], Field(max_length=256)] | None = None
    """The steps of operations that it has passed."""


class Server(manifest.Manifest):
    """One server, whatever it is made of; it lives as long as its ordinal. Written by Argosy."""

    definition = manifest.Definition(
        plural="servers",
        short_name="argsrv",
        columns=manifest.columns(
            manifest.Column(
                name="Revision", path="status.revision", description="The revision that it runs."
            ),
            manifest.Column(
                name="Zone", path="status.provider.zone", description="The failure domain it is in."
            ),
            manifest.Column(
                name="Domain",
                path="spec.domain",
                description="The failure domain that it was given.",
                priority=1,
            ),
            manifest.Column(
                name="Incarnation",
                path="status.incarnation",
                description="How often it has been made.",
                type="integer",
                priority=1,
            ),
            manifest.Column(
                name="Address",
                path="status.provider.addresses[0]",
                description="Where it can be reached.",
                priority=1,
            ),
            manifest.Column(
                name="Held",
                path="spec.held",
                description="Whether a person holds it.",
                type="boolean",
                priority=1,
            ),
            manifest.Column(
                name="Held-By",
                path="spec.hold.owner",
                description="Who holds it.",
                priority=1,
            ),
            manifest.Column(
                name="Held-Until",
                path="spec.hold.until",
                description="When the hold ends by itself.",
                priority=1,
            ),
            manifest.Column(
                name="Task",
                path="spec.task.operation",
                description="The Operation that asks something of it.",
                priority=1,
            ),
        ),
        # Nobody reads how many of the one there are: absent, it is served as 0.
        scale=("spec.replicas", "status.replicas"),
        selectable=(
            "spec.application",
            "spec.component",
            "spec.fleet",
            "spec.power",
            "spec.revision",
            "status.provider.zone",
        ),
        # Each default costs every create a pass over the schema, and most of them bytes as well.
        defaults=(
            "spec.replicas",
            "status.conditions[].lastTransitionTime",
            "status.task.state",
        ),
    )

    kind: Literal["Server"]
    """The kind of the object."""
    spec: ServerSpec
    """The desired state of the server."""
    status: ServerStatus = ServerStatus()
    """The state that Argosy observed."""
