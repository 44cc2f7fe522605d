"""Places for what goes on at once on behalf of many namespaces, so that none of them has all.

Requests of steps take one each, and so does each server of a cloud that is probed or read.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator


class Places:
    """Places for what goes on at once, of which servers of one namespace have half at most.

    So nobody waits for all that others have which do not answer.
    """

    def __init__(self, number: int) -> None:
        self._all = asyncio.Semaphore(number)
        self._half = max(1, number // 2)
        # Of a namespace that has, or waits for, none there is none.
        self._own: weakref.WeakValueDictionary[str, asyncio.Semaphore] = (
            weakref.WeakValueDictionary()
        )

    @contextlib.asynccontextmanager
    async def of(self, namespace: str) -> AsyncIterator[None]:
        """Have a place for a server of that namespace, once one is free."""
        own = self._own.get(namespace)
        if own is None:
            own = self._own[namespace] = asyncio.Semaphore(self._half)
        async with own, self._all:
            yield
