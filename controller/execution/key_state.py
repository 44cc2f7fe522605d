"""What the engine remembers of a key between visits; lost at a crash without harm."""

from __future__ import annotations

import dataclasses
import random

from controller.api.resources import Resource
from controller.execution.statuses import Pacer
from controller.kube.receipts import WriteReceipt
from controller.planning.refusals import Refusal

# A refusal is asked about again after this many seconds, lest a mended cause go unnoticed.
REFUSAL_LIFE = 600.0
FIRST_BACKOFF = 0.2
LONGEST_BACKOFF = 60.0


@dataclasses.dataclass(slots=True, eq=False)
class KeyState:
    """One key's writes in flight, the versions they returned, and what was refused."""

    pending: int = 0
    # Something happened while writes were in flight: plan again when they are answered.
    dirty: bool = False
    # Writes failed in a way that may pass; how often in a row.
    failures: int = 0
    failed: bool = False
    # What the caches must have reached: the highest version written, by resource and namespace.
    floors: dict[tuple[Resource, str], int] = dataclasses.field(default_factory=dict)
    # What was deleted, or has ended: how the caches must show that, `WriteReceipt` says.
    gone: dict[tuple[Resource, str, str], WriteReceipt] = dataclasses.field(default_factory=dict)
    refusals: dict[str, Refusal] = dataclasses.field(default_factory=dict)
    # The generation and retry-now value that the refusals answer to.
    epoch: tuple[int, str] = (0, "")
    pacer: Pacer = dataclasses.field(default_factory=Pacer)
    planned_at: float = 0.0
    # The shortest time between two plans that only follow what is below the key, in seconds.
    pause: float = 0.0
    # No plan before this time: the API server asked for it.
    not_before: float = 0.0
    # What an answer was lost about, or was seen to be older in the cache: read before planning.
    uncertain: set[tuple[Resource, str, str]] = dataclasses.field(default_factory=set)
    # What is in flight only reads that: whether the next plan succeeds is yet to be seen.
    reading: bool = False
    # The last plan may have taken servers down, of which others must hear before they do.
    spends: bool = False
    # The error that looking at this object ended with, told once, and how often in a row it did.
    crashed: str = ""
    crashes: int = 0
    # What was told of an object of which nothing could be read.
    told: str = ""

    def note(self, written: WriteReceipt) -> None:
        """Remember what the caches must show of a write before the next plan."""
        if written.gone or written.ended:
            where = (written.resource, written.namespace, written.name)
            self.gone[where] = written
            return
        place = (written.resource, written.namespace)
        if written.resource_version > self.floors.get(place, 0):
            self.floors[place] = written.resource_version

    def is_blank(self) -> bool:
        """Return whether forgetting this record would change nothing."""
        return not (
            self.pending
            or self.dirty
            or self.failures
            or self.floors
            or self.gone
            or self.uncertain
            or self.refusals
            or self.crashed
            or self.pause
            or not self.pacer.is_blank()
        )

    def crash(self, error: str) -> bool:
        """Count one more look that failed; return whether the error is news."""
        self.crashes += 1
        news, self.crashed = error != self.crashed, error
        return news

    def recover(self) -> None:
        """Forget failed looks: this one succeeded."""
        self.crashed, self.crashes = "", 0

    def rest(self) -> float:
        """Return how long to wait after a look that failed, in seconds; a change comes first."""
        return _spread(self.crashes)

    def refused(self, now: float, epoch: tuple[int, str]) -> tuple[Refusal, ...]:
        """Return the refusals that still stand: for this epoch, and not too old."""
        if epoch != self.epoch:
            self.refusals.clear()
            self.epoch = epoch
        for name in [n for n, r in self.refusals.items() if now - r.time > REFUSAL_LIFE]:
            del self.refusals[name]
        return tuple(self.refusals.values())

    def backoff(self, now: float) -> float:
        """Return how long to wait before the next plan after failures, in seconds."""
        return max(_spread(self.failures), self.not_before - now)


def _spread(count: int) -> float:
    """Return the backoff after so many failures in a row, in seconds."""
    longest = min(FIRST_BACKOFF * 2.0 ** min(max(count - 1, 0), 16), LONGEST_BACKOFF)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
