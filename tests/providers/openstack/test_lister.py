"""What is seen of a cloud that has no watch, and that nothing is concluded from what lists lack."""

import asyncio
import dataclasses
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import objects
from controller.contract import Phase
from controller.providers.openstack.refusals import Reply
from fakes.openstack import EPOCH, Fault
from tests.providers.openstack.coast import Coast, create, server, template

pytestmark = pytest.mark.looptime


async def made(coast: Coast, provider: contract.Provider, **spec: Any) -> contract.Observation:
    """Make the server and return what is seen once it is ready."""
    await provider.create(server(**spec), create())
    await coast.until(lambda: provider.observe(server(**spec)).ready)
    return provider.observe(server(**spec))


def remove(instance: str, grace: int | None = 5) -> contract.Call:
    """Return a plan's wish for an instance to go."""
    return contract.Call(
        verb=contract.Verb.DELETE, why="test", instance=instance, grace_seconds=grace
    )


async def test_a_silent_cell_makes_nothing_absent(coast: Coast) -> None:
    """Its lists are empty and its servers are there: none is made twice."""
    provider = await coast.provider()
    seen = await made(coast, provider)
    coast.cloud.silent_cell = True
    await asyncio.sleep(7200)
    assert provider.observe(server()) == seen
    assert len(coast.there()) == 1


async def test_what_a_silent_cell_has_is_ready_again_once_it_is_back(coast: Coast) -> None:
    """Nothing of the server has changed meanwhile, so that no list of changes has it."""
    provider = await coast.provider()
    seen = await made(coast, provider)
    (machine,) = coast.there()
    coast.cloud.silent_cell = machine.silent = True
    await coast.until(lambda: provider.observe(server()).phase is Phase.UNREACHABLE)
    await asyncio.sleep(600)
    coast.cloud.silent_cell = machine.silent = False
    await coast.until(lambda: provider.observe(server()) == seen, seconds=200)


async def test_an_operator_that_starts_beside_a_silent_cell_makes_nothing(coast: Coast) -> None:
    """Whatever is on record is looked for by its id before a server counts as absent."""
    seen = await made(coast, await coast.provider())
    coast.cloud.silent_cell = True
    successor = await coast.provider()
    known = server(recorded=seen.id)
    assert successor.observe(known).phase is Phase.UNKNOWN
    with pytest.raises(errors.Waiting):
        await successor.create(known, create())
    await coast.until(lambda: successor.observe(known) == seen)
    assert len(coast.cloud.machines) == 1


async def test_what_a_cell_has_that_is_down_is_what_it_was(coast: Coast) -> None:
    """An operator that starts beside it knows the id alone, and takes the rest from the status."""
    seen = await made(coast, await coast.provider())
    coast.cloud.silent_cell = coast.there()[0].silent = True
    successor = await coast.provider()
    known = server(recorded=seen.id)
    status = msgspec.structs.replace(known.status, revision="one", incarnation=1)
    known = msgspec.structs.replace(known, status=status)
    await coast.until(lambda: successor.observe(known).phase is Phase.UNREACHABLE)
    found = successor.observe(known)
    assert (found.id, found.revision, found.incarnation) == (seen.id, "one", 1)
    assert seen.id in found.message


async def test_whoever_has_an_id_on_record_is_told_that_it_is_gone(coast: Coast) -> None:
    """A server that waits for that proof looks again when it comes, and does not wait for ever."""
    provider = await coast.provider()
    known = server(recorded="00000000-0000-0000-0000-00000000beef")
    assert provider.observe(known).phase is Phase.UNKNOWN
    await coast.until(lambda: coast.heard == ["shop-web-0"], seconds=30)
    assert provider.observe(known) == contract.ABSENT


async def test_what_nobody_can_find_is_absent_after_two_looks(coast: Coast) -> None:
    """An id on record that the cloud does not know is gone once it has said so twice, 5 s apart."""
    provider = await coast.provider()
    seen = await made(coast, provider)
    del coast.cloud.machines[seen.id]
    began = coast.cloud.now
    await coast.until(lambda: provider.observe(server(recorded=seen.id)).phase is Phase.ABSENT)
    assert coast.heard[-1] == "shop-web-0"
    assert len(coast.asked("GET", seen.id)) == 2
    assert coast.cloud.now - began >= 5.0


