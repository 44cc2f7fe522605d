"""Random sequences of what other hands do: content, drains, edits and deletes, beside operations.

People and programs write what no schema bounds, drain nodes, edit Servers and ServerSets by hand,
and delete what Argosy keeps beside its pods. Whatever the script: acts take effect at most once
across all operations, no more is down than was allowed, all ends as the Application says, what was
taken away is there again, and then nothing is written.

`scripts` plays them. A seed that ever found something stays in FOUND.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import strategies as st

from controller.api import names
from controller.api.resources import Resource
from fakes.api_server import Kubelet, evictions
from fakes.universe import Json, Universe, application, component
from tests.simulation import scripts, test_several_operations, test_state_machine
from tests.simulation.test_several_operations import SERVERS, UNAVAILABLE
from tests.simulation.test_unreadable import deep

SEEDS = "0"
FOUND = ""
SCRIPTS, STEPS = 10, 25
THIS = "tests/simulation/test_other_hands.py"
SET = "shop-web"
NODES = 8
# How long nothing may be written once all has come to an end.
QUIET_SECONDS = 600.0

VERBS = (
    "restart", "replace", "commands", "cancel", "retry", "image", "lose server", "crash", "wait",
    "write on", "write on", "nest", "unnest", "mark", "drain", "drain", "uncordon",
    "take away", "take away", "edit server", "edit server", "edit set", "edit pod", "edit kept",
    "disown", "unlabel",
)  # fmt: skip

steps = st.tuples(st.sampled_from(VERBS), st.integers(0, 1000))

ANNOTATIONS = sorted(value for name, value in vars(names).items() if name.endswith("_ANNOTATION"))
WRITTEN_ON = (
    Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS, Resource.OPERATIONS,
    Resource.PODS, Resource.REVISIONS, Resource.SERVICES, Resource.DISRUPTION_BUDGETS,
)  # fmt: skip
# Too long for any bound of ours, no number, no list, nothing that is text to a terminal.
CONTENT = ("9" * 5000, "x" * 20_000, "," * 70_000, "[" * 5000, "\x1b[31m\x07", "-1", "٣" * 5000)
TAKEN_AWAY = (
    Resource.DISRUPTION_BUDGETS, Resource.SERVICES, Resource.REVISIONS, Resource.PODS,
    Resource.SERVERS, Resource.SERVERSETS,
)  # fmt: skip
# What Argosy keeps beside pods, and what others make of it; the data of a ControllerRevision is
# immutable.
KEPT_EDITS: tuple[tuple[Resource, Json], ...] = (
    (Resource.DISRUPTION_BUDGETS, {"spec": {"minAvailable": 0}}),
    (Resource.DISRUPTION_BUDGETS, {"spec": {"selector": {"matchLabels": {"app": "other"}}}}),
    (Resource.SERVICES, {"spec": {"selector": {"app": "other"}}}),
)
# What hands that may write Servers make of one, policies or not.
SERVER_EDITS: tuple[Json, ...] = (
    {"power": "Stopped"},
    {"revision": "nothing-has-this-name"},
    {"task": {"id": "forged", "operation": "none", "run": "0", "step": "run", "action": "Exec",
              "parameters": {"exec": {"command": ["forged"]}}}},
    {"held": True},
)  # fmt: skip
SET_EDITS: tuple[Json, ...] = (
    {"replicas": 2},
    {"replicas": SERVERS + 3},
    {"rollout": {"maxUnavailable": "100%", "inPlace": "Never"}},
    {"template": {"spec": {"containers": [{"name": "main", "image": "edited:1"}]}}},
)


class Player(test_several_operations.Player):
    """Plays what others do to one application, beside its operations."""

    def __init__(self, universe: Universe) -> None:
        super().__init__(universe)
        self.drains: list[asyncio.Task[None]] = []
        self.deepened = False

    def _pick(self, resource: Resource, number: int) -> str:
        """Return the name of some object of a resource; KeyError where there is none."""
        found = self.universe.names(resource)
        if not found:
            raise KeyError(resource)
        return found[number % len(found)]

    async def open(self, **spec: Any) -> None:
        """Declare the application as it is to be now, nested too deep where somebody made it so."""
        if not self.deepened:
            await super().open(**spec)
            return
        rollout = {"maxUnavailable": UNAVAILABLE, "inPlace": "Never"}
        web = component("web", SERVERS, image=f"app:{self.image}", rollout=rollout)
        web["template"]["spec"]["odd"] = deep(300)
        await self.universe.apply(application("shop", web, **spec))

    async def _nest(self, _: int) -> None:
        self.deepened = True
        await self.open()

    async def _unnest(self, _: int) -> None:
        self.deepened = False
        await self.open()

    async def _write_on(self, number: int) -> None:
        resource = WRITTEN_ON[number % len(WRITTEN_ON)]
        key, text = ANNOTATIONS[number % len(ANNOTATIONS)], CONTENT[number % len(CONTENT)]
        await self.universe.merge(
            resource, self._pick(resource, number), {"metadata": {"annotations": {key: text}}}
        )

    async def _mark(self, number: int) -> None:
        """Write another incarnation, or another revision, on a pod."""
        key = (names.INCARNATION_LABEL, names.REVISION_LABEL)[number % 2]
        await self._pod(number, {"metadata": {"labels": {key: str(number)}}})

    async def _edit_pod(self, number: int) -> None:
        image = [{"name": "main", "image": "edited:1"}]
        await self._pod(number, {"spec": {"containers": image}})

    async def _pod(self, number: int, body: Json) -> None:
        await self.universe.merge(Resource.PODS, self._pick(Resource.PODS, number), body)

    async def _edit_server(self, number: int) -> None:
        found = self.universe.get(Resource.SERVERS, f"{SET}-{number % SERVERS}")
        # The schema lets it rise alone.
        raised: Json = {"incarnation": found["spec"]["incarnation"] + 1}
        edits = (*SERVER_EDITS, raised)
        await self._server(number, **edits[number // SERVERS % len(edits)])

    async def _power_up(self, number: int) -> None:
        await self._server(number, power="Running")

    async def _edit_set(self, number: int) -> None:
        spec = SET_EDITS[number % len(SET_EDITS)]
        await self.universe.merge(Resource.SERVERSETS, SET, {"spec": spec})

    async def _edit_kept(self, number: int) -> None:
        resource, body = KEPT_EDITS[number % len(KEPT_EDITS)]
        await self.universe.merge(resource, self._pick(resource, number), body)

    async def _disown(self, number: int) -> None:
        """Take the owner off a Server or a pod, as a hand-written restore of a backup does."""
        resource = (Resource.SERVERS, Resource.PODS)[number % 2]
        body: Json = {"metadata": {"ownerReferences": None}}
        await self.universe.merge(resource, self._pick(resource, number // 2), body)

    async def _unlabel(self, number: int) -> None:
        """Take our labels off a Server or a pod."""
        resource = (Resource.SERVERS, Resource.PODS)[number % 2]
        gone = dict.fromkeys((names.APPLICATION_LABEL, names.COMPONENT_LABEL, names.SERVER_LABEL))
        body: Json = {"metadata": {"labels": gone}}
        await self.universe.merge(resource, self._pick(resource, number // 2), body)

    async def _take_away(self, number: int) -> None:
        resource = TAKEN_AWAY[number % len(TAKEN_AWAY)]
        await self.universe.delete(resource, self._pick(resource, number // len(TAKEN_AWAY)))

    async def _drain(self, number: int) -> None:
        universe, node = self.universe, f"node-{number % NODES}"
        draining = evictions.drain(universe.server.registry, universe.kubelet, node)
        self.drains.append(asyncio.create_task(draining))

    async def _uncordon(self, number: int) -> None:
        node = f"node-{number % NODES}"
        evictions.cordon(self.universe.server.registry, self.universe.kubelet, node, on=False)

    async def finish(self) -> None:
        """Take back what stands until its author takes it back, so that everything can end."""
        await self._unnest(0)
        for number in range(SERVERS):
            await self.play("power up", number)
        for number in range(NODES):
            await self._uncordon(number)
        for name in self.universe.names(Resource.PODS):
            self.universe.kubelet.place("default", name)
        await super().finish()
        async with asyncio.timeout(3600):
            await asyncio.gather(*self.drains)
        await self.universe.settle(quiet=60)


def check_kept(universe: Universe) -> None:
    """What Argosy keeps beside its pods is there again, and nothing of an edit is left."""
    assert SET in universe.names(Resource.SERVICES)
    assert universe.names(Resource.DISRUPTION_BUDGETS) == [SET]
    kept = set(universe.names(Resource.REVISIONS))
    for name in universe.names(Resource.SERVERS):
        spec, pod = universe.get(Resource.SERVERS, name)["spec"], universe.get(Resource.PODS, name)
        assert (spec["power"], spec["fleet"]) == ("Running", "pods")
        assert f"{SET}-{spec['revision']}" in kept, (spec["revision"], kept)
        assert pod["metadata"]["labels"][names.REVISION_LABEL] == spec["revision"]
        assert "edited" not in pod["spec"]["containers"][0]["image"]


async def check_rest(universe: Universe) -> None:
    """Nothing is written any more."""
    before = universe.server.writes[-1]
    await asyncio.sleep(QUIET_SECONDS)
    assert universe.server.writes[-1] is before, universe.server.writes[-1]


async def live(script: Sequence[tuple[str, int]]) -> None:
    """Play a script, let everything end, and look at what happened."""
    async with Universe(kubelet=Kubelet(nodes=NODES)) as universe:
        player = Player(universe)
        await player.play_out(script)
        test_several_operations.check_end(universe)
        check_kept(universe)
        test_state_machine.check_versions(universe)
        test_several_operations.check_acts(player)
        assert not any("forged" in words for words in player.begun)
        await check_rest(universe)


@pytest.mark.parametrize("seed", scripts.seeds(SEEDS, found=FOUND))
def test_whatever_other_hands_do_it_ends_as_the_application_says(seed: int) -> None:
    """Acts at most once, all as the Application says, what was taken away back, and silence."""
    scripts.play(seed, steps, live, scripts=SCRIPTS, length=STEPS, file=THIS)


@pytest.mark.looptime
@pytest.mark.parametrize(
    "script",
    [
        [("edit server", 13), *(("drain", number) for number in range(NODES))],
        [("edit server", 13), ("image", 296)],
    ],
    ids=["drains", "rollout"],
)
async def test_a_task_of_no_operation_keeps_nobody_waiting(
    script: Sequence[tuple[str, int]],
) -> None:
    """Drains of all nodes, or a rollout, come to their end beside a task written by hand."""
    await live(script)


@pytest.mark.looptime
async def test_a_revert_whose_cause_is_taken_away_does_nothing_again() -> None:
    """The server that failed is deleted while its operation undoes, just after a crash."""
    await live([
        ("commands", 503), ("wait", 571), ("nest", 567), ("drain", 652), ("edit pod", 614),
        ("commands", 35), ("wait", 642), ("commands", 263), ("edit set", 829), ("crash", 946),
        ("nest", 958), ("cancel", 278), ("take away", 772),
    ])  # fmt: skip
