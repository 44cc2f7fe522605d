"""Two replicas, and whoever leads is struck at an exact write: killed, cut off, or frozen.

It comes back when another leads. The life must be as one without faults: nothing doubled, nothing
lost, and no object written by two of them within one holding of the Lease.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from devcluster import client
from proof.faults import crash, matrix, outcome, rig

# A Lease runs out first, then its successor reads all there is.
TAKEOVER_SECONDS = 60.0


class Blow(enum.StrEnum):
    """What befalls the leader."""

    KILL = "killed"
    PART = "cut off"
    FREEZE = "frozen"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """What befalls the leader, and where."""

    blow: Blow
    point: matrix.Point

    def __str__(self) -> str:
        return f"leader {self.blow} {self.point.moment} of {self.point.key}"


def strikes(writes: Sequence[str], number: int, seed: int) -> Sequence[Strike]:
    """Return so many strikes of each kind, drawn by the seed."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    return [
        Strike(
            blow=blow,
            point=matrix.Point(key=chance.choice(writes), moment=chance.choice(list(crash.Moment))),
        )
        for blow in Blow
        for _ in range(number)
    ]


def struck(place: rig.Rig, known: outcome.Reference, strike: Strike) -> outcome.Outcome:
    """Live once, the leader being struck; it comes back when another holds the Lease."""
    for _ in range(matrix.TRIES):
        rig.wait("a leader", lambda: leader(place) is not None, TAKEOVER_SECONDS)
        victim, before = leader(place) or place.replicas[0], holder(place)
        blows: Mapping[Blow, Callable[[], None]] = {
            Blow.KILL: victim.process.kill,
            Blow.PART: victim.proxy.part,
            Blow.FREEZE: victim.process.pause,
        }
        planned = place.crash_at(
            strike.point.key, strike.point.moment, victim=victim, strike=blows[strike.blow]
        )
        with _back_again(place, victim, planned, before):
            found = outcome.judged(place, known, str(strike), slack=matrix.CRASH_SLACK)
        succeeded = planned.struck and holder(place) != before
        if succeeded or not found.good:
            break
    place.recover()
    return dataclasses.replace(found, missed=not succeeded)


def holder(place: rig.Rig) -> str:
    """Return who holds the Lease, or nothing."""
    try:
        spec = place.client.get(rig.LEASE)["spec"]
    except client.ApiError:
        return ""
    return str(spec.get("holderIdentity") or "")


def leader(place: rig.Rig) -> rig.Replica | None:
    """Return the living replica that holds the Lease."""
    found = holder(place)
    return next(
        (
            each
            for each in place.replicas
            if each.process.alive and found.startswith(f"{each.process.name}_")
        ),
        None,
    )


@contextlib.contextmanager
def _back_again(
    place: rig.Rig, victim: rig.Replica, planned: crash.Crash, before: str
) -> Iterator[None]:
    """Bring the victim back when another leads, or when all is over."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(rig.POLL_SECONDS):
            if planned.struck and holder(place) not in ("", before):
                break
        victim.heal()
        victim.process.resume()

    thread = threading.Thread(target=watch, name="rescue", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
