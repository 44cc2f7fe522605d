"""The unavailability budget of a component: one number, shared by all who take servers down.

The one rule: every actor (rollout, operation, remediation, scale-down of healthy servers, eviction,
move) counts all servers of the component that are down, whoever took them down, against its own
limit. So at every resourceVersion at most the largest limit in force is down by Argosy's doing.

The limit of an operation is its concurrency, or the component's; of all others, the component's.
Evictions keep to it by the PodDisruptionBudget of each set, which allows none from before Argosy
takes a server down until that is over (`evictions`). An operation does not count what failed for
good or was stopped on purpose, which would keep it waiting for ever.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from controller.api import objects
from controller.planning import amounts, availability


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many of `desired` servers may be unavailable, and how many are."""

    desired: int
    limit: int
    available: int

    @property
    def unavailable(self) -> int:
        """How many of the desired servers are missing, unavailable, or under a task."""
        return max(0, self.desired - self.available)

    @property
    def allowance(self) -> int:
        """How many more available servers may be taken down now."""
        return max(0, self.limit - self.desired + self.available)


def limit(desired: int, rollout: objects.Rollout) -> int:
    """Return how many of `desired` servers may be unavailable.

    Rounded down, but 1 where neither it nor the surge would let any server be replaced.
    """
    unavailable = amounts.down(rollout.max_unavailable, desired)
    if unavailable == 0 and amounts.up(rollout.max_surge, desired) == 0:
        return 1
    return unavailable


def counts(server: objects.Server, now: float, min_ready_seconds: int) -> bool:
    """Return whether the server counts as available to the budget: a server under a task does not.

    The effect of the task on the server is not known here.
    """
    return availability.seconds_until_available(
        server, now, min_ready_seconds
    ) <= 0 and not availability.operated(server)


def of(
    servers: Iterable[objects.Server], *, desired: int, rollout: objects.Rollout, now: float
) -> Budget:
    """Return the budget of a component that should have `desired` servers and has `servers`."""
    waiting = rollout.min_ready_seconds
    available = sum(1 for each in servers if counts(each, now, waiting))
    return Budget(desired=desired, limit=limit(desired, rollout), available=available)
