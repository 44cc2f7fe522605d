"""Ratio 13: every server is replaced at once, beside a plain client that replaces as many pods."""

from __future__ import annotations

import time

from bench import arena as arenas
from bench import bodies, runs
from bench.arms import argosy, plain
from bench.stage import Stage
from bench.watcher import Sight
from controller.api.resources import Resource

PLAIN = "plain client, replacing pods"
NAME = "Argosy, rolling restart"


def run(stage: Stage) -> None:
    """Let both replace the same number of pods in turns, round after round."""
    arena, count = stage.timed, stage.sizes.small
    _ = stage.status  # the operator is warm
    with (
        arena.namespace() as bare,
        arena.namespace() as ours,
        arena.operated(),
        arena.watch(bare, Resource.PODS) as pods,
        arena.watch(ours, *argosy.WATCHED) as sight,
    ):
        with plain.Plain(arena.cluster.kubeconfig, bare, "pods", count) as client:
            client.go()
        argosy.apply(arena, ours, argosy.APPLICATION, count)
        argosy.wait_ready(sight, argosy.APPLICATION, count)
        for number in stage.rounds(stage.sizes.pairs):
            arena.calm()
            theirs = _plain(stage, bare, pods, number)
            arena.calm()
            own = _argosy(stage, ours, sight, number)
            stage.book.add("13", own.ready / theirs.ready)
        stage.book.add("surplus", len(sight[Resource.SERVERS].all.created) - count)


def _plain(stage: Stage, namespace: str, sight: Sight, number: int) -> runs.Run:
    arena, count = stage.timed, stage.sizes.small
    version = str(number)
    with plain.Plain(
        arena.cluster.kubeconfig, namespace, "replace", count, version=version
    ) as client:
        used = arena.usage()
        began, _ = client.go()
        return _replaced(stage, PLAIN, sight, began=began, used=used, number=number)


def _argosy(stage: Stage, namespace: str, sight: Sight, number: int) -> runs.Run:
    arena = stage.timed
    name = argosy.APPLICATION
    spec = bodies.application(name, stage.sizes.small, f"{number}")["spec"]
    used, began = arena.usage(), time.monotonic()
    arena.hand.do(arena.hand.client.patch(Resource.APPLICATIONS, namespace, name, {"spec": spec}))
    return _replaced(stage, NAME, sight, began=began, used=used, number=number)


def _replaced(
    stage: Stage, arm: str, sight: Sight, *, began: float, used: arenas.Usage, number: int
) -> runs.Run:
    """Wait until all pods have been replaced once more."""
    count = stage.sizes.small
    pods = sight[Resource.PODS].all
    wanted = (number + 2) * count
    sight.wait(f"{count} replaced pods", lambda: len(pods.ready) >= wanted, 300)
    return stage.keep(
        runs.Run(
            arm=arm,
            servers=count,
            created=pods.created[wanted - 1] - began,
            ready=pods.ready[wanted - 1] - began,
            cpu=stage.timed.cost(used).seconds,
        )
    )
