"""Whether a cloud is heard: a provider says so, and none of its loops ends unnoticed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from controller import contract
from controller.providers.openstack import listing, opening
from fakes.openstack import Cloud, Fault
from tests.providers.openstack.coast import Coast, create, server

pytestmark = pytest.mark.looptime


def nested(cloud: Cloud) -> None:
    """Have lists come with a value that is nested too deep to be decoded."""
    deep = b', "more": ' + b"[" * 3_000 + b"]" * 3_000 + b"}"
    fault = Fault(method="GET", path="/servers", times=10**6, change=lambda body: body[:-1] + deep)
    cloud.faults.append(fault)


@pytest.mark.parametrize(
    ("befalls", "reason"),
    [
        (Cloud.cut_off, "CloudUnreachable"),
        (Cloud.refuse_credentials, "CredentialsRefused"),
        (nested, "CloudUnreachable"),
    ],
)
async def test_a_cloud_that_is_not_heard_is_told_with_why_until_it_is(
    coast: Coast, befalls: Callable[[Cloud], None], reason: str
) -> None:
    """Nothing is to be made, so that no call fails: the lists alone show it."""
    provider = await coast.provider()
    await asyncio.sleep(60)
    assert provider.silence() is None
    befalls(coast.cloud)
    await asyncio.sleep(120)
    silence = provider.silence()
    assert silence is not None
    assert silence.error.reason == reason
    # Since what was heard last, which was no more than a rest before.
    assert 120 <= silence.seconds <= 140
    coast.cloud.restore()
    await coast.until(lambda: provider.silence() is None)


async def test_a_single_list_that_fails_is_heard_to_be_over(coast: Coast) -> None:
    """Whoever asks how long nothing was heard is told of no more than that."""
    provider = await coast.provider()
    await asyncio.sleep(60)
    coast.cloud.faults.append(Fault(method="GET", path="/servers", unsent=True))
    longest = 0.0
    for _ in range(240):
        await asyncio.sleep(0.25)
        silence = provider.silence()
        longest = max(longest, silence.seconds if silence is not None else 0.0)
    assert 0.0 < longest < 30.0


async def test_a_cloud_that_hangs_is_told_though_nothing_has_failed(coast: Coast) -> None:
    """Whatever a round waits for: what is shown is of before, and does not pass for heard."""
    provider = await coast.provider()
    await provider.create(server(), create())
    await coast.until(lambda: provider.observe(server()).ready)
    seen = provider.observe(server())
    coast.cloud.timing.answer = 10.0**6
    await asyncio.sleep(120)
    assert provider.silence() is None
    await asyncio.sleep(120)
    silence = provider.silence()
    assert silence is not None
    assert silence.error.reason == "CloudUnreachable"
    assert 200 < silence.seconds <= 260
    assert provider.instances() is None
    assert provider.observe(server()) == seen


async def test_lists_that_end_unforeseen_are_told_and_begin_anew(
    coast: Coast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that stands still must not pass for one that is heard; nor for ever."""
    provider = await coast.provider()
    servers = listing.servers

    async def crash(*_: Any, **__: Any) -> listing.Listed:
        raise TypeError("a row of no kind that anybody knows")

    monkeypatch.setattr(listing, "servers", crash)
    await asyncio.sleep(120)
    silence = provider.silence()
    assert silence is not None
    assert silence.error.reason == "InternalError"
    assert "of no kind that anybody knows" in silence.error.words
    assert silence.seconds > 60
    assert provider.instances() is None
    monkeypatch.setattr(listing, "servers", servers)
    await coast.until(lambda: provider.silence() is None)
    await provider.create(server(), create())
    await coast.until(lambda: provider.observe(server()).phase is contract.Phase.RUNNING)


@pytest.mark.parametrize("how", ["raises", "returns", "is cancelled"])
async def test_a_loop_that_ends_is_told_and_begins_anew(how: str) -> None:
    """However it ends: nobody waits for its task, and the next round may fare better."""
    rounds = list[float]()

    async def loop() -> None:
        rounds.append(asyncio.get_running_loop().time())
        await asyncio.sleep(1)
        if how == "raises":
            raise ValueError("day is out of range for month")
        if how == "is cancelled":
            raise asyncio.CancelledError

    with structlog.testing.capture_logs() as heard:
        async with opening.running(loop):
            await asyncio.sleep(2 * (1 + opening.ANEW_SECONDS) + 0.5)
    assert len(rounds) == 3
    told = [each for each in heard if each["event"] == "a loop of a cloud ended"]
    assert len(told) == 2
    assert {each["log_level"] for each in told} == {"error"}
    await asyncio.sleep(60)
    assert len(rounds) == 3


async def test_loops_end_with_their_block() -> None:
    """Each at once, whatever the others do."""
    ended = list[str]()

    async def loop() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        ended.append("one")

    async with opening.running(loop, loop):
        await asyncio.sleep(1)
    assert ended == ["one", "one"]
