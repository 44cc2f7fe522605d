"""The parts of a process: none of them ends without somebody noticing.

A task that is cancelled from elsewhere, or that merely returns, ends as silently as one that was
told to: asyncio tells nobody, and a TaskGroup goes on without it. `wiring` keeps the parts of the
operator here; caches keep their watches together.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Hashable, Mapping
from typing import Any

import structlog

_log = structlog.get_logger(__name__)

Work = Coroutine[Any, Any, None]


class Ended(Exception):  # noqa: N818 - a state, as those of `errors`
    """A part that must not end has ended without saying why."""


async def together(works: Mapping[str, Work]) -> None:
    """Run all until cancelled; however the first of them ends, end the others and raise why."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(work, name=name) for name, work in works.items()]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        over = next(each for each in tasks if each.done())
        raise _why(over)
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Shift:
    """Works that begin and end while others go on; none ends unnoticed, but those that are ended.

    Works that begin before `run` is called wait for that.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, tuple[Callable[[], Work], str]] = {}
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}
        self._is_running = False
        self._over: asyncio.Event = asyncio.Event()
        self._first: asyncio.Task[None] | None = None

    def begin(self, key: Hashable, work: Callable[[], Work], name: str) -> None:
        """Let a work go on beside the others, until `end` is called with its key."""
        if not self._is_running:
            self._waiting[key] = (work, name)
            return
        task = self._tasks[key] = asyncio.get_running_loop().create_task(work(), name=name)
        task.add_done_callback(functools.partial(self._note, key))

    async def end(self, key: Hashable) -> None:
        """End a work; it has ended when this returns."""
        self._waiting.pop(key, None)
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def run(self) -> None:
        """Run all until cancelled; however one of them ends unasked, end the others, raise why."""
        self._is_running = True
        waiting, self._waiting = self._waiting, {}
        try:
            for key, (work, name) in waiting.items():
                self.begin(key, work, name)
            await self._over.wait()
            assert self._first is not None  # noqa: S101 - as `_note` says
            raise _why(self._first)
        finally:
            tasks, self._tasks = tuple(self._tasks.values()), {}
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _note(self, key: Hashable, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task and self._first is None:
            self._first = task
            self._over.set()


class Parts:
    """The tasks that a process consists of; the first that ends unasked stops the process.

    `stopped` is set when the process is to end, by a signal or by such an end; `failure` says why
    in the latter case.
    """

    def __init__(self, expected: tuple[type[BaseException], ...] = ()) -> None:
        self.stopped = asyncio.Event()
        self.failure: BaseException | None = None
        # Foreseen ends: a traceback would say nothing more.
        self._expected = expected
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, work: Work, name: str) -> asyncio.Task[None]:
        """Begin a part, which goes on until the process stops."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._note)
        self._tasks.append(task)
        return task

    async def end(self) -> None:
        """Cancel all parts and wait for them."""
        self.stopped.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _note(self, task: asyncio.Task[None]) -> None:
        told_to = self.stopped.is_set()
        if told_to and (task.cancelled() or task.exception() is None):
            return
        error = _why(task)
        trace = None if isinstance(error, (Ended, *self._expected)) else error
        _log.error("a part ended: stopping", part=task.get_name(), why=str(error), exc_info=trace)
        self.failure = self.failure or error
        self.stopped.set()


def _why(task: asyncio.Task[None]) -> BaseException:
    """Return why a task that is over is over."""
    if task.cancelled():
        return Ended(f"{task.get_name()} was cancelled")
    return task.exception() or Ended(f"{task.get_name()} returned")
