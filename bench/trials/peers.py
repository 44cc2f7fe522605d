"""What users would otherwise pick, on the same ground: built-in controllers, a plain kopf operator.

With client limits raised they take turns with a plain client and Argosy; at their defaults, where
the API server mostly waits for them, both built-in kinds come up side by side.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent import futures

from bench import arena as arenas
from bench import estimate, runs
from bench.arena import Cost
from bench.arms import argosy, builtin, direct, plain
from bench.stage import Stage
from bench.trials import floor
from controller.api.resources import Resource
from devcluster import controlplane

BARE = floor.BARE
KINDS = (builtin.DEPLOYMENT, builtin.STATEFUL_SET)
BUILT_IN = {each.name for each in KINDS}
# How long a small application is waited for behind a large one, in seconds.
BEHIND_SECONDS = 45.0

Arm = Callable[[Stage, int], runs.Run]


def run(stage: Stage) -> None:
    """Measure all peers; nothing here is a ratio of Argosy's."""
    _ = stage.status
    stage.timed.limit_controllers(arenas.RAISED)
    _take_turns(stage)
    for kind in KINDS:
        with stage.timed.namespace() as namespace:
            _behind(stage, namespace, kind, "raised")
    if not stage.sizes.defaults:
        return
    if stage.has(estimate.DEFAULTS):
        _at_defaults(stage)
    else:
        stage.say("peers at their default limits are left out: this takes too long")


def _at_defaults(stage: Stage) -> None:
    arena = stage.timed
    arena.limit_controllers(arenas.DEFAULT)
    with arena.namespace() as one, arena.namespace() as other:
        with futures.ThreadPoolExecutor() as pool:
            places = zip((one, other), KINDS, strict=True)
            list(pool.map(lambda at: _behind(stage, at[0], at[1], "default"), places))
        # Else they would go on for long with what they have begun.
        arena.limit_controllers(arenas.RAISED)


# --- All Ready ------------------------------------------------------------------------------------


def _take_turns(stage: Stage) -> None:
    arms: list[Arm] = [_bare, _argosy, _direct]
    arms += [_builtin(kind) for kind in KINDS]
    for number in stage.rounds(stage.sizes.peers):
        order = arms if number % 2 == 0 else arms[::-1]
        found = {each.arm: each for each in (arm(stage, stage.sizes.small) for arm in order)}
        for arm, each in found.items():
            name = f"{arm}, raised" if arm in BUILT_IN else arm
            stage.book.compare(name, "Ready", each.ready / found[BARE].ready)
            stage.book.compare(name, "CPU", 1000 * _own_cpu(each) / each.servers)
            stage.book.compare(name, "server CPU", 1000 * Cost(each.cpu).server / each.servers)


def _own_cpu(run: runs.Run) -> float:
    """Return the CPU seconds of whoever made the pods."""
    own = {argosy.NAME: arenas.OPERATOR, direct.NAME: direct.PROCESS, BARE: ""}
    return run.cpu.get(own.get(run.arm, controlplane.CONTROLLERS), 0.0)


def _bare(stage: Stage, count: int) -> runs.Run:
    return stage.keep(plain.bring_up(stage.timed, BARE, count))


def _argosy(stage: Stage, count: int) -> runs.Run:
    with stage.timed.namespace() as namespace, stage.timed.operated():
        return stage.keep(argosy.bring_up(stage.timed, namespace, count, stage.book))


def _builtin(kind: builtin.Kind) -> Arm:
    def bring_up(stage: Stage, count: int) -> runs.Run:
        with stage.timed.namespace() as namespace:
            return stage.keep(builtin.bring_up(stage.timed, namespace, kind, count))

    return bring_up


def _direct(stage: Stage, count: int) -> runs.Run:
    arena = stage.timed
    direct.start(arena)
    try:
        # It has begun to watch when it does what it is for.
        with arena.namespace() as namespace, arena.watch(namespace, Resource.SERVERS) as sight:
            argosy.apply(arena, namespace, argosy.APPLICATION, 1)
            servers = sight[Resource.SERVERS].all
            sight.wait("a first server", lambda: bool(servers.ready), arenas.START_SECONDS)
        with arena.namespace() as namespace, arena.watch(namespace, *argosy.WATCHED) as sight:
            used, began = arena.usage(), time.monotonic()
            argosy.apply(arena, namespace, argosy.APPLICATION, count)
            pods, servers = sight[Resource.PODS].all, sight[Resource.SERVERS].all
            sight.wait(
                f"{count} servers are Ready",
                lambda: len(servers.ready) >= count,
                arenas.PATIENCE_SECONDS,
            )
            return stage.keep(
                runs.Run(
                    arm=direct.NAME,
                    servers=count,
                    created=pods.created[-1] - began,
                    ready=pods.ready[-1] - began,
                    told=servers.ready[-1] - began,
                    cpu=arena.cost(used).seconds,
                )
            )
    finally:
        direct.stop(arena)


# --- Behind a load --------------------------------------------------------------------------------


def _behind(stage: Stage, namespace: str, kind: builtin.Kind, limits: str) -> None:
    book, sizes = stage.book, stage.sizes
    name = f"{kind.name}, {limits}"
    found, rate = builtin.behind(
        stage.timed,
        namespace,
        kind,
        load=sizes.fleet,
        small=sizes.beside,
        seconds=BEHIND_SECONDS,
    )
    waits = {"first pod": found.pod, "all pods": found.pods, "first delete": found.delete}
    for column, value in waits.items():
        book.compare(name, column, float("inf") if value is None else value)
    book.compare(name, "pods/s", rate)
    stage.say(f"{name}, behind a load: {waits}, {rate:.0f} pods/s")
