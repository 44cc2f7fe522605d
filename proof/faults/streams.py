"""Lines of a watch as they pass through the proxy: split, delayed, and broken off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from proof.faults import answers, kinds
from proof.faults.kinds import Kind

HIDDEN_EVENTS = 3
HIDDEN_SECONDS = 10.0


class Broken(Exception):  # noqa: N818 - what happened to the connection, not a mishap of ours
    """The connection must end here, without saying goodbye."""


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield whole lines, newline included, of any length."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for each in whole:
            yield each + b"\n"


async def late(source: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    """Yield what `source` yields, each `seconds` after it came."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes | None]] = asyncio.Queue()

    async def collect() -> None:
        async for each in source:
            waiting.put_nowait((loop.time() + seconds, each))
        waiting.put_nowait((loop.time() + seconds, None))

    collecting = loop.create_task(collect())
    try:
        while True:
            due, each = await waiting.get()
            await asyncio.sleep(due - loop.time())
            if each is None:
                return
            yield each
    finally:
        collecting.cancel()


async def spoiled(source: AsyncIterator[bytes], fault: kinds.Fault) -> AsyncIterator[bytes]:
    """Yield the lines that get through a watch with this fault; raise Broken where it is cut."""
    if fault.kind is Kind.LAG:
        source = late(source, fault.seconds)
    if fault.kind in (Kind.LAG, Kind.NONE):
        async for each in source:
            yield each
        return
    if fault.after:
        passed = 0
        async for each in source:
            yield each
            passed += 1
            if passed == fault.after:
                break
        else:
            return
    async for each in _ending(source, fault):
        yield each


async def _ending(source: AsyncIterator[bytes], fault: kinds.Fault) -> AsyncIterator[bytes]:
    if fault.kind is Kind.FREEZE:
        await asyncio.sleep(fault.seconds)
        raise Broken
    if fault.kind is Kind.CUT:
        async for each in source:
            yield each[: len(each) // 2]
            raise Broken
        return
    if fault.kind is Kind.HIDE:
        await _hidden(source)
    words = answers.last_words(fault.kind)
    if words:
        yield words


async def _hidden(source: AsyncIterator[bytes]) -> None:
    """Let some events be lost, or as many as come within a while."""
    try:
        async with asyncio.timeout(HIDDEN_SECONDS):
            for _ in range(HIDDEN_EVENTS):
                await anext(source)
    except (TimeoutError, StopAsyncIteration):
        return
