"""The kind Server, as the engine knows it."""

from __future__ import annotations

from controller.api import objects
from controller.kinds.kind import Kind
from controller.kinds.server import assessment, counts, task, unreadable, wakes
from controller.kinds.server.gather import gather
from controller.kinds.server.planner import plan
from controller.kinds.server.reasons import ServerReason
from controller.kinds.server.rights import RIGHTS
from controller.kinds.server.snapshot import ServerSnapshot
from controller.planning import relations
from controller.planning.caches import Caches


def _flow(server: objects.Server) -> tuple[str, str]:
    return server.metadata.namespace, server.spec.application


def _retry(caches: Caches, server: objects.Server) -> str:
    server_set = relations.set_above(caches, server)
    above = relations.controlling_application(caches, server_set) if server_set else None
    return assessment.wish(server, above)


SERVER: Kind[objects.Server, ServerSnapshot] = Kind(
    view=objects.Server,
    gather=gather,
    plan=plan,
    follows={
        objects.Server: wakes.by_itself,
        objects.Application: wakes.by_application,
        objects.ServerSet: wakes.by_set,
        objects.ControllerRevision: wakes.by_revision,
        objects.Claim: wakes.by_what_is_labelled,
        objects.Job: wakes.by_what_is_labelled,
        objects.DisruptionBudget: wakes.by_disruption_budget,
        objects.Fleet: wakes.by_fleet,
        objects.Namespace: wakes.by_namespace,
    },
    bare_teardown=unreadable.teardown,
    remains=unreadable.remains,
    flow=_flow,
    puts_status=True,
    seen_by=lambda server: server.spec.fleet,
    retry=_retry,
    ready_first=counts.ready_first,
    finish_act=task.finish_patch,
    indexes=(
        relations.SETS_BY_OWNER,
        relations.SERVERS_BY_OWNER,
        relations.SERVERS_BY_FLEET,
        relations.SERVERS_BY_REVISION,
    ),
    reasons=(ServerReason,),
    rights=RIGHTS,
)
