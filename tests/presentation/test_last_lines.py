"""The last lines of a server: as many as a page shows, however much was printed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from controller.api import objects
from controller.kube import streams
from controller.presentation import last_lines

POD = objects.Pod(
    metadata=objects.Meta(name="shop-web-0", namespace="default"),
    spec=objects.PodSpec(containers=(objects.Container(name="main"),)),
)


class Printing:
    """An API server whose container prints a line without an end."""

    async def logs(self, *_: str, **__: Any) -> AsyncIterator[bytes]:
        """Yield more pieces of it than a page has lines."""
        for number in range(2 * last_lines.LINES):
            yield f"{number:04}".encode() + b"x" * streams.LONGEST_LINE


async def test_a_line_without_an_end_fills_no_page() -> None:
    """The last pieces are told, each cut, and the others are not kept."""
    api: Any = Printing()
    (told,) = await last_lines.of_pod(api, "default", POD)
    numbers = [int(each[:4]) for each in told.lines]
    assert numbers == list(range(last_lines.LINES, 2 * last_lines.LINES))
    assert {len(each) for each in told.lines} == {last_lines.LONGEST}
