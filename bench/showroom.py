"""`python -m bench.showroom`: the dashboard before a real API server, many servers, many viewers.

A cluster of its own, in which one application of a few servers comes up as always. Then the
operator goes, and what it wrote is written again, with other names, until there are as many as are
asked for: what is measured is the dashboard. What it asks for is read from the audit log.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import copy
import dataclasses
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench import arena as arenas
from bench import bodies, interrupts, meters, viewers
from bench.arms import argosy, dashboards
from controller.api.resources import Resource
from proof.history import records

MODES: Mapping[str, Callable[[arenas.Arena, str, int], Any]] = {
    "local": dashboards.alone,
    "in the cluster": dashboards.many,
}
# Servers that really come up; one in so many of the others is ill, as some always are.
FEW, ILL = 4, 100
WIDTH = 16
# What an API server gives each object of its own.
GIVEN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")
Object = dict[str, Any]
Figures = dict[str, Any]
_decode = msgspec.json.Decoder(records.Line).decode


class Calls:
    """What the accounts of a namespace have asked the API server for since a moment."""

    def __init__(self, log: Path, namespace: str) -> None:
        self._log = log
        self._prefix = f"system:serviceaccount:{namespace}:"
        self._start = log.stat().st_size

    def counts(self) -> dict[str, int]:
        """Return how many requests of each kind there were, but for watches that go on."""
        found: collections.Counter[str] = collections.Counter()
        with self._log.open("rb") as log:
            log.seek(self._start)
            for text in log:
                if text.endswith(b"\n"):
                    self._count(_decode(text), found)
        return dict(found)

    def _count(self, line: records.Line, found: collections.Counter[str]) -> None:
        whose = line.user.username
        # Of a watch, its beginning is said as well as its end.
        ends = line.stage == "ResponseComplete"
        if whose.startswith(self._prefix) and ends is (line.verb != "watch"):
            found["review" if "reviews" in line.object_ref.resource else line.verb] += 1


# --- Many servers ---------------------------------------------------------------------------------


def fill(arena: arenas.Arena, namespace: str, count: int) -> None:
    """Have an application of so many servers, of which the first few came up by themselves."""
    with arena.operated(), arena.watch(namespace, *argosy.WATCHED) as sight:
        argosy.apply(arena, namespace, argosy.APPLICATION, FEW)
        argosy.wait_ready(sight, argosy.APPLICATION, FEW)
        arena.calm()
    arena.hand.do(_multiply(arena, namespace, count))


async def _multiply(arena: arenas.Arena, namespace: str, count: int) -> None:
    api = arena.hand.client
    name = bodies.server_name(argosy.APPLICATION, 0)
    known = json.loads(await api.get(Resource.SERVERS, namespace, name))
    wanted = iter(range(FEW, count))

    async def write() -> None:
        for ordinal in wanted:
            body = server(known, ordinal)
            made = json.loads(await api.create(Resource.SERVERS, namespace, body))
            made["status"] = body["status"]
            name = made["metadata"]["name"]
            await api.replace(Resource.SERVERS, namespace, name, made, subresource="status")

    async with asyncio.TaskGroup() as group:
        for _ in range(WIDTH):
            group.create_task(write())
    spec = {"components": [{**bodies.application("x", count)["spec"]["components"][0]}]}
    await api.patch(Resource.APPLICATIONS, namespace, argosy.APPLICATION, {"spec": spec})


def server(known: Object, ordinal: int) -> Object:
    """Return another server of the same set, as the operator writes it when it is up, or ill."""
    made = copy.deepcopy(known)
    meta = made["metadata"]
    for each in GIVEN:
        meta.pop(each, None)
    meta["name"] = bodies.server_name(argosy.APPLICATION, ordinal)
    made["spec"]["ordinal"] = ordinal
    if ordinal % ILL == 0:
        for each in made["status"]["conditions"]:
            if each["type"] == "Ready":
                each |= {
                    "status": "False",
                    "reason": "ImagePullBackOff",
                    "message": f'Back-off pulling image "registry.example/shop/web:{ordinal}"',
                }
    return made


# --- Viewers --------------------------------------------------------------------------------------


class Crowd:
    """The process of the viewers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def told(self, asked: str = "\n") -> Figures:
        """Return what it was like since somebody asked."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the viewers cannot be spoken to")
        self._process.stdin.write(asked)
        self._process.stdin.flush()
        found: Figures = json.loads(self._process.stdout.readline())
        return found


@contextlib.contextmanager
def crowd() -> Iterator[Crowd]:
    """Lend viewers who have not come yet."""
    with subprocess.Popen(
        viewers.COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Crowd(process)
        finally:
            process.terminate()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """For how long each state lasts, and how often servers change in those that change."""

    seconds: float = 30.0
    rates: Sequence[float] = (2.0, 27.0)


def measure(arena: arenas.Arena, namespace: str, mode: str, people: int, course: Course) -> Figures:
    """Return the figures of a dashboard: while all come, at rest, and at each rate of changes."""
    of = f"{namespace}/{argosy.APPLICATION}"
    begun = Calls(arena.cluster.audit_log, namespace)
    with MODES[mode](arena, namespace, people) as dashboard, crowd() as present:
        # Watches begin once everything has been listed.
        arena.calm()
        start = {"asked": begun.counts(), "cpu": meters.cpu_seconds(dashboard.pid)}

        def during(act: Callable[[], Figures]) -> Figures:
            calls = Calls(arena.cluster.audit_log, namespace)
            used, began = meters.cpu_seconds(dashboard.pid), time.monotonic()
            told = act()
            taken = time.monotonic() - began
            cpu = meters.cpu_seconds(dashboard.pid) - used
            load = os.getloadavg()[0]
            return {"seconds": taken, "cpu": cpu, "load": load, "asked": calls.counts(), **told}

        def pass_by(rate: float) -> Figures:
            changes = _change(arena, namespace, rate, course.seconds) if rate else 0
            if not rate:
                time.sleep(course.seconds)
            return {"changes": changes, **present.told()}

        errand = viewers.errand(dashboard.url, of, dashboard.people).decode()
        found = {"start": start, "opening": during(lambda: present.told(errand))}
        # What the last of them were let in by is on record, and nothing of it is under way.
        arena.calm()
        present.told()
        for rate in (0.0, *course.rates):
            found[f"{rate:g} changes a second"] = during(functools.partial(pass_by, rate))
        found["memory"] = {"peak_bytes": meters.peak_bytes(dashboard.pid)}
        return found


def _change(arena: arenas.Arena, namespace: str, rate: float, seconds: float) -> int:
    """Change the status of so many servers a second, as when they become ready; how many it was."""
    return arena.hand.do(_changes(arena, namespace, rate, seconds))


async def _changes(arena: arenas.Arena, namespace: str, rate: float, seconds: float) -> int:
    api, began, number = arena.hand.client, time.monotonic(), 0
    while (due := began + number / rate) < began + seconds:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if time.monotonic() > began + seconds:
            break
        name = bodies.server_name(argosy.APPLICATION, number % FEW)
        told = {"status": {"attempts": {"count": number % 9 + 1}}}
        await api.patch(Resource.SERVERS, namespace, name, told, subresource="status")
        number += 1
    return number


# --- The program ----------------------------------------------------------------------------------


def table(found: Mapping[str, Figures]) -> str:
    """Return the figures as a table of Markdown."""
    lines = [
        "| | CPU, of one core | pages | calls | first byte: median, p99, longest | KiB | load |",
        "|---|---|---|---|---|---|---|",
    ]
    for mode, states in found.items():
        for state, told in states.items():
            if "first_byte" not in told:
                continue
            waits = ", ".join(f"{1000 * each:.0f} ms" for each in told["first_byte"].values())
            calls = ", ".join(f"{count} {kind}" for kind, count in told["asked"].items())
            share = 100 * told["cpu"] / told["seconds"]
            lines.append(
                f"| {mode}, {state} | {share:.1f}% | {told['pages']} | {calls or '0'} |"
                f" {waits or '-'} | {told['bytes'] / 1024:.0f} | {told['load']:.0f} |"
            )
    return "\n".join(lines)


@interrupts.orderly()
def main() -> int:
    """Measure both kinds of dashboard, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=10_000)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each state")
    parser.add_argument("--rates", type=float, nargs="*", default=[2.0, 27.0], help="of changes")
    parser.add_argument("--only", choices=[*MODES], action="append")
    parser.add_argument("--save", type=Path, help="where the figures are written as JSON")
    given = parser.parse_args()
    course = Course(seconds=given.seconds, rates=given.rates)
    found: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="argosy-showroom-") as folder:
        place = Path(folder) / "cluster"
        with arenas.opened(place, _say, audit="metadata") as arena:
            namespace = arena.make_namespace()
            began = time.monotonic()
            fill(arena, namespace, given.servers)
            _say(f"{given.servers} servers are there after {time.monotonic() - began:.0f} s")
            for mode in given.only or MODES:
                found[mode] = measure(arena, namespace, mode, given.viewers, course)
                _say(json.dumps(found[mode]))
    if given.save:
        given.save.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(table(found) + "\n")
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")


if __name__ == "__main__":
    sys.exit(main())
