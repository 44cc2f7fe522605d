"""What a write sends while its writer leads, and not a byte of it afterwards. `client` sends it."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
from aiohttp.abc import AbstractStreamWriter


class Guarded(aiohttp.BytesPayload):
    """What a write sends, unless it may not be sent any more."""

    def __init__(self, value: bytes, may_write: Callable[[], bool]) -> None:
        super().__init__(value)
        self._may_write = may_write

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Send all of it, or nothing; raises ConnectionAbortedError for nothing."""
        # Headers wait for the body, so nothing has been sent yet.
        if not self._may_write():
            raise ConnectionAbortedError("the Lease is not held any more")
        await super().write_with_length(writer, content_length)
