"""What the Server planner is given: gathered from caches and the provider at one moment."""

from __future__ import annotations

from controller import contract
from controller.api import objects
from controller.kinds.server.snapshot import ServerSnapshot
from controller.planning import relations
from controller.planning.caches import Caches, Moment, Sources


def gather(sources: Sources, server: objects.Server, moment: Moment) -> ServerSnapshot:
    """Return the server, what its provider sees of it, and what its application says."""
    caches, namespace = sources.caches, server.metadata.namespace
    provider = sources.fleets.provider(server.spec.fleet)
    return ServerSnapshot(
        now=moment.now,
        server=server,
        observation=provider.observe(server) if provider else contract.UNKNOWN,
        fleet=sources.fleets.facts(server.spec.fleet, namespace),
        application=_application_above(caches, server),
        refusals=moment.refusals,
        acting=moment.acting,
        holder=moment.holder,
        has_service=_has_service(caches, server),
        namespace_terminating=relations.namespace_terminating(caches, namespace),
    )


def _has_service(caches: Caches, server: objects.Server) -> bool:
    """Return whether the Service of the server's set is there and stays."""
    owner = server.metadata.controller
    if owner is None:
        return False
    found = caches.of(objects.Service).objects.get((server.metadata.namespace, owner.name))
    if found is None or found.metadata.deletion_timestamp is not None:
        return False
    publisher = found.metadata.controller
    return publisher is not None and publisher.uid == owner.uid


def _application_above(caches: Caches, server: objects.Server) -> objects.Application | None:
    """Return the application whose set controls the server."""
    owner = server.metadata.controller
    if owner is None:
        return None
    found = caches.of(objects.ServerSet).objects.get((server.metadata.namespace, owner.name))
    if found is None or found.metadata.uid != owner.uid:
        return None
    return relations.controlling_application(caches, found)
