"""SIGKILL at every write of a reference run: before it is sent, after its commit, after its answer.

Each run must come to the same world as the run without a crash, having created and deleted every
object as often, with every invariant kept and nothing left behind. A write is known by its key, so
that a point is the same in every run, whatever the order of writes that go side by side.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence

from proof.faults import crash, outcome, rig

# How long the operator may lag behind when it is killed and started again.
CRASH_SLACK = 60.0
# Some writes, such as statuses on the way, are not in every run: they are met by trying again.
TRIES = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where to crash."""

    key: str
    moment: crash.Moment

    def __str__(self) -> str:
        return f"crash {self.moment} of {self.key}"


def points(
    writes: Sequence[str], *, sample: int | None = None, seed: int = 0, match: str = ""
) -> Sequence[Point]:
    """Return where to crash: at every write and moment, or at a seeded sample of them.

    `match` are words of the points' names; others are left out.
    """
    everywhere = [Point(key=key, moment=moment) for key in writes for moment in crash.Moment]
    everywhere = [each for each in everywhere if match in str(each)]
    if sample is None or sample >= len(everywhere):
        return everywhere
    chosen = random.Random(seed).sample(range(len(everywhere)), sample)  # noqa: S311 - no secret
    return [everywhere[index] for index in sorted(chosen)]


def crashed(place: rig.Rig, known: outcome.Reference, point: Point) -> outcome.Outcome:
    """Live once, crashing at a point, and return what came of it."""
    for _ in range(TRIES):
        planned = place.crash_at(point.key, point.moment)
        found = outcome.judged(place, known, str(point), slack=CRASH_SLACK)
        if planned.struck or not found.good:
            break
    place.recover()
    return dataclasses.replace(found, missed=not planned.struck)
