"""One server is made of one Server, whatever becomes of the calls: Nova itself would make two."""

import asyncio
import contextlib
from typing import Any

import looptime
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller import contract, errors
from controller.api import objects
from controller.contract import Phase
from controller.providers.openstack.refusals import Reply
from fakes.openstack import Fault
from tests.providers.openstack.coast import Coast, create, server

pytestmark = pytest.mark.looptime

DEEP = b'{"server": ' + b"[" * 3_000 + b"]" * 3_000 + b"}"


def fault(**kind: Any) -> Fault:
    """Return a fault of the next POST that makes a server."""
    return Fault(method="POST", path="/servers$", **kind)


async def test_what_shows_up_late_is_taken_up(coast: Coast) -> None:
    """After a POST without an answer nothing is posted before what it made has had its time."""
    provider = await coast.provider()
    coast.cloud.faults.append(fault(lost=True, late=0.5))
    with pytest.raises(errors.UnknownOutcome):
        await provider.create(server(), create())
    assert coast.there() == [] or coast.there()[0].visible_at > coast.cloud.now
    await provider.create(server(), create())
    assert len(coast.asked("POST", "/servers")) == 1
    assert len(coast.there()) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"server": {}}', b'["id"]', DEEP])
async def test_an_answer_that_cannot_be_read_is_as_good_as_lost(coast: Coast, body: bytes) -> None:
    """A proxy answered in the place of Nova, which had made the server: no second one is made."""
    provider = await coast.provider()
    coast.cloud.faults.append(fault(lost=True, reply=Reply(status=202, body=body)))
    with pytest.raises(errors.UnknownOutcome):
        await provider.create(server(), create())
    assert provider.observe(going()).phase is not Phase.ABSENT
    await provider.create(server(), create())
    assert len(coast.asked("POST", "/servers")) == 1
    assert len(coast.there()) == 1


async def test_what_never_shows_up_is_made_again(coast: Coast) -> None:
    """A POST that was not carried out costs five seconds, and no more."""
    provider = await coast.provider()
    coast.cloud.faults.append(fault(reply=Reply(status=504)))
    with pytest.raises(errors.UnknownOutcome):
        await provider.create(server(), create())
    began = coast.cloud.now
    await provider.create(server(), create())
    assert 5.0 <= coast.cloud.now - began < 7.0
    assert len(coast.there()) == 1


def going() -> objects.Server:
    """Return the server once somebody has deleted it."""
    known = server()
    meta = msgspec.structs.replace(known.metadata, deletion_timestamp="2026-09-21T00:00:00Z")
    return msgspec.structs.replace(known, metadata=meta)


async def test_a_server_that_goes_is_not_gone_before_a_lost_create_has_had_its_time(
    coast: Coast,
) -> None:
    """What the lost call makes is seen, and is there to be deleted: nothing is left behind."""
    provider = await coast.provider()
    coast.cloud.faults.append(fault(lost=True, late=2.0))
    with pytest.raises(errors.UnknownOutcome):
        await provider.create(server(), create())

    def found() -> str:
        seen = provider.observe(going())
        assert seen.phase in (Phase.TERMINATING, Phase.PENDING)
        assert seen.id or provider.instance(going().metadata) is None
        return seen.id

    await coast.until(found, seconds=10)
    (made,) = coast.there()
    assert provider.observe(going()).id == made.id
    assert provider.instance(going().metadata) == made.id


async def test_a_server_that_goes_is_told_once_a_lost_create_has_made_nothing(coast: Coast) -> None:
    """It says meanwhile what it waits for, and does not wait for ever."""
    provider = await coast.provider()
    coast.cloud.faults.append(fault(reply=Reply(status=504)))
    with pytest.raises(errors.UnknownOutcome):
        await provider.create(server(), create())
    began = coast.cloud.now
    seen = provider.observe(going())
    assert (seen.phase, seen.reason) == (Phase.TERMINATING, "CloudAnswerLost")
    coast.heard.clear()
    await coast.until(lambda: coast.heard, seconds=30)
    assert 5.0 <= coast.cloud.now - began < 15.0
    assert provider.observe(going()) is contract.ABSENT
    assert provider.instance(going().metadata) == ""


async def test_a_cloud_that_is_away_ends_no_doubt(coast: Coast) -> None:
    """Time alone proves nothing: only an answer does that was asked for late enough."""
    provider = await coast.provider()
    coast.cloud.faults.append(fault(lost=True, late=1.0))
    coast.cloud.faults.append(Fault(method="GET", path="/servers", unsent=True, times=10**6))
    with pytest.raises(errors.UnknownOutcome):
        await provider.create(server(), create())
    assert provider.observe(going()).phase is Phase.TERMINATING
    await asyncio.sleep(300)
    assert provider.observe(going()).phase is Phase.TERMINATING
    coast.cloud.faults.clear()
    await coast.until(lambda: provider.observe(going()).id, seconds=120)
    assert provider.observe(going()).id == coast.there()[0].id