async def test_one_answer_that_it_is_not_there_proves_nothing(coast: Coast) -> None:
    """A 404 that comes once, from a service that has just begun, say, is not believed."""
    provider = await coast.provider()
    seen = await made(coast, provider)
    coast.cloud.silent_cell = True
    coast.cloud.faults.append(Fault(method="GET", path=seen.id, reply=Reply(status=404)))
    await coast.until(lambda: len(coast.asked("GET", seen.id)) == 2, seconds=200)
    await asyncio.sleep(60)
    assert provider.observe(server()) == seen


async def test_a_deleted_server_is_seen_to_end(coast: Coast) -> None:
    """Deleted servers lose their tags: changes are asked for without, and matched by id."""
    provider = await coast.provider()
    seen = await made(coast, provider)
    await provider.delete(server(), remove(seen.id))
    assert provider.observe(server()).phase is Phase.TERMINATING
    await coast.until(lambda: provider.observe(server()) == contract.ABSENT, seconds=10)
    assert all("tags" not in each for each in coast.asked("GET", "changes-since"))


async def test_a_server_that_another_hand_deletes_is_seen_to_end(coast: Coast) -> None:
    """Nova's own word that it is deleted is proof: its host has destroyed it by then."""
    provider = await coast.provider()
    seen = await made(coast, provider)
    machine = coast.cloud.machines[seen.id]
    machine.gone_at, machine.task = coast.cloud.now + 1, "deleting"
    await coast.until(lambda: provider.observe(server()) == contract.ABSENT, seconds=60)


async def test_a_cloud_that_keeps_deleted_servers_is_told_to_let_go(coast: Coast) -> None:
    """SOFT_DELETED servers are in no list; what we had deleted is deleted by force."""
    provider = await coast.provider()
    coast.cloud.soft_delete = True
    seen = await made(coast, provider)
    await provider.delete(server(), remove(seen.id))
    await coast.until(lambda: provider.observe(server()) == contract.ABSENT, seconds=30)
    assert coast.cloud.settle() == []


async def test_a_delete_waits_for_the_spawn(coast: Coast) -> None:
    """Nova deletes during a spawn once that has ended: until then the server is on its way out."""
    provider = await coast.provider()
    coast.cloud.timing.spawn = 91.0
    await provider.create(server(), create())
    (machine,) = coast.there()
    await provider.delete(server(), remove(machine.id))
    await asyncio.sleep(60)
    assert provider.observe(server()).phase is Phase.TERMINATING
    # The waits between looks grow: not one look a second for a minute and a half.
    assert len(coast.asked("GET", machine.id)) < 15
    await coast.until(lambda: provider.observe(server()) == contract.ABSENT, seconds=60)


async def test_a_locked_server_is_for_a_person(coast: Coast) -> None:
    """The delete is refused with the reason; once unlocked it goes."""
    provider = await coast.provider()
    seen = await made(coast, provider)
    coast.cloud.machines[seen.id].locked = True
    with pytest.raises(errors.Stalled) as refused:
        await provider.delete(server(), remove(seen.id))
    assert refused.value.reason == "ServerLocked"
    assert provider.observe(server()) == seen


def second() -> objects.Server:
    """Return another server of the fleet."""
    known = server("server-2", ordinal=1)
    meta = msgspec.structs.replace(known.metadata, name="shop-web-1")
    return msgspec.structs.replace(known, metadata=meta)


async def two(coast: Coast, **settings: Any) -> tuple[contract.Provider, str, str]:
    """Return a provider, and the ids of its two servers once these are ready."""
    provider = await coast.provider(**settings)
    await provider.create(server(), create())
    await provider.create(second(), create())
    await coast.until(lambda: provider.observe(server()).ready and provider.observe(second()).ready)
    return provider, provider.observe(server()).id, provider.observe(second()).id


