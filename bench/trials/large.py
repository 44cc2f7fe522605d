"""Ratios 3, 4, 7, 8 and 9: what a large fleet costs an operator, beside a small one.

The large fleet stays when this is over: `rest` counts what is written while nothing happens.
"""

from __future__ import annotations

import dataclasses
import statistics
import time

from bench import arena as arenas
from bench import bodies, cpu_unit, meters, ratios, runs
from bench.arena import Cost
from bench.arms import argosy, pages, small
from bench.stage import Stage
from bench.trials import rest, writes
from bench.watcher import Sight
from controller.api.resources import Resource

VICTIMS = 8
SHARE = 10
CHANGES = 50
GAP_SECONDS = 0.1
# The ratios that need the large fleet.
FOUND = ("4a", "4b", "6", "7a", "7b", "8", "9a", "9b")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one fleet cost the operator, and what a fixed piece of work did then: CPU seconds."""

    server: float
    change: float
    yard: float


def run(stage: Stage) -> None:
    """Bring up a small and then a large fleet in the cluster where writes are counted."""
    argosy.warm_up(stage.counted)
    empty, few = _small(stage)
    if not stage.wants(*FOUND):
        return
    namespace = stage.counted.make_namespace()
    stage.counted.start_operator()
    many = _large(stage, namespace)
    _compare(stage, few, many)
    if stage.wants("8", "9a", "9b"):
        for number in range(stage.sizes.restarts):
            _restart(stage, namespace, bodies.server_name(argosy.APPLICATION, number), empty)
    if stage.wants("6"):
        rest.begin(stage, stage.counted)


def _small(stage: Stage) -> tuple[int, Costs]:
    """Bring up the small fleet, and count what is written for it; also return the bytes before."""
    arena, count = stage.counted, stage.sizes.small
    with arena.namespace() as namespace:
        began = time.monotonic()
        with arena.operated(), cpu_unit.Yardstick() as yard:
            stage.book.tell(
                "start of an operator that has nothing to read, s", time.monotonic() - began
            )
            # It goes on loading code for a moment once its caches are full.
            arena.calm()
            empty = meters.resident_bytes(arena.operator.pid)
            tally = arena.tally()
            fleet = stage.keep(argosy.bring_up(arena, namespace, count, stage.book))
            work = yard.seconds
            # What comes late, such as a last status, is counted too.
            arena.calm()
            writes.count(stage, tally, count)
            change = change_cost(arena, namespace)
        return empty, Costs(server=per_server(fleet), change=change, yard=work)


def _large(stage: Stage, namespace: str) -> Costs:
    """Bring up the large fleet, which stays."""
    arena = stage.counted
    with cpu_unit.Yardstick() as yard:
        fleet = _bring_up(stage, namespace)
    change = change_cost(arena, namespace)
    stage.book.tell("operator CPU ÷ server CPU, large", _share(fleet))
    stage.book.tell("operator's peak memory, MiB", meters.peak_bytes(arena.operator.pid) / 2**20)
    return Costs(server=per_server(fleet), change=change, yard=yard.seconds)


def _compare(stage: Stage, few: Costs, many: Costs) -> None:
    dearer = many.yard / few.yard
    stage.book.add("7a", many.server / few.server / dearer)
    stage.book.add("7b", many.change / few.change)
    for size, costs in (("small", few), ("large", many)):
        stage.book.tell(f"operator CPU per server, {size}, ms", costs.server * 1000)
        stage.book.tell(f"operator CPU per change, {size}, ms", costs.change * 1000)
    stage.book.tell("the same work in CPU seconds, large ÷ small", dearer)


def per_server(run: runs.Run) -> float:
    """Return the operator's CPU seconds for one server."""
    return Cost(run.cpu).operator / run.servers


def _share(run: runs.Run) -> float:
    return Cost(run.cpu).operator / Cost(run.cpu).server


# --- Deletes behind creates -----------------------------------------------------------------------


