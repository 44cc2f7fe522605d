"""SIGKILL at every write of a reference run: before it is sent, after its commit, after its answer.

Each run must come to the same world as the run without a crash, having created and deleted every
object as often, with every invariant kept and nothing left behind.
"""

from __future__ import annotations

import dataclasses
import json
import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence

from proof import history
from proof.faults import crash, rig, scenario

# How long the operator may lag behind when it is killed and started again.
CRASH_SLACK = 60.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The life without faults, and how many writes it took."""

    life: scenario.Life
    counts: history.Counts
    writes: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one run; good if nothing is wrong."""

    name: str
    seconds: float
    wrong: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether the run kept every promise."""
        return not self.wrong


def reference(place: rig.Rig) -> Reference:
    """Live without faults; raise AssertionError if even that breaks an invariant."""
    place.recover()
    before = place.written
    life = scenario.live(place)
    verdict = history.check(
        place.cluster.audit_log,
        namespaces=[life.namespace],
        expectations=history.Expectations(remaining=life.left),
    )
    verdict.require()
    counts = history.counts(verdict.history)
    return Reference(life=life, counts=counts, writes=place.written - before)


def points(
    writes: int, *, sample: int | None = None, seed: int = 0
) -> Sequence[tuple[int, crash.Moment]]:
    """Return where to crash: at every write and moment, or at a seeded sample of them."""
    everywhere = [(number, moment) for number in range(writes) for moment in crash.Moment]
    if sample is None or sample >= len(everywhere):
        return everywhere
    chosen = random.Random(seed).sample(range(len(everywhere)), sample)  # noqa: S311 - no secret
    return [everywhere[index] for index in sorted(chosen)]


def sweep(
    place: rig.Rig,
    known: Reference,
    chosen: Collection[tuple[int, crash.Moment]],
    say: Callable[[str], None],
) -> Iterator[Outcome]:
    """Live once for each point, crashing there, and yield what came of it."""
    for number, moment in chosen:
        place.recover()
        planned = place.crash_at(number, moment)
        outcome = judged(place, known, f"crash {moment} of write {number}", slack=CRASH_SLACK)
        # Parallel writes need not come in the same number again: a point may lie behind the last.
        say(f"{outcome.name} ({planned.struck or 'never reached'}): {_told(outcome)}")
        yield outcome


def judged(place: rig.Rig, known: Reference, name: str, *, slack: float) -> Outcome:
    """Live once, whatever has been prepared, and hold the run against the reference."""
    began = time.monotonic()
    try:
        life = scenario.live(place, known.life.world)
    except (TimeoutError, AssertionError) as error:
        place.recover()
        return Outcome(name=name, seconds=time.monotonic() - began, wrong=(str(error),))
    seconds = time.monotonic() - began
    verdict = history.check(
        place.cluster.audit_log,
        namespaces=[life.namespace],
        expectations=history.Expectations(slack=slack, reference=known.counts, remaining=life.left),
        processes=history.Process(logs=[place.operator.log]),
    )
    wrong = [*differences(known.life.world, life.world)]
    if not verdict:
        wrong.append(str(verdict))
    return Outcome(name=name, seconds=seconds, wrong=tuple(wrong))


def differences(wanted: scenario.World, found: scenario.World) -> Iterator[str]:
    """Yield in what one world differs from another."""
    for name in sorted({*wanted, *found}):
        if wanted.get(name) != found.get(name):
            old, new = json.loads(wanted.get(name, "{}")), json.loads(found.get(name, "{}"))
            for key in sorted({*old, *new}):
                if old.get(key) != new.get(key):
                    yield f"{name}: {key} is {new.get(key)}, not {old.get(key)}"


def _told(outcome: Outcome) -> str:
    verdict = "as without" if outcome.good else "WRONG"
    return f"{verdict}, {outcome.seconds:.1f} s"