async def test_one_that_cannot_be_looked_for_keeps_no_other_waiting(coast: Coast) -> None:
    """It is asked for less and less often, and is gone once the cloud tells so.

    What a cloud keeps for a while, though it is deleted, is in no list and asked for by its id.
    """
    provider, one, other = await two(coast)
    coast.cloud.soft_delete = True
    failing = Reply(status=500)
    coast.cloud.faults.append(Fault(method="GET", path=one, reply=failing, times=10**6))
    await provider.delete(server(), remove(one))
    await provider.delete(second(), remove(other))
    await coast.until(lambda: provider.observe(second()) == contract.ABSENT, seconds=30)
    await asyncio.sleep(600)
    assert provider.observe(server()).phase is Phase.TERMINATING
    assert [each.id for each in provider.instances() or ()] == [one]
    assert len(coast.asked("GET", one)) < 25
    coast.cloud.faults.clear()
    await coast.until(lambda: provider.observe(server()) == contract.ABSENT, seconds=120)


async def test_one_whose_delete_is_refused_keeps_no_other_waiting(coast: Coast) -> None:
    """A role that may not delete by force: the server says in the cloud's words why it stays."""
    coast.cloud.soft_delete = True
    provider, one, other = await two(coast)
    words = coast.cloud.reply(403, {"forbidden": {"message": "Policy doesn't allow it"}})
    coast.cloud.faults.append(Fault(method="POST", path=one, reply=words, times=10**6))
    await provider.delete(server(), remove(one))
    await provider.delete(second(), remove(other))
    await coast.until(lambda: provider.observe(second()) == contract.ABSENT, seconds=60)
    await coast.until(lambda: provider.observe(server()).message == "Policy doesn't allow it")
    assert provider.observe(server()).phase is Phase.TERMINATING
    assert [each.id for each in provider.instances() or ()] == [one]
    coast.cloud.faults.clear()
    await coast.until(lambda: provider.observe(server()) == contract.ABSENT, seconds=120)


async def test_a_double_that_is_locked_is_told_and_stays_until_it_is_not(coast: Coast) -> None:
    """Nobody says that it is deleted, and the fleet is seen as ever."""
    provider = await coast.provider()
    seen = await made(coast, provider)
    (machine,) = coast.there()
    await asyncio.sleep(1)
    marks = {"tags": list(machine.tags), "metadata": dict(machine.metadata)}
    twin = coast.cloud.add({**machine.body, **marks})
    twin.locked = True
    await coast.until(lambda: provider.observe(server()).stuck)
    assert provider.observe(server()).stuck == (f"server {twin.id}: Instance {twin.id} is locked",)
    assert provider.observe(server()).doubles == ()
    await asyncio.sleep(600)
    assert {each.id for each in provider.instances() or ()} == {machine.id, twin.id}
    assert len(coast.asked("DELETE", twin.id)) < 25
    twin.locked = False
    await coast.until(lambda: provider.observe(server()).doubles, seconds=120)
    await coast.until(lambda: provider.observe(server()) == seen)
    assert coast.there() == [machine]


async def test_a_resize_that_is_locked_is_told_and_confirmed_once_it_is_not(coast: Coast) -> None:
    """The server that waits says so; others are seen as ever."""
    provider, one, _ = await two(coast, resize="WhenPossible")
    machine = coast.cloud.machines[one]
    machine.status, machine.locked, machine.updated = "VERIFY_RESIZE", True, coast.cloud.now
    machine.metadata["argosy.resizing"] = "flavor-2"
    await coast.until(lambda: provider.observe(server()).reason == "ServerLocked")
    assert provider.observe(server()).message == f"Instance {one} is locked"
    coast.cloud.requests.clear()
    await asyncio.sleep(600)
    assert provider.instances() is not None
    assert len(coast.asked("POST", "action")) < 25
    machine.locked = False
    await coast.until(lambda: provider.observe(server()).ready, seconds=120)
    assert machine.status == "ACTIVE"


