"""Those who may only write applications, or work in the cloud's project, get no further by it."""

import asyncio
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.providers.openstack.probes import Reach
from controller.providers.openstack.template import LARGEST_USER_DATA
from tests.providers.openstack.coast import Coast, create, server, template

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize("settings", [{}, {"probeCIDRs": ["192.168.0.0/16"]}])
async def test_nobody_aims_the_operator_at_its_own_network(
    coast: Coast, settings: dict[str, Any]
) -> None:
    """A server with an address of the operator's network is neither probed nor called by steps."""
    provider = await coast.provider(**settings)
    wanted = template(readiness={"http": {"port": 80}})
    await provider.create(server(), create(wanted))
    await coast.until(lambda: bool(coast.there()) and coast.there()[0].status == "ACTIVE")
    await asyncio.sleep(120)
    assert coast.asked("PROBE") == []
    assert provider.own_addresses(server()) == ()
    assert not provider.observe(server()).ready


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.0.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("11.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("fd00::1", True),
        ("fe80::1%eth0", False),
        ("localhost", False),
        ("010.0.0.1", False),
        ("", False),
    ],
)
def test_an_address_is_compared_as_what_it_is(address: str, *, inside: bool) -> None:
    """However it is written; what is none is never called."""
    assert bool(Reach(("10.0.0.0/8", "fd00::/8")).of((address,))) is inside


async def test_the_largest_user_data_go_and_larger_ones_do_not(coast: Coast) -> None:
    """The bound counts bytes, with the names filled in."""
    provider = await coast.provider()
    refused = (
        "x" * (LARGEST_USER_DATA + 1),
        "ä" * (LARGEST_USER_DATA // 2 + 1),
        "$(SERVER)" + "x" * (LARGEST_USER_DATA - 9),
    )
    for each in refused:
        with pytest.raises(errors.TemplateRefused):
            await provider.create(server(), create(template(userData=each)))
    assert coast.asked("POST") == []
    await provider.create(server(), create(template(userData="x" * LARGEST_USER_DATA)))
    assert len(coast.there()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"networks": [{"name": "twin"}]},
        {"networks": [{"name": "nowhere"}]},
        {"image": "twin"},
        {"image": "nowhere"},
        {"image": "queued"},
        {"image": "large"},
        {"flavor": "nothing"},
        {"metadata": {"argosy.server": "kube-system/other"}},
        {"readiness": {"tcp": {"port": 1}, "console": {}}},
        {"serverGroup": {"policy": "apart"}},
        {"serverGroup": {"id": "nowhere"}},
        {"networks": [{"name": "tenant", "floatingIPFrom": "nowhere"}]},
        {"networks": [{"name": "tenant", "floatingIPFrom": "tenant"}]},
        {"securityGroups": ["nowhere"]},
        {"metadata": {"a": "x" * 256}},
    ],
    ids=str,
)
async def test_a_template_is_refused_before_anything_is_made(
    coast: Coast, changes: dict[str, Any]
) -> None:
    """Names that several have or nobody, what does not fit, what is ours, what is not known."""
    provider = await coast.provider()
    cloud = coast.cloud
    cloud.networks |= {"network-2": "twin", "network-3": "twin"}
    image = type(cloud.images["image-1"])
    cloud.images |= {"image-3": image(name="twin"), "image-4": image(name="twin")}
    cloud.images |= {"image-5": image(name="queued", status="queued")}
    cloud.images |= {"image-6": image(name="large", min_ram=4096)}
    with pytest.raises(errors.TemplateRefused):
        await provider.create(server(), create(template(**changes)))
    assert coast.asked("POST") == []
    assert not provider.can_change(template(), template(**changes)) or "argosy" not in str(changes)


async def test_a_server_that_was_tagged_by_hand_is_left_alone(coast: Coast) -> None:
    """Somebody's server with our very tags is neither seen, nor deleted as a double."""
    provider = await coast.provider()
    theirs = coast.cloud.add(
        {"name": "precious", "tags": ["argosy.server-1.1", "argosy.fleet.fleet-1"], "metadata": {}}
    )
    await asyncio.sleep(30)
    assert provider.observe(server()) == contract.ABSENT
    await provider.create(server(), create())
    await coast.until(lambda: provider.observe(server()).ready)
    await asyncio.sleep(30)
    assert {each.id for each in coast.there()} == {theirs.id, provider.observe(server()).id}


