"""Argosy itself: the operator's process under the chart's ServiceAccount, given one application."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from bench import arena as arenas
from bench import bodies, ratios, runs
from bench.watcher import Sight
from controller.api import resources
from controller.api.resources import Resource

NAME = "Argosy"
WATCHED = (Resource.APPLICATIONS, Resource.SERVERS, Resource.PODS)
APPLICATION = "fleet"
WARM_UP = 40


def bring_up(arena: arenas.Arena, namespace: str, count: int, book: ratios.Book) -> runs.Run:
    """Have a running operator bring up one application; back when it says that it is Ready."""
    with arena.watch(namespace, *WATCHED) as sight:
        used = arena.usage()
        began = time.monotonic()
        apply(arena, namespace, APPLICATION, count)
        wait_ready(sight, APPLICATION, count)
        return judged(arena, sight, count, began=began, used=used, book=book)


def judged(
    arena: arenas.Arena,
    sight: Sight,
    count: int,
    *,
    began: float,
    used: arenas.Usage,
    book: ratios.Book,
) -> runs.Run:
    """Return the run of a fleet that is up; what was made beyond it goes on record."""
    pods = sight[Resource.PODS].of[APPLICATION]
    for each in (pods, sight[Resource.SERVERS].of[APPLICATION]):
        book.add("surplus", len(each.created) - count)
    return runs.Run(
        arm=NAME,
        servers=count,
        created=pods.created[-1] - began,
        ready=pods.ready[-1] - began,
        told=sight[Resource.APPLICATIONS].of[APPLICATION].ready[-1] - began,
        waited=longest(sight[Resource.SERVERS].born, sight[Resource.PODS].born),
        slowest=longest(sight[Resource.SERVERS].born, sight[Resource.SERVERS].well),
        cpu=arena.cost(used).seconds,
    )


def longest(since: Mapping[str, float], until: Mapping[str, float]) -> float:
    """Return the longest time between two moments of one server of the fleet."""
    prefix = f"{APPLICATION}-"
    return max(
        until[name] - began
        for name, began in since.items()
        if name.startswith(prefix) and name in until
    )


def apply(
    arena: arenas.Arena, namespace: str, name: str, count: int, *, version: str = "", size: int = 0
) -> None:
    """Create an application."""
    body = bodies.application(name, count, version, size)
    arena.hand.do(arena.hand.client.create(Resource.APPLICATIONS, namespace, body))


def wait_ready(sight: Sight, name: str, count: int) -> None:
    """Wait until an application's pods are Ready and it says so itself."""
    pods, application = sight[Resource.PODS].of[name], sight[Resource.APPLICATIONS].of[name]
    sight.wait(
        f"{count} servers of {name} are Ready",
        lambda: len(pods.ready) >= count and bool(application.ready),
        arenas.PATIENCE_SECONDS,
    )


def warm_up(arena: arenas.Arena) -> dict[str, Any]:
    """Bring up and throw away a few servers; return the status of one of them.

    Whoever is measured next has its connections open and its code loaded, as after days of running.
    """
    with arena.namespace() as namespace, arena.operated():
        with arena.watch(namespace, *WATCHED) as sight:
            apply(arena, namespace, APPLICATION, WARM_UP)
            wait_ready(sight, APPLICATION, WARM_UP)
        name = bodies.server_name(APPLICATION, 0)
        server = arena.client.get(resources.path(Resource.SERVERS, namespace, name))
        status: dict[str, Any] = server["status"]
        return status
