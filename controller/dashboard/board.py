"""What the pages show of applications: kept up to date by watches, counted anew where it changed.

A page that is asked for costs no call to the API server, and at rest nothing is counted.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable

from controller.dashboard.lists import Shelf
from controller.presentation import pictures
from controller.presentation.applications import Followed
from controller.presentation.pictures import ApplicationPicture

Key = tuple[str, str]
# Ages move even when nothing else does.
AGING_SECONDS = 10.0


class Board:
    """The pictures of the applications that are followed."""

    def __init__(self, followed: Followed, clock: Callable[[], float]) -> None:
        self._followed = followed
        self._clock = clock
        # Of each picture, the version that it was made of, and when.
        self._made: dict[Key, tuple[int, float, ApplicationPicture]] = {}
        self._shelves: dict[Key, tuple[ApplicationPicture, Shelf]] = {}

    @property
    def trouble(self) -> str:
        """Why the pages may be behind; empty where everything is followed."""
        return self._followed.failure

    def version(self, key: Key | None = None) -> int:
        """Return a number that grows with each change: of one application, or of anything."""
        return self._followed.version if key is None else self._followed.versions[key]

    def mark(self, of: str) -> str:
        """Return what is another whenever what a page follows is: "namespace/name", "" for all."""
        namespace, _, name = of.partition("/")
        version = self.version((namespace, name) if name else None)
        return f"{version}-{int(bool(self.trouble))}"

    @property
    def is_over(self) -> bool:
        """Whether nothing is shown any more: never, as long as the process lives."""
        return False

    async def look(self, of: str) -> None:
        """Do nothing: whose pages these are may see all that is followed."""

    def one(self, key: Key) -> ApplicationPicture | None:
        """Return the picture of an application; None where there is none."""
        now = self._clock()
        made = self._made.get(key)
        if made is not None and self._is_fresh(key, made, now):
            return made[2]
        version = self.version(key)
        drawn = self._followed.one(*key, now)
        if drawn is None:
            self._made.pop(key, None)
            return None
        self._made[key] = (version, now, drawn)
        return drawn

    def shelf(self, found: ApplicationPicture) -> Shelf:
        """Return what has the pages of a picture's servers; it goes when the picture does."""
        key = found.namespace, found.name
        known = self._shelves.get(key)
        if known is None or known[0] is not found:
            known = self._shelves[key] = found, Shelf()
            for gone in set(self._shelves) - set(self._made) - {key}:
                del self._shelves[gone]
        return known[1]

    def all(self) -> list[ApplicationPicture]:
        """Return all pictures, those in trouble first."""
        now = self._clock()
        keys = self._followed.keys()
        stale = {
            key
            for key in keys
            if (made := self._made.get(key)) is None or not self._is_fresh(key, made, now)
        }
        if stale:
            versions = {key: self.version(key) for key in stale}
            for each in self._followed.pictures(now, only=stale):
                key = each.namespace, each.name
                self._made[key] = (versions[key], now, each)
        for key in set(self._made) - keys:
            del self._made[key]
        return sorted((made[2] for made in self._made.values()), key=pictures.trouble)

    def _is_fresh(self, key: Key, made: tuple[int, float, ApplicationPicture], now: float) -> bool:
        version, moment, _ = made
        return version == self.version(key) and now - moment < AGING_SECONDS


def states(found: Iterable[ApplicationPicture]) -> dict[str, int]:
    """Return how many servers there are in each state."""
    counted: collections.Counter[str] = collections.Counter()
    for application in found:
        for component in application.components:
            counted.update(component.states)
    return {each: counted[each] for each in pictures.STATES if counted[each]}
