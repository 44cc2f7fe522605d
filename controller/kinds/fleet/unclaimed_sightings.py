"""Remembers since when instances of fleets have had no Server, as far as this process saw.

`gather` asks for it. A process that starts begins to count anew; what was told by then stands in
the Fleet's status.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar, Self

from controller import contract
from controller.api import objects
from controller.planning.caches import Caches
from controller.planning.unclaimed import Sighting

# How often all instances are gone through where nothing is amiss, in seconds.
PAUSE = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Visit:
    """The sightings at one time."""

    at: float
    found: Mapping[str, Sighting]


_NEVER = _Visit(0.0, {})


class UnclaimedSightings:
    """The instances of each fleet whose Servers are gone, by the fleet's name."""

    follows: ClassVar[type[objects.Object]] = objects.Fleet

    def __init__(self, caches: Caches) -> None:
        self._caches = caches
        self._last: dict[str, _Visit] = {}

    @classmethod
    def over(cls, caches: Caches) -> Self:
        """Return one that knows Servers by these caches."""
        return cls(caches)

    def change(self, old: objects.Fleet | None, new: objects.Fleet | None) -> None:
        """Forget a Fleet that is gone: another one of its name has other instances."""
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self._last.pop(old.metadata.name, None)

    def sightings(
        self,
        fleet: str,
        instances: Callable[[], Iterable[contract.Instance] | None],
        now: float,
    ) -> Mapping[str, Sighting] | None:
        """Return those whose Servers are gone, by id; None while that cannot be known.

        Among them are those of which no more is known than that they may be there.
        """
        if not self._caches.is_whole(objects.Server):
            return None
        last = self._last.get(fleet, _NEVER)
        if not last.found and last.at <= now < last.at + PAUSE:
            return last.found
        seen = instances()
        if seen is None:
            return None
        found = {each.instance.id: each for each in self._sightings(seen, last, now)}
        self._last[fleet] = _Visit(now, found)
        return found

    def _sightings(
        self, seen: Iterable[contract.Instance], last: _Visit, now: float
    ) -> Iterator[Sighting]:
        cache = self._caches.of(objects.Server)
        for each in seen:
            # One that cannot be read is there all the same, whatever could be read of it before.
            there = (cache.objects.get(each.path), cache.malformed.get(each.path))
            if any(one is not None and one.metadata.uid == each.uid for one in there):
                continue
            before = last.found.get(each.id)
            yield Sighting(instance=each, since=before.since if before is not None else now)
