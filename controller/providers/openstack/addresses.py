"""Floating IPs as Neutron lists them, and for which server each was made, by its description.

`floating_ips` decides which there are to be; who wrote a description can be told from any list.
"""

from __future__ import annotations

import asyncio
import dataclasses

import msgspec

from controller.providers.openstack import paging
from controller.providers.openstack.client import NETWORK, CloudClient
from controller.providers.openstack.machines import Machine
from controller.providers.openstack.refusals import decode

_MARK = "argosy"
_PATH = "/v2.0/floatingips"


class FloatingIP(msgspec.Struct, frozen=True):
    """A floating IP as Neutron lists it."""

    id: str
    # Rows that others made long ago may have none.
    description: str | None = None
    address: str = msgspec.field(name="floating_ip_address", default="")
    outside: str = msgspec.field(name="floating_network_id", default="")
    port: str | None = msgspec.field(name="port_id", default=None)
    created: str = msgspec.field(name="created_at", default="")


class _Page(msgspec.Struct, frozen=True):
    rows: tuple[FloatingIP, ...] = msgspec.field(name="floatingips", default=())
    links: tuple[dict[str, str], ...] = msgspec.field(name="floatingips_links", default=())


class _One(msgspec.Struct, frozen=True):
    floatingip: FloatingIP


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A floating IP, and what it was made for: a Server's UID, an instance, one of its networks."""

    row: FloatingIP
    server: str
    instance: str
    network: str

    @property
    def rank(self) -> tuple[bool, str, str]:
        """The rank among several for one port: the smallest stays."""
        return self.row.port is None, self.row.created, self.row.id


@dataclasses.dataclass(frozen=True, slots=True)
class ListedAddresses:
    """All floating IPs of a fleet, and when the list was begun by the loop's clock."""

    found: tuple[Owned, ...]
    begun: float


async def listed(client: CloudClient, fleet: str) -> ListedAddresses:
    """Return the floating IPs that were made for a fleet, however many pages the project's take."""
    begun, found = asyncio.get_running_loop().time(), list[Owned]()
    read = paging.pages(client, NETWORK, _PATH, _Page, what="list floating IPs", query={})
    async for page, _ in read:
        own = (_read(each, fleet) for each in page.rows)
        found += (each for each in own if each is not None)
    return ListedAddresses(tuple(found), begun)


async def make(
    client: CloudClient, fleet: str, machine: Machine, network: str, *, outside: str, port: str
) -> Owned | None:
    """Have a floating IP made that leads to a port of a server; None if it is described as none."""
    reply = await client.call(
        NETWORK, "POST", _PATH, what=f"make a floating IP for {machine.name}", creates=True,
        body={
            "floatingip": {
                "floating_network_id": outside, "port_id": port,
                "description": f"{_MARK} {fleet} {machine.uid} {machine.id} {network}",
            }
        },
    )  # fmt: skip
    return _read(decode(reply.body, _One).floatingip, fleet)


async def give_back(client: CloudClient, owned: Owned, name: str, port: str) -> Owned:
    """Have a floating IP lead to a port again."""
    await client.call(
        NETWORK, "PUT", f"{_PATH}/{owned.row.id}", what=f"give {name} its floating IP back",
        body={"floatingip": {"port_id": port}},
    )  # fmt: skip
    return dataclasses.replace(owned, row=msgspec.structs.replace(owned.row, port=port))


async def delete(client: CloudClient, owned: Owned) -> None:
    """Have a floating IP deleted; raises Missing where there is none."""
    await client.call(
        NETWORK, "DELETE", f"{_PATH}/{owned.row.id}",
        what=f"delete the floating IP {owned.row.address}",
    )  # fmt: skip


def _read(row: FloatingIP, fleet: str) -> Owned | None:
    """Return whose a floating IP is; None where it is none that we made for this fleet."""
    match (row.description or "").split(" "):
        case [mark, its_fleet, server, instance, network] if (mark, its_fleet) == (_MARK, fleet):
            return Owned(row=row, server=server, instance=instance, network=network)
        case _:
            return None
