"""Which changes have a Build planned again. One that has ended waits for nothing.

Of fifty that wait their turn, the end of one has the next one planned, and no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.api import names, objects
from controller.api.resources import PLACES, Resource
from controller.planning import keys, relations, wakes
from controller.planning.caches import Caches
from controller.planning.keys import Key
from controller.planning.wakes import Change, Wake, When


def by_itself(caches: Caches, change: Change[objects.Build]) -> Iterable[Wake]:
    """A Build's own change, and those beside it: who waits for its end, whose place it takes."""
    item, (old, new) = change.item, change
    yield wakes.itself(keys.of(Resource.BUILDS, item), change)
    is_new = old is None or _controller(old) != _controller(item)
    ends = new is None or _ended(old) != _ended(new) or change.takes_work_away
    for each in _open(caches, item):
        later = is_new and each.spec.number < item.spec.number
        if later or (ends and _may_wait_for(each, item)):
            yield Wake(keys.of(Resource.BUILDS, each))


def by_application(caches: Caches, change: Change[objects.Application]) -> Iterable[Wake]:
    """An application's end is theirs; a pause, another source or another policy concerns them."""
    if wakes.concerns_all_below(change):
        when = When.AFRESH
    elif change.takes_work_away:
        when = When.NOW
    else:
        return
    meta = change.item.metadata
    for each in relations.builds_of(caches, meta.namespace, meta.name):
        if not _ended(each):
            yield Wake(keys.of(Resource.BUILDS, each), when)


def by_job(caches: Caches, change: Change[objects.Job]) -> Iterable[Wake]:
    """A Job concerns the Build that controls it."""
    del caches
    yield from _by_owner(change.item)


def by_pod(caches: Caches, change: Change[objects.Pod]) -> Iterable[Wake]:
    """The pod of a Job has the Job's last word, which may be seen after the Job's end."""
    meta = change.item.metadata
    if names.BUILD_LABEL not in meta.labels or meta.controller is None:
        return
    job = caches.of(objects.Job).objects.get((meta.namespace, meta.controller.name))
    if job is not None:
        yield from _by_owner(job)


def by_namespace(caches: Caches, change: Change[objects.Namespace]) -> Iterable[Wake]:
    """A namespace on its way out ends all work in it."""
    for application in wakes.applications_by_namespace(caches, change):
        meta = application.metadata
        for each in relations.builds_of(caches, meta.namespace, meta.name):
            if not _ended(each):
                yield Wake(keys.of(Resource.BUILDS, each), When.AFRESH)


def _by_owner(job: objects.Job) -> Iterator[Wake]:
    owner = job.metadata.controller
    if owner is not None and owner.kind == PLACES[Resource.BUILDS].kind:
        yield Wake(Key(Resource.BUILDS, job.metadata.namespace, owner.name))


def _open(caches: Caches, item: objects.Build) -> Iterator[objects.Build]:
    """Yield the other Builds of the component that have not begun."""
    for each in relations.builds_of(caches, item.metadata.namespace, item.spec.application):
        mine = each.metadata.name == item.metadata.name
        if not mine and each.spec.component == item.spec.component and not _begun(each):
            yield each


def _may_wait_for(build: objects.Build, other: objects.Build) -> bool:
    """Return whether `build` waits for `other`, or has yet to say for whom it does."""
    if not build.status.blocked_by:
        return True
    name = f"Build/{other.metadata.name}"
    return any(each.object == name for each in build.status.blocked_by)


def _begun(build: objects.Build) -> bool:
    return build.status.start_time is not None or _ended(build)


def _ended(build: objects.Build | None) -> bool:
    return build is not None and build.status.completion_time is not None


def _controller(build: objects.Build) -> str:
    owner = build.metadata.controller
    return owner.uid if owner is not None else ""
