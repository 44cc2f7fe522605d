"""What comes from the API server line by line."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence
from typing import cast

import aiohttp
import pytest

from controller.kube import streams


@dataclasses.dataclass(frozen=True)
class Body:
    """The body of an answer, which comes in these chunks."""

    chunks: Sequence[bytes]

    @property
    def content(self) -> Body:
        """What is read of it."""
        return self

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yield the chunks as they come."""
        for each in self.chunks:
            yield each


async def read(chunks: Sequence[bytes], *, partial: bool) -> list[bytes]:
    """Return the lines of an answer whose body comes in these chunks."""
    answer = cast("aiohttp.ClientResponse", Body(chunks))
    return [each async for each in streams.lines(answer, partial=partial)]


@pytest.mark.parametrize(
    ("partial", "seen"),
    [(True, [b"one", b"", b"two", b"cut"]), (False, [b"one", b"two"])],
)
async def test_lines_come_as_they_were_written(partial: bool, seen: list[bytes]) -> None:
    """Wherever chunks end; of logs the empty ones count, too, and what is cut off at the end."""
    assert await read([b"o", b"ne\n\ntw", b"o\ncut"], partial=partial) == seen


async def test_a_line_without_an_end_comes_in_pieces() -> None:
    """Whatever a container prints, no more than one piece and a chunk of its line is kept."""
    chunk = b"x" * 2**16
    endless = [chunk] * 100
    pieces = await read([*endless, b"\nnext\n"], partial=True)
    assert b"".join(pieces) == b"".join(endless) + b"next"
    assert pieces[-1] == b"next"
    assert max(map(len, pieces)) <= streams.LONGEST_LINE + len(chunk)
