"""A restart stops and starts the server that there is, which keeps its id, disk and address."""

import asyncio
import contextlib
from typing import Any

import pytest

from controller import contract, errors
from controller.api import objects
from controller.contract import Phase, Verb
from controller.providers.openstack.refusals import Reply
from fakes.openstack import Fault
from tests.providers.openstack.coast import Coast, create, server, template

pytestmark = pytest.mark.looptime

_POWER = frozenset({"os-stop", "os-start"})
ONE = server()
TWO = server(incarnation=2, restart_as=2)


def change(instance: str) -> contract.Call:
    """Return a plan's wish for the server as its Server has it."""
    return contract.Call(verb=Verb.CHANGE, why="test", instance=instance, template=template())


async def made(coast: Coast, readiness: dict[str, Any] | None = None) -> contract.Provider:
    """Return a provider with a server that is ready."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"])
    given = template() if readiness is None else template(readiness=readiness)
    await provider.create(ONE, create(given))
    await coast.until(lambda: [each.status for each in coast.there()] == ["ACTIVE"])
    coast.cloud.listening.add((coast.there()[0].address, 80))
    await coast.until(lambda: provider.observe(ONE).ready)
    return provider


async def carry_out(
    coast: Coast, provider: contract.Provider, wanted: objects.Server = TWO
) -> contract.Observation:
    """Ask whenever nothing is under way, as plans do, until the server has begun anew."""
    (machine,) = coast.there()
    for _ in range(60):
        await coast.until(lambda: not provider.observe(wanted).changing)
        seen = provider.observe(wanted)
        if (seen.incarnation, seen.phase) == (wanted.spec.incarnation, Phase.RUNNING):
            return seen
        with contextlib.suppress(errors.Waiting, errors.UnknownOutcome):
            await provider.change(wanted, change(machine.id))
        await asyncio.sleep(1)
    pytest.fail(f"{provider.observe(wanted)}")


def acts(coast: Coast) -> list[str]:
    """Return which of the two the cloud was asked for, in turn."""
    return [each for _, body in coast.cloud.posted for each in body if each in _POWER]


async def test_a_restart_keeps_the_server(coast: Coast) -> None:
    """One stop, one start: the id, the address and tags of others are as before."""
    provider = await made(coast)
    (machine,) = coast.there()
    machine.tags.append("backed-up-daily")
    before = provider.observe(ONE)
    began = coast.cloud.now
    seen = await carry_out(coast, provider)
    assert (seen.id, seen.addresses, seen.ready) == (before.id, before.addresses, True)
    assert acts(coast) == ["os-stop", "os-start"]
    assert "backed-up-daily" in machine.tags
    assert [each for each in machine.tags if each.endswith(".1")] == []
    assert seen.ready_since >= began


async def test_a_restarted_server_is_known_to_releases_of_before(coast: Coast) -> None:
    """They take the first tag `argosy.X.N` for its Server's, but for that of the fleet."""
    provider = await made(coast)
    await carry_out(coast, provider)
    (machine,) = coast.there()
    parts = [each.split(".") for each in machine.tags]
    named = [each for each in parts if each[0] == "argosy" and len(each) == 3]
    assert sorted(each[1] for each in named) == ["fleet", "server-1"]
    # The next restart tells anew when it began, and leaves no trace of this one.
    three = server(incarnation=3, restart_as=3)
    await asyncio.sleep(60)
    await carry_out(coast, provider, three)
    assert len(machine.tags) == len(parts)


@pytest.mark.parametrize(
    ("method", "path", "times"),
    [("POST", "/action$", 1), ("POST", "/action$", 2), ("PUT", "/tags$", 1)],
)
async def test_lost_answers_stop_and_start_it_once(
    coast: Coast, method: str, path: str, times: int
) -> None:
    """What was carried out without an answer is found, and not done again."""
    provider = await made(coast)
    coast.cloud.faults.append(Fault(method=method, path=path, lost=True, times=times))
    await carry_out(coast, provider)
    assert acts(coast) == ["os-stop", "os-start"]


