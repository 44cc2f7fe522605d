"""The Service by which servers are found is what its component says, and stays so."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.api import names, objects
from controller.api.resources import Resource
from controller.kinds.revisions import contents
from fakes.api_server import Faults
from fakes.universe import Universe, application, component
from tests.simulation.answers import blocked

pytestmark = pytest.mark.looptime
Json = dict[str, Any]

NAME = "shop-db"
OURS = {names.APPLICATION_LABEL: "shop", names.COMPONENT_LABEL: "db"}
PORTS: list[dict[str, Any]] = [
    {"name": "client", "containerPort": 2181},
    {"name": "gossip", "containerPort": 2888, "protocol": "UDP"},
    {"containerPort": 9000},
]


def shop(service: Json | None = None, *, ports: list[Json] | None = None, **pod: Any) -> Json:
    """Return an application of two servers, found by that Service."""
    part = component("db", 2)
    if service is not None:
        part["service"] = service
    container = part["template"]["spec"]["containers"][0]
    if ports is not None:
        container["ports"] = ports
    part["template"]["spec"] |= pod
    return application("shop", part)


def pods(universe: Universe) -> dict[str, str]:
    """Return the UIDs of the pods."""
    found = universe.names(Resource.PODS)
    return {each: universe.get(Resource.PODS, each)["metadata"]["uid"] for each in found}


def subdomains(universe: Universe) -> set[str]:
    """Return the subdomains of the pods."""
    found = universe.names(Resource.PODS)
    return {universe.get(Resource.PODS, each)["spec"]["subdomain"] for each in found}


async def test_a_component_names_its_service() -> None:
    """Servers have their names in DNS under it, and there is none of the usual name."""
    async with Universe(faults=Faults()) as world:
        await world.bring_up(shop({"name": "zk-hs"}))
        assert world.names(Resource.SERVICES) == ["zk-hs"]
        assert subdomains(world) == {"zk-hs"}
        spec = world.get(Resource.SERVICES, "zk-hs")["spec"]
        assert (spec["clusterIP"], spec["publishNotReadyAddresses"]) == ("None", True)
        assert spec["selector"] == OURS


async def test_ports_that_containers_name_are_the_services() -> None:
    """Those with a name, each by it; another template brings others, and the old ones go."""
    async with Universe(faults=Faults()) as world:
        await world.bring_up(shop(ports=PORTS))
        assert world.get(Resource.SERVICES, NAME)["spec"]["ports"] == [
            {"name": "client", "port": 2181, "targetPort": "client"},
            {"name": "gossip", "port": 2888, "targetPort": "gossip", "protocol": "UDP"},
        ]
        await world.bring_up(shop(ports=[{"name": "client", "containerPort": 3000}]))
        assert world.get(Resource.SERVICES, NAME)["spec"]["ports"] == [
            {"name": "client", "port": 3000, "targetPort": "client"}
        ]


async def test_what_the_component_says_of_its_service_is_on_it_and_goes_with_the_words() -> None:
    """Ports, labels, annotations; dropped, they go; those of others stay throughout."""
    async with Universe(faults=Faults()) as world:
        said: Json = {
            "ports": [
                {
                    "name": "web",
                    "port": 80,
                    "targetPort": 8080,
                    "protocol": "TCP",
                    "appProtocol": "http",
                }
            ],
            "labels": {"team": "shop", "app.kubernetes.io/name": "zk"},
            "annotations": {"example.com/plan": "daily"},
            "publishNotReadyAddresses": False,
        }
        await world.bring_up(shop(said))
        found = world.get(Resource.SERVICES, NAME)
        assert found["metadata"]["labels"].items() >= {**OURS, **said["labels"]}.items()
        assert found["metadata"]["annotations"].items() >= said["annotations"].items()
        assert found["spec"]["ports"] == said["ports"]
        assert found["spec"]["publishNotReadyAddresses"] is False
        theirs = {"name": "debug", "port": 99, "targetPort": 99}
        added = {
            "metadata": {"labels": {"other": "1"}, "annotations": {"note": "2"}},
            "spec": {"ports": [*said["ports"], theirs], "sessionAffinity": "ClientIP"},
        }
        await world.merge(Resource.SERVICES, NAME, added)
        await world.settle()
        assert world.get(Resource.SERVICES, NAME)["spec"]["ports"] == [*said["ports"], theirs]
        await world.bring_up(shop({"labels": {"tier": "back"}}))
        found = world.get(Resource.SERVICES, NAME)
        labels = found["metadata"]["labels"]
        assert (labels["tier"], labels["other"], labels["app.kubernetes.io/name"]) == (
            "back",
            "1",
            "shop",
        )
        assert "team" not in labels
        assert found["metadata"]["annotations"] == {
            "note": "2",
            names.SAID_ANNOTATION: "label:tier",
        }
        assert found["spec"]["ports"] == [theirs]
        assert found["spec"]["sessionAffinity"] == "ClientIP"


@pytest.mark.parametrize(
    "edit",
    [
        {"spec": {"ports": None}},
        {"spec": {"ports": [{"name": "web", "port": 81, "targetPort": 8080}]}},
        {"spec": {"ports": [{"name": "web", "port": 80, "targetPort": 1}]}},
        {"spec": {"publishNotReadyAddresses": True}},
        {"metadata": {"labels": {"team": None, names.COMPONENT_LABEL: "x"}}},
        {"metadata": {"annotations": {"example.com/plan": "never", names.SAID_ANNOTATION: None}}},
    ],
)
async def test_a_service_that_somebody_edits_is_put_right(edit: Json) -> None:
    """All that the component says is back, by one write, and then there is rest."""
    async with Universe(faults=Faults()) as world:
        said = {
            "ports": [{"name": "web", "port": 80, "targetPort": 8080}],
            "labels": {"team": "shop"},
            "annotations": {"example.com/plan": "daily"},
            "publishNotReadyAddresses": False,
        }
        await world.bring_up(shop(said))
        before = world.get(Resource.SERVICES, NAME)
        await world.merge(Resource.SERVICES, NAME, edit)
        written = len(world.server.writes)
        await world.settle()
        after = world.get(Resource.SERVICES, NAME)
        assert (after["spec"], after["metadata"]["labels"]) == (
            before["spec"],
            before["metadata"]["labels"],
        )
        assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert len(world.server.writes) == written + 1


async def test_another_type_makes_the_service_anew_and_no_server() -> None:
    """Headless, with an address, none, and headless again: the pods run on as they are."""
    async with Universe(faults=Faults()) as world:
        await world.bring_up(shop({"type": "Headless"}, ports=PORTS))
        before = pods(world)
        uids = set()
        for kind, address in (("ClusterIP", None), ("Headless", "None")):
            await world.bring_up(shop({"type": kind}, ports=PORTS))
            found = world.get(Resource.SERVICES, NAME)
            assert found["spec"].get("clusterIP") == address
            assert found["spec"]["publishNotReadyAddresses"] is (kind == "Headless")
            uids.add(found["metadata"]["uid"])
        assert len(uids) == 2
        await world.bring_up(shop({"type": "None"}, ports=PORTS))
        assert world.names(Resource.SERVICES) == []
        assert pods(world) == before


async def test_a_component_may_have_no_service() -> None:
    """None is made, no server waits for one, and a Service of a person's own is left alone."""
    async with Universe(faults=Faults()) as world:
        theirs = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": NAME, "namespace": "default", "labels": OURS},
            "spec": {"selector": {"app": "db"}, "clusterIP": "None"},
        }
        world.server.registry.create(Resource.SERVICES, "default", theirs)
        await world.bring_up(shop({"type": "None"}))
        assert world.get(Resource.SERVICES, NAME)["spec"] == theirs["spec"]
        assert blocked(world, Resource.APPLICATIONS, "shop") == []
        assert subdomains(world) == {NAME}


