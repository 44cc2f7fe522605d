"""Whether a rollout gets on, is through, or has missed its deadline.

Called by the ServerSet planner. The clock is in the set's status, so it survives the operator. The
clock never counts time in which nobody was there to act, nor time in which the rollout may do
nothing: then no server of its own making is awaited, and the others are in somebody else's hands.

Example: an operation restarts the last two of ten servers for an hour, while the other eight run
the target revision. The clock stands still, as the rollout could not have got further. A server of
the target revision that does not come up, on the other hand, is the rollout's own, and counts.
"""

from __future__ import annotations

import dataclasses

from controller.api import clock, objects
from controller.api.choices import Power, UpdateStrategy
from controller.planning import amounts
from controller.planning.census import Census

# Status tells times to the second: what it dates may have happened that much later.
GRAIN = 1.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How the rollout to the target stands."""

    proven_revision: str
    since: str | None
    missed: bool
    wake_after: float | None = None


def outstanding(census: Census) -> bool:
    """Return whether the rollout has anything left to do, or to wait for.

    Servers that the partition or a person keeps as they are do not count, nor do spare servers
    that stand in for them.
    """
    # A spare one counts where it has taken the place of one that is gone.
    regular = census.present - census.spares
    if not regular <= census.desired <= census.present or census.leaving:
        return True
    standing_in = regular == census.desired
    return any(
        not each.kept and (each.stale or not each.available)
        for each in census.odd
        if not (standing_in and census.is_spare(each.ordinal))
    )


def held_back(census: Census) -> bool:
    """Return whether the rollout can do nothing now, and waits for nothing of its own making.

    The rollout then waits for an operation, a stop, or a person; servers that failed for good are
    counted by the failure budget and not by the clock.
    """
    if census.leaving or census.present < census.desired:
        return False
    return not any(
        not each.stale
        and not each.available
        and not (each.kept or each.operated or each.failed)
        and each.server.spec.power != Power.STOPPED
        for each in census.odd
    )


def halted_before(server_set: objects.ServerSet, census: Census, *, retrying: bool) -> bool:
    """Return whether the deadline was missed and nothing has lifted that yet.

    A newer target lifts it, a person who says to retry, or the servers in hand becoming available.
    Where none is in hand any more, as a spare one was and had to go, that is none of these.
    """
    status = server_set.status
    if retrying or not status.deadline_missed or status.revision != census.target:
        return False
    if not any(each.spec.revision == census.target for each in census.servers.values()):
        return True
    return census.present < census.desired or any(
        not each.stale and not each.available and not each.kept for each in census.odd
    )


def budget_spent(server_set: objects.ServerSet, census: Census, *, standing_in: bool) -> bool:
    """Return whether more servers failed for good at the target than may.

    Servers that the rollout has yet to reach failed with an older revision, which proves nothing of
    the target. A spare server that failed makes room for one that stands in for a server that
    moves; while it does, or others are `standing_in`, the budget stays as spent as it was.
    """
    spec, status = server_set.spec, server_set.status
    ends = spec.rollout.strategy == UpdateStrategy.ON_DELETE
    failed = sum(1 for each in census.odd if each.failed and (ends or not each.due))
    if failed > amounts.down(spec.recovery.failure_budget, census.desired):
        return True
    if not status.budget_spent or status.revision != census.target:
        return False
    return standing_in or any(
        census.is_spare(ordinal) and each.spec.revision != census.target
        for ordinal, each in census.servers.items()
    )


def assess(
    server_set: objects.ServerSet,
    census: Census,
    *,
    now: float,
    watching_since: float,
    acting: bool,
    retrying: bool,
    halted: bool,
    outage: bool = False,
) -> Progress:
    """Return how the rollout stands; `acting` says that this very plan brings it further.

    The deadline is never missed early, and at most a second late. In an `outage` of the provider
    the clock stands still, whether calls are tried or not.
    """
    before, rollout = server_set.status, server_set.spec.rollout
    target, proven = census.target, before.proven_revision
    same_target = before.revision == target and before.last_progress_time is not None
    since = before.last_progress_time if same_target else clock.stamp(now)
    through = not outstanding(census)
    if through and census.updated and census.beyond_partition:
        proven = target
    if through or proven == target or rollout.strategy == UpdateStrategy.ON_DELETE:
        return Progress(proven_revision=proven, since=since, missed=False)
    if halted:
        return Progress(proven_revision=proven, since=since, missed=True)
    if outage or (not acting and held_back(census)):
        return Progress(proven_revision=proven, since=None, missed=False)
    moved = (
        acting or retrying or census.updated > before.updated or census.available > before.available
    )
    if moved:
        since = clock.stamp(now)
    began = now if moved else max(min(clock.parse(since) + GRAIN, now), watching_since)
    left = began + rollout.progress_deadline_seconds - now
    return Progress(
        proven_revision=proven,
        since=since,
        missed=left <= 0,
        wake_after=left if left > 0 else None,
    )


def idle(server_set: objects.ServerSet, census: Census) -> Progress:
    """Return how the rollout stands while nothing may be done: the clock stands still."""
    before = server_set.status
    if before.revision != census.target:
        return Progress(proven_revision=before.proven_revision, since=None, missed=False)
    if before.proven_revision == census.target:
        return Progress(
            proven_revision=census.target, since=before.last_progress_time, missed=False
        )
    return Progress(
        proven_revision=before.proven_revision, since=None, missed=before.deadline_missed
    )
