"""Stamps of a cloud whose clock is another than the operator's."""

from __future__ import annotations

import asyncio
import itertools
from email.utils import formatdate

import pytest

from controller.contract import Phase
from controller.providers.openstack.times import AGREE, SLACK, CloudTimes, date_of
from fakes.openstack import EPOCH
from tests.providers.openstack.coast import Coast, create, server, template

AHEAD = [300.0, -300.0]


def now() -> float:
    """Return the time by the operator's clock."""
    return EPOCH + asyncio.get_running_loop().time()


@pytest.mark.looptime
@pytest.mark.parametrize("ahead", AHEAD)
async def test_a_start_has_its_seconds_by_one_clock(coast: Coast, ahead: float) -> None:
    """Not ready in time is who takes longer than startSeconds, whatever the cloud's clock says."""
    coast.cloud.ahead = ahead
    provider = await coast.provider()
    readiness = {"console": {}, "startSeconds": 100}
    await provider.create(server(), create(template(readiness=readiness)))
    await coast.until(lambda: [each.status for each in coast.there()] == ["ACTIVE"])
    await asyncio.sleep(90)
    assert provider.observe(server()).phase is Phase.RUNNING
    await asyncio.sleep(25)
    assert provider.observe(server()).reason == "NotReadyInTime"


@pytest.mark.looptime
@pytest.mark.parametrize("ahead", AHEAD)
async def test_what_is_told_is_told_by_our_clock(coast: Coast, ahead: float) -> None:
    """Since when a server is there and ready; the same right after a restart, and later."""
    coast.cloud.ahead = ahead
    provider = await coast.provider()
    await provider.create(server(), create())
    began = now()
    await coast.until(lambda: provider.observe(server()).ready)
    seen = provider.observe(server())
    for told in (seen.since, seen.ready_since):
        assert began - 3 <= told <= now() + 1
    await asyncio.sleep(3600)
    assert provider.observe(server()) == seen
    again = (await coast.provider()).observe(server())
    assert abs(again.since - seen.since) <= 2


@pytest.mark.looptime
async def test_a_clock_that_is_put_right_is_followed(coast: Coast) -> None:
    """What is measured counts for no longer than it holds."""
    coast.cloud.ahead = 300.0
    provider = await coast.provider()
    coast.cloud.ahead = 0.0
    await provider.create(server(), create())
    began = now()
    await coast.until(lambda: provider.observe(server()).ready)
    assert began - 3 <= provider.observe(server()).since <= now() + 1


@pytest.mark.looptime
async def test_a_host_whose_clock_is_ahead_hides_no_change_and_fails_no_start(
    coast: Coast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each third answer is of that host: nobody is late by it, and each change is seen soon."""
    turns = itertools.count(1)

    def odd(seconds: float, *, usegmt: bool) -> str:
        return formatdate(seconds + 900.0 * (next(turns) % 3 == 0), usegmt=usegmt)

    monkeypatch.setattr("fakes.openstack.cloud.formatdate", odd)
    provider = await coast.provider()
    readiness = {"console": {}, "startSeconds": 300}
    await provider.create(server(), create(template(readiness=readiness)))
    await coast.until(lambda: [each.status for each in coast.there()] == ["ACTIVE"])
    for _ in range(600):
        await asyncio.sleep(0.4)
        assert provider.observe(server()).phase is not Phase.FAILED
    (machine,) = coast.there()
    machine.console = f"argosy-ready {machine.metadata['argosy.token']}\n"
    await coast.until(lambda: provider.observe(server()).ready)
    for number in range(30):
        await asyncio.sleep(30 + number)
        machine.address, machine.updated = f"10.9.0.{number}", coast.cloud.now
        await coast.until(lambda: provider.observe(server()).addresses == (machine.address,))


def heard(times: CloudTimes, date: float, *, sent: float, received: float) -> float:
    """Return what a stamp of the cloud at 1000 is by our clock after such an answer."""
    times.hear(date, sent=sent, received=received)
    return times.ours("1970-01-01T00:16:40Z")


def agreed(times: CloudTimes, date: float, *, sent: float, received: float) -> float:
    """Return the same after as many such answers as are believed."""
    for _ in range(AGREE - 1):
        heard(times, date, sent=sent, received=received)
    return heard(times, date, sent=sent, received=received)


def test_clocks_that_agree_are_left_alone() -> None:
    """Neither a slow answer, nor whole seconds, nor hosts a little apart move what is told."""
    times = CloudTimes(lambda: 0.0)
    assert heard(times, 1000.0, sent=1000.9, received=1001.0) == 1000.0
    assert heard(times, 1029.0, sent=1000.0, received=1030.0) == 1000.0
    assert heard(times, 1000.0 + SLACK, sent=1000.0, received=1000.1) == 1000.0
    assert heard(times, 1000.0 - SLACK, sent=1000.0, received=1000.1) == 1000.0
    assert heard(times, 0.0, sent=1000.0, received=1000.1) == 1000.0


def test_an_offset_is_as_small_as_an_answer_allows() -> None:
    """It is what is certain, and an answer that allows what is known changes nothing."""
    times = CloudTimes(lambda: 0.0)
    assert heard(times, 1300.0, sent=1000.0, received=1010.0) == 710.0
    assert agreed(times, 1300.0, sent=1003.0, received=1004.0) == 704.0
    assert heard(times, 1305.0, sent=1008.0, received=1009.0) == 704.0
    assert agreed(times, 700.0, sent=1000.0, received=1001.0) == 1299.0


def test_one_host_with_a_clock_of_its_own_moves_nothing() -> None:
    """Nova has several, and each answers now and then; two that disagree prove nothing either."""
    times = CloudTimes(lambda: 0.0)
    for number in range(30):
        at = 1000.0 + number
        date = at + (0.0, 900.0, -900.0)[number % 3]
        assert heard(times, date, sent=at, received=at + 0.1) == 1000.0
    for number in range(1, AGREE):
        assert heard(times, 2900.0, sent=2000.0, received=2000.1) == 1000.0, number
    assert heard(times, 2900.0, sent=2000.0, received=2000.1) < 110.0


@pytest.mark.parametrize(
    "date",
    [
        "",
        "nonsense",
        "Thu, 99999999999999999999 Jan 1970 00:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:00 +99999999999999999999999",
        "Thu, 01 Jan 99999999999999999999 00:00:00 GMT",
    ],
)
def test_a_date_that_is_none_tells_nothing(date: str) -> None:
    """Whatever a service, or a proxy before it, writes there."""
    assert date_of(date) == 0.0


def test_no_stamp_stays_none() -> None:
    """However wrong the cloud's clock is."""
    times = CloudTimes(lambda: 0.0)
    times.hear(1300.0, sent=1000.0, received=1000.1)
    assert times.ours(None) == times.ours("") == times.ours("nonsense") == 0.0
