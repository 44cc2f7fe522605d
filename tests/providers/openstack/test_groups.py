"""Servers of a component are kept apart by a group of the cloud, which comes and goes with them."""

import asyncio
import contextlib
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import objects
from controller.contract import Verb
from controller.providers.openstack.refusals import Reply
from fakes.openstack import Fault
from tests.providers.openstack import coast as coasts
from tests.providers.openstack.coast import Coast, create, template

pytestmark = pytest.mark.looptime

APART = template(serverGroup={"policy": "anti-affinity"})
SOFTLY = template(serverGroup={"policy": "soft-anti-affinity"})
NAME = "argosy.fleet.fleet-1.anti-affinity.default/shop/web"


def server(number: int = 1, **spec: Any) -> objects.Server:
    """Return one of several Servers of a component."""
    made = coasts.server(f"server-{number}", **{"ordinal": number, **spec})
    meta = objects.Meta(
        name=f"shop-{made.spec.component}-{number}", namespace="default", uid=made.metadata.uid
    )
    return objects.Server(metadata=meta, spec=made.spec, status=made.status)


async def test_a_component_has_one_group(coast: Coast) -> None:
    """All its servers are asked for with the same hint; another component has another group."""
    provider = await coast.provider()
    await asyncio.gather(*(provider.create(server(each), create(APART)) for each in range(4)))
    await provider.create(server(9, component="db"), create(APART))
    assert [each["name"] for each in coast.cloud.groups.values()] == [
        NAME, NAME.replace("/web", "/db"),
    ]  # fmt: skip
    hints = [body["os:scheduler_hints"] for _, body in coast.cloud.posted if "server" in body]
    first, other = coast.cloud.groups
    assert hints == [{"group": first}] * 4 + [{"group": other}]


async def test_operators_agree_on_the_group(coast: Coast) -> None:
    """Two that made one each use the first by id from then on; the other one goes, being empty."""
    for number in (7, 3):
        coast.cloud.groups[f"group-{number}"] = {"name": NAME, "policy": "anti-affinity"}
    provider = await coast.provider()
    await provider.create(server(), create(APART))
    assert coast.there()[0].group == "group-3"


async def test_a_lost_answer_makes_no_second_group(coast: Coast) -> None:
    """The next call finds what the last one made by its name."""
    provider = await coast.provider()
    coast.cloud.faults.append(Fault(method="POST", path="/os-server-groups$", lost=True))
    with pytest.raises(errors.UnknownOutcome):
        await provider.create(server(), create(APART))
    await provider.create(server(), create(APART))
    assert len(coast.cloud.groups) == 1
    assert len(coast.there()) == 1


async def test_a_group_goes_with_its_last_server(coast: Coast) -> None:
    """Not before, and not those that are somebody else's, empty though they be."""
    coast.cloud.groups["theirs"] = {"name": "argosy.fleet.fleet-2.anti-affinity.a/b/c"}
    provider = await coast.provider()
    await provider.create(server(), create(APART))
    await coast.until(lambda: provider.observe(server()).ready)
    await asyncio.sleep(600)
    assert len(coast.cloud.groups) == 2
    call = contract.Call(verb=Verb.DELETE, why="test", instance=provider.observe(server()).id)
    await provider.delete(server(), call)
    await coast.until(lambda: list(coast.cloud.groups) == ["theirs"], seconds=600)


@pytest.mark.parametrize("told", [{}, {"members": None}, {"members": []}])
async def test_a_group_that_servers_are_in_stays(coast: Coast, told: dict[str, Any]) -> None:
    """A list that leaves its members out, or says that there are none, does not empty it."""

    def changed(body: bytes) -> bytes:
        groups = msgspec.json.decode(body)["server_groups"]
        rest = [{key: each[key] for key in each.keys() - {"members"}} | told for each in groups]
        return msgspec.json.encode({"server_groups": rest})

    provider = await coast.provider()
    await provider.create(server(), create(APART))
    fault = Fault(method="GET", path="/os-server-groups$", change=changed, times=10**6)
    coast.cloud.faults.append(fault)
    await coast.until(lambda: provider.observe(server()).ready)
    await asyncio.sleep(600)
    assert len(coast.cloud.groups) == 1


