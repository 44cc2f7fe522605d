"""Which changes have a server planned again. The provider tells of its instance by itself."""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import names, objects
from controller.api.choices import Start
from controller.api.resources import Resource
from controller.kinds.server import order
from controller.planning import departures, keys, relations, wakes
from controller.planning.caches import Caches
from controller.planning.keys import Key
from controller.planning.wakes import Change, Wake, When


def by_itself(caches: Caches, change: Change[objects.Server]) -> Iterable[Wake]:
    """A server's own change; with start: Ordered those after it wait for it to be available."""
    yield wakes.itself(keys.of(Resource.SERVERS, change.item), change)
    server_set = relations.set_above(caches, change.item)
    if server_set is not None and server_set.spec.start == Start.ORDERED:
        yield from map(Wake, order.followers(caches, change.item))


def by_application(caches: Caches, change: Change[objects.Application]) -> Iterable[Wake]:
    """A pause, an end or a retry of the application is all of its servers'."""
    if wakes.concerns_all_below(change):
        for each in relations.all_server_keys(caches, change.item):
            yield Wake(each, When.AFRESH)


def by_set(caches: Caches, change: Change[objects.ServerSet]) -> Iterable[Wake]:
    """Through its set a server belongs to an application, and the set's policies are its own."""
    if not change.same_object or _policies(change.old) != _policies(change.new):
        yield from map(Wake, relations.server_keys(caches, change.item.metadata.uid))


def _policies(server_set: objects.ServerSet | None) -> tuple[object, ...]:
    if server_set is None:
        return ()
    spec = server_set.spec
    order = spec.start, spec.ordinals
    return spec.recovery, spec.deletion, spec.rollout.min_ready_seconds, spec.drift, order


def by_revision(caches: Caches, change: Change[objects.ControllerRevision]) -> Iterable[Wake]:
    """Whoever refers to a record sees it come and go; what servers read of it never changes."""
    if not change.same_object:
        yield from map(Wake, relations.revision_server_keys(caches, change.item))


def by_what_is_labelled(
    caches: Caches, change: Change[objects.Claim] | Change[objects.Job]
) -> Iterable[Wake]:
    """Claims, and the Jobs of its tasks, say in a label whose they are, or said so before."""
    del caches
    both = (change.old, change.new)
    found = {each.metadata.labels.get(names.SERVER_LABEL, "") for each in both if each is not None}
    for name in sorted(found - {""}):
        yield Wake(Key(Resource.SERVERS, change.item.metadata.namespace, name))


def by_disruption_budget(
    caches: Caches, change: Change[objects.DisruptionBudget]
) -> Iterable[Wake]:
    """A server whose eviction is not on record any more may have its next instance."""
    servers, namespace = caches.of(objects.Server).objects, change.item.metadata.namespace
    for name in sorted(departures.over(*change)):
        if (namespace, name) in servers:
            yield Wake(Key(Resource.SERVERS, namespace, name))


def by_fleet(caches: Caches, change: Change[objects.Fleet]) -> Iterable[Wake]:
    """A fleet that is other than it was, or that has taken an orphan on record."""
    for application in wakes.applications_by_fleet(caches, change):
        yield from map(Wake, relations.all_server_keys(caches, application))
    old, new = change
    if old is None or new is None or old.spec != new.spec:
        return
    if old.status.orphans != new.status.orphans:
        # Servers on their way out: theirs may be the instance that is on record now.
        for each in caches.by(relations.SERVERS_BY_FLEET, new.metadata.name).values():
            if each.metadata.deletion_timestamp:
                yield Wake(keys.of(Resource.SERVERS, each))


def by_namespace(caches: Caches, change: Change[objects.Namespace]) -> Iterable[Wake]:
    """A namespace on its way out ends all work in it; its labels open fleets and close them."""
    for application in wakes.applications_by_namespace(caches, change):
        for each in relations.all_server_keys(caches, application):
            yield Wake(each, When.AFRESH)
