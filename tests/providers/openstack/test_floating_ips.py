"""A floating IP comes and goes with its server, one for each network that asks for it."""

import asyncio
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import conditions, objects
from controller.contract import Phase, Verb
from fakes.openstack import Fault, neutron
from tests.providers.openstack.coast import Coast, create, server, template

pytestmark = pytest.mark.looptime

OPEN = template(networks=[{"name": "tenant", "floatingIPFrom": "public"}])
NAMES = "/floatingips"


async def made(coast: Coast, wanted: bytes = OPEN) -> tuple[contract.Provider, str]:
    """Return a provider, and the id of a server that is ready."""
    provider = await coast.provider()
    await provider.create(server(), create(wanted))
    await coast.until(lambda: provider.observe(server()).ready)
    return provider, provider.observe(server()).id


def addresses(coast: Coast) -> list[tuple[str, bool]]:
    """Return the floating IPs of the cloud, and whether each leads to a port."""
    return [(each.address, each.port is not None) for each in coast.cloud.floating_ips.values()]


async def test_a_server_is_ready_once_it_has_its_floating_ip(coast: Coast) -> None:
    """Not before; the address is told with its own, and nothing is asked for again at rest."""
    coast.cloud.faults.append(Fault(method="POST", path=NAMES, times=3, reply=_failed(coast)))
    provider = await coast.provider()
    await provider.create(server(), create(OPEN))
    await coast.until(lambda: provider.observe(server()).phase is Phase.RUNNING)
    seen = provider.observe(server())
    assert not seen.ready
    assert seen.reason == "CloudFloatingIPPending"
    await coast.until(lambda: provider.observe(server()).ready)
    assert provider.observe(server()).addresses[-1] == "203.0.113.1"
    assert addresses(coast) == [("203.0.113.1", True)]
    before = len(coast.asked("POST", NAMES))
    await asyncio.sleep(3600)
    assert len(coast.asked("POST", NAMES)) == before


def _failed(coast: Coast) -> Any:
    return coast.cloud.reply(503, {"NeutronError": {"message": "busy"}})


async def test_a_fleet_without_floating_ips_lists_them_once(coast: Coast) -> None:
    """At the start, for what an earlier operator may have left; and never again."""
    provider, _ = await made(coast, template())
    await asyncio.sleep(3600)
    assert provider.observe(server()).ready
    assert len(coast.asked("GET", NAMES)) == 1


@pytest.mark.parametrize("described", ["argosy fleet-2 server-1 nobody network-1", None])
async def test_a_floating_ip_goes_with_its_server(coast: Coast, described: str | None) -> None:
    """The Server is seen until its floating IP is gone, too; those of others stay, as they are."""
    coast.cloud.outside["outside-2"] = "other"
    provider, identifier = await made(coast)
    await stranger(coast, described)
    recorded = server(recorded=identifier)
    coast.cloud.faults.append(Fault(method="DELETE", path=NAMES, times=2, reply=_failed(coast)))
    await provider.delete(
        recorded, contract.Call(verb=Verb.DELETE, why="test", instance=identifier)
    )
    await coast.until(lambda: not coast.there())
    await coast.until(lambda: "floating" in provider.observe(recorded).message)
    assert provider.observe(recorded).phase is Phase.TERMINATING
    await coast.until(lambda: provider.observe(recorded) is contract.ABSENT)
    assert addresses(coast) == [("198.51.100.1", False)]


async def stranger(coast: Coast, described: str | None) -> None:
    """Have somebody of the same project make one, described so."""
    own = next(iter(coast.cloud.floating_ips.values()))
    coast.cloud.floating_ips["theirs"] = type(own)(
        id="theirs", outside="outside-1", address="198.51.100.1", created=0.0,
        description=described,
    )  # fmt: skip


