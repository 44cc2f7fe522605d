"""Ways to make a server, by name: what is kept of one outlives changes of the list.

Planning counts them by their place in the list of today; what is written on Servers and on what
they are made of is the name, so that an alternative that is added, moved or removed changes nothing
of what others stand for.
"""

from __future__ import annotations

from controller.api import objects

# The place of an alternative of which something is kept, and that is in the list no more.
UNKNOWN = -1


def name_of(server: objects.Server, place: int) -> str:
    """Return the name of the alternative at that place; empty where there is none."""
    known = server.spec.recovery.alternatives
    return known[place].name if 0 <= place < len(known) else ""


def place_of(server: objects.Server, name: str) -> int:
    """Return the place of the alternative of that name today."""
    known = server.spec.recovery.alternatives
    return next((place for place, each in enumerate(known) if each.name == name), UNKNOWN)
