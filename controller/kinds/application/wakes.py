"""Which changes have an application planned again."""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import names, objects
from controller.api.resources import Resource
from controller.planning import keys, wakes
from controller.planning.caches import Caches
from controller.planning.keys import Key
from controller.planning.wakes import Change, Wake, When


def by_itself(caches: Caches, change: Change[objects.Application]) -> Iterable[Wake]:
    """An application's own change."""
    del caches
    yield wakes.itself(keys.of(Resource.APPLICATIONS, change.item), change, urgent_when_new=True)


def by_set(caches: Caches, change: Change[objects.ServerSet]) -> Iterable[Wake]:
    """Where a set is new or gone, the application goes on at once; how it stands can wait."""
    del caches
    yield Wake(_key(change.item), When.SOON if change.same_object else When.NOW)


def by_operation(caches: Caches, change: Change[objects.Operation]) -> Iterable[Wake]:
    """An application remembers what was done to it."""
    del caches
    if wakes.ends_or_turns(change):
        yield Wake(_key(change.item))


def by_build(caches: Caches, change: Change[objects.Build]) -> Iterable[Wake]:
    """A Build's end is an application's news, and so is one that is new, gone or let go of."""
    del caches
    old, new = change
    same = (
        old is not None
        and new is not None
        and old.status.conditions == new.status.conditions
        and old.metadata.owner_references == new.metadata.owner_references
        and old.metadata.finalizers == new.metadata.finalizers
        and old.metadata.deletion_timestamp == new.metadata.deletion_timestamp
    )
    if not same:
        yield Wake(_key(change.item))


def by_job(caches: Caches, change: Change[objects.Job]) -> Iterable[Wake]:
    """A Job that somebody keeps from going is told by an application that goes."""
    meta = change.item.metadata
    path = meta.namespace, meta.labels.get(names.APPLICATION_LABEL, "")
    above = caches.of(objects.Application).objects.get(path)
    if above is not None and above.metadata.deletion_timestamp is not None:
        yield Wake(keys.of(Resource.APPLICATIONS, above))


def by_revision(caches: Caches, change: Change[objects.ControllerRevision]) -> Iterable[Wake]:
    """A revision concerns the application that controls it, or may take it up."""
    del caches
    meta = change.item.metadata
    owner = meta.controller
    name = owner.name if owner is not None else meta.labels.get(names.APPLICATION_LABEL, "")
    yield Wake(Key(Resource.APPLICATIONS, meta.namespace, name))


def by_fleet(caches: Caches, change: Change[objects.Fleet]) -> Iterable[Wake]:
    """A fleet that is new, other or gone can do for its applications what it could not before."""
    for each in wakes.applications_by_fleet(caches, change):
        yield Wake(keys.of(Resource.APPLICATIONS, each))


def by_namespace(caches: Caches, change: Change[objects.Namespace]) -> Iterable[Wake]:
    """A namespace on its way out ends all work in it; its labels open fleets and close them."""
    for each in wakes.applications_by_namespace(caches, change):
        yield Wake(keys.of(Resource.APPLICATIONS, each), When.AFRESH)


def _key(below: objects.ServerSet | objects.Operation | objects.Build) -> Key:
    return Key(Resource.APPLICATIONS, below.metadata.namespace, below.spec.application)
