"""The snapshot that the Build planner is given: gathered from caches at one moment."""

from __future__ import annotations

from controller.api import objects
from controller.kinds.build.snapshot import BuildSnapshot
from controller.planning import relations
from controller.planning.caches import Moment, Sources
from controller.planning.ownership import owned_by


def gather(sources: Sources, build: objects.Build, moment: Moment) -> BuildSnapshot:
    """Return the Build, its Jobs with their pods, and the Builds beside it."""
    caches, meta, spec = sources.caches, build.metadata, build.spec
    application = relations.application_of(caches, meta.namespace, spec.application)
    jobs = caches.by(relations.JOBS_BY_OWNER, meta.uid)
    return BuildSnapshot(
        now=moment.now,
        build=build,
        application=application,
        others=tuple(
            each
            for each in relations.builds_of(caches, meta.namespace, spec.application)
            if each.spec.component == spec.component
            and each.metadata.uid != meta.uid
            and application is not None
            and owned_by(each, application)
        ),
        jobs={each.metadata.name: each for each in jobs.values()},
        pods={
            each.metadata.name: tuple(
                caches.by(relations.BUILD_PODS_BY_JOB, each.metadata.uid).values()
            )
            for each in jobs.values()
        },
        builder=sources.builder.of_namespace(relations.namespace_labels(caches, meta.namespace)),
        outcomes=moment.outcomes,
        namespace_terminating=relations.namespace_terminating(caches, meta.namespace),
    )
