"""Applications as the pages show them: kept up to date by watches, counted anew on a change.

A page that is asked for costs no call to the API server, and at rest nothing is counted.
"""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Callable, Iterable

from controller.dashboard.lists import Shelf
from controller.presentation import pictures
from controller.presentation.applications import Followed
from controller.presentation.pictures import ApplicationPicture

Key = tuple[str, str]
# Ages move even when nothing else does.
AGING_SECONDS = 10.0
# While an application changes all the time, a sixtieth of a core draws it, and about twice as much
# counts its servers and writes the page: what was drawn stands for so many times as long as that
# took, but never longer than so many seconds.
STANDS, LONGEST_SECONDS = 60, 1.0
# Applications of which the drawn pages are kept.
MOST_SHELVES = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A picture: of which version of its application, when, and until when it stands for newer."""

    picture: ApplicationPicture
    version: int
    moment: float
    until: float


class Board:
    """The pictures of the applications that are followed."""

    def __init__(self, followed: Followed, clock: Callable[[], float]) -> None:
        self._followed = followed
        self._clock = clock
        self._made: dict[Key, Drawing] = {}
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

    def one(self, key: Key, *, newest: bool = False) -> ApplicationPicture | None:
        """Return the picture of an application; None where there is none.

        The `newest` is asked for by whoever has just changed it.
        """
        now = self._clock()
        made = self._made.get(key)
        if made is not None and self._stands(key, made, now, newest=newest):
            return made.picture
        version, began = self.version(key), time.perf_counter()
        drawn = self._followed.one(*key, now)
        if drawn is None:
            self._made.pop(key, None)
            return None
        self._made[key] = _drawing(drawn, version, now, began)
        return drawn

    def is_behind(self, found: Iterable[ApplicationPicture]) -> bool:
        """Return whether one of these pictures stands for a newer one, which is yet to be drawn."""
        keys = ((each.namespace, each.name) for each in found)
        return any(
            (made := self._made.get(key)) is not None and made.version != self.version(key)
            for key in keys
        )

    def shelf(self, found: ApplicationPicture) -> Shelf:
        """Return what has the pages of a picture's servers; it goes when the picture does."""
        key = found.namespace, found.name
        known = self._shelves.get(key)
        if known is None or known[0] is not found:
            self._shelves.pop(key, None)
            known = self._shelves[key] = found, Shelf()
            if len(self._shelves) > MOST_SHELVES:
                # The one that has changed longest ago; one that is gone does not change any more.
                del self._shelves[next(iter(self._shelves))]
        return known[1]

    def all(self) -> list[ApplicationPicture]:
        """Return all pictures, those in trouble first."""
        now = self._clock()
        keys = self._followed.keys()
        stale = {
            key
            for key in keys
            if (made := self._made.get(key)) is None or not self._stands(key, made, now)
        }
        if stale:
            versions, began = {key: self.version(key) for key in stale}, time.perf_counter()
            for each in self._followed.pictures(now, only=stale):
                key = each.namespace, each.name
                self._made[key] = _drawing(each, versions[key], now, began)
        for key in set(self._made) - keys:
            del self._made[key]
        return sorted((made.picture for made in self._made.values()), key=pictures.trouble)

    def _stands(self, key: Key, made: Drawing, now: float, *, newest: bool = False) -> bool:
        if made.version != self.version(key):
            return not newest and time.perf_counter() < made.until
        return now - made.moment < AGING_SECONDS


def _drawing(picture: ApplicationPicture, version: int, moment: float, began: float) -> Drawing:
    ended = time.perf_counter()
    until = ended + min(STANDS * (ended - began), LONGEST_SECONDS)
    return Drawing(picture=picture, version=version, moment=moment, until=until)


def states(found: Iterable[ApplicationPicture]) -> dict[str, int]:
    """Return how many servers there are in each state."""
    counted: collections.Counter[str] = collections.Counter()
    for application in found:
        for component in application.components:
            counted.update(component.states)
    return {each: counted[each] for each in pictures.STATES if counted[each]}
