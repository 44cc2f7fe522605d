"""Ratios 1, 2 and 11: one application comes up, in turns with plain clients that only write.

Where they are asked for, ratios 5 and 10 too: the same application, with others beside it.
"""

from __future__ import annotations

from collections.abc import Callable

from bench import runs
from bench.arena import Cost
from bench.arms import argosy, plain
from bench.stage import Stage
from bench.trials import beside
from controller.api.resources import Resource

BESIDE = ("5a", "5b", "10a", "10b")
SAME, BARE = "plain client, same writes", "plain client, bare pods"


def run(stage: Stage) -> None:
    """Have the arms bring up the same number of servers in turns, one order after the other."""
    count = stage.sizes.fleet
    status = stage.status
    arms: list[Callable[[], runs.Run | beside.Beside]] = [
        lambda: _plain(stage, SAME, count, status),
        lambda: _argosy(stage, count),
        lambda: _plain(stage, BARE, count),
    ]
    if stage.wants(*BESIDE):
        arms.append(lambda: beside.run(stage))
    for number in stage.rounds(stage.sizes.pairs):
        order = arms if number % 2 == 0 else arms[::-1]
        _judge(stage, [arm() for arm in order])


def _judge(stage: Stage, done: list[runs.Run | beside.Beside]) -> None:
    found = {each.arm: each for each in done if isinstance(each, runs.Run)}
    ours, same, bare = found[argosy.NAME], found[SAME], found[BARE]
    stage.book.add("1", ours.created / same.written)
    stage.book.add("2", ours.ready / bare.ready)
    stage.book.add("11", Cost(ours.cpu).operator / Cost(ours.cpu).server)
    stage.book.tell("Argosy says Ready ÷ bare pods Ready", ours.told / bare.ready)
    for each in done:
        if isinstance(each, beside.Beside):
            beside.judge(stage, each, ours)


def _argosy(stage: Stage, count: int) -> runs.Run:
    with stage.timed.namespace() as namespace, stage.timed.operated():
        return stage.keep(argosy.bring_up(stage.timed, namespace, count, stage.book))


def _plain(stage: Stage, name: str, count: int, status: object = None) -> runs.Run:
    arena = stage.timed
    with arena.namespace() as namespace:
        job = "servers" if status else "pods"
        with (
            plain.Plain(arena.cluster.kubeconfig, namespace, job, count, status=status) as client,
            arena.watch(namespace, Resource.PODS) as sight,
        ):
            used = arena.usage()
            began, ended = client.go()
            pods = sight[Resource.PODS].all
            sight.wait(f"{count} pods are Ready", lambda: len(pods.ready) >= count, 300)
            return stage.keep(
                runs.Run(
                    arm=name,
                    servers=count,
                    created=pods.created[-1] - began,
                    ready=pods.ready[-1] - began,
                    written=ended - began,
                    cpu=arena.cost(used).seconds,
                )
            )
