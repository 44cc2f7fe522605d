"""How many servers name each fleet, by the part of all work that they are in.

Where replicas share the work, each counts those of its own part, and tells the others.
"""

from __future__ import annotations

from typing import ClassVar, Self

from controller.api import objects
from controller.planning.caches import Caches
from controller.planning.subtotals import Subtotals, bucket


class FleetServers:
    """Counts the servers of each fleet that are seen here."""

    follows: ClassVar[type[objects.Object]] = objects.Server

    def __init__(self) -> None:
        self.numbers = Subtotals()

    @classmethod
    def over(cls, _caches: Caches) -> Self:
        """Return one that has counted nothing yet."""
        return cls()

    def change(self, old: objects.Server | None, new: objects.Server | None) -> None:
        """Take in that a server came, went, or is in another fleet or part of the work by now."""
        if old is not None and new is not None and _place(old) == _place(new):
            return
        for found, number in ((old, -1), (new, 1)):
            if found is not None:
                self.numbers.add(*_place(found), number)


def _place(server: objects.Server) -> tuple[str, int]:
    return server.spec.fleet, bucket(server)
