"""How many servers there are: the figures that are scraped."""

from __future__ import annotations

import collections
from collections.abc import Callable

from controller.api import conditions, objects
from controller.api.reasons import Reason
from controller.planning import keys
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
        ready = conditions.find(server.status.conditions, "Ready")
        said = (ready.status, ready.reason) if ready else ("Unknown", Reason.PENDING)
        counts[server.spec.fleet, *said] += 1
    return dict(counts)
