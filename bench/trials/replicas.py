"""Ratio 18: four replicas that share the work, beside one that has all of it.

Many applications come up at once, as one application is never divided. Each replica's part is told
by the dearest of them: that is the one which needs the room.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from bench import meters
from bench.arena import Arena
from bench.arms import argosy
from bench.stage import Stage
from bench.watcher import Sight
from controller.api import resources
from controller.api.resources import Resource
from controller.kube import slots
from devcluster import operator as operators

REPLICAS = 4
# Servers of each application.
EACH = 60
SHARING = ("sharing.enabled=true",)
SHARED_SECONDS = 120.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a crew needed: of CPU and memory the most that one of them did."""

    cpu: float
    resident: float
    grown: float
    writes: int
    created: float


def run(stage: Stage) -> None:
    """Have one replica, and then four, bring up the same applications."""
    arena = stage.counted
    argosy.warm_up(arena)
    crew = operators.run(arena.cluster, replicas=REPLICAS, values=SHARING)
    for each in crew:
        each.terminate()
    try:
        for _ in stage.rounds(stage.sizes.peers):
            _compare(stage, _bring_up(stage, crew[:1]), _bring_up(stage, crew))
    finally:
        (alone,) = operators.run(arena.cluster)
        alone.terminate()
        arena.operate_by(alone)


def _compare(stage: Stage, one: Share, four: Share) -> None:
    book = stage.book
    book.add("18a", four.cpu / one.cpu)
    book.add("18b", four.resident / one.resident)
    book.add("18c", four.writes / one.writes)
    book.add("18d", four.created / one.created)
    for name, found in (("one", one), ("four", four)):
        book.tell(f"CPU of a replica, {name}, s", found.cpu)
        book.tell(f"memory of a replica, {name}, MiB", found.resident / 2**20)
        book.tell(f"memory of a replica for its caches, {name}, MiB", found.grown / 2**20)
        book.tell(f"all created by {name}, s", found.created)


def _bring_up(stage: Stage, crew: list[operators.Operator]) -> Share:
    """Have a crew come together, and bring everything up."""
    arena, count = stage.counted, max(REPLICAS, stage.sizes.fleet // EACH)
    with arena.namespace() as namespace:
        try:
            for each in crew:
                each.start()
            _share(arena, len(crew))
            return _measured(stage, crew, namespace, count)
        finally:
            for each in crew:
                each.terminate()


def _measured(stage: Stage, crew: list[operators.Operator], namespace: str, count: int) -> Share:
    arena = stage.counted
    with arena.watch(namespace, Resource.APPLICATIONS, Resource.PODS) as sight:
        arena.calm()
        empty = {each.name: meters.resident_bytes(each.pid) for each in crew}
        tally, used, began = arena.tally(), arena.usage(), time.monotonic()
        for number in range(count):
            argosy.apply(arena, namespace, f"part{number}", EACH)
        _wait(sight, count)
        arena.calm()
        cost = arena.cost(used).seconds
        resident = {each.name: meters.resident_bytes(each.pid) for each in crew}
        created = sight[Resource.PODS].all.created
    stage.book.add("surplus", len(created) - count * EACH)
    stage.say(", ".join(f"{each.name} {cost[each.name]:.1f} s" for each in crew))
    return Share(
        cpu=max(cost[each.name] for each in crew),
        resident=max(resident.values()),
        grown=max(resident[name] - empty[name] for name in resident),
        writes=sum(tally.counts().values()),
        created=created[-1] - began,
    )


def _wait(sight: Sight, count: int) -> None:
    """Wait until all applications say that they are Ready."""
    applications = sight[Resource.APPLICATIONS].all
    sight.wait("all are Ready", lambda: len(applications.ready) >= count, 600)


def _share(arena: Arena, among: int) -> None:
    """Wait until the slots are divided among so many."""
    most = -(-slots.SLOTS // among)

    def divided() -> bool:
        found = [each["spec"].get("holderIdentity") for each in _leases(arena)]
        held = [found.count(each) for each in {*found} - {None, ""}]
        return sum(held) == slots.SLOTS and len(held) == among and max(held) <= most

    arena.until(f"shared by {among}", divided, SHARED_SECONDS)


def _leases(arena: Arena) -> list[dict[str, Any]]:
    answer = arena.client.get(resources.path(Resource.LEASES, operators.NAMESPACE))
    return [each for each in answer["items"] if each["metadata"]["name"] in slots.LEASES]
