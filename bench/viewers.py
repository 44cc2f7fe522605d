"""`python -m bench.viewers`: many people in front of a dashboard, in a process of their own.

They come one after the other, stay, and load the page again whenever it is told that it is behind.
`dashboard` and `showroom` start it, tell it in one line where to look and as whom (what lets people
in stands on no command line), and ask with an empty line what it was like since they last asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence

import aiohttp

COMMAND = (sys.executable, "-m", "bench.viewers")
Headers = Mapping[str, str]


def errand(url: str, of: str, people: Sequence[Headers]) -> bytes:
    """Return the line that sends these people to the page of "namespace/application"."""
    return json.dumps({"url": url, "of": of, "people": [*people]}).encode() + b"\n"


class Crowd:
    """The viewers, and what they have seen since somebody asked."""

    def __init__(self, client: aiohttp.ClientSession, url: str, of: str) -> None:
        self._client = client
        self._page = f"{url}/applications/{of}"
        self._live = f"{url}/live?of={of}"
        self._waits: list[float] = []
        self._bytes = 0

    async def load(self, headers: Headers) -> None:
        """Load the page, as a browser does."""
        began = time.monotonic()
        async with self._client.get(self._page, headers=headers) as answer:
            self._waits.append(time.monotonic() - began)
            answer.raise_for_status()
            self._bytes = max(self._bytes, len(await answer.read()))

    async def stay(self, headers: Headers, here: asyncio.Event) -> None:
        """Load the page again whenever it is behind."""
        async with self._client.get(self._live, headers=headers) as stream:
            stream.raise_for_status()
            here.set()
            async for line in stream.content:
                if line.startswith(b"data:"):
                    await self.load(headers)
        raise ConnectionError("a page that stayed open is told nothing any more")

    def told(self) -> str:
        """Return what it was like, in one line, and begin anew."""
        waits, self._waits = self._waits, []
        heaviest, self._bytes = self._bytes, 0
        found = {"pages": len(waits), "bytes": heaviest, "first_byte": _spread(waits)}
        return json.dumps(found) + "\n"


async def look(url: str, of: str, people: Sequence[Headers]) -> None:
    """Be the viewers until nobody asks any more."""
    jar, unlimited = aiohttp.DummyCookieJar(), aiohttp.TCPConnector(limit=0)
    # Streams are open for as long as anybody looks.
    patient = aiohttp.ClientTimeout(total=None, sock_connect=60)
    async with aiohttp.ClientSession(
        cookie_jar=jar, connector=unlimited, timeout=patient
    ) as client:
        crowd = Crowd(client, url, of)
        for each in people:
            await crowd.load(each)
        here = [asyncio.Event() for _ in people]
        async with asyncio.TaskGroup() as group:
            staying = [
                group.create_task(crowd.stay(each, there))
                for each, there in zip(people, here, strict=True)
            ]
            await asyncio.gather(*(each.wait() for each in here))
            _say(crowd.told())
            while await asyncio.to_thread(sys.stdin.readline):
                _say(crowd.told())
            for task in staying:
                task.cancel()


def _say(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    """Return the middle, what a hundredth exceeds, and the longest."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    most = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    return {"median": statistics.median(ordered), "p99": most, "longest": ordered[-1]}


def main() -> None:
    """Go where the first line of the input says."""
    given = json.loads(sys.stdin.readline())
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(look(given["url"], given["of"], given["people"]))


if __name__ == "__main__":
    main()