async def test_an_id_that_somebody_wrote_into_a_status_deletes_nothing(coast: Coast) -> None:
    """Neither a Server's status nor a Fleet's record says whose a server of the cloud is."""
    provider = await coast.provider()
    theirs = coast.cloud.add({"name": "precious", "tags": [], "metadata": {}})
    call = contract.Call(verb=contract.Verb.DELETE, why="", instance=theirs.id, grace_seconds=0)
    await provider.delete(server(recorded=theirs.id), call)
    await provider.collect(theirs.id, "default/shop-web-0")
    assert coast.there() == [theirs]


@pytest.mark.parametrize("odd", ["../flavors", "a?b", "x" * 300, "%2e%2e", " "])
async def test_an_id_that_is_none_is_never_part_of_a_url(coast: Coast, odd: str) -> None:
    """Whatever somebody wrote into a status, no other place of the cloud is asked or deleted."""
    provider = await coast.provider()
    coast.cloud.requests.clear()
    call = contract.Call(verb=contract.Verb.DELETE, why="", instance=odd)
    await provider.delete(server(recorded=odd), call)
    await provider.collect(odd, "default/shop-web-0")
    provider.observe(server(recorded=odd))
    await asyncio.sleep(30)
    assert coast.asked("DELETE") == []
    assert all("/servers/detail" in path for path in coast.asked("GET"))
    await coast.until(lambda: provider.observe(server(recorded=odd)) == contract.ABSENT)


DISK = "5f0c1d54-8a3e-4d5e-9f0a-6f1b2c3d4e5f"


def disk_of(coast: Coast, whose: str, fleet: str = "fleet-1") -> None:
    """Have a snapshot of somebody's server in the cloud, by a name that can be guessed."""
    marks = {"argosy_server": whose, "argosy_fleet": fleet, "argosy_snapshot": "nightly"}
    made = coast.cloud.photograph("shop-db-0-nightly", marks, "image-1")
    coast.cloud.images[DISK] = coast.cloud.images.pop(made)
    coast.cloud.images[DISK].active_at = 0.0


@pytest.mark.parametrize("image", ["shop-db-0-nightly", DISK])
@pytest.mark.parametrize(
    ("whose", "fleet"), [("prod/shop-db-0", "fleet-1"), ("default/shop-db-0", "fleet-2")]
)
async def test_nobody_boots_from_a_disk_of_another_namespace(
    coast: Coast, image: str, whose: str, fleet: str
) -> None:
    """A snapshot of a server is for servers of its namespace alone, also in a rebuild."""
    provider = await coast.provider(rebuild="WhenPossible")
    disk_of(coast, whose, fleet)
    with pytest.raises(errors.TemplateRefused, match="has no image"):
        await provider.create(server(), create(template(image=image)))
    assert coast.asked("POST") == []
    await provider.create(server(), create())
    await coast.until(lambda: provider.observe(server()).ready)
    (machine,) = coast.there()
    call = contract.Call(
        verb=contract.Verb.CHANGE, why="", instance=machine.id, template=template(image=image)
    )
    with pytest.raises(errors.TemplateRefused, match="has no image"):
        await provider.change(server(revision="two"), call)
    assert coast.cloud.bodies("rebuild") == []


@pytest.mark.parametrize("image", ["shop-db-0-nightly", DISK])
async def test_a_namespace_boots_from_its_own_disks(coast: Coast, image: str) -> None:
    """Whoever took the snapshot may; what somebody asked for before decides for nobody else."""
    provider = await coast.provider()
    disk_of(coast, "default/shop-db-0")
    other = server("server-2")
    other = msgspec.structs.replace(
        other, metadata=msgspec.structs.replace(other.metadata, namespace="playground")
    )
    for _ in range(2):
        with pytest.raises(errors.TemplateRefused, match="has no image"):
            await provider.create(other, create(template(image=image)))
        await provider.create(server(), create(template(image=image)))
    (machine,) = coast.there()
    assert machine.body["imageRef"] == DISK


async def test_an_image_that_was_given_to_all_is_for_all(coast: Coast) -> None:
    """Whoever may write images of the project takes the mark off."""
    provider = await coast.provider()
    disk_of(coast, "prod/shop-db-0")
    del coast.cloud.images[DISK].properties["argosy_server"]
    await provider.create(server(), create(template(image=DISK)))
    assert len(coast.there()) == 1
