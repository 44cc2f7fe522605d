"""Which changes have a fleet planned again."""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import objects
from controller.planning import keys
from controller.planning.caches import Caches
from controller.planning.wakes import Change, Wake, When


def by_itself(caches: Caches, change: Change[objects.Fleet]) -> Iterable[Wake]:
    """A fleet's own change."""
    del caches
    yield Wake(keys.fleet(change.item.metadata.name))


def by_server(caches: Caches, change: Change[objects.Server]) -> Iterable[Wake]:
    """A fleet counts its servers; one that is built in has nowhere to say how many."""
    name = change.item.spec.fleet
    counts = change.old is None or change.new is None
    if counts and ("", name) in caches.of(objects.Fleet).objects:
        yield Wake(keys.fleet(name), When.SOON)
