"""The snapshot that the Operation planner is given: gathered from caches at one moment."""

from __future__ import annotations

from controller.api import objects
from controller.kinds.operation import retention
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import departures, plan, relations
from controller.planning.caches import Moment, Sources


def gather(sources: Sources, operation: objects.Operation, moment: Moment) -> OperationSnapshot:
    """Return the operation, the servers of its application, and the operations beside it."""
    caches, meta = sources.caches, operation.metadata
    name = operation.spec.application
    application = relations.application_of(caches, meta.namespace, name)
    servers = caches.by(relations.SERVERS_BY_APPLICATION, (meta.namespace, name))
    fleet = application.spec.fleet if application else ""
    sets = relations.sets_of(caches, application)
    leaving = {name: departures.of(caches, each, moment.now) for name, each in sets.items()}
    return OperationSnapshot(
        now=moment.now,
        operation=operation,
        application=application,
        fleet=sources.fleets.facts(fleet, meta.namespace),
        sets=sets,
        servers={(each.spec.component, each.spec.ordinal): each for each in servers.values()},
        others=tuple(
            each
            for each in relations.open_operations(caches, meta.namespace, name)
            if each.metadata.uid != meta.uid
        ),
        remembered=tuple(
            each
            for each in caches.by(retention.REMEMBERED, (meta.namespace, name)).values()
            if each.metadata.uid != meta.uid
        ),
        revisions=relations.revisions_of(caches, application),
        disruption_budgets=relations.disruption_budgets(caches, meta.namespace),
        evicted=frozenset(
            (name, ordinal) for name, each in leaving.items() for ordinal in each.ordinals
        ),
        doubtful=frozenset(
            (name, ordinal) for name, each in leaving.items() for ordinal in each.doubtful
        ),
        recorded=frozenset(
            (name, ordinal) for name, each in leaving.items() for ordinal in each.recorded
        ),
        records_last=plan.soonest(*(each.again for each in leaving.values())),
        outcomes=moment.outcomes,
        moving=moment.moving,
        namespace_terminating=relations.namespace_terminating(caches, meta.namespace),
    )