async def test_one_that_stays_is_absent_while_its_create_is_in_doubt(coast: Coast) -> None:
    """Its next create looks for what the lost one has made, and says what is wrong."""
    provider = await coast.provider()
    coast.cloud.faults.append(fault(lost=True, late=1.0))
    with pytest.raises(errors.UnknownOutcome):
        await provider.create(server(), create())
    assert provider.observe(server()) is contract.ABSENT


async def test_a_create_that_was_given_up_is_in_doubt(coast: Coast) -> None:
    """Cancelled between POST and answer it may be carried out: the next call looks first."""
    provider = await coast.provider()
    call = asyncio.create_task(provider.create(server(), create()))
    await coast.until(lambda: coast.asked("POST", "/servers"))
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call
    await provider.create(server(), create())
    assert len(coast.there()) <= 1
    await coast.until(lambda: provider.observe(server()).ready)
    assert len(coast.there()) == 1


async def test_of_two_the_older_stays(coast: Coast) -> None:
    """A double that comes to light is deleted at sight, and the server keeps its instance."""
    provider = await coast.provider()
    coast.cloud.faults.append(fault(lost=True, late=8.0))
    with pytest.raises(errors.UnknownOutcome):
        await provider.create(server(), create())
    await provider.create(server(), create())
    await coast.until(lambda: provider.observe(server()).ready)
    first = provider.observe(server()).id
    await coast.until(lambda: len(coast.cloud.machines) == 2)
    await asyncio.sleep(30)
    assert [each.id for each in coast.there()] == [first]
    assert provider.observe(server()).id == first


async def test_nothing_is_made_before_the_first_list(coast: Coast) -> None:
    """A leader that has just begun does not know what the one before it made."""
    coast.cloud.timing.answer = 0.5
    opening = asyncio.create_task(coast.provider())
    await coast.until(lambda: coast.asked("GET", "/servers/detail"))
    provider = await opening
    await provider.create(server(), create())
    successor = await coast.provider()
    await successor.create(server(), create())
    assert len(coast.asked("POST", "/servers")) == 1


async def test_another_uid_under_the_same_name_is_left_alone(coast: Coast) -> None:
    """It is foreign, the name is taken, and neither delete nor collect touches it."""
    provider = await coast.provider()
    await provider.create(server("server-1"), create())
    other = server("server-2")
    seen = provider.observe(other)
    assert (seen.phase, seen.reason) == (Phase.FOREIGN, "NameTaken")
    with pytest.raises(errors.NameTaken):
        await provider.create(other, create())
    (made,) = coast.there()
    await provider.delete(other, contract.Call(verb=contract.Verb.DELETE, why="", instance=made.id))
    assert coast.there() == [made]


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 1),
            st.sampled_from(["fine", "lost", "late", "failed", "unsent", "killed"]),
            st.floats(0.0, 3.0),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_happens_one_stays(steps: list[tuple[int, str, float]]) -> None:
    """Two leaders, calls lost, late, refused or killed between POST and answer: one is left.

    Both see the same one, and it is the oldest that ever was.
    """
    with contextlib.closing(looptime.new_event_loop(start=0)) as loop:
        loop.run_until_complete(_play(steps))


async def _play(steps: list[tuple[int, str, float]]) -> None:
    coast = Coast()
    try:
        leaders = [await coast.provider(), await coast.provider()]
        for who, fate, pause in steps:
            await _try(coast, leaders[who], fate)
            await asyncio.sleep(pause)
        for each in leaders:
            await _try(coast, each, "fine")
        await asyncio.sleep(60)
        (kept,) = coast.there()
        assert [each.observe(server()).id for each in leaders] == [kept.id, kept.id]
        stamp = min(int(each.created) for each in coast.cloud.machines.values())
        assert int(kept.created) == stamp
    finally:
        await coast.close()


async def _try(coast: Coast, provider: contract.Provider, fate: str) -> None:
    faults = {
        "lost": fault(lost=True),
        "late": fault(lost=True, late=0.5),
        "failed": fault(reply=Reply(status=503)),
        "unsent": fault(unsent=True),
    }
    if fate in faults:
        coast.cloud.faults.append(faults[fate])
    with contextlib.suppress(errors.ArgosyError, TimeoutError):
        async with asyncio.timeout(0.05 if fate == "killed" else 60):
            await provider.create(server(), create())
    coast.cloud.faults.clear()
