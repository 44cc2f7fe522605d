"""The memory that bodies share: who makes room once it is used up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from controller.hooks import bodies

pytestmark = pytest.mark.looptime
KIB = 1024


class Request:
    """A request whose body comes in parts, each after so many seconds; then nothing, or its end."""

    content_length = None

    def __init__(self, parts: Sequence[tuple[float, int]], *, ends: bool = True) -> None:
        self.content = self
        self._parts = parts
        self._ends = ends

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yield the parts as they come."""
        for seconds, size in self._parts:
            await asyncio.sleep(seconds)
            yield b"x" * size
        if not self._ends:
            await asyncio.sleep(3600)


async def _read(memory: bodies.BodyMemory, request: Any) -> int:
    return len(await memory.read(request))


async def test_whoever_sends_slowly_makes_room_for_whoever_does_not() -> None:
    """Many who send a little and then nothing keep out nobody who sends more than each of them."""
    memory = bodies.BodyMemory(1024 * KIB)
    slow = [
        asyncio.create_task(_read(memory, Request([(0, 32 * KIB)], ends=False))) for _ in range(32)
    ]
    await asyncio.sleep(2.0)
    assert await _read(memory, Request([(0.05, 100 * KIB)] * 3)) == 300 * KIB
    await asyncio.sleep(0.1)
    ended = [each.exception() for each in slow if each.done()]
    assert len(ended) == 10
    assert {type(each) for each in ended} == {TimeoutError}
    await asyncio.gather(*slow, return_exceptions=True)


async def test_a_large_body_makes_room_for_small_ones_of_its_age() -> None:
    """Of those that came together the one that holds the most costs the most."""
    memory = bodies.BodyMemory(1024 * KIB)
    large = asyncio.create_task(_read(memory, Request([(0, 900 * KIB)], ends=False)))
    await asyncio.sleep(0)
    small = [_read(memory, Request([(0.1, 10 * KIB)] * 2)) for _ in range(20)]
    assert await asyncio.gather(*small) == [20 * KIB] * 20
    with pytest.raises(TimeoutError):
        await large
