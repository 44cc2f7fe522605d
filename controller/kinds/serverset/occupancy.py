"""How many servers a namespace may have, and how many of them each set may make.

An administrator sets the bound (`limits.serversPerNamespace`), so that whoever may write
applications in one namespace fills neither etcd nor the cluster. The oldest sets come first, so
that what comes later takes nothing from what runs; servers that are there are never deleted for it.
Called by `gather`, by the ServerSet planner, and for the admission webhook at each apply.

Example, a bound of 10: db (older) asks for 6, web for 8. web makes 4, and says why not more. db
asks for 9: web keeps its 4, and db makes none until web has let go of some.
"""

from __future__ import annotations

import bisect
import dataclasses
from typing import ClassVar, Self

from controller.api import clock, names, objects
from controller.api.conditions import Blocked
from controller.kinds.serverset import scaling
from controller.kinds.serverset.reasons import ServerSetReason
from controller.planning import remedies, words
from controller.planning.caches import Caches
from controller.planning.census import Census
from controller.planning.subtotals import Subtotals, bucket

# How soon a set that waits for room looks again, in seconds: nobody wakes it for each server that
# goes somewhere in its namespace.
AGAIN = 15.0
# Where a set stands among those of its namespace: when it was made, its name, and what it asks for.
Place = tuple[str, str, int]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The room that the bound of a namespace leaves to a set."""

    # 0: there is no bound.
    limit: int = 0
    # Where the bound is not known, what the set was told by who knows it: then nothing is left.
    told: Blocked | None = None
    # Servers that sets made earlier ask for, and servers that there are.
    earlier: int = 0
    present: int = 0


class Present:
    """Counts the servers of each namespace that are seen here."""

    follows: ClassVar[type[objects.Object]] = objects.Server

    def __init__(self) -> None:
        self.servers = Subtotals()

    @classmethod
    def over(cls, _caches: Caches) -> Self:
        """Return one that has counted nothing yet."""
        return cls()

    def change(self, old: objects.Server | None, new: objects.Server | None) -> None:
        """Take in that a server came, went, or is one of another application's by that name."""
        if old is not None and new is not None and bucket(old) == bucket(new):
            return
        for found, number in ((old, -1), (new, 1)):
            if found is not None:
                self.servers.add(found.metadata.namespace, bucket(found), number)


class Told:
    """Sums up how many servers the sets of each namespace say that they have."""

    follows: ClassVar[type[objects.Object]] = objects.ServerSet

    def __init__(self) -> None:
        self.servers = Subtotals()

    @classmethod
    def over(cls, _caches: Caches) -> Self:
        """Return one that has been told nothing yet."""
        return cls()

    def change(self, old: objects.ServerSet | None, new: objects.ServerSet | None) -> None:
        """Take in what a set says now."""
        for found, sign in ((old, -1), (new, 1)):
            if found is not None and found.status.replicas:
                number = sign * found.status.replicas
                self.servers.add(found.metadata.namespace, bucket(found), number)


class _Line:
    """The sets of one namespace as they came, and what those before each of them ask for.

    Sums are made anew from the first set on that came, went, or asks for another number: beside a
    thousand that stay as they are, the latest costs one addition.
    """

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._order: list[Place] = []
        # How many servers are asked for before each of the first `_summed` sets.
        self._earlier: dict[str, int] = {}
        self._summed = 0

    def put(self, name: str, place: Place | None) -> None:
        """Have the set of this name stand in its place; None if it is gone."""
        before = self._places.pop(name, None)
        if place is not None:
            self._places[name] = place
        else:
            self._earlier.pop(name, None)
        if before == place:
            return
        if before is not None:
            at = bisect.bisect_left(self._order, before)
            del self._order[at]
            self._summed = min(self._summed, at)
        if place is not None:
            at = bisect.bisect_left(self._order, place)
            self._order.insert(at, place)
            self._summed = min(self._summed, at)

    def earlier(self, name: str) -> int:
        """Return what those before the set of this name ask for; 0 where there is no such set."""
        if name not in self._places:
            return 0
        total = 0
        if self._summed:
            _, last, asked = self._order[self._summed - 1]
            total = self._earlier[last] + asked
        for _, each, asked in self._order[self._summed :]:
            self._earlier[each] = total
            total += asked
        self._summed = len(self._order)
        return self._earlier[name]


