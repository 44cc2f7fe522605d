"""Neutron of the cloud in memory: networks, the ports of servers, security groups, floating IPs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from fakes.openstack.machines import stamp

if TYPE_CHECKING:
    from controller.providers.openstack.refusals import Reply
    from fakes.openstack.cloud import Cloud

Json = dict[str, Any]
# How many floating IPs a page has at most (`pagination_max_limit`).
MOST_LISTED = 1000


@dataclasses.dataclass(slots=True)
class FloatingIP:
    """An address outside, what it is described as, and the port that it leads to."""

    id: str
    outside: str
    address: str
    description: str | None
    created: float
    port: str | None = None
    # When a list shows it first.
    visible_at: float = 0.0

    def row(self) -> Json:
        """Return what a list shows of it."""
        return {
            "id": self.id,
            "floating_network_id": self.outside,
            "floating_ip_address": self.address,
            "description": self.description,
            "port_id": self.port,
            "created_at": stamp(self.created),
        }


class Neutron:
    """Answers what Argosy asks Neutron."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._made = 0

    def settle(self) -> None:
        """Have floating IPs let go of ports that went with their servers."""
        there = {each.id for each in self._cloud.machines.values() if not each.deleted}
        for each in self._cloud.floating_ips.values():
            if each.port is not None and _instance(each.port) not in there:
                each.port = None

    def answer(self, method: str, path: str, query: Json, body: Json, late: float) -> Reply:
        """Return the answer to one request."""
        kind, _, identifier = path.removeprefix("/v2.0/").partition("/")
        if kind == "networks":
            return self._networks(query)
        if kind == "security-groups":
            found = _named(self._cloud.security_groups, query)
            return self._cloud.reply(200, {"security_groups": found})
        if kind == "ports":
            return self._ports(method, identifier, query, body)
        if method == "GET":
            return self._list_floating_ips(query)
        return self._floating_ips(method, identifier, body, late)

    def _networks(self, query: Json) -> Reply:
        known = self._cloud.networks | self._cloud.outside
        if query.get("router:external") == "true":
            known = self._cloud.outside
        return self._cloud.reply(200, {"networks": _named(known, query)})

    def _ports(self, method: str, identifier: str, query: Json, body: Json) -> Reply:
        cloud = self._cloud
        if method == "PUT":
            cloud.groups_of_ports[identifier] = list(body["port"]["security_groups"])
            return cloud.reply(200, {"port": {"id": identifier}})
        machine = cloud.machines.get(query["device_id"])
        if machine is None or machine.deleted:
            return cloud.reply(200, {"ports": []})
        asked = [each["name"] for each in machine.body.get("security_groups", ())]
        found = [
            {
                "id": f"port.{machine.id}.{each['uuid']}",
                "network_id": each["uuid"],
                "security_groups": cloud.groups_of_ports.get(
                    f"port.{machine.id}.{each['uuid']}", asked or ["group-default"]
                ),
                "port_security_enabled": True,
            }
            for each in machine.body["networks"]
            if query.get("network_id", each["uuid"]) == each["uuid"]
        ]
        return cloud.reply(200, {"ports": found})

    def _floating_ips(self, method: str, identifier: str, body: Json, late: float) -> Reply:
        cloud = self._cloud
        asked = body.get("floatingip", {})
        if method == "POST":
            return self._make(asked, late)
        known = cloud.floating_ips.get(identifier)
        if known is None:
            return self._refuse(404, "Floating IP could not be found")
        if method == "DELETE":
            del cloud.floating_ips[identifier]
            return cloud.reply(204, {})
        others = (each for each in cloud.floating_ips.values() if each.id != identifier)
        if asked["port_id"] in {each.port for each in others}:
            return self._refuse(409, f"Port {asked['port_id']} already has a floating IP")
        known.port = asked["port_id"]
        return cloud.reply(200, {"floatingip": known.row()})

    def _list_floating_ips(self, query: Json) -> Reply:
        """Answer with a page, as Neutron does whatever is asked for: the most, by their ids."""
        known = self._cloud.floating_ips
        now, most = self._cloud.now, min(int(query.get("limit", MOST_LISTED)), MOST_LISTED)
        there = sorted(key for key, each in known.items() if now >= each.visible_at)
        marker = query.get("marker", "")
        if marker and marker not in there:
            return self._refuse(404, f"Floating IP {marker} could not be found")
        left = [each for each in there if each > marker]
        links = {"floatingips_links": [{"rel": "next", "href": "next"}]} if left[most:] else {}
        shown = [known[each].row() for each in left[:most]]
        return self._cloud.reply(200, {"floatingips": shown, **links})

    def _make(self, asked: Json, late: float) -> Reply:
        cloud = self._cloud
        if len(cloud.floating_ips) >= cloud.floating_quota:
            return self._refuse(409, "Quota exceeded for resources: ['floatingip'].")
        taken = {each.port for each in cloud.floating_ips.values()}
        if asked["port_id"] in taken:
            return self._refuse(409, f"Port {asked['port_id']} already has a floating IP")
        self._made += 1
        made = FloatingIP(
            id=f"floating-{self._made}",
            outside=asked["floating_network_id"],
            address=f"203.0.113.{self._made}",
            description=asked["description"],
            created=cloud.now,
            port=asked["port_id"],
            visible_at=cloud.now + late,
        )
        cloud.floating_ips[made.id] = made
        return cloud.reply(201, {"floatingip": made.row()})

    def _refuse(self, status: int, message: str) -> Reply:
        return self._cloud.reply(status, {"NeutronError": {"message": message, "type": "x"}})


def _named(known: dict[str, str], query: Json) -> list[Json]:
    return [
        {"id": key, "name": name}
        for key, name in known.items()
        if query.get("name", name) == name and query.get("id", key) == key
    ]


def _instance(port: str) -> str:
    return port.split(".")[1]
