"""Volumes of a cloud: whose each is, what Nova and Cinder are asked, and what stands in the way."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import objects
from fakes.openstack import Fault, Volume
from tests.contracts.provider_stages import made
from tests.providers.openstack.coast import Coast, create, server, template

pytestmark = pytest.mark.looptime


def claim(
    name: str = "data", storage: str = "1Gi", labels: dict[str, str] | None = None, **spec: Any
) -> objects.VolumeClaim:
    """Return a claim of a template."""
    asked = {"resources": {"requests": {"storage": storage}}, **spec}
    metadata = objects.AskedMetadata(labels=labels) if labels else None
    raw = msgspec.Raw(msgspec.json.encode(asked))
    return objects.VolumeClaim(name=name, spec=raw, metadata=metadata)


def wish(*claims: objects.VolumeClaim, given: bytes | None = None, **more: Any) -> contract.Call:
    """Return a plan's wish for a server with these claims."""
    return contract.Call(
        verb=contract.Verb.CREATE, why="test", template=given or template(),
        volume_claims=claims, **more,
    )  # fmt: skip


def there(coast: Coast) -> list[Volume]:
    """Return the volumes that exist and are not on their way out."""
    coast.cloud.settle()
    found = coast.cloud.volumes.values()
    return [each for each in found if not each.gone and each.status != "deleting"]


def metadata(**changes: str) -> dict[str, str]:
    """Return the metadata of a volume of the server's."""
    given = {
        "fleet": "fleet-1", "server": "default/shop-web-0", "component": "shop/web",
        "claim": "data", "state": "new",
    }  # fmt: skip
    return {f"argosy.{key}": each for key, each in (given | changes).items() if each}


def volume(coast: Coast, status: str = "available", **changes: str) -> Volume:
    """Have a volume of the server's in the cloud."""
    asked = {"name": "data-shop-web-0", "size": 1, "metadata": metadata(**changes)}
    found = coast.cloud.add_volume(asked)
    found.status, found.until = status, None
    return found


async def test_a_claim_says_what_the_volume_is(coast: Coast) -> None:
    """Size in whole GiB, type, labels, and the zone of the server where Cinder knows it."""
    coast.cloud.volume_zones = ["nova", "az1"]
    west = await coast.provider()
    one = claim(storage="1500Mi", labels={"tier": "gold", "argosy.state": "used"},
                storageClassName="ssd")  # fmt: skip
    wanted = server(volume_claims=(one,))
    call = wish(one, placement=contract.Placement(domain="az1"))
    seen = await made(west, wanted, call)
    (found,) = there(coast)
    assert (found.name, found.size, found.type, found.zone) == ("data-shop-web-0", 2, "ssd", "az1")
    assert found.metadata == metadata(state="used", zone="az1") | {"tier": "gold"}
    assert seen.volumes == (contract.Volume(name="data", asked="1500Mi", size="1500Mi"),)
    (told,) = west.claims("default", "shop", "web") or ()
    assert (told.domain, told.holder) == ("az1", seen.id)


async def test_a_zone_that_cinder_does_not_know_is_not_asked_for(coast: Coast) -> None:
    """Then a volume is good in every zone, and binds its server to none."""
    west = await coast.provider()
    call = wish(claim(), placement=contract.Placement(domain="az1"))
    await made(west, server(volume_claims=(claim(),)), call)
    (found,) = there(coast)
    assert "argosy.zone" not in found.metadata
    assert coast.there()[0].zone == "az1"


async def test_nova_attaches_volumes_and_leaves_them(coast: Coast) -> None:
    """In the order of the template, after the root disk; the user data know their ids."""
    west = await coast.provider()
    claims = claim("data"), claim("logs")
    script = "#!/bin/sh\nmount virtio-$(VOLUME.logs)"
    call = wish(*claims, given=template(userData=script))
    await made(west, server(volume_claims=claims), call)
    data, logs = there(coast)
    (machine,) = coast.there()
    disks = machine.body["block_device_mapping_v2"]
    assert [each["uuid"] for each in disks] == ["image-1", data.id, logs.id]
    assert [each["delete_on_termination"] for each in disks] == [True, False, False]
    assert base64.b64decode(machine.body["user_data"]).decode().endswith(f"virtio-{logs.id}")


