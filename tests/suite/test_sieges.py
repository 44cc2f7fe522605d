"""A siege whose operator orders itself again and again fails; it does not run for ever."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulation import sieges


def test_a_siege_in_which_time_stands_still_fails() -> None:
    """Whatever guards against exceptions there are: the loop itself ends."""

    async def spin() -> None:
        while True:
            try:
                await asyncio.sleep(0)
            except RuntimeError:
                continue

    with pytest.raises(RuntimeError, match="time stands still"):
        sieges.play(spin())
