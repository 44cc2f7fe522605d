"""A set that goes: all its servers at once, then the claims that go with it, then the set itself.

Called by the ServerSet planner, before it looks at anything else.
"""

from __future__ import annotations

from controller.kinds.serverset import claims, summary
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import finalizers, ownership, words, writes
from controller.planning.plan import Plan, Urgency


def plan(snapshot: ServerSetSnapshot) -> Plan:
    """Take all servers down at once; then the claims that go; then let go of the set itself."""
    server_set = snapshot.server_set
    if finalizers.is_orphaning(server_set.metadata):
        return Plan(notes=("its servers are being orphaned: nothing is done until they are",))
    if not finalizers.is_on(server_set.metadata):
        return Plan(status=summary.released(snapshot), notes=("nothing of it is left to Argosy",))
    mine = [
        each
        for _, each in sorted(snapshot.servers.items(), reverse=True)
        if ownership.owned_by(each, server_set)
    ]
    if mine:
        going = [each for each in mine if each.metadata.deletion_timestamp is None]
        after = summary.deleting(snapshot, len(mine))
        note = f"{words.be(len(mine), 'server')} still there, {len(going)} to be deleted now"
        return Plan(
            # Only as they are cached: it may have orphaned them, and is seen to go before that is.
            actions=tuple(
                writes.delete(each, why="its set is being deleted", guarded=True) for each in going
            ),
            status=after,
            write_status_now=summary.write_status_now(server_set.status, after),
            notes=(note,),
            urgency=Urgency.TEARDOWN,
        )
    if claims.is_unsure(snapshot):
        return Plan(
            status=summary.discarding(snapshot),
            notes=("whether claims are left that go with it is not known yet",),
            urgency=Urgency.TEARDOWN,
        )
    gone = claims.after_deletion(snapshot)
    if gone:
        note = f"deleting {words.count(len(gone), 'claim')}: {gone[0].why}"
        told = claims.told(snapshot, gone)
        return Plan(
            actions=(*gone, *told),
            status=summary.discarding(snapshot),
            notes=(note,),
            urgency=Urgency.TEARDOWN,
        )
    return Plan(
        actions=(*claims.kept(snapshot), finalizers.remove(server_set)),
        notes=("nothing below it is left: letting go of it",),
        urgency=Urgency.TEARDOWN,
    )
