"""`python -m bench.dashboard`: what a dashboard in a cluster costs when many look at many servers.

The API server is one in memory, in the dashboard's process, so that what is told is what the
dashboard itself takes. Viewers are a process of their own. Times and CPU are told; the counts among
these figures are held by `tests/dashboard/test_scale.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import aiohttp

from controller.api.resources import Resource
from controller.dashboard import cluster
from controller.kube import api as door
from fakes.universe import Universe, application, component

PAGE = "/applications/default/huge"
READS = frozenset({"get", "list", "watch"})


class Viewer:
    """The API server as one viewer asks it: it answers, and each question is counted."""

    def __init__(self, server: Any, asked: collections.Counter[str]) -> None:
        self._server = server
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        if name in READS:
            self._asked[name] += 1
        return getattr(self._server, name)

    async def review_access(
        self,
        verb: str,
        resource: Resource,
        namespace: str = "",
        *,
        name: str = "",
        subresource: str = "",
    ) -> door.Access:
        """Allow what is in a namespace: the dearer case, as each is asked about."""
        del verb, resource, name, subresource
        self._asked["review"] += 1
        return door.Access(allowed=bool(namespace))

    async def close(self) -> None:
        """Hold nothing."""


async def fill(universe: Universe, servers: int) -> None:
    """Make one application of so many servers."""
    await universe.process.kill()
    await universe.apply(application("huge", component("web", servers)))
    labels = {"argosy.dev/application": "huge", "argosy.dev/component": "web"}
    for number in range(servers):
        meta = {"name": f"huge-web-{number}", "namespace": "default", "labels": labels}
        spec = {"application": "huge", "component": "web", "ordinal": number, "revision": "r"}
        body = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Server"}
        universe.server.registry.create(
            Resource.SERVERS, "default", {**body, "metadata": meta, "spec": spec}
        )


async def measure(servers: int, viewers: int, seconds: float, changes: float) -> dict[str, Any]:
    """Return the figures: while all come, at rest, and while something changes all the time."""
    asked: collections.Counter[str] = collections.Counter()
    async with Universe() as universe:
        await fill(universe, servers)
        settings = cluster.Settings(
            connect=lambda _: Viewer(universe.server, asked),
            cluster="bench",
            address="127.0.0.1",
            port=0,
        )
        async with cluster.run(universe.server, settings, clock=universe.server.now) as port:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench.dashboard", "--viewers", str(viewers),
                "--look-at", f"http://127.0.0.1:{port}",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            began = time.process_time()
            first = json.loads(await child.stdout.readline() if child.stdout else b"{}")
            opening = {"cpu_seconds": time.process_time() - began, "asked": dict(asked), **first}
            return {
                "opening": opening,
                "rest": await _during(seconds, asked),
                "changing": await _during(seconds, asked, universe, 1 / changes),
                "viewers": json.loads((await child.communicate(b"\n"))[0]),
            }


async def _during(
    seconds: float,
    asked: collections.Counter[str],
    universe: Universe | None = None,
    pause: float = 0.5,
) -> dict[str, Any]:
    """Return what is spent in so long; with a cluster, it changes with so long a pause between."""
    asked.clear()
    cpu, began, changes = time.process_time(), time.monotonic(), 0
    while time.monotonic() - began < seconds:
        if universe is not None:
            changes += 1
            change = {"metadata": {"annotations": {"change": str(changes)}}}
            await universe.merge(Resource.SERVERS, f"huge-web-{changes}", change)
        await asyncio.sleep(pause)
    taken = time.monotonic() - began
    cores = (time.process_time() - cpu) / taken
    return {"seconds": taken, "cores": cores, "changes": changes, "asked": dict(asked)}


async def look(url: str, viewers: int) -> None:
    """Be the viewers: come, stay, load the page again when told; say at the end what that was."""
    first: list[float] = []
    again: list[float] = []
    sizes: set[int] = set()
    jar = aiohttp.DummyCookieJar()
    unlimited = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=unlimited) as client:

        async def page(headers: dict[str, str], into: list[float]) -> None:
            began = time.monotonic()
            async with client.get(url + PAGE, headers=headers) as answer:
                into.append(time.monotonic() - began)
                answer.raise_for_status()
                sizes.add(len(await answer.read()))

        async def stay(headers: dict[str, str], here: asyncio.Event) -> None:
            following = f"{url}/live?of=default/huge"
            async with client.get(following, headers=headers) as stream:
                here.set()
                async for line in stream.content:
                    if line.startswith(b"data:"):
                        await page(headers, again)

        everybody = [{"Authorization": f"Bearer viewer-{each}"} for each in range(viewers)]
        for each in everybody:
            await page(each, first)
        here = [asyncio.Event() for _ in everybody]
        tasks = [
            asyncio.create_task(stay(each, there))
            for each, there in zip(everybody, here, strict=True)
        ]
        await asyncio.gather(*(each.wait() for each in here))
        sys.stdout.write(json.dumps({"first_byte": _spread(first), "bytes": max(sizes)}) + "\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
    sys.stdout.write(json.dumps({"pages": len(again), "first_byte": _spread(again)}))


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    """Return the middle and the longest."""
    if not seconds:
        return {}
    return {"median": statistics.median(seconds), "longest": max(seconds)}


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=10_000)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each of the two states")
    parser.add_argument("--changes", type=float, default=2.0, help="of servers, in a second")
    parser.add_argument("--look-at", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.look_at:
        asyncio.run(look(given.look_at, given.viewers))
        return
    found = asyncio.run(measure(given.servers, given.viewers, given.seconds, given.changes))
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
