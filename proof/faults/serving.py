"""A proxy for callers that do not run an event loop: it has a thread and a loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

# The proxy of an API server, or that of a cloud.
Proxy = TypeVar("Proxy", bound=AbstractAsyncContextManager[Any])


class Handle(Generic[Proxy]):
    """A running proxy; `do` calls one of its methods on its own loop."""

    def __init__(self, proxy: Proxy, loop: asyncio.AbstractEventLoop) -> None:
        self.proxy = proxy
        self._loop = loop

    def do(self, action: Callable[[], None]) -> None:
        """Run `action` where the proxy runs, and wait until it has."""
        done = threading.Event()

        def run() -> None:
            action()
            done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait()


@contextlib.contextmanager
def serving(make: Callable[[], Proxy]) -> Iterator[Handle[Proxy]]:
    """Run the proxy that `make` returns until the block ends."""
    ready = threading.Event()
    handles: list[Handle[Proxy]] = []
    failures: list[BaseException] = []
    stop = asyncio.Event()

    async def run() -> None:
        async with make() as proxy:
            handles.append(Handle(proxy, asyncio.get_running_loop()))
            ready.set()
            await stop.wait()

    def main() -> None:
        try:
            asyncio.run(run())
        except Exception as error:  # noqa: BLE001 - told to the caller below
            failures.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=main, name="fault proxy", daemon=True)
    thread.start()
    ready.wait()
    if failures:
        raise failures[0]
    try:
        yield handles[0]
    finally:
        handles[0].do(stop.set)
        thread.join()
