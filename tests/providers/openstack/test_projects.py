"""Ids are of one project: what another one lacks is there all the same, and is not made anew."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from controller import contract
from controller.contract import Phase
from controller.providers.openstack.refusals import CredentialsRefused
from tests.providers.openstack.coast import Coast, create, server

pytestmark = pytest.mark.looptime


async def made(coast: Coast, provider: contract.Provider) -> contract.Observation:
    """Make the server and return what is seen once it is ready."""
    await provider.create(server(), create())
    await coast.until(lambda: provider.observe(server()).ready)
    return provider.observe(server())


async def test_credentials_of_another_project_conclude_nothing(coast: Coast) -> None:
    """Somebody rotates them in the wrong project: nothing is gone or made there, and it is told."""
    provider = await coast.provider()
    seen = await made(coast, provider)
    known, another = server(recorded=seen.id), server("server-2")
    meta = msgspec.structs.replace(another.metadata, name="shop-web-1")
    another = msgspec.structs.replace(another, metadata=meta)
    coast.cloud.enter("project-2")
    await asyncio.sleep(600)
    assert provider.observe(known) == seen
    with pytest.raises(CredentialsRefused):
        await provider.create(another, create())
    assert coast.there() == []
    silence = provider.silence()
    assert silence is not None
    assert silence.error.reason == "CloudProjectChanged"
    assert "project project-2 in region one" in silence.error.words
    assert "project project-1 in region one" in silence.error.words
    assert provider.instances() is None
    coast.cloud.enter("project-1")
    await coast.until(lambda: provider.silence() is None)
    await asyncio.sleep(600)
    assert provider.observe(known) == seen
    assert [each.id for each in coast.there()] == [seen.id]


async def test_what_is_listed_again_is_not_gone(coast: Coast) -> None:
    """Nova told twice that it has no such server, and was wrong: no second one has to go for it."""
    provider = await coast.provider()
    seen = await made(coast, provider)
    known = server(recorded=seen.id)
    lost = coast.cloud.machines.pop(seen.id)
    await coast.until(lambda: provider.observe(known) == contract.ABSENT)
    coast.cloud.machines[seen.id] = lost
    await coast.until(lambda: provider.observe(known) == seen, seconds=200)


async def test_what_was_deleted_stays_gone_whatever_a_list_says(coast: Coast) -> None:
    """Lists may be old, and no id is used twice."""
    provider = await coast.provider()
    seen = await made(coast, provider)
    call = contract.Call(verb=contract.Verb.DELETE, why="test", instance=seen.id)
    await provider.delete(server(), call)
    await coast.until(lambda: provider.observe(server()) == contract.ABSENT)
    machine = coast.cloud.machines[seen.id]
    machine.deleted, machine.status, machine.gone_at = False, "ACTIVE", None
    await asyncio.sleep(4000)
    assert provider.observe(server(recorded=seen.id)).phase is Phase.ABSENT
