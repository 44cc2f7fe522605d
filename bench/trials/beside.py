"""One application comes up while small ones are made and deleted beside it.

`floor` runs this as one of its arms, next to the same application by itself: ratios 5 and 10, and
what is told beside them.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Sequence

from bench import arena as arenas
from bench import runs
from bench.arms import argosy, small
from bench.sight import Sight
from bench.stage import Stage
from controller.api.resources import Resource

NAME = "Argosy, beside small applications"
GUEST = "guest"
VICTIMS = 5
PROBES = 3
IDLE_WRITES = 20
SHARE = 10  # small ones come and go from when a tenth of the large one is there


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What came of one run: the fleet's, and what the small ones waited, idle and beside it."""

    run: runs.Run
    write: float  # seconds of one write while all is idle
    idle: tuple[small.Coming, ...]
    coming: small.Coming
    idle_going: tuple[small.Going, ...]
    going: tuple[small.Going, ...]
    extra: int  # writes that the small ones cost while the fleet came up
    writes: int  # all writes meanwhile


def run(stage: Stage) -> Beside:
    """Bring up the fleet with small applications coming and going beside it."""
    arena, count = stage.timed, stage.sizes.fleet
    with (
        arena.namespace() as namespace,
        arena.operated(),
        arena.watch(namespace, *small.WATCHED) as sight,
    ):
        write = arena.write_seconds(namespace, IDLE_WRITES)
        idle, idle_going = _idle(stage, sight, namespace)
        victims = [f"victim{number}" for number in range(VICTIMS)]
        for name in victims:
            small.come(arena, sight, namespace, name, stage.sizes.beside)
            argosy.wait_ready(sight, name, stage.sizes.beside)
        each_costs = _cost_of_deleting(stage, sight, namespace)
        arena.calm()
        before = arena.writes()
        used, began = arena.usage(), time.monotonic()
        argosy.apply(arena, namespace, argosy.APPLICATION, count)
        fleet = sight[Resource.PODS].of[argosy.APPLICATION]
        sight.wait("a tenth", lambda: len(fleet.created) >= count // SHARE, 300)
        applied = time.monotonic()
        argosy.apply(arena, namespace, GUEST, stage.sizes.beside)
        going = tuple(small.go(arena, sight, namespace, name) for name in victims)
        coming = small.came(sight, GUEST, stage.sizes.beside, applied)
        argosy.wait_ready(sight, argosy.APPLICATION, count)
        cost = 3 * stage.sizes.beside + VICTIMS * each_costs
        judged = argosy.judged(arena, sight, count, began=began, used=used, book=stage.book)
        return Beside(
            run=stage.keep(dataclasses.replace(judged, arm=NAME)),
            write=write,
            idle=idle,
            coming=coming,
            idle_going=idle_going,
            going=going,
            extra=cost,
            writes=arena.writes() - before,
        )


def judge(stage: Stage, found: Beside, alone: runs.Run) -> None:
    """Put on record what small applications waited, and what they cost the large one."""
    book = stage.book
    ideal = found.writes / (found.writes - found.extra)
    book.add("5a", found.run.created / (alone.created * ideal))
    book.add("5b", found.run.waited / (alone.waited * ideal))
    first = statistics.median(each.server for each in found.idle)
    book.add("10a", first / found.write)
    book.add("10b", found.coming.server / first)
    told = {
        "one idle write, s": found.write,
        "idle, first server, s": first,
        "idle, first pod, s": statistics.median(each.pod for each in found.idle),
        "idle, all pods, s": statistics.median(each.pods for each in found.idle),
        "beside, first server, s": found.coming.server,
        "beside, first pod, s": found.coming.pod,
        "beside, all pods, s": found.coming.pods,
        "idle, first delete, s": _median_first(found.idle_going),
        "beside, first delete, s": _median_first(found.going),
        "idle, all gone, s": statistics.median(each.gone for each in found.idle_going),
        "beside, all gone, s": statistics.median(each.gone for each in found.going),
    }
    for figure, value in told.items():
        book.tell(figure, value)


def _median_first(found: Sequence[small.Going]) -> float:
    return statistics.median(each.first for each in found)


def _idle(
    stage: Stage, sight: Sight, namespace: str
) -> tuple[tuple[small.Coming, ...], tuple[small.Going, ...]]:
    """Let small applications come and go by themselves."""
    coming, going = [], []
    for number in range(PROBES):
        name = f"idle{number}"
        coming.append(small.come(stage.timed, sight, namespace, name, stage.sizes.beside))
        argosy.wait_ready(sight, name, stage.sizes.beside)
        going.append(small.go(stage.timed, sight, namespace, name))
    return tuple(coming), tuple(going)


def _cost_of_deleting(stage: Stage, sight: Sight, namespace: str) -> int:
    """Return how many writes it takes to delete one small application."""
    arena: arenas.Arena = stage.timed
    small.come(arena, sight, namespace, "priced", stage.sizes.beside)
    argosy.wait_ready(sight, "priced", stage.sizes.beside)
    arena.calm()
    before = arena.writes()
    small.go(arena, sight, namespace, "priced")
    arena.calm()
    return arena.writes() - before
