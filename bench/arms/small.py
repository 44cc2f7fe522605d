"""A small application, such as a person applies and deletes while a large one keeps everybody busy.

What it waits for is what people feel: the first server that comes, the first that goes.
"""

from __future__ import annotations

import dataclasses
import time

from bench import arena as arenas
from bench.arms import argosy
from bench.watcher import Sight
from controller.api.resources import Resource

WATCHED = (*argosy.WATCHED, Resource.SERVERSETS)
CHILDREN = (Resource.SERVERSETS, Resource.SERVERS, Resource.PODS)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """How long after it was applied."""

    server: float  # its first Server was created
    pod: float  # its first pod was created
    pods: float  # its last pod was created


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """How long after it was deleted."""

    first: float  # the first of its children was deleted
    gone: float  # nothing was left of it


def come(arena: arenas.Arena, sight: Sight, namespace: str, name: str, count: int) -> Coming:
    """Apply a small application and wait for its last pod."""
    began = time.monotonic()
    argosy.apply(arena, namespace, name, count)
    return came(sight, name, count, began)


def came(sight: Sight, name: str, count: int, began: float) -> Coming:
    """Wait for the last pod of a small application that was applied at a moment."""
    servers, pods = sight[Resource.SERVERS].of[name], sight[Resource.PODS].of[name]
    sight.wait(f"the pods of {name}", lambda: len(pods.created) >= count, arenas.PATIENCE_SECONDS)
    return Coming(
        server=servers.created[0] - began,
        pod=pods.created[0] - began,
        pods=pods.created[-1] - began,
    )


def go(arena: arenas.Arena, sight: Sight, namespace: str, name: str) -> Going:
    """Delete a small application and wait until it is gone."""
    client = arena.hand.client
    own = sight[Resource.APPLICATIONS].of[name]
    uid = arena.uid(Resource.APPLICATIONS, namespace, name)
    began = time.monotonic()
    arena.hand.do(client.delete(Resource.APPLICATIONS, namespace, name, uid=uid))
    sight.wait(f"the end of {name}", lambda: bool(own.gone), arenas.PATIENCE_SECONDS)
    first = min(times[0] for each in CHILDREN if (times := sight[each].of[name].going))
    return Going(first=first - began, gone=own.gone[0] - began)
