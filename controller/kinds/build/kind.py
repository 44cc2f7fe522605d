"""The kind Build, as the engine knows it."""

from __future__ import annotations

from controller.api import objects, tags
from controller.kinds.build import wakes
from controller.kinds.build.gather import gather
from controller.kinds.build.planner import plan
from controller.kinds.build.reasons import BuildReason
from controller.kinds.build.rights import RIGHTS
from controller.kinds.build.snapshot import BuildSnapshot
from controller.kinds.kind import Kind
from controller.planning import bare_teardown, relations
from controller.planning.caches import Caches


def _flow(build: objects.Build) -> tuple[str, str]:
    return build.metadata.namespace, build.spec.application


def _retry(caches: Caches, build: objects.Build) -> str:
    """Return the request of its application to try again: it means calls of Builds, too."""
    meta = build.metadata
    above = relations.application_of(caches, meta.namespace, build.spec.application)
    return tags.retry_now(above.metadata) if above is not None else ""


BUILD: Kind[objects.Build, BuildSnapshot] = Kind(
    view=objects.Build,
    gather=gather,
    plan=plan,
    follows={
        objects.Build: wakes.by_itself,
        objects.Application: wakes.by_application,
        objects.Job: wakes.by_job,
        objects.Pod: wakes.by_pod,
        objects.Namespace: wakes.by_namespace,
    },
    bare_teardown=bare_teardown.after(relations.JOBS_BY_OWNER, objects.Build),
    flow=_flow,
    retry=_retry,
    indexes=(
        relations.BUILDS_BY_APPLICATION,
        relations.JOBS_BY_OWNER,
        relations.BUILD_PODS_BY_JOB,
    ),
    reasons=(BuildReason,),
    rights=RIGHTS,
)
