"""How much is run: in full, in a quick run, and how long each is expected to take."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many servers, and how often."""

    pairs: int  # rounds of everything that is compared
    fleet: int  # servers of the application that most ratios are about
    small: int  # servers where a large fleet is compared with a small one
    large: int
    rest_seconds: float  # how long nothing happens
    beside: int  # servers of the small applications that come and go beside a fleet

    def with_(self, **given: int | None) -> Sizes:
        """Return these sizes with those that are given; None leaves one as it is."""
        known = {name: value for name, value in given.items() if value is not None}
        return dataclasses.replace(self, **known)


FULL = Sizes(pairs=5, fleet=3000, small=1000, large=10_000, rest_seconds=600, beside=10)
QUICK = Sizes(pairs=2, fleet=1000, small=300, large=2000, rest_seconds=60, beside=10)
