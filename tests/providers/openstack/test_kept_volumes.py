"""What is not known of volumes costs no server and no data: it is asked for, waited for, told."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from controller import contract, errors
from controller.api import objects
from fakes.openstack import Fault
from tests.contracts.provider_stages import made
from tests.providers.openstack.coast import Coast, server, template
from tests.providers.openstack.test_volumes import claim, from_volume, there, wish

pytestmark = pytest.mark.looptime

LISTS = "/volumes/detail"
POSTS, ONES = "/volumes$", "/volumes/[0-9a-f-]+$"


def change(instance: str, *claims: objects.VolumeClaim, given: bytes = b"") -> contract.Call:
    """Return a plan's wish for a change in place."""
    return contract.Call(
        verb=contract.Verb.CHANGE, why="test", instance=instance, volume_claims=claims,
        template=given or template(metadata={"role": "web"}),
    )  # fmt: skip


def bare(body: bytes) -> bytes:
    """Return an answer about volumes without their metadata."""
    told = msgspec.json.decode(body)
    for each in told.get("volumes", [told.get("volume")]):
        each["metadata"] = {}
    return msgspec.json.encode(told)


def told(identifier: str) -> objects.Server:
    """Return the server as its status tells it, with the volume that it has."""
    known = server(revision="two", volume_claims=(claim(),), recorded=identifier)
    status = msgspec.structs.replace(
        known.status, claims=(objects.ClaimSize(name="data", size="1Gi"),)
    )
    return msgspec.structs.replace(known, status=status)


async def running(coast: Coast) -> tuple[contract.Provider, str]:
    """Return a provider, and the id of a server that has a volume."""
    west = await coast.provider()
    seen = await made(west, server(volume_claims=(claim(),)), wish(claim()))
    return west, seen.id


async def test_before_volumes_were_listed_no_server_is_told_to_lack_one(coast: Coast) -> None:
    """A failed list at the start is repeated in a second; till then the status's claims stand."""
    _, instance = await running(coast)
    await coast.close()
    busy = coast.cloud.reply(503, {"error": {"message": "busy"}})
    coast.cloud.faults.append(Fault(method="GET", path=LISTS, reply=busy))
    again, known = await coast.provider(), told(instance)
    assert again.observe(known).claims == ("data",)
    with pytest.raises(errors.Waiting, match="is not known yet"):
        await again.change(known, change(instance, claim()))
    await coast.until(lambda: again.claims("default", "shop", "web"), seconds=3)
    await again.change(known, change(instance, claim()))
    await coast.until(lambda: again.observe(known).revision == "two")
    assert [each.id for each in coast.there()] == [instance]


async def test_a_list_that_lacks_a_volume_proves_nothing(coast: Coast) -> None:
    """The cloud is asked about it by its id: it stays known, and the server has it."""
    west, instance = await running(coast)
    empty = coast.cloud.reply(200, {"volumes": []})
    coast.cloud.faults.append(Fault(method="GET", path=LISTS, reply=empty, times=3))
    await coast.until(lambda: not coast.cloud.faults, seconds=300)
    await asyncio.sleep(1)
    assert len(list(west.claims("default", "shop", "web") or ())) == 1
    known = told(instance)
    assert west.observe(known).claims == ("data",)
    await west.change(known, change(instance, claim()))
    (volume,) = there(coast)
    await coast.until(lambda: coast.there()[0].metadata.get("role") == "web")
    assert volume.server == instance


async def test_a_volume_that_is_gone_is_forgotten(coast: Coast) -> None:
    """Once the cloud says of its id that there is none."""
    west, _ = await running(coast)
    coast.cloud.volumes.clear()
    await coast.until(lambda: west.claims("default", "shop", "web") == (), seconds=180)


@pytest.mark.parametrize("mark", ["argosy.server", "argosy.claim", "argosy.fleet"])
async def test_a_server_whose_volume_lost_its_marks_is_not_replaced(
    coast: Coast, mark: str
) -> None:
    """The volume is named, and the server runs on as it is until that is put right."""
    west, instance = await running(coast)
    (volume,) = there(coast)
    before = volume.metadata.pop(mark)
    await asyncio.sleep(130)
    with pytest.raises(errors.Stalled, match=volume.id) as refused:
        await west.change(told(instance), change(instance, claim()))
    assert refused.value.reason == "CloudVolumeRefused"
    assert not refused.value.policy.costs_attempt
    volume.metadata[mark] = before
    await west.change(told(instance), change(instance, claim()))
    assert coast.there()[0].metadata["role"] == "web"


