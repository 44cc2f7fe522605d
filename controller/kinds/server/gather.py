"""The Server planner's snapshot: gathered from caches and the provider at one moment."""

from __future__ import annotations

import msgspec

from controller import contract
from controller.api import objects
from controller.api.choices import UpdateStrategy
from controller.kinds.revisions import references
from controller.kinds.server import order, tolerance
from controller.kinds.server.snapshot import ServerSnapshot
from controller.planning import departures, ordinals, relations
from controller.planning.caches import Caches, Moment, Sources


def gather(sources: Sources, server: objects.Server, moment: Moment) -> ServerSnapshot:
    """Return the server, what its provider sees of it, and what its application says."""
    caches, namespace = sources.caches, server.metadata.namespace
    server_set = relations.set_above(caches, server)
    server = references.complete(server, server_set, _record(caches, server, server_set))
    behind, behind_for = order.ahead(caches, server, server_set, moment.now)
    provider = sources.fleets.provider(server.spec.fleet)
    return ServerSnapshot(
        now=moment.now,
        server=server,
        observation=(
            tolerance.apply(provider.observe(server), server_set.spec.drift if server_set else None)
            if provider
            else contract.UNKNOWN
        ),
        fleet=sources.fleets.facts(server.spec.fleet, namespace),
        application=(relations.controlling_application(caches, server_set) if server_set else None),
        outcomes=moment.outcomes,
        acting=moment.acting,
        concluded=moment.concluded,
        left=moment.left,
        holder=moment.holder,
        unasked=_is_unasked(caches, server),
        next_revision=_next_revision(caches, server, server_set),
        recorded=references.is_complete(server),
        spread=server_set.spec.spread if server_set else None,
        behind=behind,
        behind_for=behind_for,
        on_record_for=departures.seconds_on_record(caches, server, moment.now),
        subdomain=_subdomain(server_set),
        namespace_terminating=relations.namespace_terminating(caches, namespace),
    )


def _subdomain(server_set: objects.ServerSet | None) -> str:
    wanted = server_set.spec.service if server_set is not None else None
    return wanted.name if wanted is not None else ""


def _record(
    caches: Caches, server: objects.Server, server_set: objects.ServerSet | None
) -> objects.ControllerRevision | None:
    """Return the record of the server's revision; a stranger's of that name is none."""
    found = caches.of(objects.ControllerRevision).objects.get(relations.revision_path(server))
    if found is None or server_set is None:
        return found
    owner, above = found.metadata.controller, server_set.metadata.controller
    same = owner is not None and above is not None and owner.uid == above.uid
    return found if same else None


def _next_revision(
    caches: Caches, server: objects.Server, server_set: objects.ServerSet | None
) -> str:
    """Return the revision that the server comes back with once its instance is deleted, if another.

    The revision is up to whoever deletes only under OnDelete; a partition, or a person who holds
    the server, keeps it where it is, and none is told to run what is not on record.
    """
    if server_set is None or server_set.spec.rollout.strategy != UpdateStrategy.ON_DELETE:
        return ""
    spec, target = server.spec, server_set.spec
    if spec.revision == target.revision or spec.held:
        return ""
    if spec.ordinal < ordinals.free_from(target):
        return ""
    moved = msgspec.structs.replace(
        server, spec=msgspec.structs.replace(spec, revision=target.revision)
    )
    known = _record(caches, moved, server_set) is not None
    return target.revision if known else ""


def _is_unasked(caches: Caches, server: objects.Server) -> bool:
    """Return whether the server has a task that no operation of its application stands behind."""
    task = server.spec.task
    if task is None:
        return False
    key = server.metadata.namespace, task.operation
    found = caches.of(objects.Operation).objects.get(key)
    return found is None or found.spec.application != server.spec.application