async def test_groups_that_cannot_be_listed_hide_no_server(coast: Coast) -> None:
    """A role that may not list server groups: lists of servers are heard all the same."""
    refused = Reply(status=403)
    coast.cloud.faults.append(
        Fault(method="GET", path="/os-server-groups", reply=refused, times=10**6)
    )
    provider = await coast.provider()
    await made(coast, provider)
    for _ in range(180):
        await asyncio.sleep(1)
        assert provider.instances() is not None


async def test_at_rest_the_cloud_is_asked_little(coast: Coast) -> None:
    """While nothing moves changes are asked for every 15 seconds, presence once a minute."""
    provider = await coast.provider()
    await made(coast, provider)
    await asyncio.sleep(120)
    coast.cloud.requests.clear()
    await asyncio.sleep(600)
    assert len(coast.asked("GET", "changes-since")) <= 41
    assert len(coast.asked("GET", "/servers?")) <= 10
    assert coast.asked("POST") == []


async def test_lists_of_many_are_read_page_by_page(coast: Coast) -> None:
    """A thousand a page: no server is missed, and none is seen twice."""
    provider = await coast.provider()
    coast.cloud.quota = 5000
    await made(coast, provider)
    (first,) = coast.there()
    for number in range(2500):
        body: dict[str, Any] = {
            "name": f"web-{number}",
            "tags": [f"argosy.u{number}.1", "argosy.fleet.fleet-1"],
        }
        body["metadata"] = {"argosy.server": f"default/web-{number}"}
        coast.cloud.add(body)
    successor = await coast.provider()
    found = successor.instances()
    assert found is not None
    assert len({each.id for each in found}) == 2501
    assert first.id in {each.id for each in found}


async def test_an_orphan_on_record_exists_until_the_cloud_says_otherwise(coast: Coast) -> None:
    """A list that lacks what was let go of does not take it from the record."""
    orphan = objects.Orphan(id="00000000-0000-0000-0000-00000000beef", server="default/old")
    provider = await coast.provider(orphans=(orphan,))
    found = provider.instances()
    assert found is not None
    assert [(each.id, each.phase) for each in found] == [(orphan.id, Phase.UNREACHABLE)]
    await coast.until(lambda: provider.instances() == ())


async def test_a_cloud_that_is_away_changes_nothing_that_is_seen(coast: Coast) -> None:
    """Nothing becomes absent or unready; what is there is seen anew once the cloud is back."""
    provider = await coast.provider()
    seen = await made(coast, provider)
    coast.cloud.faults.append(Fault(method="*", path="/", unsent=True, times=10_000))
    await asyncio.sleep(3600)
    assert provider.observe(server()) == seen
    coast.cloud.faults.clear()
    await provider.delete(server(), remove(seen.id))
    await coast.until(lambda: provider.observe(server()) == contract.ABSENT)


async def test_after_an_outage_all_is_seen_anew(coast: Coast) -> None:
    """A tag that somebody wrote meanwhile is in no list of changes, and is known soon after."""
    provider = await coast.provider()
    await made(coast, provider)
    (machine,) = coast.there()
    coast.cloud.faults.append(Fault(method="*", path="/", unsent=True, times=10_000))
    await asyncio.sleep(300)
    machine.tags = [
        each.removesuffix(".1") + ".2" if each.endswith(".1") else each for each in machine.tags
    ]
    coast.cloud.faults.clear()
    await coast.until(lambda: provider.observe(server()).incarnation == 2)


async def test_a_new_token_is_asked_for_once(coast: Coast) -> None:
    """A token that ended is replaced unseen; credentials that are refused are told as such."""
    provider = await coast.provider()
    coast.cloud.tokens.clear()
    await provider.create(server(), create())
    coast.cloud.tokens.clear()
    coast.cloud.credentials = False
    with pytest.raises(errors.Stalled) as refused:
        await provider.create(server("server-2", ordinal=1), create(template(image="v2")))
    assert refused.value.reason in {"CredentialsRefused", "NameTaken"}


async def test_a_cloud_that_asks_for_a_pause_is_given_it(coast: Coast) -> None:
    """429: the call waits for as long as is asked, and is sent once more; so do all others."""
    provider = await coast.provider()
    slow = Reply(status=429, headers={"retry-after": "20"})
    coast.cloud.faults.append(Fault(method="POST", path="/servers$", reply=slow))
    began = coast.cloud.now
    await provider.create(server(), create())
    assert coast.cloud.now - began >= 20
    assert len(coast.there()) == 1


