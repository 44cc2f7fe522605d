"""The kind Application, as the engine knows it."""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import objects
from controller.kinds.application import wakes
from controller.kinds.application.gather import gather
from controller.kinds.application.planner import plan
from controller.kinds.application.reasons import ApplicationReason
from controller.kinds.application.rights import RIGHTS
from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.kinds.kind import Kind
from controller.planning import bare_teardown, builds, relations


def _flow(application: objects.Application) -> tuple[str, str]:
    return application.metadata.namespace, application.metadata.name


def _parts(snapshot: ApplicationSnapshot) -> Iterable[objects.Object]:
    yield from (each for _, each in sorted(snapshot.sets.items()))
    yield from builds.in_order(snapshot.builds)


APPLICATION: Kind[objects.Application, ApplicationSnapshot] = Kind(
    view=objects.Application,
    gather=gather,
    plan=plan,
    follows={
        objects.Application: wakes.by_itself,
        objects.ServerSet: wakes.by_set,
        objects.Operation: wakes.by_operation,
        objects.Build: wakes.by_build,
        objects.ControllerRevision: wakes.by_revision,
        objects.Job: wakes.by_job,
        objects.Fleet: wakes.by_fleet,
        objects.Namespace: wakes.by_namespace,
    },
    bare_teardown=bare_teardown.after(relations.SETS_BY_OWNER, objects.Application),
    flow=_flow,
    sums_up=True,
    parts=_parts,
    indexes=(
        relations.SETS_BY_OWNER,
        relations.REVISIONS_BY_OWNER,
        relations.REVISIONS_LET_GO,
        relations.SERVERS_BY_APPLICATION,
        relations.SERVERS_BY_REVISION,
        relations.ENDED_OPERATIONS,
        relations.BUILDS_BY_APPLICATION,
        relations.JOBS_BY_APPLICATION,
    ),
    reasons=(ApplicationReason,),
    rights=RIGHTS,
)
