"""Ratio 16: beside the built-in kind that gives its pods names: a StatefulSet behind its Service.

`Parallel`, at the controllers' default limits, as in hosted clusters, and with these raised.
"""

from __future__ import annotations

from collections.abc import Callable

from bench import arena as arenas
from bench import runs
from bench.arms import argosy, builtin
from bench.stage import Stage

KIND = builtin.STATEFUL_SET
LIMITS = {"16b": arenas.RAISED, "16a": arenas.DEFAULT}


def run(stage: Stage) -> None:
    """Have both bring up the same number of servers in turns, under each of the limits."""
    _ = stage.status
    for key, limits in LIMITS.items():
        if not stage.wants(key):
            continue
        stage.timed.limit_controllers(limits)
        # At the defaults one takes minutes, and the limits are all that is seen.
        rounds = stage.sizes.pairs if limits == arenas.RAISED else stage.sizes.peers
        for number in stage.rounds(rounds):
            _compare(stage, key, turned=number % 2 == 1)


def _compare(stage: Stage, key: str, *, turned: bool) -> None:
    count = stage.sizes.small
    arms: list[Callable[[], runs.Run]] = [
        lambda: _argosy(stage, count),
        lambda: _stateful_set(stage, count),
    ]
    done = {each.arm: each for each in (arm() for arm in (arms[::-1] if turned else arms))}
    stage.book.add(key, done[argosy.NAME].ready / done[KIND.name].ready)


def _argosy(stage: Stage, count: int) -> runs.Run:
    with stage.timed.namespace() as namespace, stage.timed.operated():
        return stage.keep(argosy.bring_up(stage.timed, namespace, count, stage.book))


def _stateful_set(stage: Stage, count: int) -> runs.Run:
    with stage.timed.namespace() as namespace:
        return stage.keep(builtin.bring_up(stage.timed, namespace, KIND, count, named=True))
