"""Servers that are to be in another failure domain: out of one that is evacuated, or overfull.

Relocations are moves like those off cordoned nodes. A server with claims stays where its volumes
are. Called by the ServerSet planner.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from controller.api import objects
from controller.api.choices import Power
from controller.api.conditions import Blocked
from controller.kinds.serverset import assigning, moves, updates
from controller.kinds.serverset.moves import Move
from controller.kinds.serverset.reasons import ServerSetReason
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import domains, focus, remedies
from controller.planning.census import Census
from controller.planning.plan import Patch


def wanted(snapshot: ServerSetSnapshot, census: Census) -> dict[int, Move]:
    """Return which servers are to be in another domain, by ordinal, and why."""
    known, spec = snapshot.fleet.domains, snapshot.server_set.spec
    if not any(domains.takes(known, each.name) for each in known):
        return {}
    away = domains.evacuating(known)
    if away and (found := dict(_evacuated(snapshot, census, away))):
        return found
    if spec.spread is None or spec.volume_claims or not _is_calm(census):
        return {}
    high = domains.overfull(known, assigning.lasting(census), spec.spread.max_skew)
    free = [
        ordinal
        for ordinal, each in census.servers.items()
        if high and each.spec.domain == high and _may_move(each) and not census.is_spare(ordinal)
    ]
    if not free:
        return {}
    why = f"failure domain {high} has more servers than maxSkew allows"
    return {max(free): Move(why=why, object=f"Fleet/{spec.fleet}")}


def reassign(
    census: Census, where: assigning.Assigning, touched: Collection[int]
) -> dict[int, Patch]:
    """Give another domain to servers that wait, as nothing new lands in theirs."""
    why = "nothing new lands in the failure domain that it was to be in"
    waiting = (
        each
        for each in census.odd
        if each.ordinal not in touched and not each.server.spec.held
        if assigning.waits(each.server)
    )
    given = ((each, where.again(each.server)) for each in waiting)
    return {
        each.ordinal: updates.assign(each.server, domain, why=why)
        for each, domain in given
        if domain != each.server.spec.domain
    }


def sick(snapshot: ServerSetSnapshot, census: Census) -> Iterator[Blocked]:
    """Yield the domains whose ill servers hold those of all others, which wait to be taken down."""
    meta, spec = snapshot.server_set.metadata, snapshot.server_set.spec
    waiting = {domains.place(each.server) for each in census.due if each.ready}
    if not waiting or not focus.is_on(spec.rollout):
        return
    ill = sorted(
        {domains.place(each.server) for each in census.odd if moves.is_down_for_good(each)}
    )
    for name in ill:
        if waiting - {name}:
            yield Blocked(
                object=f"Fleet/{spec.fleet}",
                reason=ServerSetReason.DOMAIN_SICK,
                message=f"Servers of failure domain {name} are down, so that none of another is"
                " taken down.",
                remedy=remedies.why("serverset", meta.name, meta.namespace),
            )


def _evacuated(
    snapshot: ServerSetSnapshot, census: Census, away: frozenset[str]
) -> Iterator[tuple[int, Move]]:
    fleet = snapshot.server_set.spec.fleet
    bound = assigning.volumes(snapshot.claims or ())
    for ordinal, server in census.servers.items():
        # By what it was given, so that none moves again that lands there all the same.
        domain = server.spec.domain or server.status.provider.zone
        if domain in away and server.metadata.name not in bound:
            why = f"failure domain {domain} of fleet {fleet} is being evacuated"
            yield ordinal, Move(why=why, object=f"Fleet/{fleet}")


def _is_calm(census: Census) -> bool:
    """Return whether all is well but for spare servers, which may stand in for one that moves."""
    if census.leaving or census.present - census.spares < census.desired:
        return False
    return all(census.is_spare(each.ordinal) for each in census.odd)


def _may_move(server: objects.Server) -> bool:
    return not server.spec.held and server.spec.power == Power.RUNNING