async def test_what_an_earlier_operator_left_goes(coast: Coast) -> None:
    """It died between the end of the server and that of its floating IP."""
    provider, identifier = await made(coast)
    coast.cloud.faults.append(Fault(method="DELETE", path=NAMES, times=10**6, unsent=True))
    await provider.delete(
        server(), contract.Call(verb=Verb.DELETE, why="test", instance=identifier)
    )
    await coast.until(lambda: not coast.there())
    await coast.close()
    coast.cloud.faults.clear()
    second = await coast.provider()
    assert second.observe(server(recorded=identifier)) is not contract.ABSENT
    await coast.until(lambda: not coast.cloud.floating_ips, seconds=300)
    await coast.until(lambda: second.observe(server(recorded=identifier)) is contract.ABSENT)


async def test_a_silent_cell_costs_no_floating_ip(coast: Coast) -> None:
    """An operator that begins while the cloud's lists lack the servers deletes nothing."""
    await made(coast)
    await coast.close()
    for each in coast.cloud.machines.values():
        each.silent = True
    coast.cloud.silent_cell = True
    await coast.provider()
    await asyncio.sleep(3600)
    assert addresses(coast) == [("203.0.113.1", True)]


def unlisted(coast: Coast, status: int) -> None:
    """Have no list of floating IPs succeed."""
    reply = coast.cloud.reply(status, {"NeutronError": {"message": "not for you"}})
    coast.cloud.faults.append(Fault(method="GET", path=NAMES, times=10**6, reply=reply))


def told(identifier: str, **more: Any) -> objects.Server:
    """Return the server that asks for a floating IP, as its status tells that it was ready."""
    known = server(template=msgspec.Raw(OPEN))
    condition = conditions.Condition(type="Ready", status="True")
    instance = objects.ProviderStatus(id=identifier, **more)
    status = msgspec.structs.replace(known.status, provider=instance, conditions=(condition,))
    return msgspec.structs.replace(known, status=status)


def deleted(known: objects.Server) -> objects.Server:
    """Return a server once somebody has deleted it."""
    meta = msgspec.structs.replace(known.metadata, deletion_timestamp="2026-09-21T00:00:00Z")
    return msgspec.structs.replace(known, metadata=meta)


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_who_asks_for_none_needs_no_list_of_them(coast: Coast, status: int) -> None:
    """Without routers, or the right to list, servers without floating IPs are made and deleted."""
    unlisted(coast, status)
    provider, identifier = await made(coast, template())
    known = deleted(server(recorded=identifier, template=msgspec.Raw(template())))
    await provider.delete(known, contract.Call(verb=Verb.DELETE, why="test", instance=identifier))
    await coast.until(lambda: provider.observe(known) is contract.ABSENT)
    assert not coast.there()


@pytest.mark.parametrize("status", [403, 404])
async def test_a_list_that_is_refused_is_told_on_who_asks_for_one(
    coast: Coast, status: int
) -> None:
    """The server runs, is not ready, and says why in the cloud's words, until that is put right."""
    unlisted(coast, status)
    provider, asking = await coast.provider(), server(template=msgspec.Raw(OPEN))
    assert provider.observe(asking) is contract.ABSENT
    await provider.create(asking, create(OPEN))
    await coast.until(lambda: provider.observe(asking).reason == "CloudFloatingIPRefused")
    await coast.until(lambda: provider.observe(asking).phase is Phase.RUNNING)
    seen = provider.observe(asking)
    assert not seen.ready
    assert "not for you" in seen.message
    await asyncio.sleep(600)
    assert provider.observe(asking) == seen
    coast.cloud.faults.clear()
    await coast.until(lambda: provider.observe(asking).ready, seconds=180)


@pytest.mark.parametrize("status", [403, 503])
async def test_who_was_ready_stays_so_while_they_cannot_be_listed(
    coast: Coast, status: int
) -> None:
    """An operator that starts meanwhile takes neither readiness nor addresses away."""
    provider, identifier = await made(coast)
    seen = provider.observe(server())
    await coast.close()
    unlisted(coast, status)
    second, known = await coast.provider(), told(identifier, addresses=seen.addresses)
    await coast.until(lambda: second.observe(known).ready)
    assert second.observe(known).addresses == seen.addresses
    assert not second.observe(told("another")).ready
    coast.cloud.faults.clear()
    await coast.until(lambda: second.observe(server()).ready, seconds=180)
    assert addresses(coast) == [("203.0.113.1", True)]