def _bring_up(stage: Stage, namespace: str) -> runs.Run:
    """Bring up the large fleet, and delete small applications behind its queued creates."""
    arena, count = stage.counted, stage.sizes.large
    with arena.watch(namespace, *small.WATCHED) as sight:
        idle = _delete_all(stage, sight, namespace, "idle")
        victims = _make(stage, sight, namespace, "victim")
        arena.calm()
        used, began = arena.usage(), time.monotonic()
        argosy.apply(arena, namespace, argosy.APPLICATION, count)
        fleet = sight[Resource.PODS].of[argosy.APPLICATION]
        sight.wait("a tenth", lambda: len(fleet.created) >= count // SHARE, 300)
        behind = [small.go(arena, sight, namespace, each) for each in victims]
        argosy.wait_ready(sight, argosy.APPLICATION, count)
        judge(stage.book, idle, behind)
        return stage.keep(
            argosy.judged(arena, sight, count, began=began, used=used, book=stage.book)
        )


def _make(stage: Stage, sight: Sight, namespace: str, prefix: str) -> list[str]:
    found = [f"{prefix}{number}" for number in range(VICTIMS)]
    for name in found:
        small.come(stage.counted, sight, namespace, name, stage.sizes.beside)
        argosy.wait_ready(sight, name, stage.sizes.beside)
    return found


def _delete_all(stage: Stage, sight: Sight, namespace: str, prefix: str) -> list[small.Going]:
    made = _make(stage, sight, namespace, prefix)
    return [small.go(stage.counted, sight, namespace, each) for each in made]


def judge(book: ratios.Book, idle: list[small.Going], behind: list[small.Going]) -> None:
    """Put on record how much longer deletes took behind a queue than without one."""
    first = statistics.median(each.first for each in idle)
    gone = ratios.percentile([each.gone for each in idle], 0.95)
    for each in behind:
        book.add("4a", each.first / first)
    book.add("4b", ratios.percentile([each.gone for each in behind], 0.95) / gone)
    book.tell("idle, delete to gone (p95), s", gone)


# --- One change -----------------------------------------------------------------------------------


def change_cost(arena: arenas.Arena, namespace: str) -> float:
    """Return the operator's CPU seconds for one field of one server that somebody changes."""
    client = arena.hand.client
    name = bodies.server_name(argosy.APPLICATION, 0)
    arena.calm()
    used = arena.usage()
    for number in range(CHANGES):
        body = {"spec": {"held": number % 2 == 0}}
        arena.hand.do(client.patch(Resource.SERVERS, namespace, name, body))
        # Each is seen by itself: changes that come together are looked at together.
        time.sleep(GAP_SECONDS)
    arena.calm()
    return arena.cost(used).operator / CHANGES


# --- A restart ------------------------------------------------------------------------------------


def _restart(stage: Stage, namespace: str, victim: str, empty: int) -> None:
    """Restart the operator while a pod is gone, and see when it has put that right."""
    arena = stage.counted
    bare = pages.read(arena.cluster.kubeconfig)
    arena.operator.terminate()
    uid = arena.uid(Resource.PODS, namespace, victim)
    with arena.watch(namespace, Resource.PODS) as sight:
        pods = sight[Resource.PODS].all
        arena.hand.do(
            arena.hand.client.delete(Resource.PODS, namespace, victim, uid=uid, grace_seconds=0)
        )
        sight.wait("a pod is gone", lambda: bool(pods.gone), 30)
        there = len(pods.created)
        began = time.monotonic()
        arena.operator.start()
        arena.until("full caches", arena.synced, arenas.START_SECONDS)
        synced = time.monotonic() - began
        sight.wait("the pod is back", lambda: len(pods.created) > there, 60)
        right = pods.created[there] - began
    _judge_restart(stage, bare, synced, right)
    arena.calm()
    cached = meters.resident_bytes(arena.operator.pid) - empty
    stage.book.add("8", cached / bare.objects / bare.each)
    stage.book.tell("JSON of a cached object, bytes", bare.each)
    stage.book.tell("memory of a cached object, bytes", cached / bare.objects)


def _judge_restart(stage: Stage, bare: pages.Pages, synced: float, right: float) -> None:
    book = stage.book
    stage.say(f"restart: synced {synced:.2f} s, right {right:.2f} s; GETs {bare.seconds:.2f} s")
    book.add("9a", synced / bare.seconds)
    book.add("9b", right / bare.seconds)
    book.tell("bare paged GETs, s", bare.seconds)
    book.tell("restart to synced, s", synced)
    book.tell("restart to the first correct write, s", right)
