"""The status of a Build. Called by the Build planner, for every phase."""

from __future__ import annotations

from typing import Any

import msgspec

from controller.api import clock, objects
from controller.api.conditions import Blocked
from controller.kinds.build.snapshot import BuildSnapshot
from controller.planning import outcomes, verdict
from controller.planning.targets import ObjectVerb
from controller.reasons import AnyReason


def tell(
    snapshot: BuildSnapshot,
    reason: AnyReason,
    message: str,
    *,
    succeeded: str = "Unknown",
    blocked: tuple[Blocked, ...] = (),
    **found: Any,
) -> objects.BuildStatus:
    """Return the whole status: what is told, and what of it was `found` or has changed."""
    build, now = snapshot.build, snapshot.now
    ended = {"completion_time": clock.stamp(now)} if succeeded != "Unknown" else {}
    return msgspec.structs.replace(
        build.status,
        observed_generation=build.metadata.generation,
        conditions=verdict.of_bounded_work(
            build, succeeded=succeeded, reason=reason, message=message, now=now
        ),
        blocked_by=_obstacles(snapshot, blocked),
        **ended,
        **found,
    )


def with_obstacles(snapshot: BuildSnapshot) -> objects.BuildStatus:
    """Return the status of a Build that has ended, with whoever keeps its Jobs from that."""
    return msgspec.structs.replace(snapshot.build.status, blocked_by=_obstacles(snapshot))


def _obstacles(snapshot: BuildSnapshot, blocked: tuple[Blocked, ...] = ()) -> tuple[Blocked, ...]:
    build = snapshot.build
    # The obstacles to a pod's start are the planner's to tell, for as long as they last.
    written = tuple(each for each in snapshot.outcomes if each.verb is not ObjectVerb.START)
    failed = outcomes.of(written).blocked(build)
    return outcomes.steady(build.status.blocked_by, (*blocked, *failed), snapshot.now)
