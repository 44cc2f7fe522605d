"""A set that goes: all its servers at once, then the claims that go with it, then the set itself.

Called by the ServerSet planner, before it looks at anything else.
"""

from __future__ import annotations

from collections.abc import Sequence

from controller.api import objects
from controller.kinds.serverset import claims, leftovers, summary
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import finalizers, outcomes, ownership, words, writes
from controller.planning import leftovers as kept_by_others
from controller.planning.leftovers import Leftovers
from controller.planning.plan import Plan, RecordEvent, Urgency


def plan(snapshot: ServerSetSnapshot) -> Plan:
    """Take all servers down at once; then the claims that go; then let go of the set itself."""
    server_set = snapshot.server_set
    if finalizers.is_orphaning(server_set.metadata):
        return Plan(notes=("the servers are being orphaned: nothing is done until they are",))
    if not finalizers.is_on(server_set.metadata):
        return Plan(
            status=summary.released(snapshot), notes=("nothing of the set is left to Argosy",)
        )
    mine = [
        each
        for _, each in sorted(snapshot.servers.items(), reverse=True)
        if ownership.owned_by(each, server_set)
    ]
    if mine:
        return _take_down(snapshot, mine)
    if claims.is_unsure(snapshot):
        return Plan(
            actions=_warnings(snapshot),
            status=summary.discarding(snapshot),
            notes=("whether claims are left that go with the set is not known yet",),
            urgency=Urgency.TEARDOWN,
        )
    gone = claims.after_deletion(snapshot)
    rest = leftovers.of(snapshot)
    if gone or rest.deletes or rest.left:
        return _discard(snapshot, gone, rest)
    return _let_go(snapshot, rest)


def _take_down(snapshot: ServerSetSnapshot, mine: Sequence[objects.Server]) -> Plan:
    """Delete all servers of the set that do not go yet; tell how many are there, and what fails."""
    going = [each for each in mine if each.metadata.deletion_timestamp is None]
    after = summary.deleting(snapshot, len(mine))
    note = f"{words.be(len(mine), 'server')} still there, {len(going)} to be deleted now"
    return Plan(
        # Only as they are cached: it may have orphaned them, and is seen to go before that is.
        actions=(
            *(writes.delete(each, why="the set is being deleted", guarded=True) for each in going),
            *_warnings(snapshot),
        ),
        status=after,
        write_status_now=summary.write_status_now(snapshot.server_set.status, after),
        notes=(note,),
        urgency=Urgency.TEARDOWN,
    )


def _let_go(snapshot: ServerSetSnapshot, rest: Leftovers) -> Plan:
    """Let go of a set that has nothing left; tell of it where that fails."""
    server_set = snapshot.server_set
    last = finalizers.remove(server_set)
    made = Plan(
        actions=(
            *claims.kept(snapshot),
            *kept_by_others.news(rest, about=snapshot.application),
            last,
        ),
        notes=("nothing below the set is left: letting go of the set",),
        urgency=Urgency.TEARDOWN,
    )
    failed = outcomes.of(snapshot.outcomes).about(last, server_set)
    return outcomes.alone(made, failed, lambda: _stay(snapshot, failed))


def _stay(snapshot: ServerSetSnapshot, failed: outcomes.Outcomes) -> Plan:
    """Tell of a set that has nothing left, and that cannot be let go of."""
    before = snapshot.server_set.status
    after = summary.bare(snapshot, failed)
    return Plan(
        actions=tuple(outcomes.news(before.blocked_by, failed, snapshot.server_set)),
        status=after,
        write_status_now=after.blocked_by != before.blocked_by,
    )


def _discard(snapshot: ServerSetSnapshot, gone: tuple[claims.Gone, ...], rest: Leftovers) -> Plan:
    """Delete what goes with the set; tell what others keep of it, and wait for that awhile."""
    notes = [f"deleting {words.count(len(gone), 'claim')}: {gone[0].why}"] if gone else []
    notes += [f"{each.object} is {each.message}" for each in rest.held]
    before = snapshot.server_set.status
    after = summary.discarding(snapshot, rest.held)
    return Plan(
        actions=(*gone, *claims.told(snapshot, gone), *rest.deletes, *_warnings(snapshot)),
        status=after,
        # The application takes down what the set relied on as soon as that is told.
        write_status_now=after is not None and after.blocked_by != before.blocked_by,
        wake_after=rest.left if rest.held else None,
        notes=tuple(notes),
        urgency=Urgency.TEARDOWN,
    )


def _warnings(snapshot: ServerSetSnapshot) -> tuple[RecordEvent, ...]:
    """Return the Events of calls that fail, as of any set: what does not go is news here, too."""
    server_set, failed = snapshot.server_set, outcomes.of(snapshot.outcomes)
    return tuple(outcomes.news(server_set.status.blocked_by, failed, server_set))