async def test_who_goes_waits_until_what_it_has_left_can_be_listed(coast: Coast) -> None:
    """It says so, and neither the server nor its floating IP is left behind."""
    _, identifier = await made(coast)
    await coast.close()
    unlisted(coast, 403)
    second, known = await coast.provider(), deleted(told(identifier))
    await second.delete(known, contract.Call(verb=Verb.DELETE, why="test", instance=identifier))
    await coast.until(lambda: "not for you" in second.observe(known).message)
    assert not coast.there()
    assert second.observe(known).phase is Phase.TERMINATING
    coast.cloud.faults.clear()
    await coast.until(lambda: second.observe(known) is contract.ABSENT, seconds=300)
    assert addresses(coast) == []


async def test_a_lost_answer_makes_no_second_one(coast: Coast) -> None:
    """The next list shows what the lost call has made, however late."""
    coast.cloud.faults.append(Fault(method="POST", path=NAMES, lost=True, late=1.0))
    provider, _ = await made(coast)
    await asyncio.sleep(600)
    assert provider.observe(server()).ready
    assert addresses(coast) == [("203.0.113.1", True)]


async def test_a_server_whose_answer_was_lost_is_seen_until_that_is_known(coast: Coast) -> None:
    """One that is deleted at once leaves nothing behind."""
    coast.cloud.faults.append(Fault(method="POST", path=NAMES, lost=True, late=2.0))
    provider = await coast.provider()
    await provider.create(server(), create(OPEN))
    await coast.until(lambda: coast.asked("POST", NAMES))
    identifier = provider.observe(server()).id
    await provider.delete(
        server(), contract.Call(verb=Verb.DELETE, why="test", instance=identifier)
    )
    await coast.until(lambda: provider.observe(server(recorded=identifier)) is contract.ABSENT)
    assert addresses(coast) == []


async def test_a_full_quota_is_told_and_passes(coast: Coast) -> None:
    """In Neutron's words, stable ones; once it is raised the server gets its floating IP."""
    coast.cloud.floating_quota = 0
    provider = await coast.provider()
    await provider.create(server(), create(OPEN))
    await coast.until(lambda: provider.observe(server()).reason == "CloudQuotaExceeded")
    seen = provider.observe(server())
    assert "Quota exceeded for resources: ['floatingip']" in seen.message
    asked = len(coast.asked("POST", NAMES))
    await asyncio.sleep(600)
    assert provider.observe(server()) == seen
    assert len(coast.asked("POST", NAMES)) < asked + 15
    coast.cloud.floating_quota = 1
    await coast.until(lambda: provider.observe(server()).ready, seconds=180)


async def test_one_that_was_taken_away_is_given_back(coast: Coast) -> None:
    """The same address leads to the server again; one that was deleted is made anew."""
    provider, _ = await made(coast)
    own = next(iter(coast.cloud.floating_ips.values()))
    own.port = None
    await coast.until(lambda: not provider.observe(server()).ready)
    await coast.until(lambda: provider.observe(server()).ready)
    assert addresses(coast) == [("203.0.113.1", True)]
    coast.cloud.floating_ips.clear()
    await coast.until(lambda: "203.0.113.2" in provider.observe(server()).addresses)
    assert addresses(coast) == [("203.0.113.2", True)]


async def test_of_several_for_one_port_one_stays(coast: Coast) -> None:
    """That which leads to the port: the others are deleted."""
    await made(coast)
    own = next(iter(coast.cloud.floating_ips.values()))
    twin = type(own)(
        id="a-twin", outside=own.outside, address="203.0.113.9", created=-100.0,
        description=own.description,
    )  # fmt: skip
    coast.cloud.floating_ips["a-twin"] = twin
    await coast.until(lambda: "a-twin" not in coast.cloud.floating_ips, seconds=300)
    assert addresses(coast) == [("203.0.113.1", True)]


