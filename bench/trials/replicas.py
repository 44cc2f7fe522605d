"""Ratio 18: four replicas that share the work, beside one that has all of it.

Four are seen twice: watching everything, and watching by slot what there is one a server of.

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
BY_SLOT = "--watch-slots"
SHARED_SECONDS = 120.0
# The ratios of four that watch everything, of four that watch by slot, and of both.
ALL, SLOTS, MOVED = ("18a", "18b", "18c", "18d"), ("18e", "18f", "18g", "18h"), "18i"
FOUND = (*ALL, *SLOTS, MOVED)
# Of the slots that one has, so many must move when the others come.
FEWEST = slots.SLOTS * (REPLICAS - 1) // REPLICAS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a crew needed: of CPU and memory the most that one of them did."""

    cpu: float
    resident: float
    grown: float
    writes: int
    created: float


def run(stage: Stage) -> None:
    """Have one replica, then four, and four by slot, bring up the same applications."""
    arena = stage.counted
    argosy.warm_up(arena)
    crew = operators.run(arena.cluster, replicas=REPLICAS, values=SHARING)
    for each in crew:
        each.terminate()
    try:
        for _ in stage.rounds(stage.sizes.peers):
            one = _bring_up(stage, crew[:1])
            _tell(stage, "one", one)
            _compare(stage, "four", ALL, one, _bring_up(stage, crew))
            parted = [each.asked(BY_SLOT) for each in crew]
            _compare(stage, "four by slot", SLOTS, one, _bring_up(stage, parted))
    finally:
        (alone,) = operators.run(arena.cluster)
        alone.terminate()
        arena.operate_by(alone)


def _compare(stage: Stage, name: str, keys: tuple[str, ...], one: Share, four: Share) -> None:
    found = (
        four.cpu / one.cpu,
        four.resident / one.resident,
        four.writes / one.writes,
        four.created / one.created,
    )
    for key, value in zip(keys, found, strict=True):
        stage.book.add(key, value)
    _tell(stage, name, four)


def _tell(stage: Stage, name: str, found: Share) -> None:
    book = stage.book
    book.tell(f"CPU of a replica, {name}, s", found.cpu)
    book.tell(f"memory of a replica, {name}, MiB", found.resident / 2**20)
    book.tell(f"memory of a replica for its caches, {name}, MiB", found.grown / 2**20)
    book.tell(f"all created by {name}, s", found.created)


def _bring_up(stage: Stage, crew: list[operators.Operator]) -> Share:
    """Have a crew come, one before the others, and bring everything up."""
    arena, count = stage.counted, max(REPLICAS, stage.sizes.fleet // EACH)
    with arena.namespace() as namespace:
        try:
            crew[0].start()
            _share(arena, 1)
            if len(crew) == REPLICAS:
                _join(stage, crew)
            return _measured(stage, crew, namespace, count)
        finally:
            for each in crew:
                each.terminate()


def _join(stage: Stage, crew: list[operators.Operator]) -> None:
    """Have all others come at once, and count the slots that move."""
    before = _epochs(stage.counted)
    for each in crew[1:]:
        each.start()
    _share(stage.counted, len(crew))
    stage.book.add(MOVED, (_epochs(stage.counted) - before) / FEWEST)


def _epochs(arena: Arena) -> int:
    """Return how often slots have been taken."""
    return sum(int(each["spec"].get("leaseTransitions") or 0) for each in _leases(arena))


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
