"""Ratio 15: the same application comes and goes with the API server next door, and far away.

Only the operator is far from it: whoever watches for the bench, and the nodes, stay where they are.
"""

from __future__ import annotations

import dataclasses
import time

from bench import distance
from bench.arms import argosy, small
from bench.stage import Stage
from bench.watcher import Sight
from controller.api.resources import Resource

NEAR, FAR = "Argosy, near", "Argosy, 20 ms away"
AWAY_SECONDS = 0.02


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How long until all was Ready, and until all was gone."""

    ready: float
    gone: float


def run(stage: Stage) -> None:
    """Have the operator do it near and far, one order after the other."""
    _ = stage.status
    for number in stage.rounds(stage.sizes.pairs):
        order = (0.0, AWAY_SECONDS) if number % 2 == 0 else (AWAY_SECONDS, 0.0)
        found = {away: _come_and_go(stage, away) for away in order}
        near, far = found[0.0], found[AWAY_SECONDS]
        stage.book.add("15a", far.ready / near.ready)
        stage.book.add("15b", far.gone / near.gone)


def _come_and_go(stage: Stage, away: float) -> Found:
    arena, count = stage.timed, stage.sizes.small
    with (
        distance.between(arena, away) as operator,
        arena.namespace() as namespace,
        arena.operated(operator),
        arena.watch(namespace, *small.WATCHED) as sight,
    ):
        used, began = arena.usage(), time.monotonic()
        argosy.apply(arena, namespace, argosy.APPLICATION, count)
        argosy.wait_ready(sight, argosy.APPLICATION, count)
        done = argosy.judged(arena, sight, count, began=began, used=used, book=stage.book)
        stage.keep(dataclasses.replace(done, arm=FAR if away else NEAR))
        return Found(ready=done.ready, gone=_delete(stage, sight, namespace, count))


def _delete(stage: Stage, sight: Sight, namespace: str, count: int) -> float:
    arena, name = stage.timed, argosy.APPLICATION
    uid = arena.uid(Resource.APPLICATIONS, namespace, name)
    arena.calm()
    began = time.monotonic()
    arena.hand.do(arena.hand.client.delete(Resource.APPLICATIONS, namespace, name, uid=uid))
    pods, application = sight[Resource.PODS].of[name], sight[Resource.APPLICATIONS].of[name]
    sight.wait("all is gone", lambda: len(pods.gone) >= count and bool(application.gone), 300)
    return application.gone[-1] - began