async def test_floating_ips_come_and_go_on_a_running_server(coast: Coast) -> None:
    """A change of the template alone replaces nothing, and asks for no rebuild."""
    provider, identifier = await made(coast, template())
    assert provider.can_change(template(), OPEN)
    assert provider.can_change(OPEN, template())
    two = server(revision="two")
    await provider.change(two, change(identifier, OPEN))
    await coast.until(lambda: provider.observe(two).ready)
    assert provider.observe(two).revision == "two"
    assert addresses(coast) == [("203.0.113.1", True)]
    three = server(revision="three")
    await provider.change(three, change(identifier, template()))
    await coast.until(lambda: not coast.cloud.floating_ips)
    assert provider.observe(three).ready
    assert [each.id for each in coast.there()] == [identifier]
    assert not coast.cloud.bodies("rebuild")


def change(instance: str, wanted: bytes) -> contract.Call:
    """Return a plan's wish for another template."""
    return contract.Call(verb=Verb.CHANGE, why="test", instance=instance, template=wanted)


async def test_a_server_keeps_its_floating_ip_for_as_long_as_it_is_the_same(coast: Coast) -> None:
    """Rebuilt, stopped and started again it has the address that it had, and no other was made."""
    provider = await coast.provider(rebuild="WhenPossible")
    await provider.create(server(), create(OPEN))
    await coast.until(lambda: provider.observe(server()).ready)
    seen, two = provider.observe(server()), server(revision="two")
    networks = [{"name": "tenant", "floatingIPFrom": "public"}]
    rebuilt = template(networks=networks, image="v2")
    await provider.change(two, change(seen.id, rebuilt))
    await coast.until(
        lambda: provider.observe(two).revision == "two" and provider.observe(two).ready
    )
    stopped = server(revision="two", power="Stopped")
    await provider.change(stopped, change(seen.id, rebuilt))
    await coast.until(lambda: provider.observe(stopped).phase is Phase.STOPPED)
    await asyncio.sleep(600)
    await provider.change(two, change(seen.id, rebuilt))
    await coast.until(lambda: provider.observe(two).ready)
    assert provider.observe(two).addresses == seen.addresses
    assert len(coast.asked("POST", NAMES)) == 1
    assert not coast.asked("DELETE", NAMES)


async def test_a_probe_may_go_by_the_floating_ip(coast: Coast) -> None:
    """Where the Fleet's probeCIDRs have that, and not the server's own address."""
    wanted = template(
        networks=[{"name": "tenant", "floatingIPFrom": "public"}],
        readiness={"tcp": {"port": 80}},
    )
    provider = await coast.provider(probeCIDRs=["203.0.113.0/24"])
    await provider.create(server(), create(wanted))
    await coast.until(lambda: bool(coast.cloud.floating_ips))
    coast.cloud.listening.add(("203.0.113.1", 80))
    await coast.until(lambda: provider.observe(server()).ready)
    assert provider.own_addresses(server()) == ("203.0.113.1",)


async def test_an_address_from_a_network_that_is_not_outside_is_refused(coast: Coast) -> None:
    """Before anything is made."""
    provider = await coast.provider()
    wanted = template(networks=[{"name": "tenant", "floatingIPFrom": "tenant"}])
    with pytest.raises(errors.TemplateRefused, match="external network tenant"):
        await provider.create(server(), create(wanted))
    assert not coast.there()


def other(uid: str, **more: Any) -> objects.Server:
    """Return another Server, called after its UID."""
    known = server(uid, **more)
    return msgspec.structs.replace(
        known, metadata=msgspec.structs.replace(known.metadata, name=f"shop-{uid}")
    )


