"""Which of several Builds of a component run: one table, a row for each run policy.

Called by the Build planner before a Build begins. Only Builds of lower numbers are waited for, so
none ever waits for itself; one that has begun is never taken back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from controller.api import objects
from controller.api.choices import RunPolicyName
from controller.kinds.build.snapshot import BuildSnapshot
from controller.planning import builds, verdict


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunPolicy:
    """How a Build that has not begun treats others of its component: waits, or makes way."""

    # Whether it waits until all earlier ones have ended.
    waits_for_earlier: bool
    # Whether a later one takes its place.
    makes_way_for_later: bool


POLICIES: Mapping[str, RunPolicy] = {
    RunPolicyName.SERIAL: RunPolicy(waits_for_earlier=True, makes_way_for_later=False),
    RunPolicyName.SERIAL_LATEST_ONLY: RunPolicy(waits_for_earlier=True, makes_way_for_later=True),
    RunPolicyName.PARALLEL: RunPolicy(waits_for_earlier=False, makes_way_for_later=False),
}


def of(snapshot: BuildSnapshot) -> RunPolicy:
    """Return the policy that the component has now."""
    source = snapshot.source or snapshot.build.spec.source
    return POLICIES[source.run_policy]


def overtaken_by(snapshot: BuildSnapshot) -> objects.Build | None:
    """Return the later Build that takes the place of this one, if there is one."""
    if not of(snapshot).makes_way_for_later:
        return None
    number = snapshot.build.spec.number
    later = (each for each in builds.in_order(snapshot.others) if each.spec.number > number)
    # One that is cancelled or going takes nobody's place.
    return next((each for each in later if not _is_given_up(each)), None)


def waited_for(snapshot: BuildSnapshot) -> objects.Build | None:
    """Return the Build that must end before this one begins: the nearest one before it.

    The nearest one waits for the one before it, so an end has one Build planned and told, not all.
    """
    if not of(snapshot).waits_for_earlier:
        return None
    number = snapshot.build.spec.number
    earlier = [
        each
        for each in builds.in_order(snapshot.others)
        if each.spec.number < number and not verdict.finished(each)
    ]
    return earlier[-1] if earlier else None


def _is_given_up(build: objects.Build) -> bool:
    gone = build.metadata.deletion_timestamp is not None
    return gone or build.spec.cancelled or (verdict.finished(build) and not _succeeded(build))


def _succeeded(build: objects.Build) -> bool:
    return builds.has_succeeded(build)
