"""Where the arms of a cloud make their servers, and of what: the same for all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from devcluster import cluster, errors
from devcluster.openstack import api, cloud, identity, layout, stock


class GaveUp(errors.DevclusterError):
    """Whoever was asked has stopped, and goes on only if it is asked once more."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A tenant of a cloud, and what its servers are like, by ids."""

    login: api.Login
    flavor: str
    image: str
    # What an update changes the image to.
    other: str
    network: str
    zone: str
    # Where an operator runs that makes servers in this cloud, for the arm that needs one.
    operated: cluster.Cluster | None = None
    # The cloud itself, for the arm whose engine is one of its services.
    chosen: cloud.Cloud | None = None

    @classmethod
    def of(cls, chosen: cloud.Cloud, operated: cluster.Cluster | None = None) -> Self:
        """Return the place in a cloud of devcluster: one zone, so that Heat need not choose."""
        tenant = identity.TENANTS[0]
        client = chosen.client(tenant)
        images = [
            client.get("image", f"/images?name={each}")["images"][0] for each in stock.FAKE_IMAGES
        ]
        networks = client.get("network", f"/networks?name={stock.NETWORK}")["networks"]
        return cls(
            login=identity.login(chosen.plan, tenant),
            flavor=next(iter(stock.FLAVORS)),
            image=str(images[0]["id"]),
            other=str(images[1]["id"]),
            network=str(networks[0]["id"]),
            zone=layout.ZONES[0],
            operated=operated,
            chosen=chosen,
        )

    @property
    def server(self) -> Mapping[str, Any]:
        """What is posted for a server, but for its name."""
        return {
            "flavorRef": self.flavor,
            "imageRef": self.image,
            "networks": [{"uuid": self.network}],
            "availability_zone": self.zone,
        }


class Arm(Protocol):
    """Somebody who makes servers in a place, and deletes them."""

    name: str
    # A word in the command lines of the processes that decide, and nothing where none does.
    engine: str
    # The folders of devcluster, beside the cloud's, whose processes have a part in it.
    folders: tuple[Path, ...]
    # Whether somebody goes on after what decides was killed.
    survives: bool

    def create(self, count: int) -> None:
        """Begin to make so many servers."""

    def update(self) -> None:
        """Ask that all have the other image, in place."""

    def restart(self) -> None:
        """Ask that all are restarted, as many at once as can be."""

    def delete(self) -> None:
        """Ask that all go, whatever is under way; back when that was answered."""

    def done(self) -> bool:
        """Whether nothing is under way; raises GaveUp where nothing will be, unasked."""

    def kill(self) -> None:
        """End what decides as kill -9 does, and start it again."""

    def again(self) -> None:
        """Ask once more for what was asked for last."""
