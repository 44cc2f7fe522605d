"""`import deployment/NAME` beside a running operator: ours come as theirs go, within budgets."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from controller.api.resources import Resource
from controller.handover import deployment_import
from controller.handover.handover import Consent
from controller.presentation.problems import Refusal
from fakes.api_server import Behaviour
from fakes.api_server.evictions import is_up
from fakes.universe import Json, Universe
from tests.simulation import stateful
from tests.simulation.test_handover import (
    WRITES,
    Killed,
    Mortal,
    Recorded,
    autoscaler,
    handover,
)

pytestmark = pytest.mark.looptime

NAME, COUNT = "shop-web", 4


def deployment(**rolling: Any) -> Json:
    """Return a Deployment of four pods."""
    template = stateful.template()
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": "default"},
        "spec": {
            "replicas": COUNT,
            "selector": {"matchLabels": template["metadata"]["labels"]},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
            "template": template,
        },
    }


async def begin(universe: Universe, **rolling: Any) -> int:
    """Have the Deployment run; return how many writes there were until then."""
    await universe.apply(deployment(**rolling))
    await universe.until(lambda: stateful.are_up(universe, COUNT))
    await asyncio.sleep(1)
    return len(universe.server.writes)


def extremes(universe: Universe, since: int) -> tuple[int, int]:
    """Return the fewest pods that were up after a write, and the most that were there and stay."""
    pods: dict[str, Json] = {}
    ups, there = [], []
    for number, each in enumerate(universe.server.writes):
        if each.resource is Resource.PODS:
            pods.pop(each.name, None)
            if each.after is not None and "deletionTimestamp" not in each.after["metadata"]:
                pods[each.name] = each.after
        if number >= since:
            ups.append(sum(map(is_up, pods.values())))
            there.append(len(pods))
    return min(ups), max(there)


def is_shifted(universe: Universe) -> bool:
    """Return whether all pods are servers, and none is the Deployment's."""
    wanted = [f"{NAME}-{number}" for number in range(COUNT)]
    return universe.names(Resource.PODS) == wanted and stateful.are_up(universe, COUNT)


@pytest.mark.parametrize(
    ("rolling", "least", "most"),
    [
        ({"maxSurge": 1, "maxUnavailable": 0}, COUNT, COUNT + 1),
        ({"maxSurge": 0, "maxUnavailable": 1}, COUNT - 1, COUNT),
        ({"maxSurge": "25%", "maxUnavailable": "25%"}, COUNT - 1, COUNT + 1),
    ],
)
async def test_a_deployment_is_shifted_within_its_budgets(
    rolling: dict[str, Any], least: int, most: int
) -> None:
    """Never fewer up, never more there, than the Deployment itself would allow in a rollout."""
    async with Universe() as universe:
        began = await begin(universe, **rolling)
        await deployment_import.carry_out(handover(universe), NAME, "")
        await universe.until(lambda: is_shifted(universe))
        await universe.settle()
        fewest, largest = extremes(universe, began)
        assert fewest >= least
        assert largest <= most
        assert universe.get(Resource.DEPLOYMENTS, NAME)["spec"]["replicas"] == 0
        meta = universe.get(Resource.APPLICATIONS, "shop")["metadata"]
        assert "argosy.dev/import" not in meta.get("annotations", {})


@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
async def test_a_kill_at_any_write_is_made_good_by_the_same_command(*, after: bool) -> None:
    """The command dies at each of its writes in turn, the operator with it; budgets hold."""
    for number in range(1, 12):
        async with Universe() as universe:
            began = await begin(universe, maxSurge=1, maxUnavailable=0)
            with contextlib.suppress(Killed):
                api = Mortal(universe, number, after=after)
                await deployment_import.carry_out(handover(universe, api), NAME, "")
            await universe.crash()
            await asyncio.sleep(20)
            await deployment_import.carry_out(handover(universe), NAME, "")
            await universe.until(lambda universe=universe: is_shifted(universe))  # type: ignore[misc]
            fewest, largest = extremes(universe, began)
            assert fewest >= COUNT
            assert largest <= COUNT + 1


class Overtaken:
    """The API server, for a command before each of whose changes of an application somebody writes.

    At most `times`; then nobody does.
    """

    def __init__(self, universe: Universe, times: int) -> None:
        self._universe = universe
        self.left = times

    def __getattr__(self, name: str) -> Any:
        """Return what the server can do."""
        return getattr(self._universe.server, name)

    async def patch(self, resource: Resource, *arguments: Any, **options: Any) -> bytes:
        """Change an object, once somebody else has."""
        if resource is Resource.APPLICATIONS and self.left:
            self.left -= 1
            seen = {"metadata": {"annotations": {"example.com/seen": str(self.left)}}}
            await self._universe.server.patch(resource, "default", "shop", seen)
        answer: bytes = await self._universe.server.patch(resource, *arguments, **options)
        return answer


async def test_whoever_writes_first_keeps_no_shift_waiting() -> None:
    """A rise that met another write is asked for again, and not waited for in vain."""
    async with Universe() as universe:
        began = await begin(universe, maxSurge=1, maxUnavailable=0)
        api, loop = Overtaken(universe, 3), asyncio.get_running_loop()
        until = loop.time() + 120
        await deployment_import.carry_out(handover(universe, api), NAME, "")
        assert loop.time() < until
        assert api.left == 0
        await universe.until(lambda: is_shifted(universe))
        fewest, largest = extremes(universe, began)
        assert fewest >= COUNT
        assert largest <= COUNT + 1