@pytest.mark.parametrize("storage", ["", "0", "-1Gi", "much", "9Ei"])
async def test_a_claim_must_say_how_much(coast: Coast, storage: str) -> None:
    """What is no size is refused, and nothing is made."""
    west = await coast.provider()
    with pytest.raises(errors.TemplateRefused):
        await west.create(server(), wish(claim(storage=storage)))
    assert not there(coast)
    assert not coast.there()


async def test_a_volume_that_comes_belatedly_is_removed(coast: Coast) -> None:
    """The operator that posted it is gone; what the next one made has the data by then."""
    west = await coast.provider()
    coast.cloud.faults.append(Fault(method="POST", path="/volumes$", lost=True, late=20.0))
    with pytest.raises(errors.UnknownOutcome):
        await west.create(server(), wish(claim()))
    await coast.close()
    after = await coast.provider()
    await made(after, server(volume_claims=(claim(),)), wish(claim()))
    (used,) = [each for each in there(coast) if each.server]
    await coast.until(lambda: len(coast.cloud.volumes) == 2)
    await asyncio.sleep(120)
    assert [each.id for each in there(coast)] == [used.id]


async def test_what_a_server_had_counts_before_what_is_older(coast: Coast) -> None:
    """A clock that goes wrong makes the belated one the older: it was never written to."""
    older = volume(coast)
    older.created = -100.0
    used = volume(coast, state="used")
    west = await coast.provider()
    await made(west, server(volume_claims=(claim(),)), wish(claim()))
    assert coast.there()[0].volumes == [used.id]
    await asyncio.sleep(120)
    assert [each.id for each in there(coast)] == [used.id]


async def test_two_that_may_have_data_are_both_kept(coast: Coast) -> None:
    """The oldest is used, and the other is a person's to judge; one without a state is theirs."""
    first, second, theirs = (
        volume(coast, state="used"), volume(coast, state="used"), volume(coast, state="")
    )  # fmt: skip
    theirs.created, first.created, second.created = 1.0, -2.0, -1.0
    west = await coast.provider()
    await asyncio.sleep(2)
    await made(west, server(volume_claims=(claim(),)), wish(claim()))
    assert coast.there()[0].volumes == [first.id]
    await asyncio.sleep(300)
    assert {each.id for each in there(coast)} == {first.id, second.id, theirs.id}


async def test_a_volume_that_is_given_by_hand_is_taken_with_its_data(coast: Coast) -> None:
    """Three properties say whose it is; then it is the server's like one that we made."""
    theirs = volume(coast, state="", component="")
    theirs.content = "years of work"
    west = await coast.provider()
    await made(west, server(volume_claims=(claim(),)), wish(claim()))
    (found,) = there(coast)
    assert (found.content, found.server) == ("years of work", coast.there()[0].id)
    assert found.metadata == metadata(state="used")
    (told,) = west.claims("default", "shop", "web") or ()
    assert told.id == theirs.id


@pytest.mark.parametrize("changes", [{"fleet": "fleet-2"}, {"server": "other/shop-web-0"}])
async def test_volumes_of_others_are_left_alone(coast: Coast, changes: dict[str, str]) -> None:
    """Those of another fleet or namespace are not used, not told and not deleted."""
    theirs = volume(coast, **changes)
    west = await coast.provider()
    await made(west, server(volume_claims=(claim(),)), wish(claim()))
    own = [each for each in there(coast) if each.server]
    assert theirs.id not in {each.id for each in own}
    assert len(own) == 1
    for each in west.claims("default", "shop") or ():
        assert each.id != theirs.id
    false = contract.Claim(id=theirs.id, name=theirs.name, server="", component="")
    if "fleet" in changes:
        await west.discard(false)
        assert theirs in there(coast)


