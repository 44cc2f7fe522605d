"""The page of fleets: how hard each may be called, whether it answers, where its servers are."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from controller.api import clock
from controller.api.resources import Resource
from fakes.universe import Universe, application, component
from tests.dashboard.crowd import OTHER, Rights, crowd
from tests.dashboard.visitor import visited

DOMAINS = [
    {"name": "north"},
    {"name": "south", "weight": 2},
    {"name": "west", "state": "Evacuating"},
    {"name": "east", "state": "Cordoned"},
]


def fleet(universe: Universe, **status: Any) -> None:
    """Make the fleet `metal`, which stands like this."""
    spec = {
        "provider": "pod",
        "limits": {"concurrentCalls": 20, "callsPerSecond": 50},
        "failureDomains": DOMAINS,
    }
    universe.server.registry.create(
        Resource.FLEETS, "", {"metadata": {"name": "metal"}, "spec": spec}
    )
    universe.server.registry.set_status(Resource.FLEETS, ("", "metal"), status, actor="test")


def servers(universe: Universe, namespace: str, *domains: str) -> None:
    """Make a server of the fleet in each of these domains."""
    for number, domain in enumerate(domains):
        name = f"shop-web-{number}"
        labels = {"argosy.dev/application": "shop", "argosy.dev/component": "web"}
        meta = {"name": name, "namespace": namespace, "labels": labels}
        spec = {
            "application": "shop", "component": "web", "ordinal": number, "revision": "r",
            "fleet": "metal", "domain": domain,
        }  # fmt: skip
        body = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Server", "metadata": meta}
        universe.server.registry.create(Resource.SERVERS, namespace, {**body, "spec": spec})


async def stopped(universe: Universe, monkeypatch: pytest.MonkeyPatch) -> int:
    """End who works on the cluster, have its clock stand still, and return what that shows."""
    await universe.process.kill()
    now = int(universe.server.now())
    monkeypatch.setattr(universe.server, "now", lambda: float(now))
    return now


async def two_tenants(universe: Universe) -> None:
    """Make servers of one fleet in two namespaces, and nobody who works on them."""
    await universe.process.kill()
    fleet(universe)
    for namespace, domains in (("default", ["north", "west"]), (OTHER, ["west"] * 7)):
        body = application("shop", component("web", len(domains)))
        body["metadata"]["namespace"] = namespace
        await universe.apply(body)
        servers(universe, namespace, *domains)


def row(text: str) -> str:
    """Return what the page says of the fleet, as it is read."""
    (found,) = re.findall(
        r"<tr><th scope=\"row\"><a href=\"/why/-/fleet/metal\">.*?</tr>", text, re.DOTALL
    )
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found)).split())


async def test_a_domain_that_is_closed_comes_first_with_who_is_left_in_it() -> None:
    """Whoever evacuates a zone sees how far that is; weights and empty domains are told as well."""
    async with visited(two_tenants) as (visitor, universe):
        _, text, _ = await visitor.get("/fleets")
        assert "west, evacuating : 8; east, cordoned : 0; north: 1; south, weight 2: 0" in row(
            text
        ), row(text)
        moved = Resource.SERVERS, "shop-web-1", {"spec": {"domain": "north"}}
        await universe.merge(*moved)
        while "west, evacuating : 7" not in row(text):
            _, text, _ = await visitor.get("/fleets")
        assert "north: 2" in row(text)


async def test_a_fleet_that_is_held_back_says_when_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An open circuit, its limits, and who was let go of; a closed one names no time."""

    async def held(universe: Universe) -> None:
        now = await stopped(universe, monkeypatch)
        orphan = {"id": "17", "server": "shop-web-3", "since": clock.stamp(now - 120)}
        fleet(universe, circuit="Open", nextTrialTime=clock.stamp(now + 90), orphans=[orphan])

    async with visited(held) as (visitor, universe):
        said = row((await visitor.get("/fleets"))[1])
        assert "Open, tried again in 90s" in said, said
        assert "20 calls at once, 50 calls a second" in said
        assert "shop-web-3 for 2m" in said
        found = dict(universe.server.objects[Resource.FLEETS]["", "metal"]["status"])
        universe.server.registry.set_status(
            Resource.FLEETS, ("", "metal"), {**found, "circuit": "Closed"}, actor="test"
        )
        said = row((await visitor.get("/fleets"))[1])
        assert "Closed" in said
        assert "tried again" not in said


async def test_what_is_unclaimed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the Server that it was made for, and since when that is gone."""

    async def lost(universe: Universe) -> None:
        since = clock.stamp(await stopped(universe, monkeypatch) - 1200)
        fleet(universe, unclaimed=[{"id": "i1", "server": "default/shop-web-0", "since": since}])

    async with visited(lost) as (visitor, _):
        said = row((await visitor.get("/fleets"))[1])
        assert "default/shop-web-0 for 20m" in said, said


async def test_of_another_tenants_servers_no_count_is_told() -> None:
    """Each person sees the servers of a domain that they may list, and no others."""
    async with crowd(two_tenants) as place:
        place.people["clerk"] = Rights({"default"}, fleets=True)
        for who, counts in (
            ("clerk", "west, evacuating : 1; east, cordoned : 0; north: 1"),
            ("owner", "west, evacuating : 8; east, cordoned : 0; north: 1"),
        ):
            _, text = await place.browser().get("/fleets", Authorization=f"Bearer {who}")
            assert counts in row(text), (who, row(text))
