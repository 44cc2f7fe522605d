"""The gate: no key is planned before the caches show all that it wrote itself.

No timeout stands in for that. The engine asks at each visit; a key that has to wait is parked here,
and woken by the cache that it waits for once that has come far enough.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from controller.api.resources import Resource
from controller.execution.key_state import KeyState
from controller.execution.phases import PARKED
from controller.kube.informer import Informer
from controller.kube.receipts import WriteReceipt
from controller.planning.keys import Key

# A cache, or one slot of it.
Cache = tuple[Resource, int | None]


class Gate:
    """Parks keys until the caches show what they wrote; `wake` has one looked at again."""

    def __init__(
        self, informers: Mapping[Resource, Informer[Any]], *, wake: Callable[[Key], None]
    ) -> None:
        self._informers = informers
        self._wake = wake
        # The keys that wait for each cache, by the version that it must reach; and what each waits
        # for by now, once: an entry that says otherwise is void.
        self._parked: dict[Cache, list[tuple[int, int, Key]]] = {}
        self._awaited: dict[Key, tuple[Cache, int]] = {}
        self._sequence = itertools.count()

    def __len__(self) -> int:
        """Return how many entries wait for a cache."""
        return sum(map(len, self._parked.values()))

    def passes(self, key: Key, state: KeyState) -> bool:
        """Return whether the caches show all that this key wrote; park it where they do not."""
        for (resource, namespace, slot), floor in tuple(state.floors.items()):
            informer = self._informers.get(resource)
            if informer is None or informer.reached(floor, namespace, slot):
                state.reach((resource, namespace, slot))
                continue
            self._park(key, state, (resource, slot if informer.by_slot else None), floor)
            return False
        for where, written in tuple(state.gone.items()):
            if self._shows(written):
                # The event of its going touches this key.
                state.park()
                return False
            state.see_gone(where)
        if state.phase is PARKED:
            self._awaited.pop(key, None)
        state.come_through()
        return True

    def advance(self, resource: Resource, version: int, slot: int | None) -> None:
        """Wake whoever waits for no more than what a cache, or one slot of it, has reached."""
        cache = resource, slot
        waiting = self._parked.get(cache)
        while waiting and waiting[0][0] <= version:
            floor, _, key = heapq.heappop(waiting)
            if self._awaited.get(key) == (cache, floor):
                del self._awaited[key]
                self._wake(key)

    def _park(self, key: Key, state: KeyState, cache: Cache, floor: int) -> None:
        """Have the key woken when the cache shows the version; it may stand in line already."""
        state.park()
        if self._awaited.get(key) == (cache, floor):
            return
        self._awaited[key] = cache, floor
        waiting = self._parked.setdefault(cache, [])
        heapq.heappush(waiting, (floor, next(self._sequence), key))

    def _shows(self, written: WriteReceipt) -> bool:
        """Return whether the cache still shows an object that was deleted, or has ended, as was."""
        informer = self._informers.get(written.resource)
        seen = informer.seen(written.namespace, written.name) if informer else None
        return (
            seen is not None
            and seen.uid == written.uid
            and (written.ended or not seen.deletion_timestamp)
        )