async def test_a_lost_answer_to_the_mark_starts_it_once(coast: Coast) -> None:
    """It is down, and bears the tag or not: it is looked at before anything is asked again."""
    provider = await made(coast)
    (machine,) = coast.there()
    await provider.change(TWO, change(machine.id))
    await coast.until(lambda: machine.status == "SHUTOFF")
    coast.cloud.faults.append(Fault(method="PUT", path="/tags$", lost=True))
    await carry_out(coast, provider)
    assert coast.cloud.faults == []
    assert acts(coast) == ["os-stop", "os-start"]


async def test_a_successor_goes_on_where_another_ended(coast: Coast) -> None:
    """After the stop, and after the tag: it is started, and not stopped again."""
    provider = await made(coast)
    (machine,) = coast.there()
    await provider.change(TWO, change(machine.id))
    await coast.close()
    successor = await coast.provider()
    await carry_out(coast, successor)
    assert acts(coast) == ["os-stop", "os-start"]


async def test_who_has_a_page_is_ready_once_that_is_there_again(coast: Coast) -> None:
    """That it was ready before counts for nothing, for this operator and for the next."""
    provider = await made(coast, {"tcp": {"port": 80}, "startSeconds": 100})
    # Its time to become ready begins anew, however long ago that of its first start was over.
    await asyncio.sleep(300)
    coast.cloud.listening.clear()
    await carry_out(coast, provider)
    for each in (provider, await coast.provider(probeCIDRs=["10.0.0.0/8"])):
        await asyncio.sleep(10)
        assert not each.observe(TWO).ready
        assert each.observe(TWO).phase is Phase.RUNNING
    await asyncio.sleep(120)
    assert provider.observe(TWO).reason == "NotReadyInTime"
    coast.cloud.listening.add((coast.there()[0].address, 80))
    await coast.until(lambda: provider.observe(TWO).ready)


@pytest.mark.parametrize(
    ("action", "way_up"),
    [("pause", "unpause"), ("suspend", "resume"), ("shelve", "unshelve")],
)
async def test_what_somebody_paused_comes_up_before_it_is_restarted(
    coast: Coast, action: str, way_up: str
) -> None:
    """Paused, suspended or shelved: only what runs can be stopped, and nothing need be replaced."""
    provider = await made(coast)
    (machine,) = coast.there()
    assert coast.cloud.do(machine.id, action).status == 202
    await coast.until(lambda: provider.observe(ONE).phase is Phase.STOPPED)
    await coast.until(lambda: not provider.observe(ONE).changing)
    seen = await carry_out(coast, provider)
    assert (seen.id, coast.there()) == (machine.id, [machine])
    asked = [each for _, body in coast.cloud.posted for each in body]
    assert asked[asked.index(way_up) :] == [way_up, "os-stop", "os-start"]


async def test_what_somebody_rescues_is_restarted_after_that(coast: Coast) -> None:
    """Their work on its disk is not taken from them: it is told, and waited for."""
    provider = await made(coast)
    (machine,) = coast.there()
    assert coast.cloud.do(machine.id, "rescue").status == 202
    await coast.until(lambda: provider.observe(ONE).message != "")
    seen = provider.observe(ONE)
    assert (seen.phase, seen.changing, seen.reason) == (Phase.RUNNING, True, "CloudChanging")
    assert seen.message == f"somebody is rescuing {machine.id}"
    await asyncio.sleep(5)
    with pytest.raises(errors.Waiting, match="is rescuing"):
        await provider.change(TWO, change(machine.id))
    assert acts(coast) == []
    assert coast.cloud.do(machine.id, "unrescue").status == 202
    await carry_out(coast, provider)
    assert (coast.there(), acts(coast)) == ([machine], ["os-stop", "os-start"])


async def test_what_somebody_resized_is_restarted_once_they_have_looked(coast: Coast) -> None:
    """Neither confirmed nor reverted for them, nor replaced: it is told, and waited for."""
    provider = await made(coast)
    (machine,) = coast.there()
    machine.status, machine.updated = "VERIFY_RESIZE", coast.cloud.now
    await coast.until(lambda: provider.observe(ONE).changing)
    assert "is to confirm or revert that" in provider.observe(ONE).message
    with pytest.raises(errors.Waiting, match="is to confirm or revert that"):
        await provider.change(TWO, change(machine.id))
    assert acts(coast) == []