async def test_requests_keep_to_the_pace(coast: Coast) -> None:
    """Ten a second to a service, whoever asks for however many."""
    provider = await coast.provider()
    await asyncio.sleep(60)
    began = coast.cloud.now
    coast.cloud.requests.clear()
    calls = [
        provider.delete(server(), remove(f"00000000-0000-0000-0000-{number:012}"))
        for number in range(100)
    ]
    await asyncio.gather(*calls)
    assert coast.cloud.now - began >= 8.5
    assert len(coast.asked("GET", "/servers/")) >= 100


@pytest.mark.parametrize(("answer", "least", "most"), [(0.05, 30, 40), (2.0, 4, 6)])
async def test_a_busy_cloud_is_asked_for_changes_less_often(
    coast: Coast, answer: float, least: int, most: int
) -> None:
    """Each second while a server comes up; a list that takes long, for a quarter of the time."""
    provider = await coast.provider()
    coast.cloud.timing = dataclasses.replace(coast.cloud.timing, answer=answer, spawn=600.0)
    await provider.create(server(), create())
    await asyncio.sleep(20)
    coast.cloud.requests.clear()
    await asyncio.sleep(40)
    assert least <= len(coast.asked("GET", "changes-since")) <= most


async def test_a_list_that_took_long_hides_no_end(coast: Coast) -> None:
    """A cloud is slowest while it deletes many: the next list is soon, also after a slow one."""
    provider = await coast.provider()
    seen = await made(coast, provider)
    quick = coast.cloud.timing
    coast.cloud.timing = dataclasses.replace(quick, answer=8.0, delete=12.0)
    await provider.delete(server(), remove(seen.id))
    await coast.until(lambda: bool(coast.asked("GET", "changes-since")), seconds=60)
    await asyncio.sleep(10)
    coast.cloud.timing = quick
    await coast.until(lambda: provider.observe(server()) == contract.ABSENT, seconds=10)


async def test_what_lists_tell_of_is_not_looked_for_by_its_id(coast: Coast) -> None:
    """Of fifty that are deleted at once none is asked for by its id: a list tells of each end."""
    provider = await coast.provider()
    machine = (await made(coast, provider)).id
    coast.cloud.timing.delete = 14.0
    coast.cloud.requests.clear()
    await provider.delete(server(), remove(machine))
    await coast.until(lambda: provider.observe(server()) == contract.ABSENT, seconds=20)
    assert coast.asked("GET", f"/servers/{machine}") == []


async def test_a_cloud_that_is_too_old_is_refused(coast: Coast) -> None:
    """Below 2.69 a silent cell cannot be told from none, below 2.26 tags are ignored."""
    coast.cloud.newest = "2.60"
    with pytest.raises(errors.Stalled) as refused:
        await coast.provider()
    assert refused.value.reason == "CloudTooOld"


async def test_a_server_has_been_going_since_it_was_told_to(coast: Coast) -> None:
    """By the first word of that: one that ran for an hour is not stuck a second after its delete.

    The next operator, and whoever asks for the delete once more, count from then, too.
    """
    provider = await coast.provider()
    seen = await made(coast, provider)
    coast.cloud.timing.delete = 900.0
    await asyncio.sleep(3600)
    told = EPOCH + coast.cloud.now
    await provider.delete(server(), remove(seen.id))
    found = provider.observe(server())
    assert found.phase is Phase.TERMINATING
    # Until Nova has told, nobody knows.
    assert found.since == 0.0
    await asyncio.sleep(60)
    since = provider.observe(server()).since
    assert told - 1 <= since <= told + 1
    successor = await coast.provider()
    assert successor.observe(server()).since == since
    coast.cloud.machines[seen.id].updated = coast.cloud.now
    await provider.delete(server(), remove(seen.id))
    await asyncio.sleep(60)
    for each in (provider, successor):
        assert each.observe(server()).since == since
