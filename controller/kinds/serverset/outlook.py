"""Everything that the status of a set is made from.

The ServerSet planner fills it in; `summary` and `blockers` say what follows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from controller.api import objects
from controller.api.choices import UpdateStrategy
from controller.kinds.serverset import causes, disruption_budget, moves, remediation
from controller.kinds.serverset import progress as progresses
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import outcomes
from controller.planning.census import Census
from controller.planning.obstacles import Obstacle


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The findings about a set, and the decisions."""

    snapshot: ServerSetSnapshot
    census: Census
    progress: progresses.Progress
    failed: outcomes.Outcomes
    obstacle: Obstacle | None = None
    remedy: remediation.RemediationPlan = dataclasses.field(
        default_factory=remediation.RemediationPlan
    )
    budget_spent: bool = False
    handled_retry: str = ""
    # Servers that operations will make anew, by ordinal.
    left: Mapping[int, objects.Operation] = dataclasses.field(default_factory=dict)
    # Servers that are to move, by ordinal.
    moving: Mapping[int, moves.Move] = dataclasses.field(default_factory=dict)
    # The causes in the way, here and below.
    causes: causes.Causes = dataclasses.field(default_factory=causes.Causes)
    # How many servers are missing that the namespace has no room for.
    unmade: int = 0
    # The measures taken about evictions.
    guard: disruption_budget.Guard = dataclasses.field(default_factory=disruption_budget.Guard)

    @property
    def spec(self) -> objects.ServerSetSpec:
        """The set's spec."""
        return self.snapshot.server_set.spec


def converged(census: Census, strategy: str, *, moving: bool = False) -> bool:
    """Return whether the set is as it should be, every server of it available.

    Servers that the partition, a person or the strategy OnDelete keeps at an older revision are.
    While servers are to move, a spare one may be there, or on its way: nothing is missing for that.
    Nor is it for a Server's labels: those are put right, but no server is worse without them.
    """
    beyond = census.present - census.desired
    if beyond and not (moving and beyond == census.spares):
        return False
    if census.leaving or census.available < census.desired:
        return False
    return strategy == UpdateStrategy.ON_DELETE or not census.due
