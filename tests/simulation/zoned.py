"""Machines or pods in three zones, and in which of these servers are down."""

from __future__ import annotations

import collections
from typing import Any

from controller.api.resources import Resource
from fakes.api_server import Kubelet
from fakes.universe import Json, Universe, application, component

ZONES = ("a", "b", "c")


class World(Universe):
    """Machines in three zones, and one component of them."""

    fleet, provider = "metal", "memory"

    def __init__(self, *, nodes: int = 6) -> None:
        super().__init__(kubelet=Kubelet(nodes=nodes, zones=ZONES))
        self.machines.zones = ZONES
        self.domains: dict[str, Json] = {
            each: {"name": each, "weight": 1, "state": "Active"} for each in ZONES
        }

    async def open(self, replicas: int, **more: Any) -> None:
        """Make the fleet and the component, and let it come up."""
        spec = {"provider": self.provider, "failureDomains": list(self.domains.values())}
        body = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Fleet", "spec": spec}
        await self.server.create(Resource.FLEETS, "", body | {"metadata": {"name": self.fleet}})
        await self.have(replicas, **more)

    async def have(self, replicas: int, **more: Any) -> None:
        """Ask for so many servers, and let all become as it is to be."""
        await self.ask(replicas, **more)
        await self.settle()

    async def ask(self, replicas: int, **more: Any) -> None:
        """Ask for so many servers."""
        given = {"spread": {}} | more
        part = component("web", replicas, **given)
        await self.apply(application("shop", part, fleet=self.fleet))

    async def turn(self, domain: str, **more: Any) -> None:
        """Change a domain of the fleet, or add one."""
        self.domains[domain] = {"name": domain, **self.domains.get(domain, {}), **more}
        if domain not in self.machines.zones:
            self.machines.zones = (*self.machines.zones, domain)
        spec = {"spec": {"failureDomains": list(self.domains.values())}}
        await self.server.patch(Resource.FLEETS, "", self.fleet, spec, field_manager="admin")

    def servers(self) -> list[Json]:
        """Return the servers."""
        return list(self.server.objects[Resource.SERVERS].values())

    def count(self) -> dict[str, int]:
        """Return how many machines are in each zone."""
        return dict(
            sorted(collections.Counter(each.zone for each in self.machines.machines).items())
        )

    def down(self, since: int) -> list[set[str]]:
        """Return after each write from that one on in which domains servers are not ready."""
        states: dict[str, tuple[bool, str]] = {}
        found: list[set[str]] = []
        for number, each in enumerate(self.server.writes):
            if each.resource is not Resource.SERVERS:
                continue
            states.pop(each.name, None)
            if each.after is not None:
                states[each.name] = (is_up(each.after), each.after["spec"].get("domain", ""))
            if number >= since:
                found.append({domain for up, domain in states.values() if not up})
        return found

    def reasons(self) -> set[str]:
        """Return the reasons of what servers and their set wait for."""
        said = [each["status"] for each in self.servers()]
        said.append(self.get(Resource.SERVERSETS, "shop-web").get("status", {}))
        return {each["reason"] for status in said for each in status.get("blockedBy", ())}


def is_up(server: Json) -> bool:
    """Return whether the server is at work as it is told."""
    status = server.get("status", {})
    ready = [each for each in status.get("conditions", ()) if each["type"] == "Ready"]
    told = status.get("incarnation") == server["spec"]["incarnation"]
    return bool(ready) and ready[0]["status"] == "True" and told


class Pods(World):
    """Pods on two nodes in each zone instead of machines."""

    fleet, provider = "pods", "pod"

    def count(self) -> dict[str, int]:
        """Return how many pods are on nodes of each zone."""
        nodes = [each["spec"].get("nodeName") for each in self.pods()]
        found = collections.Counter(self.kubelet.zones[each] for each in nodes if each)
        return dict(sorted(found.items()))

    def pods(self) -> list[Json]:
        """Return the pods."""
        return list(self.server.objects.get(Resource.PODS, {}).values())


def least_up(world: World, since: int) -> int:
    """Return how few servers were up after any write from that one on."""
    states: dict[str, bool] = {}
    found = []
    for number, each in enumerate(world.server.writes):
        if each.resource is Resource.SERVERS:
            states[each.name] = each.after is not None and is_up(each.after)
            if number >= since:
                found.append(sum(states.values()))
    return min(found)


def skewed(count: dict[str, int], weights: dict[str, int], skew: int) -> bool:
    """Return whether one domain is ahead of another by more than it may be."""
    return any(
        count.get(one, 0) * weights[other] > (count.get(other, 0) + skew) * weights[one]
        for one in weights
        for other in weights
    )
