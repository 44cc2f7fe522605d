"""Who starts after whom, where a component says `start: Ordered`: each after the one before it.

`gather` asks it whom a server is behind, and `wakes` who waits for a server. New servers are made
one by one by their set; what is held here are those that come back, by failure or by an operation.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.api import names, objects
from controller.api.choices import Power, Start
from controller.api.resources import Resource
from controller.planning import availability, ordinals
from controller.planning.caches import Caches
from controller.planning.keys import Key


def ahead(
    caches: Caches, server: objects.Server, server_set: objects.ServerSet | None, now: float
) -> tuple[str, float | None]:
    """Return the server that has to be available before this one starts, and how long it lacks.

    The server just before this one is waited for; stopped ones are passed over. No name where
    nothing is waited for; no time where that is not a matter of time.
    """
    if server_set is None or server_set.spec.start != Start.ORDERED:
        return "", None
    spec = server_set.spec
    for ordinal in range(server.spec.ordinal - 1, ordinals.first(spec) - 1, -1):
        found = _at(caches, server, ordinal)
        if found is not None and found.spec.power == Power.STOPPED:
            continue
        if found is None:
            return names.server(spec.application, spec.component, ordinal), None
        lacks = availability.seconds_until_available(found, now, spec.rollout.min_ready_seconds)
        if lacks <= 0:
            return "", None
        return found.metadata.name, None if lacks == availability.FOREVER else lacks
    return "", None


def followers(caches: Caches, server: objects.Server) -> Iterator[Key]:
    """Yield the servers that start after this one: the next, and past those that are stopped."""
    ordinal = server.spec.ordinal + 1
    while (found := _at(caches, server, ordinal)) is not None:
        yield Key(Resource.SERVERS, found.metadata.namespace, found.metadata.name)
        if found.spec.power != Power.STOPPED:
            return
        ordinal += 1


def _at(caches: Caches, server: objects.Server, ordinal: int) -> objects.Server | None:
    name = names.server(server.spec.application, server.spec.component, ordinal)
    return caches.of(objects.Server).objects.get((server.metadata.namespace, name))
