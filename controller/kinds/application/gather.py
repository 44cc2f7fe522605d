"""The snapshot that the Application planner is given: gathered from caches at one moment."""

from __future__ import annotations

from controller.api import objects
from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.planning import relations
from controller.planning.caches import Moment, Sources


def gather(
    sources: Sources, application: objects.Application, moment: Moment
) -> ApplicationSnapshot:
    """Return the application and all that is one step below it."""
    caches, meta = sources.caches, application.metadata
    revisions = relations.revisions_of(caches, application)
    sets = relations.sets_of(caches, application)
    goes = meta.deletion_timestamp is not None
    return ApplicationSnapshot(
        now=moment.now,
        application=application,
        fleet=sources.fleets.facts(application.spec.fleet, meta.namespace),
        sets=sets,
        # Asked for at the very end alone: there may be thousands while there are sets.
        left=relations.servers_left_by(caches, application) if goes and not sets else (),
        revisions=revisions,
        let_go=relations.revisions_let_go(caches, application),
        in_use=relations.named_by_servers(caches, revisions),
        ended=tuple(caches.by(relations.ENDED_OPERATIONS, (meta.namespace, meta.name)).values()),
        builds=relations.builds_of(caches, meta.namespace, meta.name),
        jobs=relations.jobs_of(caches, application) if goes else (),
        requesters_known=sources.requesters_known,
        outcomes=moment.outcomes,
        namespace_terminating=relations.namespace_terminating(caches, meta.namespace),
    )