async def test_a_cell_that_falls_silent_before_a_restart_is_waited_for(coast: Coast) -> None:
    """Seen only as the restart is asked for: nothing says that this server cannot be restarted."""
    provider = await made(coast)
    (machine,) = coast.there()
    machine.silent = True
    with pytest.raises(errors.Waiting, match="does not answer"):
        await provider.change(TWO, change(machine.id))
    assert provider.observe(TWO).hidden
    machine.silent, machine.updated = False, coast.cloud.now
    await carry_out(coast, provider)
    assert acts(coast) == ["os-stop", "os-start"]


async def test_a_server_without_room_for_a_tag_is_not_stopped(coast: Coast) -> None:
    """Nova takes fifty: one more is told before anything is done, and the server stays up."""
    provider = await made(coast)
    (machine,) = coast.there()
    machine.tags += [f"inventory-{number}" for number in range(48)]
    with pytest.raises(errors.Stalled, match="has no room for the tag") as refused:
        await provider.change(TWO, change(machine.id))
    assert refused.value.reason == "NotSupported"
    assert (acts(coast), machine.status) == ([], "ACTIVE")
    machine.tags.pop()
    await carry_out(coast, provider)
    # It has a tag of its own by now, which the next restart takes the place of.
    assert len(machine.tags) == 50
    await carry_out(coast, provider, server(incarnation=3, restart_as=3))


FORBIDDEN = Reply(
    status=403,
    body=b'{"forbidden": {"code": 403, "message": "Policy does not allow tags to be performed."}}',
)


async def test_a_cloud_that_lets_nobody_tag_has_no_server_stopped(coast: Coast) -> None:
    """Tried before the stop, as a server that cannot be marked would stay down."""
    provider = await made(coast)
    (machine,) = coast.there()
    tags = list(machine.tags)
    coast.cloud.faults.append(Fault(method="PUT", path="/tags$", reply=FORBIDDEN, times=100))
    for _ in range(2):
        with pytest.raises(errors.Stalled, match="Policy does not allow") as refused:
            await provider.change(TWO, change(machine.id))
        assert refused.value.reason == "NotSupported"
    assert (acts(coast), machine.tags) == ([], tags)
    coast.cloud.faults.clear()
    await carry_out(coast, provider)
    assert acts(coast) == ["os-stop", "os-start"]


async def test_who_is_let_tag_no_more_amid_a_restart_has_the_server_up_again(coast: Coast) -> None:
    """It was stopped for what cannot come about now: it is started as what it was."""
    provider = await made(coast)
    (machine,) = coast.there()
    await provider.change(TWO, change(machine.id))
    await coast.until(lambda: provider.observe(TWO).phase is Phase.STOPPED)
    await coast.until(lambda: not provider.observe(TWO).changing)
    coast.cloud.faults.append(Fault(method="PUT", path="/tags$", reply=FORBIDDEN, times=100))
    with pytest.raises(errors.Stalled, match="Policy does not allow"):
        await provider.change(TWO, change(machine.id))
    await coast.until(lambda: provider.observe(ONE).ready)
    assert acts(coast) == ["os-stop", "os-start"]


async def test_what_prints_that_it_is_ready_is_replaced(coast: Coast) -> None:
    """Its console has the old line, or will never have a new one: nobody could tell."""
    provider = await coast.provider()
    await provider.create(ONE, create(template(readiness={"console": {}})))
    await coast.until(lambda: [each.status for each in coast.there()] == ["ACTIVE"])
    (machine,) = coast.there()
    machine.console = f"argosy-ready {machine.metadata['argosy.token']}\n"
    await coast.until(lambda: provider.observe(ONE).ready)
    with pytest.raises(errors.Stalled, match="console") as refused:
        await provider.change(TWO, change(machine.id))
    assert refused.value.reason == "CannotChange"
    assert acts(coast) == []


async def test_a_stop_amid_a_restart_leaves_it_stopped(coast: Coast) -> None:
    """Whoever wants it down by then finds it down, and started as the next incarnation later."""
    provider = await made(coast)
    (machine,) = coast.there()
    await provider.change(TWO, change(machine.id))
    down = server(incarnation=2, restart_as=2, power="Stopped")
    await coast.until(lambda: provider.observe(down).phase is Phase.STOPPED)
    await provider.change(down, change(machine.id))
    await asyncio.sleep(30)
    assert (machine.status, acts(coast)) == ("SHUTOFF", ["os-stop"])
    await carry_out(coast, provider)
    assert acts(coast) == ["os-stop", "os-start"]
