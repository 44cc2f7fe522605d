"""Counts that go over all applications, where each replica follows a part of them alone.

Each replica tells in its heartbeat what it counts in its own slots; who plans an object that counts
adds up what it sees itself and what the others tell. `sharing` asks here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from controller.execution.caches import Caches
from controller.kinds.kind import Kind
from controller.kube import slots, tallies
from controller.kube.tallies import Tally
from controller.planning.caches import Total
from controller.planning.keys import Key
from controller.planning.subtotals import Subtotals


class KindCounts:
    """The counts of kinds: in the slots that are `mine`, and in others as their replicas tell."""

    def __init__(self, caches: Caches, mine: Callable[[], Collection[int]]) -> None:
        self._caches = caches
        self._mine = mine
        self._told: tuple[Tally, ...] = ()
        self._heard: tuple[frozenset[int], tuple[Tally, ...]] | None = None
        self._kinds = [each for each in caches.kinds.values() if each.counts is not None]

    def annotations(self) -> dict[str, str | None]:
        """Return what this replica's heartbeat says."""
        counts: dict[str, dict[str, int]] = {}
        for kind in self._kinds:
            # Of names that no object has, anybody can make up any number.
            known = {name for _, name in self._caches.of(kind.view).objects}
            named = known.intersection(self._numbers(kind).names())
            counts[kind.resource] = {name: self._own(kind, name) for name in named}
        return {tallies.ANNOTATION: tallies.write(Tally(frozenset(self._mine()), counts))}

    def hear(self, told: Mapping[str, Tally]) -> bool:
        """Take in what the others tell; return whether sums may be other than before."""
        self._told = tuple(each for _, each in sorted(told.items()))
        before, self._heard = self._heard, (frozenset(self._mine()), self._told)
        return self._caches.by_slot and before != self._heard

    def counting(self) -> Iterator[Key]:
        """Yield the keys of all objects that count."""
        for kind in self._kinds:
            if kind.resource in self._caches.informers:
                for path in self._caches.of(kind.view).objects:
                    yield Key(kind.resource, *path)

    def total(self, key: Key) -> Total | None:
        """Return what an object counts over all replicas; None where all of it is seen here."""
        kind = self._caches.kinds.get(key.resource)
        if not self._caches.by_slot or kind is None or kind.counts is None:
            return None
        own = Tally(
            frozenset(self._mine()), {str(kind.resource): {key.name: self._own(kind, key.name)}}
        )
        return Total(*tallies.add_up((own, *self._told), kind.resource, key.name))

    def _numbers(self, kind: Kind[Any, Any]) -> Subtotals:
        assert kind.counts is not None  # noqa: S101 - only such are asked for
        return self._caches.kept(kind.counts).numbers

    def _own(self, kind: Kind[Any, Any], name: str) -> int:
        mine = self._mine()
        return self._numbers(kind).sum(name, lambda bucket: slots.of_bucket(bucket) in mine)
