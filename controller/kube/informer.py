"""One resource as the API server tells it: listed once, watched ever after, cached as views.

The engine reads `objects` and the indexes, is called back for each change, and asks `reached`
whether its own writes have been seen. An informer outlives restarts of the API server and long
outages; it never shows an older state after a newer one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar, cast

from controller import parts
from controller.api import objects, resources
from controller.api.objects import Meta
from controller.api.resources import Resource
from controller.kube import api as door
from controller.kube import wire
from controller.kube.cache import Cache, Key, OnChange
from controller.kube.follower import Follower
from controller.telemetry import progress

T = TypeVar("T", bound=objects.Object)

# The API server sends a bookmark about once a minute; without one for this long it is gone.
SILENCE_SECONDS = 100.0


class Informer(Generic[T]):
    """Follows one resource in the whole cluster, or in some namespaces.

    `objects`, `malformed` and the indexes change only between two awaits, change by change, each
    followed by its callbacks; a subscriber must not block, and one that raises is logged.
    """

    def __init__(
        self,
        api: door.Api,
        resource: Resource,
        *,
        namespaces: Sequence[str] = ("",),
        label_selector: str = "",
        field_selector: str = "",
        silence_seconds: float = SILENCE_SECONDS,
        rng: random.Random | None = None,
    ) -> None:
        view = resources.PLACES[resource].view
        if view is None:
            raise ValueError(f"{resource} has no view to be cached as")
        self.resource = resource
        self._cache: Cache[T] = Cache(resource)
        self._on_advance: list[Callable[[int], None]] = []
        self._all_synced = asyncio.Event()
        decoder = self._decoder = wire.Decoder(cast("type[T]", view), f"watch {resource}")
        self._followers = {
            each: Follower(
                api,
                resource,
                each,
                cache=self._cache,
                decoder=decoder,
                on_move=self._advance,
                label_selector=label_selector,
                field_selector=field_selector,
                silence_seconds=silence_seconds,
                rng=rng or random.Random(),  # noqa: S311 - jitter is no secret
            )
            for each in namespaces
        }

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that are followed; the empty one means all."""
        return tuple(self._followers)

    @property
    def objects(self) -> dict[Key, T]:
        """The current views by (namespace, name): to be read, not changed."""
        return self._cache.objects

    @property
    def malformed(self) -> dict[Key, wire.Malformed]:
        """What does not fit its view, and why; a last good view may still be in `objects`."""
        return self._cache.malformed

    def seen(self, namespace: str, name: str) -> Meta | None:
        """Return the newest metadata of an object, whether or not the rest of it fits its view."""
        odd, found = self.malformed.get((namespace, name)), self.objects.get((namespace, name))
        if odd is not None:
            return odd.metadata
        return found.metadata if found is not None else None

    @property
    def synced(self) -> bool:
        """Whether every namespace was listed once."""
        return self._all_synced.is_set()

    @property
    def failure(self) -> str:
        """Why the API server could not be followed just now; empty while all is well."""
        return next((each.failure for each in self._followers.values() if each.failure), "")

    @property
    def pulses(self) -> list[progress.Pulse]:
        """When each namespace's loop last went on."""
        return [each.pulse for each in self._followers.values()]

    @property
    def silence(self) -> float | None:
        """How long the API server has not been heard of some namespace; None before the first."""
        heard = [each.heard.silence for each in self._followers.values()]
        return max((each for each in heard if each is not None), default=None)

    @property
    def resource_version(self) -> int:
        """The resourceVersion that has been reached, in all namespaces."""
        return min(each.reached for each in self._followers.values())

    async def wait(self) -> None:
        """Return once `synced`."""
        await self._all_synced.wait()

    async def catch_up(self, since: float) -> None:
        """Return once all that was committed before this call is seen; see `Follower.catch_up`."""
        for each in self._followers.values():
            await each.catch_up(since)

    def reached(self, resource_version: int, namespace: str = "") -> bool:
        """Return whether all that was written up to `resource_version` in `namespace` is seen."""
        follower = self._followers.get(namespace) or self._followers.get("")
        reached = follower.reached if follower else self.resource_version
        return reached >= resource_version

    def subscribe(self, on_change: OnChange[T]) -> None:
        """Call `on_change(old, new)` after each change; both have one key, but maybe two UIDs."""
        self._cache.on_change.append(on_change)

    def unsubscribe(self, on_change: OnChange[T]) -> None:
        """Call `on_change` no more."""
        self._cache.on_change.remove(on_change)

    def on_malformed(self, callback: Callable[[wire.Malformed], None]) -> None:
        """Call back when an object does not fit its view."""
        self._cache.on_malformed.append(callback)

    def on_crash(self, callback: Callable[[T, Exception], None]) -> None:
        """Call back with an object of which a subscriber failed to take in a change."""
        self._cache.on_crash.append(callback)

    def on_advance(self, callback: Callable[[int], None]) -> None:
        """Call back, after the changes, with the resourceVersion that a namespace has reached."""
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
        follower = self._followers.get(made.metadata.namespace) or self._followers.get("")
        if follower is not None:
            follower.learn(made)

    async def run(self) -> None:
        """Follow the resource until cancelled; raises WentBack if the storage lost its memory."""
        await parts.together(
            {
                f"watch {self.resource} {namespace}": each.run()
                for namespace, each in self._followers.items()
            }
        )

    def _advance(self, reached: int) -> None:
        if not self.synced and all(each.reached for each in self._followers.values()):
            self._all_synced.set()
        for each in self._on_advance:
            each(reached)