async def test_a_service_of_the_name_that_is_somebody_elses_stops_nobody() -> None:
    """Servers come up; it is told, left as it is, and its end is noticed."""
    async with Universe(faults=Faults()) as world:
        theirs = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "zk-hs", "namespace": "default"},
            "spec": {"selector": {"app": "db"}, "ports": [{"port": 1}]},
        }
        world.server.registry.create(Resource.SERVICES, "default", theirs)
        await world.apply(shop({"name": "zk-hs"}, ports=PORTS))
        await world.until(lambda: len(pods(world)) == 2)
        await world.settle()
        assert world.get(Resource.SERVICES, "zk-hs")["spec"] == theirs["spec"]
        assert ("Service/zk-hs", "NameTaken") in blocked(world, Resource.APPLICATIONS, "shop")
        await world.delete(Resource.SERVICES, "zk-hs")
        await world.until(lambda: "zk-hs" in world.names(Resource.SERVICES), patience=600)
        await world.until(world.is_ready, patience=600)
        assert len(world.get(Resource.SERVICES, "zk-hs")["spec"]["ports"]) == 2


async def test_two_components_cannot_share_a_service() -> None:
    """The second one is told whose it is not; both have their servers."""
    async with Universe(faults=Faults()) as world:
        parts = [component(each, 1, service={"name": "one"}) for each in ("a", "b")]
        await world.apply(application("shop", *parts))
        await world.until(lambda: len(pods(world)) == 2)
        await world.settle()
        assert world.names(Resource.SERVICES) == ["one"]
        assert ("Service/one", "NameTaken") in blocked(world, Resource.APPLICATIONS, "shop")