async def test_an_autoscaler_of_a_deployment_is_in_the_way() -> None:
    """It would scale up what goes down: refused before anything is touched."""
    async with Universe() as universe:
        began = await begin(universe)
        body = autoscaler("Deployment")
        body["spec"]["scaleTargetRef"]["name"] = NAME
        await universe.server.create(Resource.AUTOSCALERS, "default", body)
        remedy = "busy scales deployment/shop-web.*--retarget-hpa.*application/shop"
        with pytest.raises(Refusal, match=remedy):
            await deployment_import.carry_out(
                handover(universe, consent=Consent(accept_losses=True)), NAME, ""
            )
        assert not universe.names(Resource.APPLICATIONS)
        assert len(universe.server.writes) == began + 1


async def _has(universe: Universe, count: int) -> bool:
    """Return whether so many servers are there once an autoscaler asked for as many."""
    body = {"spec": {"replicas": count}}
    await universe.merge(Resource.APPLICATIONS, "shop", body, subresource="scale")
    await universe.settle()
    return stateful.are_up(universe, count)


async def test_an_autoscaler_of_the_successor_decides_how_many_there_are() -> None:
    """With consent to autoscalers an import ends with the number where one may change it.

    The same command, run again, takes nothing back.
    """
    async with Universe() as universe:
        await begin(universe)
        await deployment_import.carry_out(handover(universe), NAME, "")
        spec = universe.get(Resource.APPLICATIONS, "shop")["spec"]
        assert (spec["replicas"], spec["components"][0].get("replicas")) == (COUNT, None)
        assert await _has(universe, COUNT + 2)
        said: list[str] = []
        await deployment_import.carry_out(handover(universe, say=said.append), NAME, "")
        assert said == [f"deployment/{NAME} is application/shop already"]
        assert await _has(universe, 2)


async def test_without_an_autoscaler_the_component_names_its_number() -> None:
    """As a manifest of it does, which the API server would refuse beside an application's own."""
    async with Universe() as universe:
        await begin(universe)
        await deployment_import.carry_out(handover(universe, consent=Consent()), NAME, "")
        spec = universe.get(Resource.APPLICATIONS, "shop")["spec"]
        assert (spec.get("replicas"), spec["components"][0]["replicas"]) == (None, COUNT)


async def test_an_import_that_dies_at_its_last_write_leaves_the_number_as_it_was_scaled() -> None:
    """An autoscaler asked for fewer meanwhile: the same command only takes its mark off."""

    def dies(line: str) -> None:
        if "can be scaled as one" in line:
            raise Killed

    async with Universe() as universe:
        await begin(universe)
        with pytest.raises(Killed):
            await deployment_import.carry_out(handover(universe, say=dies), NAME, "")
        assert await _has(universe, 2)
        await deployment_import.carry_out(handover(universe), NAME, "")
        await universe.settle()
        assert stateful.are_up(universe, 2)
        meta = universe.get(Resource.APPLICATIONS, "shop")["metadata"]
        assert "argosy.dev/import" not in meta.get("annotations", {})


async def test_servers_that_do_not_come_up_leave_the_deployment_as_it_is() -> None:
    """The wait ends, nothing of theirs is taken down, and the same command may be typed again."""
    async with Universe() as universe:
        await begin(universe, maxSurge=1, maxUnavailable=0)
        universe.kubelet.behave = _broken
        asked = handover(universe, consent=Consent(), timeout_seconds=30)
        with pytest.raises(Exception, match="the same command goes on"):
            await deployment_import.carry_out(asked, NAME, "")
        assert universe.get(Resource.DEPLOYMENTS, NAME)["spec"]["replicas"] == COUNT


def _broken(pod: Json) -> Behaviour:
    fate = "Ready" if "-5d4f-" in pod["metadata"]["name"] else "ImagePullBackOff"
    return Behaviour(fate=fate)


async def test_a_deployment_that_recreates_never_runs_beside_its_successor() -> None:
    """All of its pods go before the first server comes, as in a rollout of its own."""
    async with Universe() as universe:
        body = deployment()
        body["spec"]["strategy"] = {"type": "Recreate"}
        await universe.apply(body)
        await universe.until(lambda: stateful.are_up(universe, COUNT))
        began = len(universe.server.writes)
        await deployment_import.carry_out(handover(universe), NAME, "")
        await universe.until(lambda: is_shifted(universe))
        assert extremes(universe, began)[1] <= COUNT


async def test_whoever_lacks_any_right_of_a_shift_touches_nothing() -> None:
    """Each right that a whole run used is asked for before its first write."""
    async with Universe() as universe:
        await begin(universe)
        recorded = Recorded(universe)
        await deployment_import.carry_out(handover(universe, recorded), NAME, "")
    for verb, resource in sorted(recorded.used):
        async with Universe() as universe:
            await begin(universe)
            api = Recorded(universe, lacking=(verb, resource))
            with pytest.raises(Refusal, match=f"{verb} {resource}"):
                await deployment_import.carry_out(handover(universe, api), NAME, "")
            assert not [each for each in api.used if each[0] in WRITES]
