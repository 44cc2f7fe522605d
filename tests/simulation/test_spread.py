"""Random lives of a component in three failure domains: whenever all is at rest, it is spread.

Scaled, moved out of domains and back, by other weights, with servers lost and rollouts in between:
no Active domain is ahead of another by more than maxSkew for its weight, an evacuated one is empty,
and nothing landed in a domain after that was closed.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import strategies as st

from controller.api.resources import Resource
from controller.kube import faults
from fakes.api_server.storage import Event
from fakes.universe import Json
from tests.simulation import scripts
from tests.simulation.zoned import ZONES, Pods, World, skewed

SEEDS = "0"
Script = list[tuple[str, int]]
# Scripts that found something once, and are played for ever: a skew that stayed after an
# evacuation, a scale-down in one, and a server made in its old domain as it was given another.
FOUND: list[tuple[type[World], Script]] = [
    (World, [("evacuate", 858), ("weigh", 565), ("cordon", 251), ("wait", 236), ("wait", 565),
             ("evacuate", 948), ("wait", 406), ("weigh", 991), ("activate", 749), ("image", 561)]),
    (Pods, [("activate", 480), ("lose", 728), ("evacuate", 243), ("lose", 227), ("scale", 303)]),
    (World, [("evacuate", 86), ("lose", 968), ("activate", 23), ("cordon", 867),
             ("evacuate", 731), ("scale", 696), ("lose", 10), ("wait", 496), ("activate", 496)]),
]  # fmt: skip
SCRIPTS, STEPS = 10, 10
THIS = "tests/simulation/test_spread.py"
# What was decided before a domain was closed may still land there.
LATE_SECONDS = 5.0

VERBS = (
    "scale", "scale", "cordon", "evacuate", "evacuate", "activate", "activate", "activate",
    "weigh", "lose", "lose", "image", "rest", "wait",
)  # fmt: skip

steps = st.tuples(st.sampled_from(VERBS), st.integers(0, 1000))


class Life:
    """Lives a script in a world, and knows what is wanted."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.replicas, self.image = 6, 1
        self.skew = 1 + number % 2
        surge = number // 2 % 2
        self.rollout: Json = {
            "maxUnavailable": 0 if surge else 1 + number // 4 % 2,
            "maxSurge": surge,
            "inPlace": "Never",
            "oneDomainAtATime": bool(number // 8 % 2),
        }
        self.closed: dict[str, float] = {}
        self.late: list[str] = []
        self.seen: set[str] = set()

    def watch(self) -> None:
        """Take note of each instance that lands."""
        self.world.machines.listen(self._see_machine)
        self.world.server.registry.storage.listeners.append(self._see_pod)

    def _see_machine(self, _namespace: str, _name: str) -> None:
        for each in self.world.machines.machines:
            self._land(each.id, each.zone)

    def _see_pod(self, resource: Resource, event: Event) -> None:
        if resource is Resource.PODS and event.after is not None:
            node = event.after["spec"].get("nodeName")
            if node:
                self._land(event.after["metadata"]["uid"], self.world.kubelet.zones[node])

    def _land(self, instance: str, zone: str) -> None:
        if instance not in self.seen:
            self.seen.add(instance)
            since = self.closed.get(zone)
            if since is not None and self.world.server.now() > since + LATE_SECONDS:
                self.late.append(f"{instance} landed in {zone}")

    def given(self) -> dict[str, Any]:
        """Return what is asked of the component now."""
        return {
            "image": f"app:{self.image}",
            "rollout": self.rollout,
            "spread": {"maxSkew": self.skew},
        }

    async def play(self, verb: str, number: int) -> None:
        """Let one thing happen."""
        await getattr(self, "_" + verb)(number)

    async def _scale(self, number: int) -> None:
        self.replicas = number % 10
        await self.world.ask(self.replicas, **self.given())

    async def _image(self, _number: int) -> None:
        self.image += 1
        await self.world.ask(self.replicas, **self.given())

    async def _cordon(self, number: int) -> None:
        await self._turn(number, "Cordoned")

    async def _evacuate(self, number: int) -> None:
        await self._turn(number, "Evacuating")

    async def _activate(self, number: int) -> None:
        await self._turn(number, "Active")

    async def _turn(self, number: int, state: str) -> None:
        domain = ZONES[number % len(ZONES)]
        await self.world.turn(domain, state=state)
        if state == "Active":
            self.closed.pop(domain, None)
        else:
            self.closed.setdefault(domain, self.world.server.now())

    async def _weigh(self, number: int) -> None:
        domain, weight = ZONES[number % len(ZONES)], 1 + number // 3 % 3
        await self.world.turn(domain, weight=weight)

    async def _lose(self, number: int) -> None:
        machines = self.world.machines.machines
        pods = self.world.names(Resource.PODS)
        if machines:
            self.world.machines.remove(machines[number % len(machines)], at_once=True)
        elif pods:
            # One that is on its way out may be gone before the request arrives.
            with contextlib.suppress(faults.NotFound):
                await self.world.delete(Resource.PODS, pods[number % len(pods)])

    async def _wait(self, number: int) -> None:
        await asyncio.sleep(number % 40 / 10)

    async def _rest(self, _number: int) -> None:
        """Let all come to rest, and look where everything is."""
        await self.world.settle()
        count, known = self.world.count(), self.world.domains
        active = {name: int(each["weight"]) for name, each in known.items() if self._takes(name)}
        told = f"{count} of {known}, by at most {self.skew}, {self.rollout}"
        assert not self.late, (self.late, told)
        if not active:
            return
        assert sum(count.values()) == self.replicas, told
        assert not skewed(count, active, self.skew), told
        left = [each for each, one in known.items() if one["state"] == "Evacuating"]
        assert not any(count.get(each) for each in left), told

    def _takes(self, domain: str) -> bool:
        return bool(self.world.domains[domain]["state"] == "Active")

    async def end(self) -> None:
        """Come to rest at last."""
        await self._rest(0)


async def live(kind: type[World], script: Script) -> None:
    """Live a script from a component that is up to one that is spread."""
    async with kind() as world:
        life = Life(world, script[0][1])
        life.watch()
        await world.open(life.replicas, **life.given())
        for verb, number in script:
            await life.play(verb, number)
        await life.end()


@pytest.mark.parametrize("world", [World, Pods])
@pytest.mark.parametrize("seed", scripts.seeds(SEEDS, found=""))
def test_servers_are_spread_whenever_all_is_at_rest(world: type[World], seed: int) -> None:
    """None is ahead for its weight, evacuated domains are empty, closed ones get nothing new."""
    scripts.play(
        seed,
        steps,
        lambda script: live(world, script),
        scripts=SCRIPTS,
        length=STEPS,
        file=THIS,
    )


@pytest.mark.parametrize(("world", "script"), FOUND)
@pytest.mark.looptime
async def test_what_a_script_found_stays_mended(world: type[World], script: Script) -> None:
    """The same holds at the end of each script that found it broken."""
    await live(world, script)