async def test_one_that_is_not_deleted_holds_up_nobody_else(coast: Coast) -> None:
    """Its own Server says which it is and why, since when, and what to type; the others go."""
    provider = await coast.provider()
    servers = [other(each) for each in ("a", "b", "c")]
    known = []
    for each in servers:
        await provider.create(each, create(OPEN))
        await coast.until(lambda each=each: provider.observe(each).ready)
        known.append(other(each.metadata.uid, recorded=provider.observe(each).id))
    words = coast.cloud.reply(500, {"NeutronError": {"message": "the agent is away"}})
    stays = Fault(method="DELETE", path=f"{NAMES}/floating-1$", times=10**6, reply=words)
    coast.cloud.faults.append(stays)
    for each in known:
        call = contract.Call(verb=Verb.DELETE, why="test", instance=each.status.provider.id)
        await provider.delete(each, call)
    first, *rest = known
    for each in rest:
        await coast.until(lambda each=each: provider.observe(each) is contract.ABSENT, seconds=60)
    await coast.until(lambda: "the agent is away" in provider.observe(first).message)
    seen = provider.observe(first)
    assert seen.phase is Phase.TERMINATING
    assert seen.reason == "CloudFloatingIPRefused"
    assert "203.0.113.1" in seen.message
    assert seen.remedy == "openstack floating ip show floating-1"
    assert seen.since > 0
    await asyncio.sleep(600)
    assert provider.observe(first) == seen
    assert "shop-a" in coast.heard
    coast.cloud.faults.clear()
    await coast.until(lambda: provider.observe(first) is contract.ABSENT, seconds=180)
    assert addresses(coast) == []


async def test_many_that_are_not_deleted_hold_up_nobody_else(coast: Coast) -> None:
    """However many come first: whoever was refused waits its own while, longer each time."""
    provider = await coast.provider()
    servers = [other(f"s{each}") for each in range(6)]
    known = []
    for each in servers:
        await provider.create(each, create(OPEN))
        await coast.until(lambda each=each: provider.observe(each).ready)
        known.append(other(each.metadata.uid, recorded=provider.observe(each).id))
    stays = Fault(
        method="DELETE", path=f"{NAMES}/floating-[1-5]$", times=10**6, reply=_failed(coast)
    )
    coast.cloud.faults.append(stays)
    for each in known:
        call = contract.Call(verb=Verb.DELETE, why="test", instance=each.status.provider.id)
        await provider.delete(each, call)
    await coast.until(lambda: provider.observe(known[-1]) is contract.ABSENT, seconds=180)
    asked = len(coast.asked("DELETE", NAMES))
    await asyncio.sleep(600)
    assert len(coast.asked("DELETE", NAMES)) - asked <= 60


async def test_a_port_that_got_another_one_by_hand_keeps_that(coast: Coast) -> None:
    """Once ours was taken away from it: told in the cloud's words, and nothing passes by itself."""
    provider, _ = await made(coast)
    own = next(iter(coast.cloud.floating_ips.values()))
    port, own.port = own.port, None
    coast.cloud.floating_ips["by-hand"] = type(own)(
        id="by-hand", outside=own.outside, address="203.0.113.9", created=0.0,
        description="mine", port=port,
    )  # fmt: skip
    await coast.until(lambda: provider.observe(server()).reason == "CloudFloatingIPRefused")
    seen = provider.observe(server())
    assert not seen.ready
    assert "already has a floating IP" in seen.message
    await asyncio.sleep(300)
    assert provider.observe(server()) == seen
    assert coast.cloud.floating_ips["by-hand"].port == port
    del coast.cloud.floating_ips["by-hand"]
    await coast.until(lambda: provider.observe(server()).ready, seconds=180)


