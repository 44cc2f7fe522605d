"""A pulse says whether what must go on went on in time."""

from __future__ import annotations

import asyncio

import pytest

from controller.telemetry.progress import Pulse

pytestmark = pytest.mark.looptime


async def test_late_when_it_does_not_go_on_in_time() -> None:
    """Nothing is due before the first beat; then each beat says by when the next must come."""
    pulse = Pulse("a loop")
    await asyncio.sleep(1000)
    assert not pulse.late
    assert pulse.silence is None
    pulse.beat(10)
    await asyncio.sleep(9)
    assert not pulse.late
    pulse.beat(10)
    await asyncio.sleep(9)
    assert not pulse.late
    await asyncio.sleep(2)
    assert pulse.late
    assert pulse.silence == pytest.approx(11)


async def test_never_late_where_nothing_is_promised() -> None:
    """A beat without a time is told by its age alone, and rest ends every expectation."""
    pulse = Pulse("a loop")
    pulse.beat()
    await asyncio.sleep(1000)
    assert not pulse.late
    assert pulse.silence == pytest.approx(1000)
    pulse.beat(10)
    pulse.rest()
    await asyncio.sleep(1000)
    assert not pulse.late
    assert pulse.silence is None
