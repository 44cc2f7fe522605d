"""One resource as the API server tells it: listed once, watched ever after, cached as views.

The engine reads `objects` and the indexes, is called back for each change, and asks `reached`
whether its own writes have been seen. An informer outlives restarts of the API server and long
outages; it never shows an older state after a newer one.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Generic, TypeVar, cast

from controller import parts
from controller.api import objects, resources
from controller.api.objects import Meta
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.kube import backoff, slots, wire
from controller.kube.cache import Cache, Key, OnChange
from controller.kube.follower import ALL, Follower
from controller.kube.scope import WatchScope
from controller.telemetry import progress

T = TypeVar("T", bound=objects.Object)

# The API server sends a bookmark about once a minute; without one for this long it is gone.
SILENCE_SECONDS = 100.0


class Informer(Generic[T]):
    """Follows one resource in the whole cluster, or in some namespaces; all of it, or `by_slot`.

    `objects`, `malformed` and the indexes change only between two awaits, change by change, each
    followed by its callbacks; a subscriber must not block, and one that raises is logged.

    By slot, it follows what says that it is of no slot, and the slots that are open: `open` and
    `close` say which, at any time.
    """

    def __init__(
        self,
        api: kube.Api,
        resource: Resource,
        *,
        namespaces: Sequence[str] = ("",),
        label_selector: str = "",
        field_selector: str = "",
        by_slot: bool = False,
        silence_seconds: float = SILENCE_SECONDS,
        rng: random.Random | None = None,
    ) -> None:
        view = resources.PLACES[resource].view
        if view is None:
            raise ValueError(f"{resource} has no view to be cached as")
        self.resource = resource
        self.namespaces = tuple(namespaces)
        self.by_slot = by_slot
        self._api = api
        self._cache: Cache[T] = Cache(resource)
        self._on_advance: list[Callable[[int, int | None], None]] = []
        self._all_synced = asyncio.Event()
        self._decoder = wire.Decoder(cast("type[T]", view), f"watch {resource}")
        self._labels, self._fields = label_selector, field_selector
        self._silence_seconds = silence_seconds
        self._rng = rng or backoff.jitter()
        # By slot and namespace; of slot None is what says none, or all.
        self._followers: dict[int | None, dict[str, Follower[T]]] = {}
        self._shift = parts.Shift()
        self._follow(None)

    def _follow(self, slot: int | None) -> None:
        self._followers[slot] = {
            each: Follower(
                self._api,
                self.resource,
                WatchScope(
                    namespace=each,
                    labels=self._labels,
                    fields=self._fields,
                    by_slot=self.by_slot,
                    slot=slot,
                ),
                cache=self._cache,
                decoder=self._decoder,
                on_move=functools.partial(self._advance, slot),
                silence_seconds=self._silence_seconds,
                rng=self._rng,
            )
            for each in self.namespaces
        }
        for namespace, each in self._followers[slot].items():
            part = namespace if slot is None else f"{namespace} {slot}"
            self._shift.begin((slot, namespace), each.run, f"watch {self.resource} {part}")

    def open(self, slot: int) -> None:
        """Follow a slot from now on; `is_open` says when all is shown that there is of it."""
        if not self.by_slot:
            raise ValueError(f"{self.resource} is not followed by slot")
        if slot not in self._followers:
            self._follow(slot)

    def is_open(self, slot: int) -> bool:
        """Return whether a slot is followed, and was listed."""
        if not self.by_slot:
            return self.synced
        found = self._followers.get(slot)
        return found is not None and all(each.reached for each in found.values())

    async def close(self, slot: int) -> None:
        """Follow a slot no more, and forget it: who watches for changes is not told of any.

        The slot's objects are there as before. Who keeps count of what is shown here is told.
        """
        found = self._followers.pop(slot, {})
        for namespace in found:
            await self._shift.end((slot, namespace))
        for each in found.values():
            each.close()
            if slot not in self._followers:
                self._cache.forget(each.scope.holds)
        # Whoever waits for a write to be seen there waits for nothing that is to come.
        self._advance(slot, ALL)

    @property
    def _all(self) -> list[Follower[T]]:
        return [each for found in self._followers.values() for each in found.values()]

    @property
    def objects(self) -> dict[Key, T]:
        """The current views by (namespace, name): to be read, not changed."""
        return self._cache.objects

    @property
    def malformed(self) -> dict[Key, wire.Malformed]:
        """Objects that do not fit their view, and why; a last good view may be in `objects`."""
        return self._cache.malformed

    def seen(self, namespace: str, name: str) -> Meta | None:
        """Return the newest metadata of an object, whether or not the rest of it fits its view."""
        return self._cache.seen((namespace, name))

    @property
    def synced(self) -> bool:
        """Whether every namespace was listed once; of slots, `is_open` says so."""
        return self._all_synced.is_set()

    @property
    def failure(self) -> str:
        """Why the API server could not be followed just now; empty while all is well."""
        return next((each.failure for each in self._all if each.failure), "")

    @property
    def pulses(self) -> list[progress.Pulse]:
        """When each namespace's loop last went on."""
        return [each.pulse for each in self._all]

    @property
    def silence(self) -> float | None:
        """How long the API server has not been heard of some namespace; None before the first."""
        heard = [each.heard.silence for each in self._all]
        return max((each for each in heard if each is not None), default=None)

    @property
    def resource_version(self) -> int:
        """The resourceVersion that has been reached, in all namespaces."""
        return min(each.reached for each in self._all)

    async def wait(self) -> None:
        """Return once `synced`."""
        await self._all_synced.wait()

    async def catch_up(self, since: float, slots: Collection[int | None] | None = None) -> None:
        """Return once all that was committed before this call is seen; see `Follower.catch_up`.

        Of some slots alone: None is what says none, or all that is not followed by slot.
        """
        for slot, found in tuple(self._followers.items()):
            if slots is None or slot in slots:
                for each in found.values():
                    if self._followers.get(slot) is found:
                        await each.catch_up(since)

    def reached(self, resource_version: int, namespace: str = "", slot: int | None = None) -> bool:
        """Return whether all that was written up to `resource_version` is seen.

        In all namespaces or in one; where it is followed by slot, of what says that it is of
        `slot`, or of none. Of a slot that is not followed there is nothing to wait for.
        """
        found = self._followers.get(slot if self.by_slot else None, {})
        follower = found.get(namespace) or found.get("")
        asked = found.values() if follower is None else (follower,)
        return all(each.reached >= resource_version for each in asked)

    def subscribe(self, on_change: OnChange[T]) -> None:
        """Call `on_change(old, new)` after each change; both have one key, but maybe two UIDs.

        Of a slot that is closed nothing is told: nothing has changed.
        """
        self._cache.on_change.append(on_change)

    def keep(self, on_change: OnChange[T]) -> None:
        """Call `on_change` as `subscribe` does, but before others, and of what is forgotten, too.

        For those who keep what follows from the objects that are shown here.
        """
        self._cache.keepers.append(on_change)

    def unsubscribe(self, on_change: OnChange[T]) -> None:
        """Call `on_change` no more."""
        self._cache.on_change.remove(on_change)

    def on_malformed(self, callback: Callable[[wire.Malformed], None]) -> None:
        """Call back when an object does not fit its view."""
        self._cache.on_malformed.append(callback)

    def on_crash(self, callback: Callable[[T, Exception], None]) -> None:
        """Call back with an object of which a subscriber failed to take in a change."""
        self._cache.on_crash.append(callback)

    def on_advance(self, callback: Callable[[int, int | None], None]) -> None:
        """Call back, after the changes, with the resourceVersion that is reached, and where.

        The place is in some namespace: one slot; or, where it is None, what says none, or all.
        """
        self._on_advance.append(callback)

    def add_index(self, name: Hashable, key: Callable[[T], Hashable | None]) -> None:
        """Keep an index by what `key` says of an object; None leaves it out."""
        self._cache.add_index(name, key)

    def by(self, name: Hashable, key: Hashable) -> Mapping[Key, T]:
        """Return the objects under `key` of an index: a live mapping, to be read at once."""
        return self._cache.by(name, key)

    def learn(self, answer: bytes) -> None:
        """Take in what a create was answered with, before the watch tells of it.

        So whoever follows need not wait for that. Of what cannot be read, or is not followed here,
        nothing is learned.
        """
        try:
            made = self._decoder.one(answer)
        except wire.Garbled:
            return
        if isinstance(made, wire.Malformed):
            return
        slot = slots.labelled(made.metadata.labels) if self.by_slot else None
        found = self._followers.get(slot, {})
        follower = found.get(made.metadata.namespace) or found.get("")
        if follower is not None:
            follower.learn(made)

    async def run(self) -> None:
        """Follow the resource until cancelled; raises WentBack if the storage lost its memory."""
        await self._shift.run()

    def _advance(self, slot: int | None, reached: int) -> None:
        if not self.synced and all(each.reached for each in self._followers[None].values()):
            self._all_synced.set()
        for each in self._on_advance:
            each(reached, slot)
