"""New servers of a set: at which revision each of them is made.

Called by the ServerSet planner, after scaling has decided which ordinals there are to be.
"""

from __future__ import annotations

import collections

from controller import contract
from controller.api import tags
from controller.api.resources import Resource
from controller.kinds.serverset import scaling
from controller.kinds.serverset.assigning import Assigning
from controller.kinds.serverset.records import Records
from controller.kinds.serverset.server_manifests import ServerManifests
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import ordinals, outcomes, targets, writes
from controller.planning.census import Census
from controller.planning.plan import Create


def creates(
    snapshot: ServerSetSnapshot,
    census: Census,
    sized: scaling.Scaling,
    records: Records,
    where: Assigning,
    *,
    standing_in: str = "",
) -> list[Create]:
    """Return the creates of the servers that scaling asks for.

    At the target revision from the first, so that none is made twice; below the partition as their
    neighbours are. Spare ones at the revision `standing_in`, where the target is not to be trusted.
    """
    if not sized.creates:
        return []
    bodies = ServerManifests(snapshot.server_set)
    older = _below_partition(snapshot, census, records) if census.partition else census.target
    return [
        writes.create(
            bodies.body(
                ordinal,
                standing_in
                if standing_in and ordinal in sized.spares
                else (older if ordinal < census.partition else census.target),
                scaling.SPARE_ANNOTATIONS if ordinal in sized.spares else None,
                where.new(ordinal, spare=ordinal in sized.spares),
            ),
            why=_why(snapshot, census, ordinal, spare=ordinal in sized.spares),
        )
        for ordinal in sized.creates
    ]


def _why(snapshot: ServerSetSnapshot, census: Census, ordinal: int, *, spare: bool) -> str:
    if spare:
        return f"a spare one for {scaling.purpose(census)}"
    if ordinals.contains(snapshot.server_set.spec.stopped, ordinal):
        return "the server is missing, and stays stopped until a Start"
    return "the server is missing"


def _below_partition(snapshot: ServerSetSnapshot, census: Census, records: Records) -> str:
    """Return the revision that a server below the partition comes back with.

    The one that most of its neighbours there run: the partition keeps them as they are. One that is
    no longer on record cannot be made again.
    """
    counts = collections.Counter(
        server.spec.revision
        for ordinal, server in census.servers.items()
        if ordinal < census.partition
    )
    known = {each: count for each, count in counts.items() if records.find(each) is not None}
    if known:
        return max(known, key=lambda each: (known[each], each))
    proven = snapshot.server_set.status.proven_revision
    return proven if not counts and records.find(proven) is not None else census.target


def blocked(
    snapshot: ServerSetSnapshot, census: Census, failed: outcomes.Outcomes
) -> frozenset[int]:
    """Return the ordinals whose servers cannot be made for now: refused, or their names taken."""
    prefix = f"{snapshot.server_set.metadata.name}-"
    found = (
        each.target.name.removeprefix(prefix)
        for each in failed.refused
        if isinstance(each.target, targets.ObjectTarget)
        and each.target.resource is Resource.SERVERS
        and each.verb is contract.Verb.CREATE
        and each.again > snapshot.now
    )
    known = (tags.number(each) for each in found)
    return frozenset(census.foreign) | {each for each in known if each is not None}
