"""Objects that cannot be read whole: each is told so itself, and nothing is made of it.

The rest of such an object is cached like any other, so all that concerns it finds it, and its
teardown is planned as ever. The engine asks, and `inspection` for whoever looks on.
"""

from __future__ import annotations

from typing import Any

import msgspec

from controller.api import conditions
from controller.api.reasons import Reason
from controller.execution import crashes
from controller.kube.informer import Informer
from controller.kube.wire import Malformed
from controller.planning import events, plan, writes
from controller.planning.keys import Key


def patch(key: Key, odd: Malformed, now: float) -> plan.Patch | None:
    """Return the status of an object of which nothing could be read; None where it says so."""
    generation = odd.metadata.generation
    after = conditions.summarise(
        before=odd.conditions,
        ready=False,
        reconciling=False,
        stalled=True,
        reason=Reason.MALFORMED,
        message=odd.message,
        generation=generation,
        now=now,
    )
    if after == odd.conditions:
        return None
    return writes.patch(
        writes.HasMetadata(key.resource, odd.metadata),
        {"status": {"conditions": msgspec.to_builtins(after), "observedGeneration": generation}},
        subresource="status",
        why=Reason.MALFORMED,
        guarded=False,
    )


def plan_for(watched: Informer[Any], key: Key, now: float) -> plan.Plan | None:
    """Return the plan that only tells; None for what can be read, is going, or has no remains."""
    odd = watched.malformed.get(key.path)
    item = watched.objects.get(key.path)
    if odd is None or item is None or item.metadata.deletion_timestamp:
        return None
    status = crashes.stalled(item, Reason.MALFORMED, odd.message, now)
    alarm = events.alarm(item.status.conditions, status.conditions)
    return plan.Plan(actions=alarm, status=status)
