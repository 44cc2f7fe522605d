"""Work that takes long, done beside the loop that everybody else is answered on.

A preview of ten thousand servers is minutes of planning, and a manifest may be a megabyte: whoever
asks for that waits, and nobody else does. `preview` and the dashboard come here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

T = TypeVar("T")
# Says whether anybody still waits for what comes of the work.
Wanted = Callable[[], bool]
# At once; whoever comes later waits for one of these, and for nothing else.
MOST_AT_ONCE = 2
_workers = futures.ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="aside")


async def run(work: Callable[[Wanted], T]) -> T:
    """Return what the work comes to; it is told when nobody waits for that any more."""
    left = threading.Event()
    try:
        return await asyncio.get_running_loop().run_in_executor(
            _workers, work, lambda: not left.is_set()
        )
    finally:
        left.set()
