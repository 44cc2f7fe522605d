"""All that is cached of the cluster: one informer a resource, with the indexes that kinds ask for.

The watched resources are those of kinds, those that kinds follow, and those that providers see
their servers by.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from controller import parts
from controller.api import names, objects, resources
from controller.api.resources import PLACES, Place, Resource
from controller.kinds import registry as kinds_registry
from controller.kinds.kind import Kind
from controller.kube import api as kube
from controller.kube import informer, slots
from controller.planning import caches as reading
from controller.planning.caches import Index, Path
from controller.providers import registry as providers_registry
from controller.telemetry import progress

O = TypeVar("O", bound=objects.Object)  # noqa: E741 - an object, as in Kind[O, S]
K = TypeVar("K", bound=reading.Keeper)


class _Empty:
    """The cache of what this install may not watch."""

    objects: Mapping[Path, Any] = {}
    malformed: Mapping[Path, reading.Malformed] = {}


_EMPTY = _Empty()


class Caches:
    """The caches of one cluster, or of some of its namespaces (`("",)` means all).

    `cluster_scoped` asks for what belongs to the whole cluster, to which namespaced installs may
    have no right; what of it is `read_only` is for others to plan. `optional` asks for what some
    clusters alone serve, too. `by_slot` follows what there is one a server of by slot: only slots
    that are open, and what says no slot.
    """

    def __init__(
        self,
        api: kube.Api,
        *,
        kinds: Sequence[Kind[Any, Any]] = kinds_registry.KINDS,
        namespaces: Sequence[str] = ("",),
        cluster_scoped: bool = True,
        read_only: bool = False,
        optional: bool = False,
        by_slot: bool = False,
    ) -> None:
        self.kinds: dict[Resource, Kind[Any, Any]] = {each.resource: each for each in kinds}
        self.informers: dict[Resource, informer.Informer[Any]] = {}
        self.by_slot = by_slot
        # The slots that are open, where it is followed by slot; and those of which all is shown.
        self.slots: set[int] = set()
        self._everywhere = tuple(namespaces) == ("",)
        self._whole: set[int] = set()
        self._by_view: dict[type[objects.Object], informer.Informer[Any]] = {}
        for view in _watched(kinds):
            resource = resources.of(view)
            place = PLACES[resource]
            if not place.namespaced and not cluster_scoped:
                continue
            if not place.everywhere and not optional:
                continue
            made: informer.Informer[Any] = informer.Informer(
                api,
                resource,
                namespaces=namespaces if place.namespaced else ("",),
                label_selector=_selector(place),
                field_selector=place.fields,
                by_slot=by_slot and place.bucketed,
            )
            self.informers[resource] = self._by_view[view] = made
        self._parted = tuple(each for each in self.informers.values() if each.by_slot)
        # Of the kinds, those that are planned from these caches.
        self.planned = tuple(
            each
            for each in self.kinds
            if each in self.informers and (PLACES[each].namespaced or not read_only)
        )
        self._planned_views = frozenset(self.kinds[each].view for each in self.planned)
        for index in dict.fromkeys(index for each in kinds for index in each.indexes):
            if index.view in self._by_view:
                self._by_view[index.view].add_index(index, index.key)
        self._kept: dict[type[reading.Keeper], reading.Keeper] = {}
        for keeper in dict.fromkeys(keeper for each in kinds for keeper in each.keepers):
            kept = self._kept[keeper] = keeper.over(self)
            if keeper.follows in self._by_view:
                self._by_view[keeper.follows].keep(kept.change)

    def of(self, view: type[O]) -> reading.Cache[O]:
        """Return the cache of a view; it is empty where this install may not watch that."""
        return cast("reading.Cache[O]", self._by_view.get(view, _EMPTY))

    def by(self, index: Index[O], key: Hashable) -> Mapping[Path, O]:
        """Return the objects that have this key in the index."""
        found = self._by_view.get(index.view)
        return found.by(index, key) if found is not None else {}

    def kept(self, keeper: type[K]) -> K:
        """Return what a kind keeps up to date beside the indexes."""
        return cast("K", self._kept[keeper])

    def watches(self, view: type[objects.Object]) -> bool:
        """Return whether this install may watch the objects of a view."""
        return view in self._by_view

    def is_whole(self, view: type[objects.Object]) -> bool:
        """Return whether all objects of a view are cached, in whatever namespace they are."""
        found = self._by_view.get(view)
        return self._everywhere and found is not None and found.synced and not found.by_slot

    def shows_all(self) -> bool:
        """Return whether all objects are seen here, in whatever part of the work."""
        return not self.by_slot

    def shows(self, bucket: int) -> bool:
        """Return whether all objects are seen here that are in a part of the work."""
        return not self.by_slot or slots.of_bucket(bucket) in self._whole

    def informer(self, view: type[O]) -> informer.Informer[O]:
        """Return what watches the objects of a view."""
        return self._by_view[view]

    def learn(self, resource: Resource, answer: bytes) -> None:
        """Take in what a create of ours was answered with, where such objects are cached."""
        found = self.informers.get(resource)
        if found is not None:
            found.learn(answer)

    def plans(self, view: type[objects.Object]) -> bool:
        """Return whether objects of that view are planned from these caches."""
        return view in self._planned_views

    @property
    def synced(self) -> bool:
        """Whether every cache has seen a whole list."""
        return all(each.synced for each in self.informers.values())

    def cached(self) -> dict[tuple[str, ...], float]:
        """Return how many objects each cache holds."""
        return {(resource,): len(each.objects) for resource, each in self.informers.items()}

    def silences(self) -> dict[tuple[str, ...], float]:
        """Return how long ago each watch was last heard."""
        return {
            (resource,): silence
            for resource, each in self.informers.items()
            if (silence := each.silence) is not None
        }

    def pulses(self) -> list[progress.Pulse]:
        """Return when each loop that feeds a cache last went on."""
        return [pulse for each in self.informers.values() for pulse in each.pulses]

    async def wait(self) -> None:
        """Return once `synced`."""
        for each in self.informers.values():
            await each.wait()

    def open(self, slot: int) -> bool:
        """Follow a slot from now on; return whether all is shown that there is of it."""
        self.slots.add(slot)
        for each in self._parted:
            each.open(slot)
        if all(each.is_open(slot) for each in self._parted):
            self._whole.add(slot)
        return slot in self._whole

    async def close(self, slot: int) -> None:
        """Follow a slot no more, and forget it without a word."""
        self.slots.discard(slot)
        self._whole.discard(slot)
        for each in self._parted:
            await each.close(slot)

    async def run(self) -> None:
        """Keep all caches up to date until cancelled."""
        await parts.together(
            {f"cache {resource}": each.run() for resource, each in self.informers.items()}
        )


def _watched(kinds: Iterable[Kind[Any, Any]]) -> Sequence[type[objects.Object]]:
    """Return the views of all that is watched, in the order of their resources."""
    found = {each.view for each in kinds}.union(
        *(each.follows for each in kinds),
        (index.view for each in kinds for index in each.indexes),
        providers_registry.SEEN_BY,
    )
    order = list(Resource)
    return sorted(found, key=lambda view: order.index(resources.of(view)))


def _selector(place: Place) -> str:
    """Return what is watched of a resource: all of our own, of others what carries our label."""
    ours = place.api_version == names.API_VERSION
    every = ours or not place.namespaced or not place.labelled
    return "" if every else names.APPLICATION_LABEL
