"""Long lists in short: which applications are meant, which servers stand on a page.

Pure: from pictures to what a page shows.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from controller.presentation import pictures, strips
from controller.presentation.pictures import ApplicationPicture, ComponentPicture, ServerPicture
from controller.presentation.strips import MOST_AT_ONCE, MOST_STRIPS, Strip

PAGE = 100
# More components than so many are listed, each in a line, and shown one at a time.
MOST_SECTIONS = 20
# Pages of one picture that are kept for whoever asks next.
MOST_KNOWN = 20
T = TypeVar("T")
# The words that applications are filtered by: one for each verdict.
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
class ShownServers:
    """The servers of a component that a page shows.

    `strips` count all of them, where there are too many to list at once.
    """

    shown: tuple[ServerPicture, ...]
    strips: tuple[Strip, ...]
    more_strips: int
    states: tuple[str, ...]
    number: int
    pages: int
    total: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WantedServers:
    """Which servers of a component are meant, which page of them, and how many are on one."""

    state: str = ""
    zone: str = ""
    page: int = 1
    rows: int = PAGE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NumberedPage(Generic[T]):
    """A page of a long list."""

    items: tuple[T, ...]
    number: int
    pages: int
    total: int


def page(found: Sequence[T], number: int, rows: int = PAGE) -> NumberedPage[T]:
    """Return one page of a list: the nearest there is to the one that is asked for."""
    pages = max(1, math.ceil(len(found) / rows))
    number = min(max(1, number), pages)
    shown = tuple(found[(number - 1) * rows : number * rows])
    return NumberedPage(items=shown, number=number, pages=pages, total=len(found))


def number(text: str) -> int:
    """Return the number of a page that an address asks for; the first where it says none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < len("1000000") else 1


class Shelf:
    """A picture's components for pages: sorted, counted and drawn once for all who look."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, WantedServers], tuple[ComponentPicture, str]] = {}

    def drawn(
        self, found: ComponentPicture, wanted: WantedServers, draw: Callable[[ShownServers], str]
    ) -> str:
        """Return what a page shows of a component's servers."""
        key = found.name, wanted
        known = self._known.get(key)
        if known is not None and known[0] is found:
            return known[1]
        made = draw(servers(found, wanted))
        if len(self._known) >= MOST_KNOWN:
            # Addresses say anything: whoever makes them up fills no memory.
            self._known.clear()
        self._known[key] = found, made
        return made


def rows(shown: Sequence[ComponentPicture]) -> int:
    """Return how many servers of each component a page lists, so that all are not too many."""
    if sum(len(each.servers) for each in shown) <= MOST_AT_ONCE:
        return MOST_AT_ONCE
    return max(1, PAGE // len(shown))


def servers(found: ComponentPicture, wanted: WantedServers) -> ShownServers:
    """Return one page of a component's servers: those that need a look first."""
    meant = [
        each
        for each in found.servers
        if wanted.state in ("", each.state) and wanted.zone in ("", each.zone or "-")
    ]
    meant.sort(key=_rank)
    counted = strips.strips(found.servers) if len(found.servers) > wanted.rows else ()
    shown = page(meant, wanted.page, wanted.rows)
    return ShownServers(
        shown=shown.items,
        strips=counted[:MOST_STRIPS],
        more_strips=max(0, len(counted) - MOST_STRIPS),
        states=tuple(each for each in pictures.STATES if each in found.states),
        number=shown.number,
        pages=shown.pages,
        total=shown.total,
    )


def _rank(found: ServerPicture) -> tuple[int, int]:
    """States that need a look stand last in `STATES`, and their servers first on the page."""
    return -pictures.STATES.index(found.state), found.ordinal
