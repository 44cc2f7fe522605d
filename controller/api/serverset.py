"""The kind ServerSet: one component's servers. Argosy writes it; people may scale it."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from controller.api import manifest, names, schema
from controller.api.component import Counts
from controller.api.metadata import Metadata
from controller.api.policies import (
    Deletion,
    Drift,
    Ordinals,
    Recovery,
    Rollout,
    Spread,
    Start,
    VolumeClaims,
)
from controller.api.schema import ComponentName, Count, Name, ShortText, Tally, Time, rule, rules
from controller.api.service import ComponentService
from controller.api.status import RetriedStatus
from controller.api.template import Template


class ServerSetSpec(schema.Model):
    """The desired state of the component's servers."""

    application: Annotated[Name, schema.IMMUTABLE]
    """The Application that the servers belong to."""
    component: Annotated[ComponentName, schema.IMMUTABLE]
    """The component that they are."""
    fleet: Annotated[Name, schema.IMMUTABLE] = names.BUILT_IN_FLEET
    """The Fleet that they come from."""
    replicas: Count = 1
    """How many servers there should be."""
    revision: ShortText | None = None
    """The revision that they should run: the name of a ControllerRevision's content."""
    template: Template
    """The template that each server is made from."""
    volume_claims: VolumeClaims | None = None
    """The PersistentVolumeClaims that each server has of its own."""
    service: ComponentService | None = None
    """The Service by which servers are found."""
    rollout: Rollout = Rollout()
    """How servers come to a new revision."""
    recovery: Recovery = Recovery()
    """How failing servers are tried again."""
    deletion: Deletion = Deletion()
    """How servers are taken down."""
    server_metadata: Metadata | None = None
    """Labels and annotations of the component's Servers, and of the ServerSet, ControllerRevisions
    and PodDisruptionBudget that are kept for them, beside Argosy's own. Servers that are there get
    them with the next rollout."""
    start: Start = "Parallel"
    """Parallel starts servers all at once. Ordered starts each once the one before it is available,
    and takes them away one by one, as a StatefulSet with OrderedReady does."""
    ordinals: Ordinals | None = None
    """Which ordinals servers have. Left out: those from 0 on."""
    spread: Spread | None = None
    """How servers are spread over failure domains."""
    drift: Drift | None = None
    """How changes that others make to living pods are met."""
    stopped: schema.Stopped | None = None
    """The ordinals that a Stop left stopped, such as 0-1, or 2- for all from 2 on: servers that are
    made there are stopped, too, until a Start."""


class ServerSetStatus(Counts, RetriedStatus):
    """The observed state of the servers."""

    replicas: Tally = 0
    """How many servers there are, under the name that autoscalers expect."""
    selector: Annotated[str, Field(max_length=1024)] | None = None
    """The label selector of the servers' pods, for autoscalers."""
    revision: ShortText | None = None
    """The target revision that this status speaks of."""
    proven_revision: ShortText | None = None
    """The last revision that all servers ran in good health."""
    last_progress_time: Time | None = None
    """When the rollout last moved; the progress deadline counts from here."""
    deadline_missed: bool = False
    """Whether the rollout went without progress for progressDeadlineSeconds."""
    budget_spent: bool = False
    """Whether more servers failed for good than failureBudget allows."""
    remediation_held: bool = False
    """Whether so many servers are ill at once that remediation is held."""
    last_remediation_hold: Time | None = None
    """When remediation was last held, until it went on."""


class ServerSet(manifest.Manifest):
    """One component's servers. Written by Argosy, scaled by whoever owns the replicas."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.metadata.name == self.spec.application + '-' + self.spec.component",
                "metadata.name must be <application>-<component>",
            )
        )
    )
    definition = manifest.Definition(
        plural="serversets",
        short_name="argset",
        columns=manifest.columns(
            *manifest.count_columns(),
            manifest.Column(
                name="Revision",
                path="spec.revision",
                description="The revision that servers should run.",
                priority=1,
            ),
            manifest.Column(
                name="Fleet",
                path="spec.fleet",
                description="The Fleet that servers come from.",
                priority=1,
            ),
        ),
        selectable=("spec.application", "spec.component", "spec.fleet"),
        scale=("spec.replicas", "status.replicas", "status.selector"),
    )

    kind: Literal["ServerSet"]
    """The kind of the object."""
    spec: ServerSetSpec
    """The desired state of the component's servers."""
    status: ServerSetStatus = ServerSetStatus()
    """The state that Argosy observed."""