@pytest.mark.parametrize("status", ["error", "error_extending", "maintenance"])
async def test_a_volume_with_data_that_is_stuck_is_told(coast: Coast, status: str) -> None:
    """By its name and state, at no attempt's cost; nothing is made in its place."""
    stuck = volume(coast, status, state="used")
    west = await coast.provider()
    with pytest.raises(errors.Stalled) as refused:
        await west.create(server(), wish(claim()))
    assert not refused.value.policy.costs_attempt
    assert refused.value.blocker == "Volume/data-shop-web-0"
    assert stuck.id in str(refused.value)
    assert status in str(refused.value)
    stuck.status = "available"
    await made(west, server(volume_claims=(claim(),)), wish(claim()))
    assert there(coast) == [stuck]


async def test_a_volume_that_another_server_has_is_told(coast: Coast) -> None:
    """With the server that has it: it is not detached from there."""
    taken = volume(coast, "in-use", state="used")
    taken.server = "somebody-s"
    west = await coast.provider()
    with pytest.raises(errors.Stalled, match="in use by the server somebody-s"):
        await west.create(server(), wish(claim()))
    assert not coast.there()


async def test_a_volume_that_is_between_two_states_is_waited_for(coast: Coast) -> None:
    """It may pass by itself, and is named meanwhile."""
    stuck = volume(coast, "attaching", state="used")
    west = await coast.provider()
    for _ in range(3):
        with pytest.raises(errors.Waiting, match=r"data-shop-web-0 \(.*\) is attaching"):
            await west.create(server(), wish(claim()))
        await asyncio.sleep(60)
    stuck.status = "available"
    await made(west, server(volume_claims=(claim(),)), wish(claim()))


async def test_a_volume_that_could_not_be_made_is_made_anew(coast: Coast) -> None:
    """Nothing was ever on it: it goes, and that costs an attempt."""
    broken = volume(coast, "error")
    west = await coast.provider()
    with pytest.raises(errors.Transient) as failed:
        await west.create(server(), wish(claim()))
    assert failed.value.policy.costs_attempt
    await made(west, server(volume_claims=(claim(),)), wish(claim()))
    assert broken not in there(coast)
    assert len(there(coast)) == 1


async def test_a_quota_of_volumes_is_told_and_passes(coast: Coast) -> None:
    """Cinder's 413 is a quota, not a limit of calls; nothing waits for a minute."""
    coast.cloud.gigabytes = 0
    west = await coast.provider()
    with pytest.raises(errors.Transient) as full:
        await west.create(server(), wish(claim()))
    assert full.value.reason == "CloudQuotaExceeded"
    coast.cloud.gigabytes = 10
    await made(west, server(volume_claims=(claim(),)), wish(claim()))


async def test_a_cloud_without_cinder_makes_servers_without_claims(coast: Coast) -> None:
    """Only who asks for a volume is told that there is no such service."""
    coast.cloud.has_volumes = False
    west = await coast.provider()
    assert west.claims("default", "shop", "web") == ()
    await west.create(server(), create())
    other = server("server-2")
    with pytest.raises(errors.Stalled, match="no service block-storage"):
        await west.create(
            msgspec.structs.replace(
                other, metadata=msgspec.structs.replace(other.metadata, name="shop-web-1")
            ),
            wish(claim()),
        )


async def test_a_cinder_that_is_away_keeps_no_server_from_being_seen(coast: Coast) -> None:
    """Claims are not known then, and nobody concludes that there are none."""
    volume(coast, state="used")
    coast.cloud.faults.append(Fault(method="GET", path="/volumes", unsent=True, times=50))
    west = await coast.provider()
    assert west.claims("default", "shop", "web") is None
    await west.create(server(), create())
    await coast.until(lambda: west.observe(server()).ready)
    coast.cloud.faults.clear()
    await coast.until(lambda: bool(west.claims("default", "shop", "web")))


