"""Whether evictions may take servers of a component down now: what its PodDisruptionBudget says.

The ServerSet planner keeps it open while Argosy takes nothing down, and closed while it does.
Whoever is about to take servers down waits until it is closed: the set itself, and the operations
on its servers, which ask here.

Example: 50 servers, maxUnavailable 10%: minAvailable is 45. A Restart begins: its set makes that
50, and the Restart takes its first servers down once it sees that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from controller import contract
from controller.api import conditions, objects
from controller.api.choices import Evictions
from controller.api.conditions import ConditionType
from controller.planning import amounts, budget, focus, ordinals, ownership


def of_set(
    server_set: objects.ServerSet, budgets: Iterable[objects.DisruptionBudget]
) -> objects.DisruptionBudget | None:
    """Return the set's own PodDisruptionBudget, if it is there to stay."""
    name = server_set.metadata.name
    found = next((each for each in budgets if each.metadata.name == name), None)
    if found is None or found.metadata.deletion_timestamp is not None:
        return None
    return found if ownership.owned_by(found, server_set) else None


def least(server_set: objects.ServerSet) -> int:
    """Return how many pods evictions must leave; a server that is stopped on purpose has none.

    0 where none need be left: the limit is everything, or evictions are not to keep to it. Where
    servers are taken down in one domain at a time, all but one: the disruption controller knows no
    domains, but two that are evicted one after the other are never down in two.
    """
    spec = server_set.spec
    if spec.rollout.evictions == Evictions.IGNORE:
        return 0
    stopped = sum(
        len(range(each.start, min(each.stop, spec.replicas)))
        for each in ordinals.parse(spec.stopped)
    )
    limit = budget.limit(spec.replicas, spec.rollout)
    if focus.is_on(spec.rollout):
        limit = min(limit, 1)
    return max(0, spec.replicas - stopped - limit)


def must_end(operation: objects.Operation, limit: int, *, down: bool) -> bool:
    """Return whether an operation may do something to a component before which evictions must end.

    Where no server may be down, and the operation has no concurrency of its own, it does nothing
    but to servers that are `down` already; did evictions wait for it, they would for ever.
    """
    return limit > 0 or down or operation.spec.concurrency is not None


def may_go_on(
    server_set: objects.ServerSet,
    budgets: Iterable[objects.DisruptionBudget],
    capabilities: Collection[contract.Capability],
) -> bool:
    """Return whether evictions have yet to be stopped before a server of the set is taken down.

    Never where nobody stops them: where the set has no such budget, or says that it cannot keep it.
    """
    if contract.Capability.EVICTIONS not in capabilities or not least(server_set):
        return False
    if conditions.is_true(server_set.status.conditions, ConditionType.EVICTIONS_UNBOUNDED):
        return False
    found, spec = of_set(server_set, budgets), server_set.spec
    kept = found.spec.min_available if found is not None else None
    most = spec.replicas + amounts.up(spec.rollout.max_surge, spec.replicas)
    return not isinstance(kept, int) or kept < most