async def test_a_list_of_them_has_pages(coast: Coast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours may be on the last one: the project has whatever others made."""
    monkeypatch.setattr(neutron, "MOST_LISTED", 2)
    provider, identifier = await made(coast)
    own = next(iter(coast.cloud.floating_ips.values()))
    for each in ("0-theirs", "1-theirs", "2-theirs"):
        coast.cloud.floating_ips[each] = type(own)(
            id=each, outside=own.outside, address="198.51.100.1", created=0.0, description=""
        )
    await asyncio.sleep(300)
    assert provider.observe(server()).ready
    await coast.close()
    second = await coast.provider()
    await coast.until(lambda: second.observe(server()).ready)
    assert len(coast.asked("POST", NAMES)) == 1
    await second.delete(server(), contract.Call(verb=Verb.DELETE, why="", instance=identifier))
    gone = server(recorded=identifier)
    await coast.until(lambda: second.observe(gone) is contract.ABSENT, seconds=180)
    assert len(coast.cloud.floating_ips) == 3


async def test_a_page_that_went_is_no_cloud_without_them(
    coast: Coast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the last one of a page is deleted between two pages, nothing is concluded."""
    await made(coast)
    await coast.close()
    monkeypatch.setattr(neutron, "MOST_LISTED", 1)
    own = next(iter(coast.cloud.floating_ips.values()))
    coast.cloud.floating_ips["0-theirs"] = type(own)(
        id="0-theirs", outside=own.outside, address="198.51.100.1", created=0.0, description=""
    )
    lists: list[str] = []

    def drop(method: str, path: str) -> None:
        if method == "GET" and NAMES in path:
            lists.append(path)
        if len(lists) == 2:
            coast.cloud.floating_ips.pop("0-theirs", None)

    coast.cloud.on_request = drop
    second, known = await coast.provider(), deleted(other("gone", template=msgspec.Raw(OPEN)))
    assert second.observe(known).phase is Phase.TERMINATING
    await coast.until(lambda: second.observe(known) is contract.ABSENT, seconds=180)
    await coast.until(lambda: second.observe(server()).ready, seconds=180)
    assert len(coast.cloud.floating_ips) == 1


async def test_one_that_somebody_gives_to_another_server_is_that_ones(coast: Coast) -> None:
    """By its description: the other tells its address, and the first one does so no more."""
    provider, identifier = await made(coast)
    own = next(iter(coast.cloud.floating_ips.values()))
    taker = other("taker")
    await provider.create(taker, create(OPEN))
    await coast.until(lambda: provider.observe(taker).ready)
    taken = next(each for each in coast.cloud.floating_ips.values() if each is not own)
    del coast.cloud.floating_ips[taken.id]
    own.description, own.port = taken.description, taken.port
    await coast.until(lambda: own.address in provider.observe(taker).addresses, seconds=300)
    await coast.until(lambda: provider.observe(server()).ready, seconds=300)
    assert own.address not in provider.observe(server()).addresses
    known = deleted(server(recorded=identifier, template=msgspec.Raw(OPEN)))
    await provider.delete(known, contract.Call(verb=Verb.DELETE, why="test", instance=identifier))
    await coast.until(lambda: provider.observe(known) is contract.ABSENT, seconds=300)
    assert [each.description for each in coast.cloud.floating_ips.values()] == [own.description]


async def test_a_server_that_is_gone_waits_for_no_address_of_another(coast: Coast) -> None:
    """Somebody gives its floating IP to another Server while that one does not go."""
    provider, identifier = await made(coast)
    taker = other("taker")
    await provider.create(taker, create(OPEN))
    await coast.until(lambda: provider.observe(taker).ready)
    coast.cloud.faults.append(Fault(method="DELETE", path=NAMES, times=10**6, unsent=True))
    known = deleted(server(recorded=identifier, template=msgspec.Raw(OPEN)))
    await provider.delete(known, contract.Call(verb=Verb.DELETE, why="test", instance=identifier))
    await coast.until(lambda: provider.observe(known).reason == "CloudFloatingIPRefused")
    own, taken = coast.cloud.floating_ips.values()
    own.description = taken.description
    coast.heard.clear()
    await coast.until(lambda: provider.observe(known) is contract.ABSENT, seconds=300)
    assert "shop-web-0" in coast.heard