class Asked:
    """Knows how many servers the sets of each namespace ask for, and in which order they came."""

    follows: ClassVar[type[objects.Object]] = objects.ServerSet

    def __init__(self) -> None:
        self._sets: dict[str, dict[str, objects.ServerSet]] = {}
        self._lines: dict[str, _Line] = {}

    @classmethod
    def over(cls, _caches: Caches) -> Self:
        """Return one that has seen no set yet."""
        return cls()

    def change(self, old: objects.ServerSet | None, new: objects.ServerSet | None) -> None:
        """Take in what became of a set."""
        if new is not None:
            namespace, name = new.metadata.namespace, new.metadata.name
            self._sets.setdefault(namespace, {})[name] = new
            self._lines.setdefault(namespace, _Line()).put(name, _place(new))
        elif old is not None and old.metadata.namespace in self._sets:
            namespace, name = old.metadata.namespace, old.metadata.name
            self._sets[namespace].pop(name, None)
            self._lines[namespace].put(name, None)
            if not self._sets[namespace]:
                del self._sets[namespace], self._lines[namespace]

    def earlier(self, server_set: objects.ServerSet) -> int:
        """Return how many servers the sets ask for that were made before this one."""
        line = self._lines.get(server_set.metadata.namespace)
        return line.earlier(server_set.metadata.name) if line is not None else 0

    def beside(self, namespace: str, application: str) -> int:
        """Return how many servers all other applications of the namespace ask for."""
        found = self._sets.get(namespace, {}).values()
        return sum(_asked(each) for each in found if each.spec.application != application)

    def of(self, namespace: str, application: str, component: str) -> int:
        """Return how many servers the set of a component asks for; 0 where there is none."""
        name = names.server_set(application, component)
        found = self._sets.get(namespace, {}).get(name)
        return _asked(found) if found is not None else 0


def _place(server_set: objects.ServerSet) -> Place:
    meta = server_set.metadata
    return meta.creation_timestamp or "", meta.name, _asked(server_set)


def _asked(server_set: objects.ServerSet) -> int:
    return 0 if server_set.metadata.deletion_timestamp is not None else server_set.spec.replicas


def room(caches: Caches, server_set: objects.ServerSet, limit: int | None) -> Room:
    """Return what the bound leaves to a set; where it is not known (None), by the set's status."""
    if limit is None:
        before = server_set.status.blocked_by
        full = (each for each in before if each.reason == ServerSetReason.NAMESPACE_FULL)
        return Room(told=next(full, None))
    if not limit:
        return Room()
    return Room(
        limit=limit,
        earlier=caches.kept(Asked).earlier(server_set),
        present=_present(caches, server_set.metadata.namespace),
    )


def _present(caches: Caches, namespace: str) -> int:
    """Return how many servers there are: as seen, and as their sets say where none are seen."""
    seen, told = caches.kept(Present).servers, caches.kept(Told).servers
    if caches.shows_all():
        return seen.total(namespace)
    hidden = told.sum(namespace, lambda bucket: not caches.shows(bucket))
    return seen.sum(namespace, caches.shows) + hidden


def within(found: Room, census: Census, sized: scaling.Scaling) -> tuple[scaling.Scaling, int]:
    """Return the scaling with as many creates as there is room for, and how many are left out.

    Two sets that plan in one moment know nothing of each other's creates: what each may have
    beside those that came earlier keeps them within the bound together.
    """
    if not (found.limit or found.told) or not sized.creates:
        return sized, 0
    left = max(0, found.limit - found.present)
    own = max(0, found.limit - found.earlier - (census.present - census.spares))
    made = [each for each in sized.creates if each not in sized.spares][: min(left, own)]
    made += [each for each in sized.creates if each in sized.spares][: left - len(made)]
    missing = len(sized.creates) - len(made)
    if not missing:
        return sized, 0
    most = found.limit or "no more"
    note = f"{words.count(missing, 'server')} not created: the namespace may have {most}"
    return (
        dataclasses.replace(
            sized,
            creates=tuple(made),
            spares=sized.spares & frozenset(made),
            notes=(*sized.notes, note),
        ),
        missing,
    )


def blocked(server_set: objects.ServerSet, found: Room, unmade: int, now: float) -> Blocked:
    """Return what a set says that has no room for all its servers."""
    if found.told is not None:
        return found.told
    meta = server_set.metadata
    return Blocked(
        object=f"Namespace/{meta.namespace}",
        reason=ServerSetReason.NAMESPACE_FULL,
        message=f"{excess(meta.namespace, found.limit)}, so of {meta.name}"
        f" {words.be(unmade, 'server')} not made. {CURE}",
        since=clock.stamp(now),
        next_attempt_time=None,
        remedy=remedies.applications(meta.namespace),
    )


CURE = (
    "Scale down or delete what is not needed, or ask an administrator of the cluster to raise"
    " limits.serversPerNamespace of Argosy's chart."
)


def excess(namespace: str, limit: int) -> str:
    """Return the beginning of a sentence on the bound of a namespace."""
    return f"The namespace {namespace} may have {words.count(limit, 'server')}"


def refusal(
    caches: Caches, before: objects.Application | None, after: objects.Application, limit: int
) -> str:
    """Return why an application that is applied asks for too many servers; empty if it does not.

    Whoever asks for no more than before is not refused for what others ask for.
    """
    if not limit:
        return ""
    asked, namespace = caches.kept(Asked), after.metadata.namespace
    wanted = _total(asked, after)
    others = asked.beside(namespace, after.metadata.name)
    if others + wanted <= limit or (before is not None and wanted <= _total(asked, before)):
        return ""
    return (
        f"spec.components: {excess(namespace, limit)}; other applications ask for {others}, and"
        f" {after.metadata.name} for {wanted}. {CURE}"
    )


def _total(asked: Asked, application: objects.Application) -> int:
    """Return how many servers an application asks for; what others scale, as it is now."""
    meta = application.metadata
    return sum(
        asked.of(meta.namespace, meta.name, each.name) if each.replicas is None else each.replicas
        for each in application.spec.components
    )
