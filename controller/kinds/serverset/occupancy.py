"""How many servers a namespace may have, and how many of them each set may make.

An administrator sets the bound (`limits.serversPerNamespace`), so that whoever may write
applications in one namespace fills neither etcd nor the cluster. The oldest sets come first, so
that what comes later takes nothing from what runs; servers that are there are never deleted for it.
Called by `gather`, by the ServerSet planner, and for the admission webhook at each apply.

Example, a bound of 10: db (older) asks for 6, web for 8. web makes 4, and says why not more. db
asks for 9: web keeps its 4, and db makes none until web has let go of some.
"""

from __future__ import annotations

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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What the bound of a namespace leaves to a set."""

    # 0: there is no bound.
    limit: int = 0
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


class Asked:
    """Knows how many servers the sets of each namespace ask for, and in which order they came."""

    follows: ClassVar[type[objects.Object]] = objects.ServerSet

    def __init__(self) -> None:
        self._sets: dict[str, dict[str, objects.ServerSet]] = {}
        # Of each set, what those before it ask for; summed up anew after a change that matters.
        self._earlier: dict[str, dict[str, int]] = {}

    @classmethod
    def over(cls, _caches: Caches) -> Self:
        """Return one that has seen no set yet."""
        return cls()

    def change(self, old: objects.ServerSet | None, new: objects.ServerSet | None) -> None:
        """Take in what became of a set."""
        if old is not None and (new is None or _place(old) != _place(new)):
            self._sets.get(old.metadata.namespace, {}).pop(old.metadata.name, None)
            self._earlier.pop(old.metadata.namespace, None)
        if new is not None:
            self._sets.setdefault(new.metadata.namespace, {})[new.metadata.name] = new
            if old is None or _place(old) != _place(new):
                self._earlier.pop(new.metadata.namespace, None)
        for found in (old, new):
            if found is not None and not self._sets.get(found.metadata.namespace, True):
                del self._sets[found.metadata.namespace]

    def earlier(self, server_set: objects.ServerSet) -> int:
        """Return how many servers the sets ask for that were made before this one."""
        namespace = server_set.metadata.namespace
        sums = self._earlier.get(namespace)
        if sums is None:
            sums = self._earlier[namespace] = {}
            total = 0
            for _, name, asked in sorted(map(_place, self._sets.get(namespace, {}).values())):
                sums[name] = total
                total += asked
        return sums.get(server_set.metadata.name, 0)

    def beside(self, namespace: str, application: str) -> int:
        """Return how many servers all other applications of the namespace ask for."""
        found = self._sets.get(namespace, {}).values()
        return sum(_asked(each) for each in found if each.spec.application != application)

    def of(self, namespace: str, application: str, component: str) -> int:
        """Return how many servers the set of a component asks for; 0 where there is none."""
        name = names.server_set(application, component)
        found = self._sets.get(namespace, {}).get(name)
        return _asked(found) if found is not None else 0


def _place(server_set: objects.ServerSet) -> tuple[str, str, int]:
    meta = server_set.metadata
    return meta.creation_timestamp or "", meta.name, _asked(server_set)


def _asked(server_set: objects.ServerSet) -> int:
    return 0 if server_set.metadata.deletion_timestamp is not None else server_set.spec.replicas


def room(caches: Caches, server_set: objects.ServerSet, limit: int) -> Room:
    """Return what the bound leaves to a set."""
    if not limit:
        return Room()
    return Room(
        limit=limit,
        earlier=caches.kept(Asked).earlier(server_set),
        present=_present(caches, server_set.metadata.namespace),
    )


def _present(caches: Caches, namespace: str) -> int:
    """Return how many servers there are: as seen, and as their sets say where none are seen."""

    def is_hidden(bucket: int) -> bool:
        return not caches.shows(bucket)

    seen = caches.kept(Present).servers.sum(namespace, caches.shows)
    return seen + caches.kept(Told).servers.sum(namespace, is_hidden)


def within(found: Room, census: Census, sized: scaling.Scaling) -> tuple[scaling.Scaling, int]:
    """Return the scaling with as many creates as there is room for, and how many are left out.

    Two sets that plan in one moment know nothing of each other's creates: what each may have
    beside those that came earlier keeps them within the bound together.
    """
    if not found.limit or not sized.creates:
        return sized, 0
    left = max(0, found.limit - found.present)
    own = max(0, found.limit - found.earlier - (census.present - census.spares))
    made = [each for each in sized.creates if each not in sized.spares][: min(left, own)]
    made += [each for each in sized.creates if each in sized.spares][: left - len(made)]
    missing = len(sized.creates) - len(made)
    if not missing:
        return sized, 0
    note = f"{words.count(missing, 'server')} not created: the namespace may have {found.limit}"
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
    return f"The namespace {namespace} may have {limit} servers"


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
