"""The snapshot that the ServerSet planner is given: gathered from caches at one moment."""

from __future__ import annotations

from controller.api import objects
from controller.kinds.serverset import moves, occupancy, remakers, service_manifest
from controller.kinds.serverset.registers import Registers
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import departures, relations
from controller.planning.caches import Moment, Sources


def gather(sources: Sources, server_set: objects.ServerSet, moment: Moment) -> ServerSetSnapshot:
    """Return the set, its servers by ordinal, and what its application says."""
    caches, meta, spec = sources.caches, server_set.metadata, server_set.spec
    fleet = sources.fleets.facts(spec.fleet, meta.namespace)
    claims = fleet.claims(meta.namespace, spec.application, spec.component)
    owner, leaving = meta.controller, departures.of(caches, server_set, moment.now)
    return ServerSetSnapshot(
        now=moment.now,
        server_set=server_set,
        servers=caches.kept(Registers).of(meta.uid),
        let_go=relations.servers_let_go(caches, server_set),
        fleet=fleet,
        application=relations.controlling_application(caches, server_set),
        service=caches.of(objects.Service).objects.get(
            (meta.namespace, service_manifest.name(server_set))
        ),
        disruption_budgets=relations.disruption_budgets(caches, meta.namespace),
        evicted=leaving.ordinals,
        recorded=leaving.recorded,
        records_last=leaving.again,
        moving=moves.of(caches, server_set),
        claims=None if claims is None else tuple(claims),
        revisions=(
            tuple(caches.by(relations.REVISIONS_BY_OWNER, owner.uid).values()) if owner else ()
        ),
        operations=tuple(
            each
            for each in relations.open_operations(caches, meta.namespace, spec.application)
            if remakers.is_at_work(each)
        ),
        room=occupancy.room(caches, server_set, sources.servers_per_namespace),
        watching_since=moment.watching_since,
        outcomes=moment.outcomes,
        namespace_terminating=relations.namespace_terminating(caches, meta.namespace),
    )
