"""The objects of one resource as last seen, and the indexes over them.

`follower` alone changes it; the engine reads it, within one turn of the loop, without copying.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container, Hashable, Iterable, Mapping
from typing import Generic, TypeVar, cast

import msgspec
import structlog

from controller.api import objects
from controller.api.resources import Resource
from controller.kube import interning, wire

T = TypeVar("T", bound=objects.Object)

Key = tuple[str, str]
OnChange = Callable[[T | None, T | None], None]

log = structlog.get_logger(__name__)


@dataclasses.dataclass(slots=True)
class _Index(Generic[T]):
    key: Callable[[T], Hashable | None]
    entries: dict[Hashable, dict[Key, T]] = dataclasses.field(default_factory=dict)


class Cache(Generic[T]):
    """Objects by (namespace, name), and by any key that an index takes from them."""

    def __init__(self, resource: Resource) -> None:
        self.objects: dict[Key, T] = {}
        self.malformed: dict[Key, wire.Malformed] = {}
        # Keepers of what follows from the objects here: told first, and of what is forgotten.
        self.keepers: list[OnChange[T]] = []
        self.on_change: list[OnChange[T]] = []
        self.on_malformed: list[Callable[[wire.Malformed], None]] = []
        # Called with an object and the error that a callback about it ended with.
        self.on_crash: list[Callable[[T, Exception], None]] = []
        self._resource = resource
        self._indexes: dict[Hashable, _Index[T]] = {}

    def add_index(self, name: Hashable, key: Callable[[T], Hashable | None]) -> None:
        """Keep an index by what `key` says of an object; None leaves it out."""
        index = self._indexes[name] = _Index(key)
        for where, each in self.objects.items():
            found = key(each)
            if found is not None:
                index.entries.setdefault(found, {})[where] = each

    def by(self, name: Hashable, key: Hashable) -> Mapping[Key, T]:
        """Return the objects under `key`: a live mapping, not to be kept across an await."""
        return self._indexes[name].entries.get(key, {})

    def put(self, new: T) -> None:
        """Take in an object that is newer than what is there."""
        self.malformed.pop((new.metadata.namespace, new.metadata.name), None)
        self._put(new)

    def _put(self, new: T) -> None:
        interning.share(new)
        # By the shared strings: else each name would be kept twice.
        where = (new.metadata.namespace, new.metadata.name)
        old = self.objects.get(where)
        self.objects[where] = new
        for index in self._indexes.values():
            after = index.key(new)
            if old is not None:
                before = index.key(old)
                if before is not None and before != after:
                    _leave(index, where, before)
            if after is not None:
                index.entries.setdefault(after, {})[where] = new
        self._tell(old, new, new)

    def drop(self, where: Key) -> None:
        """Take in that an object is gone."""
        old = self._remove(where)
        if old is not None:
            self._tell(old, None, old)

    def forget(self, holds: Callable[[objects.Meta], bool]) -> None:
        """Let go of what is held, which is there as before: no change, but to those who keep."""
        for where in (*self.objects, *self.malformed):
            known = self.seen(where)
            if known is None or not holds(known):
                continue
            old = self._remove(where)
            if old is not None:
                self._pass(self.keepers, old, None, old)

    def _remove(self, where: Key) -> T | None:
        self.malformed.pop(where, None)
        old = self.objects.pop(where, None)
        if old is None:
            return None
        for index in self._indexes.values():
            before = index.key(old)
            if before is not None:
                _leave(index, where, before)
        return old

    def _tell(self, old: T | None, new: T | None, item: T) -> None:
        """Pass a change on to each that follows."""
        self._pass(self.keepers, old, new, item)
        self._pass(self.on_change, old, new, item)

    def _pass(self, told: Iterable[OnChange[T]], old: T | None, new: T | None, item: T) -> None:
        """Pass a change on to some; one that fails keeps it from no other."""
        for each in told:
            try:
                each(old, new)
            except Exception as error:
                key = (item.metadata.namespace, item.metadata.name)
                log.exception("callback failed", resource=self._resource, key=key)
                for crashed in self.on_crash:
                    crashed(item, error)

    def mark(self, bad: wire.Malformed) -> None:
        """Take in an object that does not fit its view, as what remains of it.

        Where nothing remains, what was there before stays, under the metadata of now; but not what
        another object of the name was, whose end nobody saw.
        """
        where = (bad.metadata.namespace, bad.metadata.name)
        known, before = self.malformed.get(where), self.objects.get(where)
        if bad.remains is None and before is not None and before.metadata.uid != bad.metadata.uid:
            self.drop(where)
            before = None
        self.malformed[where] = bad
        if known is None or known.message != bad.message:
            log.warning(
                "object not understood", resource=self._resource, key=where, why=bad.message
            )
        if bad.remains is not None:
            self._put(cast("T", bad.remains))
        elif before is not None:
            self._put(msgspec.structs.replace(before, metadata=bad.metadata))
        for each in self.on_malformed:
            try:
                each(bad)
            except Exception:
                log.exception("callback failed", resource=self._resource, key=where)

    def replace(
        self,
        holds: Callable[[objects.Meta], bool],
        items: Iterable[T],
        malformed: Iterable[wire.Malformed],
        newer: Container[Key] = (),
    ) -> None:
        """Take in a whole list of what a follower `holds`, as the changes that lead to it.

        An object that is known to be `newer` than the list stays as it is, and so do those that
        others hold.
        """
        fresh = {(each.metadata.namespace, each.metadata.name): each for each in items}
        bad = {(each.metadata.namespace, each.metadata.name): each for each in malformed}
        for where in dict.fromkeys((*self.objects, *self.malformed)):
            if where in newer or where in fresh or where in bad:
                continue
            known = self.seen(where)
            if known is not None and holds(known):
                self.drop(where)
        for where, new in fresh.items():
            if self.is_older(where, version_of(new.metadata)):
                self.put(new)
        for where, odd in bad.items():
            if self.is_older(where, version_of(odd.metadata)):
                self.mark(odd)

    def seen(self, where: Key) -> objects.Meta | None:
        """Return the newest metadata of an object, whether or not the rest of it fits its view."""
        found = self.malformed.get(where) or self.objects.get(where)
        return found.metadata if found is not None else None

    def is_older(self, where: Key, version: int) -> bool:
        """Return whether what is known of an object is older than that; so is what is not there.

        Two followers tell of one object whose label changes, and answers come ahead of both.
        """
        known = self.seen(where)
        return known is None or version_of(known) < version


def version_of(meta: objects.Meta) -> int:
    """Return the resourceVersion of an object as the number that it is."""
    return int(meta.resource_version or 0)


def _leave(index: _Index[T], where: Key, key: Hashable) -> None:
    entries = index.entries[key]
    del entries[where]
    if not entries:
        del index.entries[key]
