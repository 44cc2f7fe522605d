"""One mistake that a test nearby must notice, as `mechanisms` and the lists beside it have them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from proof.mutants.definitions import Edit


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One mistake, and the test, as pytest names it, that fails with it."""

    name: str
    edits: tuple[Edit, ...]
    test: str

    def apply(self, checkout: Path) -> None:
        """Make the mistake in a copy of the code."""
        for each in self.edits:
            each.apply(checkout)


def one(name: str, at: str, find: str, replace: str, test: str) -> Mechanism:
    """Return a mistake of one piece of code."""
    return Mechanism(name=name, edits=(Edit(at, find, replace),), test=test)
