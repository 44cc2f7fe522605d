"""The part of what is followed that one person may see: nothing else shows by name or count.

A dashboard in a cluster reads everything once, with its own account, and shows each namespace to
those alone who may list it themselves. `lobby` makes one for each person.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Callable, Iterable, Mapping

from controller.api import objects
from controller.api.resources import Resource
from controller.dashboard.board import Board, Key
from controller.dashboard.lists import Shelf
from controller.kube import api as kube
from controller.presentation.applications import Followed, Place
from controller.presentation.pictures import ApplicationPicture

# The resources that pages show of a namespace: whoever looks must be allowed to list them there.
SHOWN = (
    Resource.APPLICATIONS,
    Resource.SERVERSETS,
    Resource.SERVERS,
    Resource.OPERATIONS,
)
# A review of the namespace that is looked at holds for so long, and of the others in a long list.
FRESH_SECONDS, LISTED_SECONDS = 15.0, 60.0
# By up to such a share less, by chance: the reviews of all who came at one moment, as when the
# dashboard was restarted, would come at one moment again and again, and pages wait for them.
SPREAD = 1 / 3
# Reviews of one person that are under way at once.
MOST_REVIEWS = 8
# Whoever asks for namespaces at random is not remembered for each.
MOST_KNOWN = 1000
EVERYWHERE = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Whether somebody may see a namespace, as of a moment."""

    when: float
    allowed: bool
    # Of the time for which reviews hold, the share for which this one does.
    holds: float


class Sight:
    """Which namespaces one person may see: asked of the API server as that person."""

    def __init__(self, api: kube.Api, clock: Callable[[], float]) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[str, Review] = {}
        self._turns = asyncio.Semaphore(MOST_REVIEWS)
        self.is_over = False

    def end(self) -> None:
        """Show nothing any more: whoever looks has left, or is known no more."""
        self.is_over = True
        self._known.clear()

    def sees(self, namespace: str) -> bool:
        """Return what the last reviews said of a namespace; who was never asked about is hidden."""
        return any(
            known is not None and known.allowed
            for known in (self._known.get(EVERYWHERE), self._known.get(namespace))
        )

    async def look(self, namespaces: Iterable[str] = (), *, at: str = "") -> None:
        """Have reviews that are fresh: of `at` where one namespace is looked at, else of all.

        Raises Unauthorized where the API server does not know the person any more.
        """
        if at and at in self._known:
            # Which will be asked about again: neither answer waits for the other.
            await asyncio.gather(
                self._review(EVERYWHERE, FRESH_SECONDS), self._review(at, FRESH_SECONDS)
            )
        else:
            await self._review(EVERYWHERE, FRESH_SECONDS)
        if self.is_over or self.sees(EVERYWHERE):
            return
        if at:
            # A namespace that is not there is asked about as well: the answer takes as long.
            if at not in self._known and len(self._known) >= MOST_KNOWN:
                self._forget({*namespaces})
            await self._review(at, FRESH_SECONDS)
            return
        names = sorted(namespaces)
        await asyncio.gather(*(self._review(each, LISTED_SECONDS) for each in names))
        self._forget({*names})

    def _forget(self, but: set[str]) -> None:
        for gone in set(self._known) - but - {EVERYWHERE}:
            del self._known[gone]

    async def _review(self, namespace: str, seconds: float) -> None:
        known, now = self._known.get(namespace), self._clock()
        if known is not None and now < known.when + seconds * known.holds:
            return
        first, *others = SHOWN
        async with self._turns:
            # Who may not see it costs one question; of who may, the others are asked at once.
            allowed = await self._may_list(first, namespace) and all(
                await asyncio.gather(*(self._may_list(each, namespace) for each in others))
            )
        if self.is_over:
            # Whoever left meanwhile sees nothing again by an answer that came late.
            return
        self._known[namespace] = Review(
            when=now,
            allowed=allowed,
            holds=1 - SPREAD * random.random(),  # noqa: S311 - no secret
        )

    async def _may_list(self, resource: Resource, namespace: str) -> bool:
        return (await self._api.review_access("list", resource, namespace)).allowed


class Part:
    """The objects that are followed, as far as one person sees them: a `pages.Known`."""

    def __init__(self, followed: Followed, sight: Sight) -> None:
        self._followed = followed
        self._sight = sight

    def keys(self, selector: str = "") -> set[Key]:
        """Return the applications that the person may see; of them those with these labels."""
        return {each for each in self._followed.keys(selector) if self._sight.sees(each[0])}

    def application(self, namespace: str, name: str) -> objects.Application | None:
        """Return one application as it was read; None where there is none to be seen."""
        return self._followed.application(namespace, name) if self._sight.sees(namespace) else None

    def operation(self, namespace: str, name: str) -> objects.Operation | None:
        """Return one operation; None where there is none to be seen."""
        return self._followed.operation(namespace, name) if self._sight.sees(namespace) else None

    def operations(self) -> list[objects.Operation]:
        """Return all operations that the person may see."""
        found = self._followed.operations()
        return [each for each in found if self._sight.sees(each.metadata.namespace)]

    def places(self) -> Mapping[Place, int]:
        """Return where the servers are that the person may see."""
        found = self._followed.places().items()
        return {each: count for each, count in found if self._sight.sees(each[0])}

    async def reach(self, resource: Resource, key: Key, generation: int) -> None:
        """Return once an object is seen as it was written, or not at all."""
        await self._followed.reach(resource, key, generation)


class PartBoard:
    """The pictures of what one person sees, drawn once for all who see them: a `pages.Drawn`."""

    def __init__(self, board: Board, followed: Followed, sight: Sight) -> None:
        self._board = board
        self._followed = followed
        self._sight = sight

    @property
    def trouble(self) -> str:
        """Why the pages may be behind; empty where everything is followed."""
        return self._board.trouble

    @property
    def is_over(self) -> bool:
        """Whether the person has left, or is known no more."""
        return self._sight.is_over

    def shelf(self, found: ApplicationPicture) -> Shelf:
        """Return what has the pages of a picture's servers, for all who see it."""
        return self._board.shelf(found)

    def mark(self, of: str) -> str:
        """Return what is another whenever something that the person may see has changed."""
        namespace, _, name = of.partition("/")
        if name:
            return self._board.mark(of) if self._sight.sees(namespace) else "hidden"
        spaces = self._followed.spaces.items()
        seen = {space: count for space, count in spaces if self._sight.sees(space)}
        return f"{sum(seen.values())}-{len(seen)}-{int(bool(self.trouble))}"

    async def look(self, of: str) -> None:
        """Have the person's rights asked about again where that was not done just now."""
        namespace, _, name = of.partition("/")
        await self._sight.look(set(self._followed.spaces), at=namespace if name else "")

    def one(self, key: Key, *, newest: bool = False) -> ApplicationPicture | None:
        """Return the picture of an application; None where there is none to be seen."""
        return self._board.one(key, newest=newest) if self._sight.sees(key[0]) else None

    def is_behind(self, found: Iterable[ApplicationPicture]) -> bool:
        """Return whether one of these pictures stands for a newer one."""
        return self._board.is_behind(found)

    def all(self) -> list[ApplicationPicture]:
        """Return all pictures that the person may see, those in trouble first."""
        return [each for each in self._board.all() if self._sight.sees(each.namespace)]
