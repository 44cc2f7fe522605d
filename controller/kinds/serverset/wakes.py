"""Which changes have a set planned again."""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import names, objects
from controller.api.resources import Resource
from controller.kinds.serverset import remakers
from controller.planning import departures, keys, relations, wakes
from controller.planning.caches import Caches
from controller.planning.keys import Key
from controller.planning.wakes import Change, Wake, When


def by_itself(caches: Caches, change: Change[objects.ServerSet]) -> Iterable[Wake]:
    """A set's own change."""
    del caches
    yield wakes.itself(keys.of(Resource.SERVERSETS, change.item), change, urgent_when_new=True)


def by_application(caches: Caches, change: Change[objects.Application]) -> Iterable[Wake]:
    """A pause, an end or a retry of the application is all of its sets'."""
    if wakes.concerns_all_below(change):
        for each in relations.set_keys(caches, change.item):
            yield Wake(each, When.AFRESH)


def by_server(caches: Caches, change: Change[objects.Server]) -> Iterable[Wake]:
    """How its servers stand, and how many there are: whoever had it, has it, or should have it."""
    del caches
    meta, spec = change.item.metadata, change.item.spec
    # One that nothing controls is for the set of its component to take up. One that was given to a
    # stranger is missed by the set that had it, and its name is free for that set once it goes.
    concerned = {names.server_set(spec.application, spec.component)}
    for each in change:
        owner = each.metadata.controller if each is not None else None
        if owner is not None:
            concerned.add(owner.name)
    for name in sorted(concerned):
        yield Wake(Key(Resource.SERVERSETS, meta.namespace, name), When.SOON)


def by_operation(caches: Caches, change: Change[objects.Operation]) -> Iterable[Wake]:
    """A restart that begins takes servers over from the rollout, and gives them back at its end.

    Nor does any that takes servers down begin before its sets allow no eviction.
    """
    old, new = (
        each is not None and (remakers.is_at_work(each), remakers.is_one(each)) for each in change
    )
    if (old or (False, False)) == (new or (False, False)):
        return
    meta, spec = change.item.metadata, change.item.spec
    application = relations.application_of(caches, meta.namespace, spec.application)
    if application is not None:
        for each in relations.set_keys(caches, application):
            yield Wake(each, When.SOON)


def by_revision(caches: Caches, change: Change[objects.ControllerRevision]) -> Iterable[Wake]:
    """Servers are told to run no revision that is not on record."""
    del caches
    meta = change.item.metadata
    if not change.same_object:
        yield Wake(Key(Resource.SERVERSETS, meta.namespace, names.labelled_set(meta.labels)))


def by_service(caches: Caches, change: Change[objects.Service]) -> Iterable[Wake]:
    """A set keeps its Service, and waits for it, whosever it is.

    The Service has the set's name, or one that the component gives it: then its labels, or its
    owner, tell whose it is.
    """
    del caches
    concerned = {change.item.metadata.name}
    for each in change:
        if each is None:
            continue
        owner = each.metadata.controller
        concerned.add(names.labelled_set(each.metadata.labels))
        if owner is not None:
            concerned.add(owner.name)
    for name in sorted(concerned):
        yield Wake(Key(Resource.SERVERSETS, change.item.metadata.namespace, name))


def by_disruption_budget(
    caches: Caches, change: Change[objects.DisruptionBudget]
) -> Iterable[Wake]:
    """A set keeps its PodDisruptionBudget, and gives way to one that a person made for its pods.

    How many pods the disruption controller counts changes all the time, and is nobody's concern;
    but it is that an eviction is not on record any more, for which others may have waited.
    """
    old, new = change
    same = old is not None and new is not None and _says_the_same(old, new)
    if same and not departures.is_one_over(old, new):
        return
    namespace = change.item.metadata.namespace
    owners = {
        each.metadata.controller.name
        for each in change
        if each is not None and each.metadata.controller is not None
    }
    if old is not None and new is not None and old.metadata.controller != new.metadata.controller:
        owners = set()
    if owners:
        for name in sorted(owners):
            yield Wake(Key(Resource.SERVERSETS, namespace, name), When.SOON)
        return
    for each in caches.by(relations.SETS_BY_NAMESPACE, namespace).values():
        yield Wake(keys.of(Resource.SERVERSETS, each), When.SOON)


def _says_the_same(old: objects.DisruptionBudget, new: objects.DisruptionBudget) -> bool:
    before, after = old.metadata, new.metadata
    return old.spec == new.spec and (
        (before.uid, before.labels, before.controller, before.deletion_timestamp)
        == (after.uid, after.labels, after.controller, after.deletion_timestamp)
    )


def by_node(caches: Caches, change: Change[objects.Node]) -> Iterable[Wake]:
    """Servers on a node that takes no new pods have to move; not any more where it does again."""
    if not change.same_object:
        for each in relations.node_set_keys(caches, change.item.metadata.name):
            yield Wake(each, When.SOON)


def by_eviction_request(caches: Caches, change: Change[objects.EvictionRequest]) -> Iterable[Wake]:
    """A server whose pod is asked to leave has to move, until that is withdrawn."""
    old, new = change
    if old is not None and new is not None and (old.spec, old.status) == (new.spec, new.status):
        return
    yield from (Wake(each, When.SOON) for each in relations.asked_set_keys(caches, change.item))


def by_claim(caches: Caches, change: Change[objects.Claim]) -> Iterable[Wake]:
    """A claim outlives its servers, and goes as the component says."""
    del caches
    meta = change.item.metadata
    yield Wake(Key(Resource.SERVERSETS, meta.namespace, names.labelled_set(meta.labels)), When.SOON)


def by_fleet(caches: Caches, change: Change[objects.Fleet]) -> Iterable[Wake]:
    """A fleet that is new, other or gone can do for its sets what it could not before."""
    for application in wakes.applications_by_fleet(caches, change):
        yield from map(Wake, relations.set_keys(caches, application))


def by_namespace(caches: Caches, change: Change[objects.Namespace]) -> Iterable[Wake]:
    """A namespace on its way out ends all work in it; its labels open fleets and close them."""
    for application in wakes.applications_by_namespace(caches, change):
        for each in relations.set_keys(caches, application):
            yield Wake(each, When.AFRESH)
