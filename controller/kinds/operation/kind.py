"""The kind Operation, as the engine knows it."""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import objects
from controller.api.resources import Resource
from controller.kinds.kind import Budget, Kind
from controller.kinds.operation import wakes
from controller.kinds.operation.gather import gather
from controller.kinds.operation.planner import plan
from controller.kinds.operation.rights import RIGHTS
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import bare_teardown, relations
from controller.planning.caches import Caches
from controller.planning.keys import Key


def _flow(operation: objects.Operation) -> tuple[str, str]:
    return operation.metadata.namespace, operation.spec.application


def _weight(snapshot: OperationSnapshot) -> int:
    return len(snapshot.servers) + len(snapshot.others)


def _sets_beside(caches: Caches, operation: objects.Operation) -> Iterable[Key]:
    namespace, name = operation.metadata.namespace, operation.spec.application
    above = relations.application_of(caches, namespace, name)
    return relations.set_keys(caches, above) if above is not None else ()


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
    budget=Budget(spent_on=Resource.SERVERS, shared_with=_sets_beside),
    waits_for_anything=True,
    indexes=(
        relations.SETS_BY_OWNER,
        relations.SERVERS_BY_APPLICATION,
        relations.REVISIONS_BY_OWNER,
        relations.OPERATIONS_BY_APPLICATION,
        relations.DISRUPTION_BUDGETS_BY_NAMESPACE,
        relations.PODS_LEAVING,
    ),
    rights=RIGHTS,
)
