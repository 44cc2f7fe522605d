"""Caches as they would be after changes that nobody has made: what is beneath stays as it is.

    caches = Overlay(look.caches, without=(objects.Operation,))
    caches.put(application)
    APPLICATION.gather(dataclasses.replace(look.sources, caches=caches), application, moment)

Called by `forecast`, so that kinds gather what is to come by their own `gather`. No view, index or
keeper is named here: whatever a kind looks up is found, with the changes. Only these are held, so
that thousands of objects beneath are neither copied nor indexed again; and each index or keeper
takes them in when it is asked, so that a server that changes twice in between costs one look.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

from controller.api import objects
from controller.planning import caches as reading
from controller.planning.caches import Index, Path

O = TypeVar("O", bound=objects.Object)  # noqa: E741 - an object, as in Kind[O, S]
K = TypeVar("K", bound=reading.Keeper)


class Overlay:
    """The caches `beneath`, with what was put and dropped, and `without` all of some views."""

    def __init__(
        self, beneath: reading.Caches, *, without: Collection[type[objects.Object]] = ()
    ) -> None:
        self._beneath = beneath
        self._without = frozenset(without)
        self._layers: dict[type[objects.Object], _Layer] = {}
        self._kept: dict[type[reading.Keeper], _Kept] = {}

    def put(self, item: objects.Object) -> None:
        """Take in an object that is new, or has changed."""
        meta = item.metadata
        self._layer(type(item)).change((meta.namespace, meta.name), item)

    def drop(self, view: type[objects.Object], path: Path) -> None:
        """Take in that an object is gone."""
        self._layer(view).change(path, None)

    def find(self, view: type[O], path: Path) -> O | None:
        """Return one object, if it is there."""
        found: O | None = self._layer(view).find(path)
        return found

    def of(self, view: type[O]) -> reading.Cache[O]:
        """Return the cache of a view."""
        return self._layer(view)

    def by(self, index: Index[O], key: Hashable) -> Mapping[Path, O]:
        """Return the objects that have this key in the index: each in the place that it had."""
        hidden = index.view in self._without
        below: Mapping[Path, O] = {} if hidden else self._beneath.by(index, key)
        layer = self._layers.get(index.view)
        if layer is None or not layer.changed:
            return below
        above, changed = cast("Mapping[Path, O]", layer.by(index, key)), layer.changed
        if not below:
            return above
        stays = {path: each for path, each in below.items() if path not in changed or path in above}
        return {**stays, **above}

    def is_whole(self, view: type[objects.Object]) -> bool:
        """Return whether all objects of a view are cached, in whatever namespace they are."""
        return self._beneath.is_whole(view)

    def kept(self, keeper: type[K]) -> K:
        """Return what a kind keeps up to date beside the indexes, told of all that there is.

        One that would be told of more changes than there are objects begins anew.
        """
        layer, found = self._layer(keeper.follows), self._kept.get(keeper)
        if found is None or not found.catch_up():
            found = self._kept[keeper] = _Kept(keeper.over(self), layer)
        return cast("K", found.keeper)

    def shows_all(self) -> bool:
        """Return whether all objects are seen here, in whatever part of the work."""
        return self._beneath.shows_all()

    def shows(self, bucket: int) -> bool:
        """Return whether all objects are seen here that are in a part of the work."""
        return self._beneath.shows(bucket)

    def _layer(self, view: type[objects.Object]) -> _Layer:
        if view not in self._layers:
            hidden = view in self._without
            self._layers[view] = _Layer(None if hidden else self._beneath.of(view))
        return self._layers[view]


class _Layer:
    """The cache of one view, with its changes: objects by path, or None for one that is gone."""

    def __init__(self, beneath: reading.Cache[Any] | None) -> None:
        self.below: Mapping[Path, Any] = {} if beneath is None else beneath.objects
        self._unread: Mapping[Path, Any] = {} if beneath is None else beneath.malformed
        self.changed: dict[Path, Any] = {}
        # The paths in the order of the changes.
        self.log: list[Path] = []
        self._indexes: dict[Index[Any], _Entries] = {}

    @property
    def objects(self) -> Mapping[Path, Any]:
        """All objects as they would be."""
        return _Objects(self) if self.changed else self.below

    @property
    def malformed(self) -> Mapping[Path, reading.Malformed]:
        """The objects that do not fit the view: none of those that were put."""
        if not self._unread:
            return self._unread
        return {path: each for path, each in self._unread.items() if path not in self.changed}

    def find(self, path: Path) -> Any:
        """Return one object, or None."""
        if path in self.changed:
            return self.changed[path]
        return self.below.get(path)

    def count(self) -> int:
        """Return how many objects there are."""
        added = [each for each in self.changed.values() if each is not None]
        return len(added) + len(self.below.keys() - self.changed.keys())

    def change(self, path: Path, new: Any) -> None:
        """Take in what became of an object."""
        self.changed[path] = new
        self.log.append(path)

    def since(self, place: int) -> Iterable[Path]:
        """Return what has changed since the log had so many entries, each once."""
        return dict.fromkeys(self.log[place:])

    def by(self, index: Index[Any], key: Hashable) -> Mapping[Path, Any]:
        """Return those of the changed objects that have this key in the index."""
        entries = self._indexes.get(index)
        if entries is None:
            entries = self._indexes[index] = _Entries(index, self)
        entries.catch_up()
        return entries.by_key.get(key, {})


class _Entries:
    """The changed objects of one layer by what one index says of them."""

    def __init__(self, index: Index[Any], layer: _Layer) -> None:
        self.by_key: dict[Hashable, dict[Path, Any]] = {}
        self._keys: dict[Path, Hashable] = {}
        self._index = index
        self._layer = layer
        self._place = 0

    def catch_up(self) -> None:
        """Take in what has changed since this was done last."""
        key, changed, keys = self._index.key, self._layer.changed, self._keys
        for path in self._layer.since(self._place):
            new = changed[path]
            after = key(new) if new is not None else None
            if path in keys and keys[path] != after:
                del self.by_key[keys[path]][path], keys[path]
            if after is not None:
                keys[path] = after
                self.by_key.setdefault(after, {})[path] = new
        self._place = len(self._layer.log)


class _Kept:
    """A keeper, and what it has been told of what has changed."""

    def __init__(self, keeper: reading.Keeper, layer: _Layer) -> None:
        self.keeper = keeper
        self._layer = layer
        self._told = dict(layer.changed)
        self._place = len(layer.log)
        for each in layer.objects.values():
            keeper.change(None, each)

    def catch_up(self) -> bool:
        """Tell of what has changed since; return False where that is more than there is."""
        layer, told = self._layer, self._told
        if self._place == len(layer.log):
            return True
        news = tuple(layer.since(self._place))
        if len(news) > layer.count():
            return False
        for path in news:
            old = told[path] if path in told else layer.below.get(path)
            new = told[path] = layer.changed[path]
            self.keeper.change(old, new)
        self._place = len(layer.log)
        return True


class _Objects(Mapping[Path, Any]):
    """The objects of one layer by their paths, as a mapping."""

    def __init__(self, layer: _Layer) -> None:
        self._layer = layer

    def __getitem__(self, path: Path) -> Any:
        """Return the object of that path."""
        found = self._layer.find(path)
        if found is None:
            raise KeyError(path)
        return found

    def __iter__(self) -> Iterator[Path]:
        """Yield the paths: of what was there before first, then of what is new."""
        below, changed = self._layer.below, self._layer.changed
        yield from (each for each in below if each not in changed or changed[each] is not None)
        yield from (each for each in changed if each not in below and changed[each] is not None)

    def __len__(self) -> int:
        """Return how many there are."""
        return self._layer.count()