@pytest.mark.parametrize("given", [template(), from_volume()])
async def test_a_claim_that_is_new_comes_with_a_new_server(coast: Coast, given: bytes) -> None:
    """What the server has is known then, its root disk left out: nobody waits for more."""
    west = await coast.provider()
    seen = await made(west, server(volume_claims=(claim(),)), wish(claim(), given=given))
    with pytest.raises(errors.Stalled) as refused:
        await west.change(
            server(revision="two", volume_claims=(claim(), claim("logs"))),
            change(seen.id, claim(), claim("logs"), given=given),
        )
    assert refused.value.reason == "CannotChange"


async def test_a_cinder_that_is_out_of_the_catalogue_is_not_none(coast: Coast) -> None:
    """Who had volumes has them: they are known once it is back. Who had none waits for nothing."""
    _, instance = await running(coast)
    await coast.close()
    coast.cloud.has_volumes = False
    again, known = await coast.provider(), told(instance)
    assert again.observe(known).claims == ("data",)
    assert again.claims("default", "shop", "web") is None
    assert again.claims("default", "shop") is None
    assert again.claims("default", "shop", "db") == ()
    with pytest.raises(errors.Waiting):
        await again.change(known, change(instance, claim()))
    coast.cloud.has_volumes = True
    await coast.until(lambda: again.claims("default", "shop", "web"), seconds=180)


@pytest.mark.parametrize(
    ("mark", "other"),
    [
        ("argosy.server", "prod/shop-web-0"),
        ("argosy.server", "default/shop-web-1"),
        ("argosy.component", "shop/db"),
        ("argosy.claim", "logs"),
        ("argosy.fleet", "fleet-2"),
    ],
)
async def test_a_volume_that_was_handed_on_is_its_new_owners(
    coast: Coast, mark: str, other: str
) -> None:
    """The set that had it before deletes nothing, though it is yet to hear of that."""
    west, instance = await running(coast)
    (claimed,) = west.claims("default", "shop", "web") or ()
    gone = contract.Call(verb=contract.Verb.DELETE, why="test", instance=instance)
    await west.delete(server(), gone)
    await coast.until(lambda: not coast.cloud.settle())
    (volume,) = there(coast)
    volume.metadata[mark] = other
    await west.discard(claimed)
    assert there(coast) == [volume]
    assert claimed not in (west.claims("default", "shop", "web") or ())
    assert not coast.asked("DELETE", "/volumes/")
    for each in west.claims("prod", "shop", "web") or ():
        assert each.id == volume.id


@pytest.mark.parametrize("paths", [(POSTS,), (LISTS, ONES), (POSTS, LISTS, ONES)])
async def test_a_cloud_that_tells_no_metadata_makes_one_volume(
    coast: Coast, paths: tuple[str, ...]
) -> None:
    """However often it is asked: what is wrong is told, and it goes on once the marks are there."""
    west, wanted = await coast.provider(), server(volume_claims=(claim(),))
    for each in paths:
        coast.cloud.faults.append(Fault(method="*", path=each, change=bare, times=10**6))
    refused = []
    for _ in range(6):
        try:
            await west.create(wanted, wish(claim()))
        except errors.ArgosyError as error:
            refused.append(error.reason)
        await asyncio.sleep(30)
    assert len(there(coast)) == 1
    assert "CloudVolumeRefused" in refused
    coast.cloud.faults.clear()
    await made(west, wanted, wish(claim()))
    assert len(there(coast)) == 1


async def test_a_volume_that_no_list_shows_is_made_again_once_it_is_gone(coast: Coast) -> None:
    """The cloud says of it by its id that there is none: then it is missed, and not before."""
    west, wanted = await coast.provider(), server(volume_claims=(claim(),))
    for each in (POSTS, LISTS, ONES):
        coast.cloud.faults.append(Fault(method="*", path=each, change=bare, times=10**6))
    for _ in range(2):
        with pytest.raises(errors.Stalled, match="without the metadata that it was made with"):
            await west.create(wanted, wish(claim()))
        await asyncio.sleep(30)
    (lost,) = there(coast)
    coast.cloud.faults.clear()
    lost.gone = True
    await made(west, wanted, wish(claim()))
    assert len(there(coast)) == 1
