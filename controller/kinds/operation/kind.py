"""The kind Operation, as the engine knows it."""

from __future__ import annotations

from collections.abc import Iterator

from controller.api import objects
from controller.api.resources import Resource
from controller.kinds.kind import Kind, SharedBudget
from controller.kinds.operation import retention, wakes
from controller.kinds.operation.gather import gather
from controller.kinds.operation.planner import plan
from controller.kinds.operation.reasons import OperationReason
from controller.kinds.operation.rights import RIGHTS
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import bare_teardown, departures, keys, relations
from controller.planning.caches import Caches
from controller.planning.keys import Key


def _flow(operation: objects.Operation) -> tuple[str, str]:
    return operation.metadata.namespace, operation.spec.application


def _weight(snapshot: OperationSnapshot) -> int:
    return len(snapshot.servers) + len(snapshot.others)


def _beside(caches: Caches, operation: objects.Operation) -> Iterator[Key]:
    """Yield who else takes servers of the application down: its sets, and its other operations."""
    namespace, name = operation.metadata.namespace, operation.spec.application
    above = relations.application_of(caches, namespace, name)
    if above is not None:
        yield from relations.set_keys(caches, above)
    own = keys.of(Resource.OPERATIONS, operation)
    for each in relations.begun_operation_keys(caches, namespace, name):
        if each != own:
            yield each


OPERATION: Kind[objects.Operation, OperationSnapshot] = Kind(
    view=objects.Operation,
    gather=gather,
    plan=plan,
    follows={
        objects.Operation: wakes.by_itself,
        objects.Application: wakes.by_application,
        objects.ServerSet: wakes.by_what_is_below,
        objects.Server: wakes.by_what_is_below,
        objects.DisruptionBudget: wakes.by_disruption_budget,
        objects.Fleet: wakes.by_fleet,
    },
    bare_teardown=bare_teardown.after(None, objects.Operation),
    flow=_flow,
    weight=_weight,
    budget=SharedBudget(
        spent_on=(Resource.SERVERS, Resource.DISRUPTION_BUDGETS), shared_with=_beside
    ),
    waits_for_anything=True,
    indexes=(
        relations.SETS_BY_OWNER,
        relations.SERVERS_BY_APPLICATION,
        relations.REVISIONS_BY_OWNER,
        relations.OPEN_OPERATIONS,
        retention.REMEMBERED,
        relations.DISRUPTION_BUDGETS_BY_NAMESPACE,
        relations.PODS_LEAVING,
    ),
    keepers=(departures.TakenOff,),
    reasons=(OperationReason,),
    rights=RIGHTS,
)
