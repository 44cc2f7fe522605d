"""The kind ServerSet, as the engine knows it."""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import objects
from controller.api.resources import Resource
from controller.kinds.kind import Kind, SharedBudget
from controller.kinds.serverset import occupancy, wakes
from controller.kinds.serverset.gather import gather
from controller.kinds.serverset.planner import plan
from controller.kinds.serverset.reasons import ServerSetReason
from controller.kinds.serverset.registers import Registers
from controller.kinds.serverset.rights import RIGHTS
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import bare_teardown, departures, relations
from controller.planning.caches import Caches
from controller.planning.keys import Key


def _flow(server_set: objects.ServerSet) -> tuple[str, str]:
    return server_set.metadata.namespace, server_set.spec.application


def _weight(snapshot: ServerSetSnapshot) -> int:
    return len(snapshot.servers)


def _operations_beside(caches: Caches, server_set: objects.ServerSet) -> Iterable[Key]:
    """Return the operations that may just be taking servers down.

    Not those that are over: the plan that ends one takes nothing down, and comes after its earlier
    writes were seen.
    """
    meta, above = server_set.metadata, server_set.spec.application
    return relations.begun_operation_keys(caches, meta.namespace, above)


def _parts(snapshot: ServerSetSnapshot) -> Iterable[objects.Server]:
    return (each for _, each in sorted(snapshot.servers.items()))


SERVER_SET: Kind[objects.ServerSet, ServerSetSnapshot] = Kind(
    view=objects.ServerSet,
    gather=gather,
    plan=plan,
    follows={
        objects.ServerSet: wakes.by_itself,
        objects.Application: wakes.by_application,
        objects.Server: wakes.by_server,
        objects.ControllerRevision: wakes.by_revision,
        objects.Service: wakes.by_service,
        objects.DisruptionBudget: wakes.by_disruption_budget,
        objects.Node: wakes.by_node,
        objects.EvictionRequest: wakes.by_eviction_request,
        objects.Claim: wakes.by_claim,
        objects.Fleet: wakes.by_fleet,
        objects.Namespace: wakes.by_namespace,
        objects.Operation: wakes.by_operation,
    },
    bare_teardown=bare_teardown.after(relations.SERVERS_BY_OWNER, objects.ServerSet),
    flow=_flow,
    weight=_weight,
    budget=SharedBudget(
        spent_on=(Resource.SERVERS, Resource.DISRUPTION_BUDGETS), shared_with=_operations_beside
    ),
    sums_up=True,
    parts=_parts,
    indexes=(
        relations.SETS_BY_OWNER,
        relations.SERVERS_BY_OWNER,
        relations.SERVERS_LET_GO,
        relations.REVISIONS_BY_OWNER,
        relations.OPERATIONS_BY_APPLICATION,
        relations.OPEN_OPERATIONS,
        relations.CLAIMS_BY_COMPONENT,
        relations.DISRUPTION_BUDGETS_BY_NAMESPACE,
        relations.SETS_BY_NAMESPACE,
        relations.PODS_BY_NODE,
        relations.EVICTIONS_ASKED,
        relations.PODS_LEAVING,
    ),
    keepers=(
        Registers,
        departures.TakenOff,
        occupancy.Present,
        occupancy.Told,
        occupancy.Asked,
    ),
    reasons=(ServerSetReason,),
    rights=RIGHTS,
)
