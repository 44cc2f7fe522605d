"""kopf apart from everything else: what it ends or cancels is its own, and it begins anew."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import kopf
import pytest

from controller.api.resources import Resource
from controller.planning.keys import Key
from controller.wiring import handlers

PATIENCE_SECONDS = 20.0


class FakeKopf:
    """Runs that end as kopf's do: with everything on its loop that it did not find there."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error
        self.runs = 0
        self.threads: set[int] = set()
        self.again = threading.Event()

    async def run(self, *, stop_flag: asyncio.Event, **_: Any) -> None:
        """End twice by itself, then only when told to."""
        found = asyncio.all_tasks()
        self.runs += 1
        self.threads.add(threading.get_ident())
        if self.runs > 2:
            self.again.set()
            await stop_flag.wait()
            return
        # Long enough for others to start tasks meanwhile.
        await asyncio.sleep(0.1)
        for task in asyncio.all_tasks() - found:
            task.cancel()
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize("error", [None, RuntimeError("a watch said garbage")])
async def test_kopf_that_ends_by_itself_begins_anew_and_takes_nobody_along(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    """However kopf's run ends, tasks that began after it go on, nobody stops, and it runs again."""
    fake = FakeKopf(error)
    monkeypatch.setattr(kopf, "operator", fake.run)
    monkeypatch.setattr(handlers, "AGAIN_SECONDS", 0.01)
    stop_flag = asyncio.Event()
    watching = asyncio.create_task(
        handlers.watch(lambda _: None, namespaces=(), stop_flag=stop_flag)
    )
    await asyncio.sleep(0)
    bystander = asyncio.create_task(asyncio.Event().wait())
    assert await asyncio.to_thread(fake.again.wait, PATIENCE_SECONDS)
    assert not stop_flag.is_set()
    assert not bystander.done()
    stop_flag.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await watching
    assert not bystander.done()
    assert threading.get_ident() not in fake.threads
    bystander.cancel()


async def test_keys_are_told_on_the_loop_of_whoever_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler runs in kopf's thread, and what it touches is touched in the engine's."""
    told: list[tuple[Key, int]] = []
    stop_flag = asyncio.Event()

    def touch(key: Key) -> None:
        told.append((key, threading.get_ident()))
        stop_flag.set()

    async def run(*, registry: kopf.OperatorRegistry, stop_flag: asyncio.Event, **_: Any) -> None:
        handler = next(
            each
            for each in registry._watching.get_all_handlers()
            if Resource.APPLICATIONS.value in str(each.selector)
        )
        await handler.fn(name="shop", namespace="default")  # type: ignore[call-arg, misc]
        await stop_flag.wait()

    monkeypatch.setattr(kopf, "operator", run)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await handlers.watch(touch, namespaces=(), stop_flag=stop_flag)
    assert told == [(Key(Resource.APPLICATIONS, "default", "shop"), threading.get_ident())]