async def test_a_template_may_say_its_own_names() -> None:
    """The hostname and subdomain of a template are the pods'; left out or null, they are usual."""
    async with Universe(faults=Faults()) as world:
        await world.bring_up(shop(hostname="db", subdomain="elsewhere"))
        assert subdomains(world) == {"elsewhere"}
        found = [world.get(Resource.PODS, each)["spec"]["hostname"] for each in pods(world)]
        assert found == ["db", "db"]
        await world.bring_up(shop(hostname=None, subdomain=None))
        assert subdomains(world) == {NAME}
        found = [world.get(Resource.PODS, each)["spec"]["hostname"] for each in pods(world)]
        assert sorted(found) == ["shop-db-0", "shop-db-1"]


async def test_what_is_usual_may_be_said() -> None:
    """A component that begins to describe its Service as it is changes nothing, nor restarts."""
    async with Universe(faults=Faults()) as world:
        await world.bring_up(shop(ports=PORTS))
        before, service = pods(world), world.get(Resource.SERVICES, NAME)
        await world.bring_up(
            shop({"type": "Headless", "publishNotReadyAddresses": True}, ports=PORTS)
        )
        assert pods(world) == before
        assert world.get(Resource.SERVICES, NAME) == service


async def test_a_fleet_without_names_refuses_a_service_aloud() -> None:
    """No server is made that nobody could find; with no word of a Service, or None, all come up."""
    async with Universe(faults=Faults()) as world:
        metal = {"metadata": {"name": "metal"}, "spec": {"provider": "memory"}}
        kind = {"apiVersion": names.API_VERSION, "kind": "Fleet"}
        await world.server.create(Resource.FLEETS, "", {**kind, **metal})
        asks = component("db", 2, service={"type": "ClusterIP"})
        await world.apply(application("shop", asks, fleet="metal"))
        await world.settle()
        assert world.machines.machines == ()
        assert world.condition(Resource.APPLICATIONS, "shop", "Stalled")["status"] == "True"
        (told,) = world.get(Resource.SERVERSETS, NAME)["status"]["blockedBy"]
        assert told["reason"] == "NotSupported"
        assert told["remedy"] == "kubectl edit argapp shop -n default"
        none = component("db", 2, service={"type": "None"})
        await world.apply(application("shop", none, fleet="metal"))
        await world.until(world.is_ready)
        assert len(world.machines.machines) == 2


def test_revisions_without_the_fields_that_came_later_keep_their_names() -> None:
    """A revision is named by what is in it: an upgrade of Argosy restarts nothing."""
    claim = {"name": "data", "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    written = component("db", 2, volumeClaims=[claim], service={"name": "zk-hs"})
    found = msgspec.json.decode(msgspec.json.encode(written), type=objects.Component)
    assert contents.of_component(found).revision == "d951a8c9ef"
