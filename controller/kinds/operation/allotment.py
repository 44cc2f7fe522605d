"""The allowance of an operation for each component: servers in flight, losses, and the order.

Each component has limits of its own, so that a restart of all components at once never takes a
small one down as a share of the sum. Called by the Operation planner when it looks at a run.

Example: db has 3 servers and `maxUnavailable: 1`, web has 50, 10%, and depends on db. A restart
with neither concurrency nor failureBudget takes down one of db at a time; when all of db is done,
five of web at a time. The restart halts at the first loss in db (10% of 3, rounded down), at the
sixth in web.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Collection, Iterable, Mapping

from controller.api import objects
from controller.api.choices import Action, Power
from controller.api.conditions import Blocked
from controller.contract import tasks
from controller.kinds.operation import targets, templates
from controller.kinds.operation.reasons import OperationReason
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import amounts, availability, budget, evictions, remedies

# Acts that follow `dependsOn`, and the one that goes against it. All others are in no order.
FORWARD = frozenset({Action.START, Action.RESTART, Action.STEPS})
BACKWARD = frozenset({Action.STOP})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """The most that the operation may do to one component at a time.

    `limit` servers in flight, `losses` failed ones; nothing before the components in `after` are
    through.
    """

    limit: int
    losses: int
    after: frozenset[str] = frozenset()
    # Set while the component's servers wait: for their new template, where they are to be made
    # anew, or for the end of evictions.
    waits: Blocked | None = None


def of(snapshot: OperationSnapshot, keys: Collection[targets.Key]) -> dict[str, Allotment]:
    """Return the allotment of each targeted component."""
    counts = collections.Counter(component for component, _ in keys)
    spec = snapshot.operation.spec
    order = _order(snapshot, counts)
    limits = {component: _limit(snapshot, component, count) for component, count in counts.items()}
    down = _down(snapshot, keys) if not all(limits.values()) else frozenset()
    return {
        component: Allotment(
            limit=limits[component],
            losses=amounts.down(spec.failure_budget, count),
            after=order.get(component, frozenset()),
            waits=templates.awaited(snapshot, component)
            or _evictions(snapshot, component, limits[component], down=component in down),
        )
        for component, count in counts.items()
    }


def _down(snapshot: OperationSnapshot, keys: Iterable[targets.Key]) -> frozenset[str]:
    """Return the components of which a target is down that should run."""
    return frozenset(
        key[0]
        for key in keys
        if (found := snapshot.servers.get(key)) is not None
        and found.spec.power != Power.STOPPED
        and availability.seconds_until_available(found, snapshot.now, 0) > 0
    )


def _limit(snapshot: OperationSnapshot, component: str, count: int) -> int:
    """Return the operation's own concurrency; where it has none, the component's budget."""
    named = snapshot.operation.spec.concurrency
    if named is not None:
        return amounts.at_least_one(named, count)
    found = snapshot.sets.get(component)
    if found is not None:
        return budget.limit(found.spec.replicas, found.spec.rollout)
    return budget.limit(count, objects.Rollout())


def _evictions(
    snapshot: OperationSnapshot, component: str, limit: int, *, down: bool
) -> Blocked | None:
    """Return the budget that still allows evictions, where the operation takes servers down."""
    found = snapshot.sets.get(component)
    if found is None or not tasks.takes_down(snapshot.operation.spec.action):
        return None
    if not evictions.must_end(snapshot.operation, limit, down=down):
        return None
    budgets, capabilities = snapshot.disruption_budgets, snapshot.fleet.capabilities
    if not evictions.may_go_on(found, budgets, capabilities):
        return None
    name, namespace = found.metadata.name, found.metadata.namespace
    return Blocked(
        object=f"PodDisruptionBudget/{name}",
        reason=OperationReason.EVICTIONS_GO_ON,
        message=f"Evictions may still take servers of {component} down.",
        remedy=remedies.why("serverset", name, namespace),
    )


def _order(snapshot: OperationSnapshot, targeted: Mapping[str, int]) -> dict[str, frozenset[str]]:
    """Return for each targeted component the targeted ones that go before it."""
    application, action = snapshot.application, snapshot.operation.spec.action
    if application is None or action not in FORWARD | BACKWARD:
        return {}
    needs = {each.name: each.depends_on for each in application.spec.components}
    below = {name: templates.reached(name, needs) & targeted.keys() for name in targeted}
    if action in FORWARD:
        return {name: frozenset(found) for name, found in below.items()}
    return {
        name: frozenset(other for other, found in below.items() if name in found)
        for name in targeted
    }
