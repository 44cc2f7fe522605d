"""The kind Fleet: where servers come from. Administrators write it."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from controller.api import manifest, schema
from controller.api.schema import FreeForm, ShortText, Tally, Time, rule, rules
from controller.api.status import Status


class NamespaceSelector(schema.Model):
    """Namespaces, by their labels."""

    match_labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]],
        Field(max_length=32),
    ]
    """The labels that a namespace must have, all of them."""


class Limits(schema.Model):
    """How hard the provider may be called."""

    concurrent_calls: Annotated[int, Field(ge=1, le=1000)] = 8
    """How many calls may be under way at once."""
    calls_per_second: Annotated[int, Field(ge=1, le=10_000)] = 50
    """How many calls may begin in a second."""


class FailureDomain(schema.Model):
    """A part of the fleet that fails by itself, such as a zone."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """The name that the provider knows it by."""


class SecretReference(schema.Model):
    """A Secret in the operator's namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """The Secret's name."""


class Cloud(schema.Model):
    """How to reach an OpenStack cloud."""

    secret_ref: SecretReference
    """A Secret in the operator's namespace, with a clouds.yaml."""
    name: Annotated[str, Field(min_length=1, max_length=253)] = "openstack"
    """Which entry of the clouds.yaml to use."""


class OpenStack(schema.Model):
    """Settings of the provider openstack."""

    cloud: Cloud
    """How to reach the cloud."""


class FleetSpec(schema.Model):
    """Where servers come from."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                "(self.provider == 'openstack') == has(self.openstack)",
                "openstack must be given if, and only if, provider is openstack",
            ),
            rule(
                "self.provider == 'memory' || !has(self.memory)",
                "memory must be given only if provider is memory",
            ),
        )
    )

    provider: Annotated[
        Literal["pod", "openstack", "memory"],
        schema.IMMUTABLE,
    ]
    """What servers are made of: pod for pods, openstack for instances, memory for rehearsals."""
    allowed_namespaces: NamespaceSelector | None = None
    """The namespaces whose applications may use the fleet; all when left out."""
    limits: Limits = Limits()
    """How hard the provider may be called."""
    failure_domains: (
        Annotated[list[FailureDomain], Field(max_length=64), schema.keyed("name")] | None
    ) = None
    """The parts of the fleet that servers are spread over."""
    openstack: OpenStack | None = None
    """Settings of the provider openstack."""
    memory: FreeForm | None = None
    """Settings of the provider memory."""


class Orphan(schema.Model):
    """A server let go because it could not be reached; collected when it returns."""

    id: ShortText
    """The provider's own identifier."""
    server: Annotated[str, Field(max_length=512)] | None = None
    """The Server that it was, as namespace/name."""
    since: Time | None = None
    """When it was let go."""


class FleetStatus(Status):
    """What Argosy observed of the fleet."""

    servers: Tally = 0
    """How many servers come from it."""
    circuit: Literal["Closed", "Open", "HalfOpen"] = "Closed"
    """Closed lets calls through; Open refuses them for a while after many failures; HalfOpen tries
    one."""
    orphans: Annotated[list[Orphan], Field(max_length=100)] | None = None
    """Servers let go because they could not be reached; the first hundred."""


class Fleet(manifest.Manifest):
    """Where servers come from: a provider, its limits, its failure domains."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                f"self.metadata.name.matches('{schema.DNS_1123}')",
                "metadata.name must be a DNS label: lower-case letters, digits and dashes",
            ),
            rule(
                "self.metadata.name != 'pods' || self.spec.provider == 'pod'",
                "the fleet called pods is built in: its provider must be pod",
            ),
        )
    )
    definition = manifest.Definition(
        plural="fleets",
        short_name="argfleet",
        scope="Cluster",
        columns=manifest.columns(
            manifest.Column(
                name="Provider", path="spec.provider", description="What servers are made of."
            ),
            manifest.Column(
                name="Servers",
                path="status.servers",
                description="How many servers come from it.",
                type="integer",
            ),
            manifest.Column(
                name="Circuit", path="status.circuit", description="Whether calls go through."
            ),
        ),
        selectable=("spec.provider",),
    )

    kind: Literal["Fleet"]
    """The kind of the object."""
    spec: FleetSpec
    """Where servers come from."""
    status: FleetStatus = FleetStatus()
    """What Argosy observed."""
