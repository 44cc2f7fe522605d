"""The bytes of a write: as Go would write them, and none once the writer does not lead any more.

`client` sends them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec
from aiohttp.abc import AbstractStreamWriter

_encode = msgspec.json.Encoder().encode
# Within JSON these stand in texts alone.
_ESCAPED = tuple(
    (each.encode(), f"\\u{ord(each):04x}".encode()) for each in ("&", "<", ">", "\u2028", "\u2029")
)


def encoded(body: Any) -> bytes:
    """Return JSON that Go would not write in another way.

    The API server keeps the data of a ControllerRevision as it was sent, and compares it to the
    byte with what a later patch of anything else makes of it: that would be refused as a change.
    """
    text = _encode(body)
    for plain, escaped in _ESCAPED:
        if plain in text:
            text = text.replace(plain, escaped)
    return text


class Guarded(aiohttp.BytesPayload):
    """The body of a write, unless it may not be sent any more."""

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
