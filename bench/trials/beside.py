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
from bench.stage import Stage
from bench.watcher import Sight
from controller.api.resources import Resource

NAME = "Argosy, beside small applications"
GUEST = "guest"
VICTIMS = 5
PROBES = 3
IDLE_WRITES = 20
SHARE = 10  # small ones come and go from when a tenth of the large one is there


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What small applications wait for while nothing else happens, in seconds and writes."""

    write: float  # one write of a plain client
    coming: tuple[small.Coming, ...]
    going: tuple[small.Going, ...]
    writes: int  # to delete one of them


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What came of one run: the fleet's, and what the small ones waited, idle and beside it."""

    run: runs.Run
    idle: Idle
    coming: small.Coming
    going: tuple[small.Going, ...]
    extra: int  # writes that the small ones cost while the fleet came up
    writes: int  # all writes meanwhile


def run(stage: Stage) -> Beside:
    """Bring up the fleet with small applications coming and going beside it."""
    arena = stage.timed
    with (
        arena.namespace() as namespace,
        arena.operated(),
        arena.watch(namespace, *small.WATCHED) as sight,
    ):
        idle = _idle(stage, sight, namespace)
        victims = [f"victim{number}" for number in range(VICTIMS)]
        for name in victims:
            _make(stage, sight, namespace, name)
        arena.calm()
        return _meanwhile(stage, sight, namespace, idle, victims)


def _meanwhile(
    stage: Stage, sight: Sight, namespace: str, idle: Idle, victims: Sequence[str]
) -> Beside:
    arena, count = stage.timed, stage.sizes.fleet
    before, used = arena.writes(), arena.usage()
    began = time.monotonic()
    argosy.apply(arena, namespace, argosy.APPLICATION, count)
    fleet = sight[Resource.PODS].of[argosy.APPLICATION]
    sight.wait("a tenth", lambda: len(fleet.created) >= count // SHARE, arenas.PATIENCE_SECONDS)
    applied = time.monotonic()
    argosy.apply(arena, namespace, GUEST, stage.sizes.beside)
    going = tuple(small.go(arena, sight, namespace, name) for name in victims)
    coming = small.came(sight, GUEST, stage.sizes.beside, applied)
    argosy.wait_ready(sight, argosy.APPLICATION, count)
    judged = argosy.judged(arena, sight, count, began=began, used=used, book=stage.book)
    return Beside(
        run=stage.keep(dataclasses.replace(judged, arm=NAME)),
        idle=idle,
        coming=coming,
        going=going,
        extra=3 * stage.sizes.beside + len(victims) * idle.writes,
        writes=arena.writes() - before,
    )


def judge(stage: Stage, found: Beside, alone: runs.Run) -> None:
    """Put on record what small applications waited, and what they cost the large one."""
    book = stage.book
    ideal = found.writes / (found.writes - found.extra)
    book.add("5a", found.run.created / (alone.created * ideal))
    book.add("5b", found.run.waited / (alone.waited * ideal))
    idle = found.idle
    first = statistics.median(each.server for each in idle.coming)
    book.add("10a", first / idle.write)
    book.add("10b", found.coming.server / first)
    told = {
        "one idle write, s": idle.write,
        "idle, first server, s": first,
        "idle, first pod, s": statistics.median(each.pod for each in idle.coming),
        "idle, all pods, s": statistics.median(each.pods for each in idle.coming),
        "beside, first server, s": found.coming.server,
        "beside, first pod, s": found.coming.pod,
        "beside, all pods, s": found.coming.pods,
        "idle, first delete, s": _median_first(idle.going),
        "beside, first delete, s": _median_first(found.going),
        "idle, all gone, s": statistics.median(each.gone for each in idle.going),
        "beside, all gone, s": statistics.median(each.gone for each in found.going),
    }
    for figure, value in told.items():
        book.tell(figure, value)
    book.compare(argosy.NAME, "first pod", found.coming.pod)
    book.compare(argosy.NAME, "all pods", found.coming.pods)
    book.compare(argosy.NAME, "first delete", _median_first(found.going))
    book.compare(argosy.NAME, "pods/s", found.run.rate)


def _median_first(found: Sequence[small.Going]) -> float:
    return statistics.median(each.first for each in found)


def _idle(stage: Stage, sight: Sight, namespace: str) -> Idle:
    """Let small applications come and go by themselves, and count what deleting one takes."""
    arena = stage.timed
    # A write by a client that is as far away as the operator is.
    write = arena.write_seconds(namespace, IDLE_WRITES) + 2 * stage.sizes.away / 1000
    coming, going = [], []
    for number in range(PROBES):
        name = f"idle{number}"
        coming.append(_make(stage, sight, namespace, name))
        arena.calm()
        before = arena.writes()
        going.append(small.go(arena, sight, namespace, name))
    arena.calm()
    return Idle(
        write=write, coming=tuple(coming), going=tuple(going), writes=arena.writes() - before
    )


def _make(stage: Stage, sight: Sight, namespace: str, name: str) -> small.Coming:
    """Apply a small application and wait until it is Ready."""
    found = small.come(stage.timed, sight, namespace, name, stage.sizes.beside)
    argosy.wait_ready(sight, name, stage.sizes.beside)
    return found
