"""Ratio 19: many small applications, as most clusters have them, come one after the other.

What one of them costs in writes, and in CPU beside as many servers of a large application; and how
long after the last of them was applied all say that they are Ready.
"""

from __future__ import annotations

import time

from bench.arena import Arena, Cost
from bench.arms import argosy
from bench.stage import Stage
from bench.watcher import Sight
from controller.api.resources import Resource

SERVERS = 2
# Applied in a second: what a person's tools manage, and an API server of two cores bears.
PACE = 10.0
# One small application for so many servers of the small fleet.
SHARE = 2


def run(stage: Stage) -> None:
    """Bring up one application of some servers, then as many servers in small applications."""
    argosy.warm_up(stage.counted)
    for _ in stage.rounds(stage.sizes.pairs):
        large = _large(stage)
        _small(stage, large)


def _large(stage: Stage) -> float:
    """Return the operator's CPU seconds for a server of a large application."""
    with stage.counted.namespace() as namespace, stage.counted.operated():
        done = stage.keep(argosy.bring_up(stage.counted, namespace, stage.sizes.small, stage.book))
    return Cost(done.cpu).operator / done.servers


def _small(stage: Stage, large: float) -> None:
    arena, count = stage.counted, stage.sizes.small // SHARE
    with (
        arena.namespace() as namespace,
        arena.operated(),
        arena.watch(namespace, Resource.APPLICATIONS, Resource.PODS) as sight,
    ):
        tally, used = arena.tally(), arena.usage()
        applied = _apply(arena, namespace, count)
        ready = _wait(sight, count)
        arena.calm()
        cpu = arena.cost(used).operator
    writes = tally.counts()
    stage.book.add("19a", sum(writes.values()) / count)
    stage.book.add("19b", cpu / count / (SERVERS * large))
    stage.book.add("19c", max(0.0, ready - applied))
    stage.book.tell("operator CPU of a small application, ms", cpu / count * 1000)
    for (resource, subresource, verb), number in sorted(writes.items()):
        stage.say(f"{number / count:>6.2f} {verb} {resource} {subresource}")


def _apply(arena: Arena, namespace: str, count: int) -> float:
    """Apply them at their pace; return when the last one was."""
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number / PACE - time.monotonic()))
        argosy.apply(arena, namespace, f"small{number}", SERVERS)
    return time.monotonic()


def _wait(sight: Sight, count: int) -> float:
    """Return when the last of them said that it is Ready."""
    applications = sight[Resource.APPLICATIONS].all
    sight.wait("all are Ready", lambda: len(applications.ready) >= count, 300)
    return applications.ready[-1]
