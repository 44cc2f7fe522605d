"""Ratios 14 and 17: what a server costs the API server and etcd, beside a bare pod.

Both are behind a headless Service. In CPU for each size of template, and in memory for the largest:
a template lies in the API server once, however many servers are made from it, but each pod has it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from bench import arena as arenas
from bench import cpu_unit, etcd, meters, runs
from bench.arena import Cost
from bench.arms import argosy, plain
from bench.stage import Stage
from controller.api.resources import Resource
from devcluster import controlplane

# The bytes that the template has more than it must, and the ratio that is found with it.
SIZES = {"14a": 0, "14b": 1_700, "14c": 9_700}
LARGEST = "14c"
NAME = "plain client, bare pods behind a Service"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one arm cost: CPU seconds for each server, and bytes that were there afterwards.

    `work` is what a fixed piece of work took beside it: CPU is not equally dear in all minutes.
    """

    cpu: float
    work: float
    etcd: int
    apiserver: int


def run(stage: Stage) -> None:
    """Have both arms bring up as many servers of each template, one order after the other."""
    _ = stage.status
    for number in stage.rounds(stage.sizes.pairs):
        for key, size in SIZES.items():
            if stage.wants(key) or (key == LARGEST and stage.wants("17a", "17b")):
                _compare(stage, key, size, turned=number % 2 == 1)


def _compare(stage: Stage, key: str, size: int, *, turned: bool) -> None:
    count = stage.sizes.small
    arms: list[Callable[[], Found]] = [
        lambda: _argosy(stage, count, size),
        lambda: _bare(stage, count, size),
    ]
    done = [arm() for arm in (arms[::-1] if turned else arms)]
    ours, bare = done[::-1] if turned else done
    stage.book.add(key, ours.cpu / bare.cpu / (ours.work / bare.work))
    for name, each in (("Argosy", ours), ("bare pod", bare)):
        stage.book.tell(f"server CPU, {size} more bytes, {name}, ms", each.cpu * 1000)
    if key == LARGEST:
        stage.book.add("17a", ours.etcd / bare.etcd)
        stage.book.add("17b", ours.apiserver / bare.apiserver)


def _argosy(stage: Stage, count: int, size: int) -> Found:
    _afresh(stage, size)
    with stage.timed.operated():
        return _measure(stage, lambda namespace: bring_up(stage.timed, namespace, count, size))


def bring_up(arena: arenas.Arena, namespace: str, count: int, size: int) -> runs.Run:
    """Have Argosy bring up one application, seen by no more watches than bare pods are.

    A watch of Servers would cost the API server what nobody but the bench asks for.
    """
    with arena.watch(namespace, Resource.APPLICATIONS, Resource.PODS) as sight:
        used, began = arena.usage(), time.monotonic()
        argosy.apply(arena, namespace, argosy.APPLICATION, count, size=size)
        argosy.wait_ready(sight, argosy.APPLICATION, count)
        pods = sight[Resource.PODS].of[argosy.APPLICATION]
        return runs.Run(
            arm=argosy.NAME,
            servers=count,
            created=pods.created[-1] - began,
            ready=pods.ready[-1] - began,
            told=sight[Resource.APPLICATIONS].of[argosy.APPLICATION].ready[-1] - began,
            cpu=arena.cost(used).seconds,
        )


def _bare(stage: Stage, count: int, size: int) -> Found:
    _afresh(stage, size)
    return _measure(
        stage,
        lambda namespace: plain.bring_up_in(
            stage.timed, namespace, NAME, count, job="named", size=size
        ),
    )


def _afresh(stage: Stage, size: int) -> None:
    """Start the API server anew where its memory is compared: it keeps what it had use for once.

    Only there, as whoever watches it needs a while to come back.
    """
    if size == SIZES[LARGEST]:
        stage.timed.cluster.restart_apiserver()
        stage.timed.calm()


def _measure(stage: Stage, bring_up: Callable[[str], runs.Run]) -> Found:
    arena = stage.timed
    with arena.namespace() as namespace:
        before = _weights(arena)
        with cpu_unit.Yardstick() as yard:
            done = stage.keep(bring_up(namespace))
        arena.calm()
        after = _weights(arena)
    return Found(
        cpu=Cost(done.cpu).server / done.servers,
        work=yard.seconds,
        etcd=after[0] - before[0],
        apiserver=after[1] - before[1],
    )


def _weights(arena: arenas.Arena) -> tuple[int, int]:
    """Return the bytes of etcd's database and of the API server's memory."""
    apiserver = arena.cluster.processes.all()[controlplane.APISERVER]
    return etcd.bytes_in_use(arena.cluster), meters.resident_bytes(apiserver.pid)