async def test_one_empty_list_proves_nothing_of_a_volume_that_was_there(coast: Coast) -> None:
    """A server that had a volume gets another one only once lists have lacked it for a while."""
    west = await coast.provider()
    status = objects.ServerStatus(claims=(objects.ClaimSize(name="data", size="1Gi"),))
    had = msgspec.structs.replace(server(volume_claims=(claim(),)), status=status)
    began = coast.cloud.now
    await made(west, had, wish(claim()))
    (found,) = there(coast)
    assert found.created >= began + 5


async def test_a_volume_is_discarded_once_nobody_has_it(coast: Coast) -> None:
    """Attached it stays, with whatever is on it; gone already is success."""
    west = await coast.provider()
    seen = await made(west, server(volume_claims=(claim(),)), wish(claim()))
    (told,) = west.claims("default", "shop", "web") or ()
    with pytest.raises(errors.Waiting, match="still attached"):
        await west.discard(told)
    assert there(coast)
    gone = contract.Call(verb=contract.Verb.DELETE, why="test", instance=seen.id)
    await west.delete(server(), gone)
    await coast.until(lambda: not coast.cloud.settle())
    assert there(coast)
    await west.discard(told)
    assert [each.going for each in west.claims("default", "shop", "web") or ()] == [True]
    await west.discard(told)
    await coast.until(lambda: west.claims("default", "shop", "web") == ())
    await west.discard(told)


async def test_a_volume_that_cannot_grow_is_told(coast: Coast) -> None:
    """The server runs on with what it has."""
    west = await coast.provider()
    seen = await made(west, server(volume_claims=(claim(),)), wish(claim()))
    (found,) = there(coast)
    found.status = "maintenance"
    larger = contract.Call(
        verb=contract.Verb.CHANGE, why="Grow", volume_claims=(claim(storage="2Gi"),),
        instance=seen.id,
    )  # fmt: skip
    with pytest.raises(errors.Stalled, match=r"data-shop-web-0 .* cannot grow") as refused:
        await west.change(server(), larger)
    assert not refused.value.policy.costs_attempt


async def test_a_rebuild_keeps_volumes_and_adds_none(coast: Coast) -> None:
    """The user data of the rebuild know them, too; a claim that is new needs a new server."""
    west = await coast.provider(rebuild="WhenPossible")
    seen = await made(west, server(volume_claims=(claim(),)), wish(claim()))
    (found,) = there(coast)
    later = server(revision="two", volume_claims=(claim(),))
    given = template(image="v2", userData="disk $(VOLUME.data)")
    call = contract.Call(
        verb=contract.Verb.CHANGE, why="test", template=given, volume_claims=(claim(),),
        instance=seen.id,
    )  # fmt: skip
    await west.change(later, call)
    (asked,) = coast.cloud.bodies("rebuild")
    assert base64.b64decode(asked["user_data"]).decode() == f"disk {found.id}"
    await coast.until(lambda: west.observe(later).ready)
    assert found.server == seen.id
    more = (claim(), claim("logs"))
    with pytest.raises(errors.Stalled) as refused:
        await west.change(
            server(revision="three", volume_claims=more),
            contract.Call(
                verb=contract.Verb.CHANGE, why="test", template=template(image="v1"),
                volume_claims=more, instance=seen.id,
            ),
        )  # fmt: skip
    assert refused.value.reason == "CannotChange"


async def test_a_volume_that_was_taken_in_between_is_waited_for(coast: Coast) -> None:
    """Nova refuses the server then: no fault of its template."""
    found = volume(coast, state="used")
    west = await coast.provider()
    coast.cloud.on_request = lambda method, path: (
        setattr(found, "status", "detaching")
        if (method, path[-8:]) == ("POST", "/servers")
        else None
    )
    with pytest.raises(errors.Waiting, match="is detaching"):
        await west.create(server(), wish(claim()))
    coast.cloud.on_request = None
    found.status = "available"
    await made(west, server(volume_claims=(claim(),)), wish(claim()))


