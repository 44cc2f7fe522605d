"""Servers that are too many to list, counted by failure domain and state.

Pure. The dashboard and `browse` show them.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

from controller.presentation import pictures
from controller.presentation.pictures import ServerPicture

# Up to so many servers of a component are listed without being counted first.
MOST_AT_ONCE = 200
# So many failure domains are counted one by one: those with the most trouble.
MOST_STRIPS = 50


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The servers of one failure domain, counted by state."""

    zone: str
    states: dict[str, int]


def strips(found: Sequence[ServerPicture]) -> tuple[Strip, ...]:
    """Return the counts by the domains' names; of too many domains those with trouble first."""
    counted: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for each in found:
        counted[each.zone or "-"][each.state] += 1
    made = [Strip(zone=zone, states=dict(counted[zone])) for zone in sorted(counted)]
    if len(made) > MOST_STRIPS:
        made.sort(key=lambda each: -sum(each.states.get(name, 0) for name in pictures.TROUBLE))
    return tuple(made)
