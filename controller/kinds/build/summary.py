"""What is said of a Build in its status. Called by the Build planner, for every phase."""

from __future__ import annotations

from typing import Any

import msgspec

from controller.api import clock, objects
from controller.api.conditions import Blocked
from controller.kinds.build.snapshot import BuildSnapshot
from controller.planning import outcomes, verdict
from controller.planning.targets import Verb


def tell(
    snapshot: BuildSnapshot,
    reason: str,
    message: str,
    *,
    succeeded: str = "Unknown",
    blocked: tuple[Blocked, ...] = (),
    **found: Any,
) -> objects.BuildStatus:
    """Return the whole status: what is told, and what of it was `found` or has changed."""
    build, now = snapshot.build, snapshot.now
    # What keeps a pod from starting is the planner's to tell, for as long as it does.
    written = tuple(each for each in snapshot.outcomes if each.verb is not Verb.START)
    failed = outcomes.of(written).blocked(build.metadata.namespace)
    ended = {"completion_time": clock.stamp(now)} if succeeded != "Unknown" else {}
    return msgspec.structs.replace(
        build.status,
        observed_generation=build.metadata.generation,
        conditions=verdict.of_bounded_work(
            build, succeeded=succeeded, reason=reason, message=message, now=now
        ),
        blocked_by=outcomes.steady(build.status.blocked_by, (*blocked, *failed), now),
        **ended,
        **found,
    )
