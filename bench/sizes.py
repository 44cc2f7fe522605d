"""How much is run: in full, or in a quick run."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many servers, how often, and how long that may take."""

    pairs: int  # rounds of everything that is compared
    fleet: int  # servers of the application that most ratios are about
    small: int  # servers where a large fleet is compared with a small one
    large: int
    restarts: int  # of the operator, to see how long it needs
    peers: int  # rounds of peers
    beside: int  # servers of the small applications that come and go beside a fleet
    rest: int  # for how many seconds nothing happens
    defaults: bool  # whether peers are also seen at their default limits
    minutes: float  # what a run must not exceed: rounds are left out before that
    away: int = 0  # milliseconds from the operator to its API server, and as many back


FULL = Sizes(
    pairs=5,
    fleet=3000,
    small=1000,
    large=10_000,
    restarts=5,
    peers=2,
    beside=10,
    rest=600,
    defaults=True,
    minutes=45,
)
QUICK = Sizes(
    pairs=2,
    fleet=400,
    small=300,
    large=1000,
    restarts=2,
    peers=1,
    beside=10,
    rest=45,
    defaults=False,
    minutes=12,
)
