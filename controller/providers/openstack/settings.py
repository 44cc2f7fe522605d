"""The schema of `spec.openstack` of a Fleet; `configuration.Settings` is what is read of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from controller.api import schema

Cidr = Annotated[
    str,
    Field(min_length=3, max_length=49),
    schema.must("isCIDR(self)", "must be a network such as 10.0.0.0/16"),
]


class OpenstackSettings(schema.Model):
    """Which cloud servers come from, and what may be done there."""

    cloud: Annotated[str, Field(min_length=1, max_length=63), schema.IMMUTABLE]
    """The cloud, by its name in the clouds.yaml of the Secret argosy-clouds, which is in the
    operator's namespace."""
    rebuild: Literal["Never", "WhenPossible"] = "Never"
    """Whether a change of image, user data or key rebuilds a server: its id, addresses and ports
    stay, its root disk goes. Never: it is replaced."""
    resize: Literal["Never", "WhenPossible"] = "Never"
    """Whether a change of flavor resizes a server: its id, addresses and disks stay, and it is away
    while the cloud moves it. Never: it is replaced."""
    probe_cidrs: Annotated[
        list[Cidr] | None, Field(alias="probeCIDRs", max_length=64), schema.UNORDERED
    ] = None
    """The networks in which the operator may connect to servers, to probe them and for http steps:
    none when left out. Tenants choose the addresses of their servers, so name none of your own."""
