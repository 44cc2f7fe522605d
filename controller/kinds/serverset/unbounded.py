"""How many sets there are whose evictions do not keep to Argosy's budget: for the metrics."""

from __future__ import annotations

import collections
from collections.abc import Callable

from controller.api import conditions, objects
from controller.api.conditions import ConditionType
from controller.api.resources import Resource
from controller.kinds.serverset.reasons import ServerSetReason
from controller.planning.caches import Caches
from controller.planning.keys import Key


def by_reason(
    caches: Caches, mine: Callable[[Key], bool] | None = None
) -> dict[tuple[str, ...], float]:
    """Return how many such sets there are, by the reason that they give; only those `mine`."""
    # None is a number, too: a series that comes only with trouble cannot be told from one unfed.
    counts: collections.Counter[tuple[str, ...]] = collections.Counter(
        {
            (str(each),): 0
            for each in (ServerSetReason.FOREIGN_BUDGET, ServerSetReason.BUDGET_UNWRITTEN)
        }
    )
    for path, server_set in caches.of(objects.ServerSet).objects.items():
        if mine is not None and not mine(Key(Resource.SERVERSETS, *path)):
            continue
        told = conditions.find(server_set.status.conditions, ConditionType.EVICTIONS_UNBOUNDED)
        if told is not None and told.status == "True":
            counts[(told.reason,)] += 1
    return dict(counts)
