"""The kind Build: one image from one commit."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from controller.api import manifest, schema
from controller.api.reasons import Reason
from controller.api.schema import (
    ComponentName,
    ErrorClass,
    Name,
    ShortText,
    Tally,
    Text,
    Time,
    rule,
    rules,
)
from controller.api.source import Commit, Source
from controller.api.status import PENDING, Condition, Conditions, Status

# Ten digits, so that the names of Builds fit a label.
MOST_BUILDS = 2**31 - 1
FIXED = "{} is immutable: only cancelled of a Build can change, so it must stay"
FIXED_FIELDS = (
    "application",
    "component",
    "number",
    "source",
    "commit",
    "request",
    "activates",
    "onlyIfChanged",
)

# No rule can afford to say that the number is the very one of the spec: a text of unknown length.
NAME_RULES = rules(
    rule(
        "self.metadata.name.startsWith(self.spec.application + '-' + self.spec.component + '-b')"
        " && self.metadata.name.matches('-b[1-9][0-9]*$')",
        "metadata.name must be <application>-<component>-b<number>",
    ),
)


class BuildSpec(schema.Written):
    """The build; immutable but for cancelled."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            *(rule(schema.unchanged(each), FIXED.format(each)) for each in FIXED_FIELDS)
        )
    )

    application: Name
    """The Application whose image is built."""
    component: ComponentName
    """The component whose image is built."""
    number: Annotated[int, Field(ge=1, le=MOST_BUILDS)]
    """The place among the component's Builds: the image of the highest that succeeded is used."""
    source: Source
    """A copy of the component's source."""
    commit: Commit | None = None
    """The commit to build; what the source's ref is at that time when left out."""
    request: ShortText | None = None
    """The value of the annotation argosy.dev/build-requested that asked for it."""
    activates: ShortText | None = None
    """An earlier Build of the component whose image is to be used again: nothing is built."""
    only_if_changed: bool = False
    """Whether nothing is built where the commit is that of the latest image."""
    cancelled: bool = False
    """Whether the Build should end without finishing."""


class BuildError(schema.Model):
    """How an attempt failed."""

    class_: ErrorClass | None = Field(default=None, alias="class")
    """Transient or Terminal."""
    reason: ShortText | None = None
    """Why, in one CamelCase word for programs."""
    message: Text | None = None
    """Why, in a sentence for people."""
    time: Time
    """When."""


class BuildPhase(schema.Model):
    """A phase of the Build."""

    name: Literal["resolve", "build", "test"]
    """The phase: resolve finds the commit, build makes and pushes the image, test tries it."""
    start_time: Time
    """When it began."""
    end_time: Time | None = None
    """When it ended."""
    job: ShortText | None = None
    """The Job of its latest attempt."""
    attempts: Tally = 0
    """How many attempts were begun."""
    next_attempt_time: Time | None = None
    """When the next attempt begins, where the latest one failed."""
    last_error: BuildError | None = None
    """How the latest attempt that failed did so."""


WAITING = Condition(
    type="Succeeded",
    status="Unknown",
    reason=Reason.WAITING,
    message="Argosy has not looked at the object yet.",
)


class BuildStatus(Status):
    """The observed state of the build."""

    conditions: Conditions = Field(default=[PENDING, WAITING])
    """Succeeded, which tells the end; Ready, and Reconciling or Stalled while they are true."""
    commit: ShortText | None = None
    """The commit that is built: found once, before anything is built."""
    digest: ShortText | None = None
    """The digest of the image."""
    image: Annotated[str, Field(max_length=512)] | None = None
    """The image by its digest, as servers are given it."""
    phases: Annotated[list[BuildPhase], Field(max_length=3), schema.keyed("name")] | None = None
    """The phases that have begun."""
    start_time: Time | None = None
    """When the first phase began."""
    completion_time: Time | None = None
    """When the Build ended."""


class Build(manifest.Manifest):
    """One image from one commit, tested, and used by a component once it has succeeded."""

    model_config = pydantic.ConfigDict(json_schema_extra=NAME_RULES)
    definition = manifest.Definition(
        plural="builds",
        short_name="argbuild",
        columns=(
            manifest.Column(
                name="Application",
                path="spec.application",
                description="The application whose image is built.",
            ),
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
                name="Commit", path="status.commit", description="The commit that is built."
            ),
            manifest.Column(
                name="Digest",
                path="status.digest",
                description="The digest of the image.",
                priority=1,
            ),
            manifest.columns()[-1],
        ),
        selectable=("spec.application", "spec.component"),
    )

    kind: Literal["Build"]
    """The kind of the object."""
    spec: BuildSpec
    """The build."""
    status: BuildStatus = BuildStatus()
    """The state that Argosy observed."""
