"""Who says how many servers there are, once an application is what an autoscaler scales.

Both imports come here at their end, with the consent that autoscalers scale the successor.
"""

from __future__ import annotations

from collections.abc import Callable

from controller.api.resources import Resource
from controller.handover.handover import Handover
from controller.kube import faults
from controller.presentation.translation import Json

# How often a write is tried again that somebody else's came before.
TRIES = 20


async def leave_replicas(
    handover: Handover, above: str, mine: Callable[[Json], bool]
) -> Json | None:
    """Have an application leave the servers' number to whoever scales it, or the set of `mine`.

    An autoscaler reads the number before it changes it, so an application that is scaled names it.
    """
    for _ in range(TRIES):
        known = await handover.find(Resource.APPLICATIONS, above)
        if known is None:
            return None
        parts = known["spec"]["components"]
        left = [
            {key: each for key, each in part.items() if not (key == "replicas" and mine(part))}
            for part in parts
        ]
        if left == parts:
            return known
        spec: Json = {"components": left}
        if len(parts) == 1:
            spec["replicas"] = parts[0]["replicas"]
        meta = {"resourceVersion": known["metadata"]["resourceVersion"]}
        try:
            return await handover.patch(
                Resource.APPLICATIONS, known, {"metadata": meta, "spec": spec}
            )
        except faults.Conflict:
            continue
    return None
