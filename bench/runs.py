"""What one arm did once: how long it took and what it cost. `arms` return it, `report` keeps it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One arm bringing up a number of servers; times in seconds since it was asked to."""

    arm: str
    servers: int
    created: float  # until the last pod was created
    ready: float  # until the last pod was Ready
    told: float = 0.0  # until the arm itself said so, where it says anything
    written: float = 0.0  # until the last write of a client was answered
    waited: float = 0.0  # the longest that a Server waited for its pod
    slowest: float = 0.0  # the longest that a Server took to say that it is Ready
    cpu: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Servers created in a second."""
        return self.servers / self.created

    def __str__(self) -> str:
        told = f", says so after {self.told:.2f} s" if self.told else ""
        return (
            f"{self.arm}: {self.servers} created in {self.created:.2f} s ({self.rate:.0f}/s),"
            f" Ready in {self.ready:.2f} s{told}"
        )
