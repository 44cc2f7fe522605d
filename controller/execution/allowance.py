"""Whether an allowance may be used up by somebody else whose writes are not seen yet.

A component's rollout and the operations on it share what may be down, and each counts it from the
same servers. But a key waits for its own writes alone to be seen: two that plan in one moment would
both spend what is there. So whoever takes servers down waits until the last such writes of the
other side are answered and in the cache. The engine asks before it carries out a plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.api import objects
from controller.execution.caches import Caches
from controller.execution.key_state import KeyState
from controller.kinds.kind import SharedBudget
from controller.planning import plan
from controller.planning.keys import Key

# How soon to plan again what had to wait, in seconds: about as long as a write takes to be seen.
AGAIN = 0.02


def spends(budget: SharedBudget[Any], planned: plan.Plan) -> bool:
    """Return whether a plan may spend of the budget; what ends acts never waits."""
    return planned.urgency is not plan.Urgency.TEARDOWN and any(
        isinstance(each, plan.Patch) and each.resource in budget.spent_on and not each.subresource
        for each in planned.actions
    )


class Allowance:
    """Knows by the states of those who share a budget who is just spending it."""

    def __init__(self, caches: Caches, states: Mapping[Key, KeyState]) -> None:
        self._caches = caches
        self._states = states

    def is_being_spent(self, budget: SharedBudget[Any], item: objects.Object) -> bool:
        """Return whether the other side's last takedowns are in flight, or not seen yet."""
        others = budget.shared_with(self._caches, item)
        return any(self._unseen(budget, self._states.get(each)) for each in others)

    def _unseen(self, budget: SharedBudget[Any], state: KeyState | None) -> bool:
        if state is None or not state.spends:
            return False
        informers = self._caches.informers
        return (
            state.in_flight
            or bool(state.uncertain)
            or any(
                place[0] in budget.spent_on and not informers[place[0]].reached(floor, *place[1:])
                for place, floor in state.floors.items()
            )
        )
