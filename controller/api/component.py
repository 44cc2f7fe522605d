"""A component of an Application: servers alike, their order and their policies."""

from __future__ import annotations

from typing import Annotated

import pydantic
from pydantic import Field

from controller.api import schema
from controller.api.metadata import Metadata
from controller.api.policies import (
    Adopt,
    Drift,
    Ordinals,
    Recovery,
    Rollout,
    Spread,
    Start,
    VolumeClaims,
)
from controller.api.schema import ComponentName, Count, ShortText, Tally, rule, rules
from controller.api.service import ComponentService
from controller.api.source import Source
from controller.api.template import Template

# The name of the Service, or nothing where that is left to Argosy.
_SERVICE_NAME = "(has({0}.service) && has({0}.service.name) ? {0}.service.name : '')"


class Component(schema.Written):
    """Servers alike."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.dependsOn) || !(self.name in self.dependsOn)",
                "dependsOn must not name the component itself",
            ),
            rule(
                "!has(self.volumeClaims) || size(self.volumeClaims) == 0"
                f" || {schema.is_zero('self.rollout.maxSurge')}",
                "rollout.maxSurge must be 0 with volumeClaims: spare servers would leave claims",
            ),
            # Servers have it in their names in DNS, from their making on.
            rule(
                f"{_SERVICE_NAME.format('self')} == {_SERVICE_NAME.format('oldSelf')}",
                "service.name must stay what it was when the component was made",
            ),
        )
    )

    name: ComponentName
    """The component's name, part of its servers' names."""
    replicas: Count | None = None
    """How many servers there should be. Leave it out to let an autoscaler or `kubectl scale` of the
    ServerSet decide."""
    depends_on: Annotated[list[ComponentName], Field(max_length=16), schema.UNORDERED] | None = None
    """Components that must be available before this one is made or changed, and that are deleted
    after it."""
    template: Template
    """The template that each server is made from: for pods a pod template. At most 100 levels
    deep."""
    volume_claims: VolumeClaims | None = None
    """The PersistentVolumeClaims that each server has of its own."""
    service: ComponentService | None = None
    """The Service by which servers are found. Left out: a headless one called
    <application>-<component>."""
    rollout: Rollout = Rollout()
    """How servers come to a new revision."""
    recovery: Recovery = Recovery()
    """How failing servers are tried again."""
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
    """How servers are spread over failure domains. Where left out, new servers go to the domain
    with the fewest, if the fleet has any, and stay there."""
    drift: Drift | None = None
    """How changes that others make to living pods are met. Where left out, images are changed
    back."""
    adopt: Adopt | None = None
    """The StatefulSet whose pods become servers as they run, with their claims. Only pods that
    nothing controls are taken up, so the StatefulSet must be gone (deleted with its pods orphaned).
    Without effect once every server has its pod."""
    source: Source | None = None
    """Where the image of a container is built from. Where left out, the template names all
    images."""


class Counts(schema.Model):
    """How many servers there are, in which state."""

    desired: Tally = 0
    """How many servers there should be."""
    current: Tally = 0
    """How many servers there are."""
    updated: Tally = 0
    """How many run the target revision."""
    ready: Tally = 0
    """How many are ready."""
    available: Tally = 0
    """How many have been ready for minReadySeconds."""
    failed: Tally = 0
    """How many failed for good."""


class ComponentImage(schema.Model):
    """The image that was built for a component: known also when the Builds are gone."""

    model_config = pydantic.ConfigDict(extra="ignore")

    number: Tally = 0
    """The highest number that a Build of the component had."""
    source: ShortText | None = None
    """The source that the Build of that number was made for, as a hash."""
    request: ShortText | None = None
    """The latest value of the annotation argosy.dev/build-requested that has its Build."""
    build: ShortText | None = None
    """The Build whose image is in use."""
    built_from: ShortText | None = None
    """The source that this image was built from, as a hash."""
    commit: ShortText | None = None
    """The commit that this image was built from."""
    image: Annotated[str, Field(max_length=512)] | None = None
    """The image in use, by its digest."""


class ComponentStatus(Counts):
    """A component's servers, counted."""

    model_config = pydantic.ConfigDict(extra="ignore")

    name: Annotated[str, Field(max_length=40)]
    """The component's name."""
    revision: ShortText | None = None
    """The revision that its servers should run."""
    proven_revision: ShortText | None = None
    """The last revision that all its servers ran in good health."""
    stopped: schema.Stopped | None = None
    """The ordinals that a Stop left stopped, as the set remembers them: a set that is made again
    gets them from here."""
    image: ComponentImage | None = None
    """The image that was built for the component, where it has a source."""
