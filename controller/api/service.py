"""The Service by which a component's servers are found, as people ask for it: `component.py`."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from controller.api import schema
from controller.api.metadata import Annotations, Labels
from controller.api.schema import rule, rules

PortNumber = Annotated[int, Field(ge=1, le=65_535)]
MAX_PORTS = 32


class ServicePort(schema.Written):
    """One port of the Service."""

    name: Annotated[str, schema.Matching(schema.DNS_1123, "must be a DNS label")] | None = None
    """The port's name, as in SRV records; it may be left out where there is but one port."""
    port: PortNumber
    """The port of the Service."""
    target_port: (
        PortNumber | Annotated[str, Field(max_length=63, pattern=schema.DNS_1123)] | None
    ) = None
    """The port of the servers, by number or by its name in a container. Left out: the same as
    port."""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    """The protocol."""
    app_protocol: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """The protocol of the application, such as kubernetes.io/h2c."""


class ComponentService(schema.Written):
    """The Service by which a component's servers are found."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.ports) || size(self.ports) < 2 || self.ports.all(p, has(p.name))",
                "ports must each have a name where there are several",
            )
        )
    )

    name: (
        Annotated[
            str,
            schema.Matching(
                schema.DNS_1035,
                "a Service's name must be lower-case letters, digits and dashes, and begin with a"
                " letter",
            ),
        ]
        | None
    ) = None
    """The Service's name, and the subdomain of servers. Left out: <application>-<component>. The
    name must not be changed."""
    type: Literal["Headless", "ClusterIP", "None"] = "Headless"
    """Headless gives each server a name in DNS. ClusterIP gives all of them one address. None keeps
    no Service: Kubernetes keeps no endpoints either. Where it is changed, the Service is made
    anew."""
    ports: (
        Annotated[list[ServicePort], Field(max_length=MAX_PORTS), schema.keyed("port", "protocol")]
        | None
    ) = None
    """The Service's ports. Left out: those that have a name in the template's containers."""
    publish_not_ready_addresses: bool | None = None
    """Whether servers are found before they are ready. Left out: true for Headless, as members of a
    cluster must find each other to become ready; false for ClusterIP."""
    labels: Labels | None = None
    """Labels of the Service, beside those by which Argosy knows it."""
    annotations: Annotations | None = None
    """Annotations of the Service."""
