"""How many sets there are whose evictions do not keep to Argosy's budget: for the metrics."""

from __future__ import annotations

import collections

from controller.api import conditions, objects
from controller.kinds.serverset.reasons import ServerSetReason
from controller.planning.caches import Caches
from controller.planning.evictions import UNBOUNDED


def by_reason(caches: Caches) -> dict[tuple[str, ...], float]:
    """Return how many such sets there are, by the reason that they give."""
    # None is a number, too: a series that comes only with trouble cannot be told from one unfed.
    counts: collections.Counter[tuple[str, ...]] = collections.Counter(
        {
            (str(each),): 0
            for each in (ServerSetReason.FOREIGN_BUDGET, ServerSetReason.BUDGET_UNWRITTEN)
        }
    )
    for server_set in caches.of(objects.ServerSet).objects.values():
        told = conditions.find(server_set.status.conditions, UNBOUNDED)
        if told is not None and told.status == "True":
            counts[(told.reason,)] += 1
    return dict(counts)
