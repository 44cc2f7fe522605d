"""Numbers by name that are kept apart by the parts of all work, so that some parts can be left out.

Keepers of kinds have one. A replica that follows a part of all objects alone has seen what is in
that part, and of the others only what it is told.
"""

from __future__ import annotations

import collections
from collections.abc import Callable

from controller.api import names, objects


def bucket(item: objects.Server | objects.ServerSet) -> int:
    """Return the part of all work that the application is in that an object is of."""
    return names.bucket(item.metadata.namespace, item.spec.application)


class Subtotals:
    """One number for each name and bucket; one that is 0 takes no room."""

    def __init__(self) -> None:
        self._numbers: dict[str, collections.Counter[int]] = {}
        self._totals: collections.Counter[str] = collections.Counter()

    def add(self, name: str, bucket: int, number: int) -> None:
        """Add to the number of a name in a bucket."""
        found = self._numbers.setdefault(name, collections.Counter())
        found[bucket] += number
        self._totals[name] += number
        if not found[bucket]:
            del found[bucket]
        if not found:
            del self._numbers[name], self._totals[name]

    def total(self, name: str) -> int:
        """Return the number of a name in all buckets together."""
        return self._totals[name]

    def sum(self, name: str, counts: Callable[[int], bool]) -> int:
        """Return the number of a name in those buckets together that count."""
        found = self._numbers.get(name)
        return sum(number for each, number in found.items() if counts(each)) if found else 0

    def names(self) -> tuple[str, ...]:
        """Return the names that have a number."""
        return tuple(self._numbers)
