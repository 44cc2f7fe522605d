"""How many servers there are: the figures that are scraped."""

from __future__ import annotations

import collections

from controller.api import conditions, objects
from controller.api.reasons import Reason
from controller.planning.caches import Caches


def by_state(caches: Caches) -> dict[tuple[str, ...], float]:
    """Return how many servers there are, by fleet and by what their Ready condition says."""
    counts: collections.Counter[tuple[str, ...]] = collections.Counter()
    for server in caches.of(objects.Server).objects.values():
        ready = conditions.find(server.status.conditions, "Ready")
        said = (ready.status, ready.reason) if ready else ("Unknown", Reason.PENDING)
        counts[server.spec.fleet, *said] += 1
    return dict(counts)
