"""What the contract promises of claims, held against every provider whose servers may have some."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from controller import errors
from controller.api import objects
from controller.contract import Phase
from tests.contracts.provider_stages import (
    Stage,
    change,
    create,
    delete,
    made,
    watch_phase,
    with_spec,
)

pytestmark = pytest.mark.looptime
# What a disturbed cloud answers passes as well.
PASSES = (errors.Waiting, errors.UnknownOutcome, errors.Transient)


def claim(name: str = "data", storage: str = "1Gi") -> objects.VolumeClaim:
    """Return a claim of a template."""
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
    return objects.VolumeClaim(name=name, spec=msgspec.Raw(msgspec.json.encode(asked)))


async def test_a_server_is_made_with_its_claims(claiming: Stage) -> None:
    """Each is there once, is seen, and is told with whose it is; asked again none is made."""
    await claiming.begin()
    wanted = (claim("data"), claim("logs", "2Gi"))
    server = with_spec(await claiming.server(), volume_claims=wanted)
    call = create(claiming.template("v1"), claims=wanted)
    seen = await made(claiming.provider, server, call, passes=PASSES)
    assert seen.claims == ("data", "logs")
    before = claiming.volumes()
    assert sorted(before) == ["data-shop-web-0", "logs-shop-web-0"]
    await claiming.provider.create(server, call)
    assert claiming.volumes() == before
    told = claiming.provider.claims("default", "shop", "web")
    assert told is not None
    assert {(each.id, each.name, each.server, each.component) for each in told} == {
        (before[name], name, "shop-web-0", "web") for name in before
    }
    everything = claiming.provider.claims("default", "shop")
    assert everything is not None
    assert {each.id for each in everything} == set(before.values())
    for other in (("default", "shop", "db"), ("default", "bank", "web"), ("else", "shop", "web")):
        assert not claiming.provider.claims(*other)


async def test_claims_outlive_instances_and_operators(claiming: Stage) -> None:
    """The next incarnation has the very same, made by this operator or by the next one."""
    await claiming.begin()
    wanted = (claim(),)
    server = with_spec(await claiming.server(), volume_claims=wanted)
    call = create(claiming.template("v1"), claims=wanted)
    seen = await made(claiming.provider, server, call, passes=PASSES)
    before = claiming.volumes()
    await claiming.provider.delete(server, delete(seen.id))
    await watch_phase(claiming.provider, server, Phase.ABSENT)
    assert claiming.provider.observe(server).claims == ("data",)
    assert claiming.volumes() == before
    successor = await claiming.successor()
    assert successor.observe(server).claims == ("data",)
    second = await made(successor, with_spec(server, incarnation=2), call)
    assert second.id != seen.id
    assert claiming.volumes() == before
    assert [each.id for each in successor.claims("default", "shop", "web") or ()] == [
        *before.values()
    ]


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "refused"])
async def test_a_claim_whose_call_went_wrong_is_made_once(claiming: Stage, *, lost: bool) -> None:
    """Whatever became of the first call, in the end there is one, and the server has it."""
    await claiming.begin()
    wanted = (claim(),)
    server = with_spec(await claiming.server(), volume_claims=wanted)
    call = create(claiming.template("v1"), claims=wanted)
    claiming.disturb("claim", lost=lost)
    with pytest.raises(errors.ArgosyError):
        await claiming.provider.create(server, call)
    seen = await made(claiming.provider, server, call, passes=PASSES)
    assert seen.claims == ("data",)
    await asyncio.sleep(claiming.quiet_seconds)
    assert list(claiming.volumes()) == ["data-shop-web-0"]


async def test_an_operator_that_is_gone_leaves_one_claim(claiming: Stage) -> None:
    """The next one finds what the last one asked for and never heard of."""
    await claiming.begin()
    wanted = (claim(),)
    server = with_spec(await claiming.server(), volume_claims=wanted)
    call = create(claiming.template("v1"), claims=wanted)
    claiming.disturb("claim", lost=True)
    with pytest.raises(errors.ArgosyError):
        await claiming.provider.create(server, call)
    successor = await claiming.successor()
    await made(successor, server, call, passes=PASSES)
    assert list(claiming.volumes()) == ["data-shop-web-0"]


async def test_claims_grow_under_a_server_that_runs(claiming: Stage) -> None:
    """What asks for more is asked for more, on the instance that is there; nothing shrinks."""
    await claiming.begin()
    server = with_spec(await claiming.server(), volume_claims=(claim(),))
    call = create(claiming.template("v1"), claims=(claim(),))
    seen = await made(claiming.provider, server, call, passes=PASSES)
    assert [each.asked for each in seen.volumes] == ["1Gi"]
    for storage, asked in (("3Gi", "3Gi"), ("2Gi", "3Gi")):
        larger = (claim(storage=storage),)
        wanted = with_spec(server, volume_claims=larger)
        await claiming.provider.change(wanted, change(seen.id, claims=larger))
        await asyncio.sleep(claiming.quiet_seconds)
        after = claiming.provider.observe(wanted)
        assert (after.id, [each.asked for each in after.volumes]) == (seen.id, [asked])


async def test_claims_of_another_server_are_not_taken(claiming: Stage) -> None:
    """Whoever has another ordinal has volumes of its own."""
    await claiming.begin()
    wanted = (claim(),)
    call = create(claiming.template("v1"), claims=wanted)
    for ordinal in (0, 1):
        server = with_spec(await claiming.server(ordinal), volume_claims=wanted)
        await made(claiming.provider, server, call, passes=PASSES)
    found = claiming.volumes()
    assert sorted(found) == ["data-shop-web-0", "data-shop-web-1"]
    assert len(set(found.values())) == 2
