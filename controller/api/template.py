"""The template of a server: a pod template, or what a cloud makes a server of.

Everything else passes through unread. The lists of containers are known by name, because an
untyped list would lose its other items under server-side apply. A field that is known may be null,
as in a pod: Helm renders that for an empty block, and server-side apply sends it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from controller.api import schema
from controller.api.schema import FreeForm

OPEN = pydantic.ConfigDict(extra="allow", json_schema_extra=schema.preserved())


class Container(schema.Model):
    """One container, as in a pod."""

    model_config = OPEN

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """The container's name."""


Containers = Annotated[list[Container], Field(max_length=64), schema.keyed("name"), schema.NULLABLE]


class PodTemplateSpec(schema.Model):
    """The spec of each server: for pods a pod spec."""

    model_config = OPEN

    containers: Containers | None = None
    """The containers of a pod."""
    init_containers: Containers | None = None
    """The containers that run before those of a pod."""


class PodTemplate(schema.Model):
    """The template that each server is made from: for pods a pod template."""

    model_config = OPEN

    metadata: Annotated[FreeForm, schema.NULLABLE] | None = None
    """Labels and annotations for each server."""
    spec: Annotated[PodTemplateSpec, schema.NULLABLE] | None = None
    """The spec of each server: for pods a pod spec."""


CloudName = Annotated[str, Field(min_length=1, max_length=255)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class CloudNetwork(schema.Model):
    """A network of a cloud in which the server has a port."""

    model_config = OPEN

    name: CloudName
    """The network's name or id. A name that several have is refused."""


class Nothing(schema.Model):
    """Nothing more need be said."""


class TcpProbe(schema.Model):
    """A port that listens once the server is ready."""

    port: Port
    """The port."""


class HttpProbe(schema.Model):
    """A page that is answered with a status below 400 once the server is ready."""

    port: Port
    """The port."""
    path: Annotated[str, Field(max_length=128, pattern="^/[!-~]*$")] = "/"
    """The path; redirects are not followed."""


class Readiness(schema.Model):
    """When a server of a cloud counts as ready; once it is active where none is given."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=schema.rules(
            schema.rule(
                "[has(self.active), has(self.console), has(self.tcp), has(self.http)]"
                ".filter(given, given).size() <= 1",
                "readiness must name one of active, console, tcp and http",
            )
        )
    )

    active: Nothing | None = None
    """Once its hypervisor runs it: for images that do nothing when they boot."""
    console: Nothing | None = None
    """Once it prints the line "argosy-ready $(READY_TOKEN)" on its console. With "argosy-failed
    $(READY_TOKEN)" and why, it counts as failed at once."""
    tcp: TcpProbe | None = None
    """While a port listens. The address must be within the Fleet's probeCIDRs."""
    http: HttpProbe | None = None
    """While a page is answered. The address must be within the Fleet's probeCIDRs."""
    start_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    """How long it may take from active to ready; then the server counts as failed."""
    period_seconds: Annotated[int, Field(ge=1, le=86_400)] = 10
    """How often a server that is ready is probed."""
    failure_threshold: Annotated[int, Field(ge=1, le=100)] = 3
    """After how many failures in a row it is ready no more."""


class ServerGroup(schema.Model):
    """The server group of a cloud that the servers are in: their own, or one that there is."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=schema.rules(
            schema.rule(
                "has(self.policy) != has(self.id)", "serverGroup must have either a policy or an id"
            )
        )
    )

    policy: Literal["anti-affinity", "soft-anti-affinity", "affinity", "soft-affinity"] | None = (
        None
    )
    """The policy of a group that is made for the component's servers, and goes with them."""
    id: CloudName | None = None
    """The id of a group that somebody made."""


class BootVolume(schema.Model):
    """The volume that a server of a cloud boots from, and that goes with it."""

    size_gib: Annotated[int, Field(ge=1, le=2**31 - 1, alias="sizeGiB")]
    """The size of the volume in GiB."""
    type: Annotated[str, Field(max_length=255)] | None = None
    """The volume type, by name or id; the cloud's default when left out."""


class TemplateSpec(PodTemplateSpec):
    """The spec of each server: for pods a pod spec, for a cloud what follows its flavor."""

    model_config = pydantic.ConfigDict(
        extra="allow",
        json_schema_extra={
            **schema.preserved(),
            **schema.rules(
                schema.rule(
                    "!has(self.containers) || !has(self.flavor)",
                    "a template must have either containers, for pods, or a flavor, for a cloud",
                )
            ),
        },
    )

    flavor: Annotated[CloudName, schema.NULLABLE] | None = None
    """For a cloud: the flavor of its servers, by name or id."""
    image: Annotated[Annotated[str, Field(max_length=255)], schema.NULLABLE] | None = None
    """For a cloud: the image that they boot from, by name or id."""
    networks: (
        Annotated[list[CloudNetwork], Field(max_length=16), schema.keyed("name"), schema.NULLABLE]
        | None
    ) = None
    """For a cloud: the networks in which each has a port; what the cloud chooses when left out."""
    security_groups: (
        Annotated[list[CloudName], Field(max_length=16), schema.UNORDERED, schema.NULLABLE] | None
    ) = None
    """For a cloud: the security groups of their ports."""
    availability_zone: Annotated[Annotated[str, Field(max_length=255)], schema.NULLABLE] | None = (
        None
    )
    """For a cloud: their zone. The Fleet's failureDomains are zones, too, and spread them."""
    server_group: Annotated[ServerGroup, schema.NULLABLE] | None = None
    """For a cloud: whether they share hosts."""
    boot_volume: Annotated[BootVolume, schema.NULLABLE] | None = None
    """For a cloud: what each boots from, in place of its host's disk."""
    key_name: Annotated[Annotated[str, Field(max_length=255)], schema.NULLABLE] | None = None
    """For a cloud: the key pair that may log in."""
    config_drive: Annotated[bool, schema.NULLABLE] | None = None
    """For a cloud: whether each has its user data and addresses on a drive, too."""
    user_data: Annotated[Annotated[str, Field(max_length=49_149)], schema.NULLABLE] | None = None
    """For a cloud: what cloud-init runs when a server boots, 49,149 bytes at most. $(SERVER),
    $(SERVER_ORDINAL), $(APPLICATION) and $(READY_TOKEN) are replaced."""
    metadata: (
        Annotated[
            dict[str, Annotated[str, Field(max_length=255)]],
            Field(max_length=64),
            schema.NULLABLE,
        ]
        | None
    ) = None
    """For a cloud: metadata of each server. Keys that begin with argosy. are Argosy's own."""
    readiness: Annotated[Readiness, schema.NULLABLE] | None = None
    """For a cloud: when a server counts as ready; once it is active when left out."""


class Template(PodTemplate):
    """The template that each server is made from: for pods a pod template."""

    spec: Annotated[TemplateSpec, schema.NULLABLE] | None = None
    """The spec of each server: for pods a pod spec, for a cloud what follows its flavor."""