async def test_volumes_at_rest_cost_a_request_a_minute(coast: Coast) -> None:
    """Whatever is known of volumes that do not move is asked for seldom."""
    west = await coast.provider()
    await made(west, server(volume_claims=(claim(),)), wish(claim()))
    await asyncio.sleep(120)
    before = len(coast.asked("GET", "/volumes"))
    await asyncio.sleep(600)
    assert len(coast.asked("GET", "/volumes")) - before <= 11


def from_volume(size: int = 20, **spec: Any) -> bytes:
    """Return a template of servers that boot from a volume."""
    return template(bootVolume={"sizeGiB": size, "type": "ssd"}, **spec)


async def test_a_server_boots_from_a_volume_that_goes_with_it(coast: Coast) -> None:
    """Nova makes it of the image and deletes it with the server; claims come after it, and stay."""
    west = await coast.provider()
    wanted = server(volume_claims=(claim(),))
    seen = await made(west, wanted, wish(claim(), given=from_volume()))
    (machine,) = coast.there()
    root, data = machine.body["block_device_mapping_v2"]
    assert machine.body["imageRef"] == ""
    assert root == {
        "boot_index": 0, "uuid": "image-1", "source_type": "image", "volume_size": 20,
        "destination_type": "volume", "volume_type": "ssd", "delete_on_termination": True,
    }  # fmt: skip
    assert data["delete_on_termination"] is False
    assert len(there(coast)) == 2
    gone = contract.Call(verb=contract.Verb.DELETE, why="test", instance=seen.id)
    await west.delete(wanted, gone)
    await coast.until(lambda: not coast.cloud.settle())
    assert [each.name for each in there(coast)] == ["data-shop-web-0"]
    assert [each.name for each in west.claims("default", "shop", "web") or ()] == [
        "data-shop-web-0"
    ]


async def test_what_boots_from_a_volume_is_replaced_and_not_rebuilt(coast: Coast) -> None:
    """Neither image nor size change in place, whatever the Fleet lets be done."""
    west = await coast.provider(rebuild="WhenPossible", resize="WhenPossible")
    before = from_volume()
    assert west.can_change(before, from_volume(metadata={"a": "b"}))
    assert west.can_change(before, from_volume(flavor="large"))
    for other in (from_volume(image="v2"), from_volume(30), template()):
        assert not west.can_change(before, other)
    seen = await made(west, server(), wish(given=before))
    with pytest.raises(errors.Stalled) as refused:
        await west.change(
            server(revision="two"),
            contract.Call(
                verb=contract.Verb.CHANGE, why="test", template=from_volume(image="v2"),
                instance=seen.id,
            ),
        )  # fmt: skip
    assert refused.value.reason == "NotSupported"
    assert not coast.cloud.bodies("rebuild")


@pytest.mark.parametrize("action", ["Snapshot", "Restore"])
async def test_what_boots_from_a_volume_has_no_snapshots(coast: Coast, action: str) -> None:
    """They would be snapshots of volumes, which no image's delete takes along."""
    west = await coast.provider()
    seen = await made(west, server(), wish(given=from_volume()))
    task = objects.Task(
        id="t-1", operation="op", action=action,
        parameters=msgspec.Raw(msgspec.json.encode({"arguments": {"snapshot": "a"}})),
    )  # fmt: skip
    call = contract.Call(verb=contract.Verb.ACT, why="test", instance=seen.id, task=task)
    with pytest.raises(errors.Stalled, match="boot from a volume") as refused:
        await west.act(server(), call)
    assert refused.value.reason == "NotSupported"
    assert not coast.cloud.bodies("createImage")


