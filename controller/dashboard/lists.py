"""Long lists in short: which applications are meant, which servers stand on a page.

Pure: from pictures to what a page shows.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Mapping, Sequence

from controller.presentation import pictures
from controller.presentation.pictures import ApplicationPicture, ComponentPicture, ServerPicture

# Up to so many servers of a component are listed at once; beyond, they are counted and paged.
MOST_AT_ONCE = 200
PAGE = 100
# Pages of one picture that are kept for whoever asks next.
MOST_KNOWN = 100
# What applications are filtered by: a word for each verdict.
READY, UNREADY, PENDING = "ready", "not ready", "pending"
VERDICTS = {"True": READY, "False": UNREADY, "Unknown": PENDING}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which applications are meant; empty means any."""

    namespace: str = ""
    state: str = ""
    label: str = ""
    text: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filter:
        """Return what a query string says."""
        return cls(
            namespace=query.get("namespace", ""),
            state=query.get("state", ""),
            label=query.get("label", ""),
            text=query.get("q", "").strip().lower(),
        )

    def holds(self, found: ApplicationPicture) -> bool:
        """Return whether an application is meant, by all but its labels."""
        return (
            self.namespace in ("", found.namespace)
            and self.state in ("", verdict(found))
            and self.text in f"{found.namespace}/{found.name}".lower()
        )


def verdict(found: ApplicationPicture) -> str:
    """Return the word for how an application stands."""
    return VERDICTS.get(found.ready, PENDING)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The servers of one failure domain, counted by state."""

    zone: str
    states: dict[str, int]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The servers of a component that a page shows.

    `strips` count all of them, where there are too many to list at once.
    """

    shown: tuple[ServerPicture, ...]
    strips: tuple[Strip, ...]
    states: tuple[str, ...]
    number: int
    pages: int
    total: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which servers of a component are meant, and which page of them."""

    state: str = ""
    zone: str = ""
    page: int = 1


class Shelf:
    """The pages of servers of one picture: sorted and counted once for all who look at it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Wanted], tuple[ComponentPicture, Servers]] = {}

    def servers(self, found: ComponentPicture, wanted: Wanted) -> Servers:
        """Return one page of a component's servers."""
        key = found.name, wanted
        known = self._known.get(key)
        if known is not None and known[0] is found:
            return known[1]
        made = servers(found, state=wanted.state, zone=wanted.zone, page=wanted.page)
        if len(self._known) >= MOST_KNOWN:
            # Addresses say anything: whoever makes them up fills no memory.
            self._known.clear()
        self._known[key] = found, made
        return made


def servers(found: ComponentPicture, *, state: str = "", zone: str = "", page: int = 1) -> Servers:
    """Return one page of a component's servers: those that need a look first."""
    meant = [
        each
        for each in found.servers
        if state in ("", each.state) and zone in ("", each.zone or "-")
    ]
    meant.sort(key=_rank)
    large = len(found.servers) > MOST_AT_ONCE
    pages = max(1, math.ceil(len(meant) / PAGE)) if large else 1
    number = min(max(1, page), pages)
    shown = meant[(number - 1) * PAGE : number * PAGE] if large else meant
    return Servers(
        shown=tuple(shown),
        strips=_strips(found.servers) if large else (),
        states=tuple(each for each in pictures.STATES if each in found.states),
        number=number,
        pages=pages,
        total=len(meant),
    )


def _rank(found: ServerPicture) -> tuple[int, int]:
    """What needs a look stands last among the states, and first on the page."""
    return -pictures.STATES.index(found.state), found.ordinal


def _strips(found: Sequence[ServerPicture]) -> tuple[Strip, ...]:
    counted: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for each in found:
        counted[each.zone or "-"][each.state] += 1
    return tuple(Strip(zone=zone, states=dict(counted[zone])) for zone in sorted(counted))
