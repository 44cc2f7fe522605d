"""The parts that stay of an application that goes, as others' finalizers keep them.

Called by the Application planner while it takes an application down. Sets see to the parts of their
own: these are the records, the Builds, and the Jobs of what is below.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import objects
from controller.api.resources import PLACES, Resource
from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.planning import builds, finalizers, leftovers, ownership, writes
from controller.planning.leftovers import Leftovers
from controller.planning.plan import Delete

# Whoever has Jobs that go with the application. An operation outlives it, and keeps its own.
_OWNERS = frozenset({PLACES[Resource.BUILDS].kind, PLACES[Resource.SERVERS].kind})


def of(snapshot: ApplicationSnapshot) -> Leftovers:
    """Return what stays of an application that has no set any more."""
    application = snapshot.application
    return leftovers.of(
        (*_records(snapshot), *_builds(snapshot), *_jobs(snapshot)),
        timeout=application.spec.deletion.timeout_seconds,
        now=snapshot.now,
        why="the application is being deleted",
    )


def jobs_with_builds(snapshot: ApplicationSnapshot) -> Iterable[Delete]:
    """Yield the deletes of Jobs that others keep: once its Build is gone, nobody knows a Job."""
    mine = {each.metadata.uid for each in _builds(snapshot)}
    for each in snapshot.jobs:
        owner, going = each.metadata.controller, each.metadata.deletion_timestamp is not None
        if owner and owner.uid in mine and not going and finalizers.others(each.metadata):
            yield writes.delete(each, why="its Build is being deleted", guarded=True)


def _records(snapshot: ApplicationSnapshot) -> Iterable[objects.ControllerRevision]:
    found = (each for each in snapshot.revisions if ownership.owned_by(each, snapshot.application))
    return sorted(found, key=lambda each: each.metadata.name)


def _builds(snapshot: ApplicationSnapshot) -> Iterable[objects.Build]:
    every = builds.in_order(snapshot.builds)
    return (each for each in every if ownership.owned_by(each, snapshot.application))


def _jobs(snapshot: ApplicationSnapshot) -> Iterable[objects.Job]:
    """Yield the Jobs that go: their owner may be gone already, so labels say whose they are."""
    for each in sorted(snapshot.jobs, key=lambda each: each.metadata.name):
        owner = each.metadata.controller
        if owner and owner.kind in _OWNERS and each.metadata.deletion_timestamp is not None:
            yield each
