"""New servers of a set: at which revision each of them is made.

Called by the ServerSet planner, after scaling has decided which ordinals there are to be.
"""

from __future__ import annotations

import collections

from controller.api import names
from controller.api.resources import Resource
from controller.kinds.revisions import contents
from controller.kinds.serverset import scaling
from controller.kinds.serverset.server_manifests import Servers
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning.census import Census
from controller.planning.plan import Create


def creates(snapshot: ServerSetSnapshot, census: Census, sized: scaling.Scaling) -> list[Create]:
    """Return the creates of the servers that scaling asks for.

    At the target revision from the first, so that none is made twice; below the partition as their
    neighbours are.
    """
    if not sized.creates:
        return []
    spec = snapshot.server_set.spec
    bodies = Servers(snapshot.server_set)
    target = contents.of_server_set(spec)
    older = _below_partition(snapshot, census, target) if census.partition else target
    return [
        Create(
            resource=Resource.SERVERS,
            body=bodies.body(
                ordinal,
                older if ordinal < census.partition else target,
                scaling.SPARE_ANNOTATIONS if ordinal in sized.spares else None,
            ),
            why="a spare one for the rollout" if ordinal in sized.spares else "it is missing",
        )
        for ordinal in sized.creates
    ]


def _below_partition(
    snapshot: ServerSetSnapshot, census: Census, target: contents.Content
) -> contents.Content:
    """Return the revision that a server below the partition comes back with.

    The one that most of its neighbours there run: the partition keeps them as they are.
    """
    neighbours = [
        server for ordinal, server in census.servers.items() if ordinal < census.partition
    ]
    if not neighbours:
        return _stored(snapshot, snapshot.server_set.status.proven_revision) or target
    counts = collections.Counter(each.spec.revision for each in neighbours)
    revision = max(counts, key=lambda each: (counts[each], each))
    if revision == target.revision:
        return target
    of_it = next(each for each in neighbours if each.spec.revision == revision)
    return _stored(snapshot, revision) or contents.of_server(of_it.spec)


def _stored(snapshot: ServerSetSnapshot, revision: str) -> contents.Content | None:
    spec = snapshot.server_set.spec
    name = names.controller_revision(spec.application, spec.component, revision)
    found = next((each for each in snapshot.revisions if each.metadata.name == name), None)
    return contents.of_revision(found, revision, spec.volume_claims) if found else None
