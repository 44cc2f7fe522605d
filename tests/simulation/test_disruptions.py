"""Random lives of a component that everybody disturbs at once: whatever comes, one budget holds.

Drains, evacuations, rollouts, operations, ill and lost servers, crashes, and people who change the
limits, the domains and budgets of their own meanwhile. The history checker judges each write by the
limit of its moment; afterwards each drain ends, and all comes to rest as it is asked for.

`scripts` plays them. A seed that ever found something stays in FOUND.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import strategies as st

from controller import errors
from controller.api.resources import Resource
from fakes.api_server import Behaviour, evictions
from fakes.universe import Json, operation
from proof import history
from proof.history import budgets, concentration, identity
from proof.history import evictions as rule
from proof.mutants import audit
from tests.simulation import scripts
from tests.simulation.zoned import ZONES, Pods

SEEDS = "0"
FOUND = ""
SCRIPTS, STEPS = 8, 14
THIS = "tests/simulation/test_disruptions.py"
NODES, MOST_DRAINED = 9, 4
DRAIN_SECONDS = 1500

VERBS = (
    "image", "image", "restart", "replace", "drain", "drain", "uncordon", "evacuate", "cordon",
    "activate", "drop", "limits", "limits", "scale", "lose", "ill", "well", "crash", "mine",
    "theirs", "bad", "stop", "start", "cancel", "wait", "wait",
)  # fmt: skip

steps = st.tuples(st.sampled_from(VERBS), st.integers(0, 1000))
RULES: tuple[history.judgement.Rule, ...] = (
    lambda past, expected: budgets.check(past, slack=expected.slack),
    lambda past, _: rule.check(past),
    lambda past, expected: concentration.check(past, slack=expected.slack),
    lambda past, _: identity.check(past),
)
LIMITS: tuple[Json, ...] = (
    {"maxUnavailable": 1},
    {"maxUnavailable": 3},
    {"maxUnavailable": "50%", "maxSurge": 1},
    {"maxUnavailable": 0, "maxSurge": 2},
    {"maxUnavailable": 2, "oneDomainAtATime": True},
    {"maxUnavailable": 2, "maxSurge": 1, "oneDomainAtATime": True},
    {"maxUnavailable": 2, "evictions": "Ignore"},
    {"maxUnavailable": "100%"},
)


class Life:
    """Lives a script in a world, and knows what is asked for."""

    def __init__(self, world: Pods, number: int) -> None:
        self.world = world
        self.replicas, self.image, self.operations = 6, 1, 0
        self.rollout = LIMITS[number % len(LIMITS)]
        self.bad: set[str] = set()
        self.drains: dict[str, asyncio.Task[None]] = {}

    def given(self) -> dict[str, Any]:
        """Return what is asked of the component now."""
        return {
            "image": f"app:{self.image}",
            "rollout": self.rollout | {"inPlace": "Never"},
            "spread": {},
        }

    async def ask(self) -> None:
        """Ask for what is wanted now."""
        await self.world.ask(self.replicas, **self.given())

    async def play(self, verb: str, number: int) -> None:
        """Let one thing happen; what makes no sense now does nothing."""
        try:
            await getattr(self, "_" + verb)(number)
        except (KeyError, ZeroDivisionError, errors.ArgosyError):
            return

    async def _image(self, _number: int) -> None:
        self.image += 1
        await self.ask()

    async def _limits(self, number: int) -> None:
        self.rollout = LIMITS[number % len(LIMITS)]
        await self.ask()

    async def _scale(self, number: int) -> None:
        self.replicas = number % 10
        await self.ask()

    async def _restart(self, number: int) -> None:
        await self._submit("Restart", number)

    async def _replace(self, number: int) -> None:
        await self._submit("Replace", number)

    async def _submit(self, action: str, number: int, **more: str | int) -> None:
        self.operations += 1
        if number % 3:
            more["concurrency"] = 1 + number % 2
        name = f"op-{self.operations}"
        await self.world.apply(operation(name, "shop", action, timeoutSeconds=600, **more))

    async def _drain(self, number: int) -> None:
        node = f"node-{number % NODES}"
        going = [each for each, task in self.drains.items() if not task.done()]
        if node not in self.world.kubelet.cordoned and len(self._closed()) < MOST_DRAINED:
            assert node not in going
            registry, kubelet = self.world.server.registry, self.world.kubelet
            self.drains[node] = asyncio.create_task(evictions.drain(registry, kubelet, node))

    def _closed(self) -> set[str]:
        return self.world.kubelet.cordoned

    async def _uncordon(self, number: int) -> None:
        node = sorted(self._closed())[number % len(self._closed())] if self._closed() else ""
        if node and self.drains[node].done():
            evictions.cordon(self.world.server.registry, self.world.kubelet, node, on=False)

    async def _evacuate(self, number: int) -> None:
        await self.world.turn(ZONES[number % len(ZONES)], state="Evacuating")

    async def _cordon(self, number: int) -> None:
        await self.world.turn(ZONES[number % len(ZONES)], state="Cordoned")

    async def _activate(self, number: int) -> None:
        await self.world.turn(ZONES[number % len(ZONES)], state="Active")

    async def _drop(self, number: int) -> None:
        """A domain is taken off the fleet's list."""
        self.world.domains.pop(ZONES[number % len(ZONES)], None)
        left = next(iter(self.world.domains), ZONES[0])
        await self.world.turn(left)

    async def _bad(self, _number: int) -> None:
        """An image is rolled out that never becomes ready."""
        self.image += 1
        self.bad.add(f"app:{self.image}")
        await self.ask()

    def behave(self, pod: Json) -> Behaviour:
        """Return what becomes of a pod."""
        image = pod["spec"]["containers"][0]["image"]
        return Behaviour(fate="Unready" if image in self.bad else "Ready")

    async def _stop(self, number: int) -> None:
        await self._submit("Stop", number, servers=str(number % 3))

    async def _start(self, number: int) -> None:
        await self._submit("Start", number)

    async def _cancel(self, number: int) -> None:
        name = f"op-{1 + number % self.operations}"
        await self.world.merge(Resource.OPERATIONS, name, {"spec": {"cancelled": True}})

    async def _lose(self, number: int) -> None:
        pods = self.world.names(Resource.PODS)
        self._delete(Resource.PODS, pods[number % len(pods)])

    def _delete(self, resource: Resource, name: str) -> None:
        self.world.server.registry.delete(resource, "default", name, actor="user")

    async def _ill(self, number: int) -> None:
        self.world.kubelet.unready("default", f"shop-web-{number % self.replicas}")

    async def _well(self, _number: int) -> None:
        for each in self.world.names(Resource.PODS):
            self.world.kubelet.ready("default", each)

    async def _crash(self, _number: int) -> None:
        await self.world.crash()

    async def _mine(self, number: int) -> None:
        body = {
            "metadata": {"name": "mine"},
            "spec": {"maxUnavailable": number % 3, "selector": {"matchLabels": {}}},
        }
        self.world.server.registry.create(
            Resource.DISRUPTION_BUDGETS, "default", body, actor="user"
        )
        # Until Argosy's own is gone the API server evicts no pod that both are about.
        await asyncio.sleep(1)

    async def _theirs(self, number: int) -> None:
        """Somebody deletes a budget: Argosy's own, or the one that a person made."""
        self._delete(Resource.DISRUPTION_BUDGETS, ("mine", "shop-web")[number % 2])

    async def _wait(self, number: int) -> None:
        await asyncio.sleep(number % 100 / 4)

    async def end(self) -> None:
        """Take back what may stand in the way of drains, and see everything end."""
        for zone in ZONES:
            await self.world.turn(zone, state="Active")
        await self.play("theirs", 0)
        await self.play("well", 0)
        self.rollout = LIMITS[0] if not self.rollout["maxUnavailable"] else self.rollout
        await self._image(0)
        await self._start(0)
        async with asyncio.timeout(DRAIN_SECONDS):
            await asyncio.gather(*self.drains.values())
        await self.world.until(self.world.is_ready)
        await self.world.settle()
        assert len(self.world.names(Resource.PODS)) == self.replicas
        nodes = {each["spec"]["nodeName"] for each in self.world.pods()}
        assert nodes.isdisjoint(self._closed())


async def live(script: list[tuple[str, int]]) -> None:
    """Live a script, let everything end, and judge all that was written."""
    async with Pods(nodes=NODES) as world:
        life = Life(world, script[0][1])
        world.kubelet.behave = life.behave
        await world.open(life.replicas, **life.given())
        try:
            for verb, number in script:
                await life.play(verb, number)
                await asyncio.sleep(number % 7 / 5)
            await life.end()
        finally:
            for each in life.drains.values():
                each.cancel()
        lines = audit.lines(world.server, (), {}, alive_every=2.0)
        history.check(lines, rules=RULES).require()


@pytest.mark.parametrize("seed", scripts.seeds(SEEDS, found=FOUND))
def test_whoever_disturbs_one_budget_holds_and_all_ends(seed: int) -> None:
    """No write takes down more than its limit lets it, drains end, and all comes to rest."""
    scripts.play(seed, steps, live, scripts=SCRIPTS, length=STEPS, file=THIS)
