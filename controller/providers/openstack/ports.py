"""The ports of a server: Nova makes and deletes them, and Neutron knows them by the server's id.

`provider` has them let in others by another list of security groups, `floating_ips` finds the port
that an address is to lead to.
"""

from __future__ import annotations

import msgspec

from controller.providers.openstack.client import NETWORK, CloudClient
from controller.providers.openstack.refusals import decode


class Port(msgspec.Struct, frozen=True):
    """A port of a server."""

    id: str
    network: str = msgspec.field(name="network_id", default="")
    security_groups: tuple[str, ...] = ()
    # A port without security takes no groups: it lets everything in.
    secured: bool = msgspec.field(name="port_security_enabled", default=True)


class _Ports(msgspec.Struct, frozen=True):
    ports: tuple[Port, ...] = ()


async def of(client: CloudClient, instance: str, network: str = "") -> tuple[Port, ...]:
    """Return the ports of a server, or those in one network, in the order of their ids."""
    query = {"device_id": instance} | ({"network_id": network} if network else {})
    reply = await client.call(
        NETWORK, "GET", "/v2.0/ports", what=f"list the ports of {instance}", query=query
    )
    found = decode(reply.body, _Ports).ports
    return tuple(sorted(found, key=lambda each: each.id))


async def secure(client: CloudClient, instance: str, groups: tuple[str, ...]) -> None:
    """Have all ports of a server have these security groups, by their ids, and no others."""
    for each in await of(client, instance):
        if each.secured and set(each.security_groups) != set(groups):
            await client.call(
                NETWORK, "PUT", f"/v2.0/ports/{each.id}",
                what=f"change the security groups of {instance}",
                body={"port": {"security_groups": list(groups)}},
            )  # fmt: skip
