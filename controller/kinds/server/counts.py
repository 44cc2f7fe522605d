"""How many servers there are: the figures that are scraped."""

from __future__ import annotations

import collections
from collections.abc import Callable

from controller.api import clock, conditions, objects
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason
from controller.planning import availability, keys
from controller.planning.caches import Caches
from controller.planning.keys import Key


def by_state(
    caches: Caches, mine: Callable[[Key], bool] | None = None
) -> dict[tuple[str, ...], float]:
    """Return how many servers there are, by fleet and by what their Ready condition says.

    Of several replicas that share the work each counts what is `mine`, so that the counts add up.
    """
    counts: collections.Counter[tuple[str, ...]] = collections.Counter()
    for (namespace, name), server in caches.of(objects.Server).objects.items():
        if mine is not None and not mine(keys.server(namespace, name)):
            continue
        ready = conditions.find(server.status.conditions, ConditionType.READY)
        said = (ready.status, ready.reason) if ready else ("Unknown", Reason.PENDING)
        counts[server.spec.fleet, *said] += 1
    return dict(counts)


def ready_first(before: objects.Server, status: objects.ServerStatus) -> tuple[str, float] | None:
    """Return the server's fleet and how long it took, if by this status it is ready at last.

    One that was ready before, or is made anew, is a matter of its recovery or its rollout.
    """
    ready = conditions.find(status.conditions, ConditionType.READY)
    if ready is None or ready.status != "True" or not availability.is_new(before):
        return None
    made = clock.parse(before.metadata.creation_timestamp)
    # Clocks differ: nobody was ready before being declared.
    return before.spec.fleet, max(0.0, clock.parse(ready.last_transition_time) - made)