async def test_a_group_whose_members_nobody_tells_stays(coast: Coast) -> None:
    """Whether anybody else's servers are in it cannot be known then."""
    body = msgspec.json.encode({"server_groups": [{"id": "left", "name": NAME}]})
    reply = Reply(status=200, body=body)
    coast.cloud.faults.append(
        Fault(method="GET", path="/os-server-groups$", reply=reply, times=10**6)
    )
    await coast.provider()
    await asyncio.sleep(600)
    assert coast.asked("DELETE") == []


async def test_what_an_earlier_operator_left_goes(coast: Coast) -> None:
    """It died between a group and its first server."""
    coast.cloud.groups["left"] = {"name": NAME}
    await coast.provider()
    await coast.until(lambda: not coast.cloud.groups, seconds=600)


async def test_a_component_that_comes_again_has_its_group_made_again(coast: Coast) -> None:
    """What is remembered of a group ends with the group."""
    provider = await coast.provider()
    for number in (1, 2):
        one = server(number)
        await provider.create(one, create(APART))
        await coast.until(lambda one=one: provider.observe(one).ready)
        call = contract.Call(verb=Verb.DELETE, why="test", instance=provider.observe(one).id)
        await provider.delete(one, call)
        await coast.until(lambda: not coast.cloud.groups, seconds=600)


async def test_those_without_a_group_ask_for_none(coast: Coast) -> None:
    """Nobody who uses no groups pays for lists of them, but for the first."""
    provider = await coast.provider()
    await provider.create(server(), create())
    await asyncio.sleep(1200)
    assert len(coast.asked("GET", "/os-server-groups")) == 1


async def test_softly_apart_means_one_by_one(coast: Coast) -> None:
    """Nova would put two that it makes at once on one host."""
    provider = await coast.provider()
    await provider.create(server(1), create(SOFTLY))
    with pytest.raises(errors.Waiting, match="yet to be given a host"):
        await provider.create(server(2), create(SOFTLY))
    await coast.until(lambda: provider.observe(server(1)).ready)
    await provider.create(server(2), create(SOFTLY))
    assert len(coast.there()) == 2


async def test_a_group_that_is_named_must_be_there(coast: Coast) -> None:
    """It is used as it is, and never deleted."""
    coast.cloud.groups["mine"] = {"name": "my own"}
    provider = await coast.provider()
    await provider.create(server(1), create(template(serverGroup={"id": "mine"})))
    assert coast.there()[0].group == "mine"
    with pytest.raises(errors.TemplateRefused, match="no server group theirs"):
        await provider.create(server(2), create(template(serverGroup={"id": "theirs"})))
    with contextlib.suppress(TimeoutError):
        await coast.until(lambda: "mine" not in coast.cloud.groups, seconds=900)
    assert "mine" in coast.cloud.groups


@pytest.mark.parametrize(
    "group", [{}, {"policy": "anti-affinity", "id": "g"}, {"policy": "apart"}, {"name": "g"}]
)
async def test_a_group_has_a_policy_or_an_id(coast: Coast, group: dict[str, str]) -> None:
    """Anything else is refused before a call."""
    provider = await coast.provider()
    with pytest.raises(errors.TemplateRefused):
        await provider.create(server(), create(template(serverGroup=group)))
    assert coast.asked("POST") == []


async def test_a_group_that_is_not_deleted_holds_up_no_other(coast: Coast) -> None:
    """Each is tried by itself, and tried again."""
    for name in ("left-1", "left-2"):
        coast.cloud.groups[name] = {"name": NAME.replace("/web", f"/{name}")}
    words = coast.cloud.reply(403, {"forbidden": {"message": "not for you"}})
    coast.cloud.faults.append(Fault(method="DELETE", path="/left-1$", times=10**6, reply=words))
    await coast.provider()
    await coast.until(lambda: list(coast.cloud.groups) == ["left-1"], seconds=600)
    coast.cloud.faults.clear()
    await coast.until(lambda: not coast.cloud.groups, seconds=600)