@pytest.mark.parametrize("boot", [{}, {"sizeGiB": 0}, {"sizeGiB": "20"}, {"sizeGiB": 20, "a": 1}])
async def test_a_boot_volume_must_say_how_large_it_is(coast: Coast, boot: dict[str, Any]) -> None:
    """What is no size is refused before anything is made."""
    west = await coast.provider()
    with pytest.raises(errors.TemplateRefused):
        await west.create(server(), wish(given=template(bootVolume=boot)))
    assert not coast.there()


async def test_an_image_must_fit_into_its_boot_volume(coast: Coast) -> None:
    """The disk of the flavor does not count then, however large or small it is."""
    coast.cloud.images["image-1"].min_disk = 30
    west = await coast.provider()
    with pytest.raises(errors.TemplateRefused, match="boot volume"):
        await west.create(server(), wish(given=from_volume(29)))
    await made(west, server(), wish(given=from_volume(30)))


async def test_a_slow_list_is_asked_for_less_often(coast: Coast) -> None:
    """However much moves, lists take a fifth of the time at most."""
    west = await coast.provider()
    volume(coast, "attaching", state="used")
    coast.cloud.timing.answer = 10.0
    await asyncio.sleep(120)
    before = len(coast.asked("GET", "/volumes"))
    await asyncio.sleep(1000)
    assert 5 <= len(coast.asked("GET", "/volumes")) - before <= 20
    assert west.claims("default", "shop", "web")


@pytest.mark.parametrize("key", ["argosy.state", "Argosy.State", "ARGOSY.FLEET"])
async def test_labels_of_claims_say_nothing_to_argosy(coast: Coast, key: str) -> None:
    """However they are written: a database may take them for ours."""
    west = await coast.provider()
    one = claim(labels={key: "mine", "tier": "gold"})
    await made(west, server(volume_claims=(one,)), wish(one))
    (found,) = there(coast)
    assert found.metadata == metadata(state="used") | {"tier": "gold"}
    with pytest.raises(errors.TemplateRefused):
        await west.create(server("server-2"), create(template(metadata={key: "mine"})))


def kept(coast: Coast, identifier: str, status: int = 400) -> None:
    """Have a volume not be deleted, as one of which somebody took a snapshot."""
    words = {"badRequest": {"message": "Volume still has 1 dependent snapshots"}}
    coast.cloud.faults.append(
        Fault(
            method="DELETE", path=f"/volumes/{identifier}$", times=10**6,
            reply=coast.cloud.reply(status, words),
        )
    )  # fmt: skip


@pytest.mark.parametrize("status", [400, 500])
async def test_a_double_that_stays_keeps_no_server_from_being_made(
    coast: Coast, status: int
) -> None:
    """The volume that counts is fine; what the cloud refuses of the other one is told."""
    first, spare = volume(coast), volume(coast)
    first.created, spare.created = -2.0, -1.0
    kept(coast, spare.id, status)
    west = await coast.provider()
    wanted = server(volume_claims=(claim(),))
    seen = await made(west, wanted, wish(claim()))
    assert coast.there()[0].volumes == [first.id]
    assert seen.doubles == ()
    await asyncio.sleep(120)
    stuck = west.observe(wanted).stuck
    if status == 400:
        assert len(stuck) == 1
        assert spare.id in stuck[0]
        assert "Volume still has 1 dependent snapshots" in stuck[0]
    else:
        assert stuck == ()
    coast.cloud.faults.clear()
    await coast.until(lambda: there(coast) == [first], seconds=180)
    await coast.until(lambda: west.observe(wanted).stuck == (), seconds=180)


async def test_a_double_that_stays_keeps_no_other_from_going(coast: Coast) -> None:
    """Volumes are looked at to the end, whatever fails of one."""
    for each in ("default/shop-web-0", "default/shop-web-1"):
        volume(coast, server=each).created = -2.0
        volume(coast, server=each).created = -1.0
    _, stays, _, goes = there(coast)
    kept(coast, stays.id)
    await coast.provider()
    await coast.until(lambda: goes not in there(coast))
    assert stays in there(coast)
