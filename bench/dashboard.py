"""`python -m bench.dashboard`: what a dashboard in a cluster costs when many look at many servers.

The API server is one in memory, in the dashboard's process: what is told is had in a minute, and
`showroom` has the same on a real one. Viewers are a process of their own. Times and CPU are told;
the counts among these figures are held by `tests/dashboard/test_scale.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import sys
import time
from typing import Any

from bench import viewers
from controller.api.resources import Resource
from controller.dashboard import cluster
from controller.kube import api as kube
from fakes.universe import Universe, application, component

OF = "default/huge"
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
    ) -> kube.Access:
        """Allow what is in a namespace: the dearer case, as each is asked about."""
        del verb, resource, name, subresource
        self._asked["review"] += 1
        return kube.Access(allowed=bool(namespace))

    async def whoami(self) -> str:
        """Be the same person each time."""
        return "somebody"

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


async def measure(servers: int, people: int, seconds: float, changes: float) -> dict[str, Any]:
    """Return the figures: while all come, at rest, and while something changes all the time."""
    asked: collections.Counter[str] = collections.Counter()
    async with Universe() as universe:
        await fill(universe, servers)
        settings = cluster.ClusterSettings(
            connect=lambda _: Viewer(universe.server, asked),
            cluster="bench",
            address="127.0.0.1",
            port=0,
        )
        async with cluster.run(universe.server, settings, clock=universe.server.now) as port:
            child = await asyncio.create_subprocess_exec(
                *viewers.COMMAND, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            began = time.process_time()
            come = [{"Authorization": f"Bearer viewer-{each}"} for each in range(people)]
            first = await _told(child, viewers.errand(f"http://127.0.0.1:{port}", OF, come))
            opening = {"cpu_seconds": time.process_time() - began, "asked": dict(asked), **first}
            rest = await _during(seconds, asked)
            rest |= await _told(child)
            changing = await _during(seconds, asked, universe, 1 / changes)
            changing |= await _told(child)
            await child.communicate(b"")
            return {"opening": opening, "rest": rest, "changing": changing}


async def _told(child: asyncio.subprocess.Process, asked: bytes = b"\n") -> dict[str, Any]:
    """Return what the viewers say."""
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("the viewers cannot be spoken to")
    child.stdin.write(asked)
    found: dict[str, Any] = json.loads(await child.stdout.readline())
    return found


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


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=10_000)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each of the two states")
    parser.add_argument("--changes", type=float, default=2.0, help="of servers, in a second")
    given = parser.parse_args()
    found = asyncio.run(measure(given.servers, given.viewers, given.seconds, given.changes))
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
