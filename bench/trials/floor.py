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

BESIDE = ("5a", "5b", "10a", "10b")
SAME, BARE = "plain client, same writes", "plain client, bare pods"


def run(stage: Stage) -> None:
    """Have the arms bring up the same number of servers in turns, one order after the other."""
    count = stage.sizes.fleet
    status = stage.status
    arms: list[Callable[[], runs.Run | beside.Beside]] = [
        lambda: stage.keep(plain.bring_up(stage.timed, SAME, count, status)),
        lambda: _argosy(stage, count),
        lambda: stage.keep(plain.bring_up(stage.timed, BARE, count)),
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
