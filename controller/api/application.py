"""The kind Application: what users declare."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from controller.api import manifest, names, schema
from controller.api.build import MOST_BUILDS
from controller.api.component import Component, ComponentStatus, Counts
from controller.api.policies import Deletion
from controller.api.schema import Count, Name, ShortText, Time, rule, rules
from controller.api.status import RetriedStatus

# The room that two dashes and an ordinal leave for an application's and a component's names.
ROOM = names.MAX_NAME - 2 - names.MAX_ORDINAL_DIGITS
# The room for them in the name of a Build, beside "-", "-b" and its number.
BUILD_ROOM = names.MAX_NAME - 3 - len(str(MOST_BUILDS))
LAYERS = 16
# dependsOn must lead to no cycle. CEL has neither loops nor recursion, so the graph is peeled: `r`
# are the names of those known to be in order, at first those that depend on nothing. Each layer
# finds, by one more `.map`, all whose dependencies are in `r`; after 16 layers all must be among
# them. The list around `r` is there to give `.map` one element to work on: the names so far.
#
# Example: db depends on nothing, cache on db, web on cache and db, a on b, and b on a.
# The roots are [[db]]. After layer 1 there are [[db, cache]]: web waits for cache, a and b for each
# other. After layer 2 there are [[db, cache, web]], and so for ever: 3 names of 5, so that a and b
# are in a cycle.
#
# A chain of 18 is refused, too: its last one would come with layer 17.
PEEL = ".map(r, self.filter(c, !has(c.dependsOn) || c.dependsOn.all(d, d in r)).map(c, c.name))"
ROOTS = "[self.filter(c, !has(c.dependsOn) || c.dependsOn.size() == 0).map(c, c.name)]"
ACYCLIC = f"{ROOTS}{PEEL * LAYERS}[0].size() == self.size()"

COMPONENT_RULES = rules(
    rule(
        "[self.map(c, c.name)].all(names,"
        " self.all(c, !has(c.dependsOn) || c.dependsOn.all(d, d in names)))",
        "dependsOn must name components of this application",
    ),
    rule(
        ACYCLIC,
        f"dependsOn must lead to no cycle, nor to a chain of more than {LAYERS + 1} components",
    ),
)

NAME_RULES = rules(
    rule(
        f"self.metadata.name.matches('{schema.DNS_1035}')",
        "metadata.name must be a DNS-1035 label: lower-case letters, digits and dashes, beginning"
        " with a letter",
    ),
    rule(
        f"self.spec.components.all(c, size(self.metadata.name) + size(c.name) <= {ROOM})",
        f"metadata.name and a component's name must together have at most {ROOM} characters: they"
        f" and an ordinal name a server, in at most {names.MAX_NAME}",
    ),
    rule(
        "self.spec.components.all(c, !has(c.adopt)"
        " || c.adopt.name == self.metadata.name + '-' + c.name)",
        "adopt.name must be <application>-<component>: a pod becomes the server that has its name",
    ),
    rule(
        "self.spec.components.all(c, !has(c.volumeClaims) || c.volumeClaims.all(v,"
        f" size(self.metadata.name) + size(c.name) + size(v.name) <= {ROOM - 1}))",
        f"metadata.name, a component's and a claim's name must together have at most {ROOM - 1}"
        f" characters: they and an ordinal name a claim, in at most {names.MAX_NAME}",
    ),
    rule(
        "self.spec.components.all(c, !has(c.source)"
        f" || size(self.metadata.name) + size(c.name) <= {BUILD_ROOM})",
        "metadata.name and the name of a component with a source must together have at most"
        f" {BUILD_ROOM} characters: they and a number name a Build, in at most {names.MAX_NAME}",
    ),
)


# `kubectl scale` of an Application says one number; it must be clear whose that is.
SCALE_RULES = rules(
    rule(
        "!has(self.replicas) || size(self.components) == 1",
        "replicas of an application must not stand beside several components: name it in each, or"
        " scale their ServerSets",
    ),
    rule(
        "!has(self.replicas) || !has(self.components[0].replicas)",
        "replicas must not be named by the application and by its component: take the component's"
        " out to have the application scaled",
    ),
)


class ApplicationSpec(schema.Model):
    """The desired state of the application."""

    model_config = pydantic.ConfigDict(json_schema_extra=SCALE_RULES)

    fleet: Annotated[Name, schema.IMMUTABLE] = names.BUILT_IN_FLEET
    """The Fleet that servers come from; `pods` is built in."""
    management: Literal["Full", "Observe"] = "Full"
    """Full makes and changes whatever the application asks for. Observe plans and reports, and
    writes nothing but objects of argosy.dev: no pod, claim, Service or Event. Deleted, it is taken
    down all the same."""
    paused: bool = False
    """Whether to plan and report without changing anything. Deletes still run; operations wait."""
    revision_history_limit: Annotated[int, Field(ge=0, le=100)] = 10
    """How many past revisions of each component to keep, beside those in use."""
    deletion: Deletion = Deletion()
    """How servers are taken down."""
    replicas: Count | None = None
    """How many servers the application's only component should have, where that leaves it out. The
    number that `kubectl scale` and autoscalers of the Application change."""
    components: Annotated[
        list[Component],
        Field(min_length=1, max_length=schema.MAX_COMPONENTS),
        schema.keyed("name"),
        schema.Extension(COMPONENT_RULES),
    ]
    """The parts of the application."""


class PastOperation(schema.Model):
    """An operation that has ended; the object itself may be gone."""

    name: ShortText
    """The Operation."""
    action: ShortText
    """The act that the operation carried out."""
    requested_by: Annotated[str, Field(max_length=1024)] | None = None
    """The user who created it, where the chart's admission policy guards that; else absent."""
    request_time: Time
    """When it was created."""
    completion_time: Time
    """When it ended."""
    result: ShortText
    """The reason of its condition Succeeded."""
    progress: Annotated[str, Field(max_length=63)] | None = None
    """How many of the targeted servers had finished, such as 12/50."""


class ApplicationStatus(Counts, RetriedStatus):
    """The observed state of the application; the counts are of all components together."""

    selector: Annotated[str, Field(max_length=1024)] | None = None
    """The label selector of the only component's pods, for autoscalers; none of several."""
    components: (
        Annotated[
            list[ComponentStatus],
            Field(max_length=2 * schema.MAX_COMPONENTS),
            schema.keyed("name"),
        ]
        | None
    ) = None
    """The components' servers, counted."""
    operations: Annotated[list[PastOperation], Field(max_length=20)] | None = None
    """The last operations that have ended, the latest last; kept when the objects are gone."""


class Application(manifest.Manifest):
    """An application that runs on a fleet of servers: its components and their policies."""

    model_config = pydantic.ConfigDict(json_schema_extra=NAME_RULES)
    definition = manifest.Definition(
        plural="applications",
        short_name="argapp",
        columns=manifest.columns(
            *manifest.count_columns(),
            manifest.Column(
                name="Fleet",
                path="spec.fleet",
                description="The Fleet that servers come from.",
                priority=1,
            ),
            manifest.Column(
                name="Paused",
                path="spec.paused",
                description="Whether changes wait.",
                type="boolean",
                priority=1,
            ),
        ),
        selectable=("spec.fleet",),
        scale=("spec.replicas", "status.current", "status.selector"),
    )

    kind: Literal["Application"]
    """The kind of the object."""
    spec: ApplicationSpec
    """The desired state of the application."""
    status: ApplicationStatus = ApplicationStatus()
    """The state that Argosy observed."""
