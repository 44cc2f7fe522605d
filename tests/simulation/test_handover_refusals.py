"""`import` and `export` by somebody who may only look, and with a pod that is nobody's."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.cli.drawing import handover as drawing
from controller.handover import export
from controller.handover.handover import Consent
from controller.handover.imports import IMPORTS
from controller.kube import faults
from controller.kube.api import Access
from controller.presentation.problems import Refusal
from fakes.universe import Universe
from tests.simulation import stateful
from tests.simulation.stateful import NAME
from tests.simulation.test_handover import (
    WRITES,
    Killed,
    come_in,
    go_out,
    handover,
    owners,
)
from tests.simulation.test_shifting import begin as begin_deployment

pytestmark = pytest.mark.looptime

POD = f"{NAME}-1"
ASIDE = {"metadata": {"labels": {"app": "quarantine"}, "ownerReferences": []}}


class Looking:
    """The API server, for a person who has the role `view`: any write is refused, a trial too."""

    def __init__(self, universe: Universe) -> None:
        self._server = universe.server

    def __getattr__(self, name: str) -> Any:
        """Return what the server can do, unless it writes."""
        return self._refuse if name in WRITES else getattr(self._server, name)

    async def _refuse(self, *_: Any, **__: Any) -> bytes:
        raise faults.Forbidden("you may only look", reason=Reason.FORBIDDEN)

    async def review_access(self, verb: str, *_: Any, **__: Any) -> Access:
        """Return whether the person may do this."""
        return Access(allowed=verb not in (*WRITES, "update"))


@pytest.mark.parametrize("way", ["in", "out", "shift"])
async def test_whoever_may_only_look_is_shown_what_would_be_done(way: str) -> None:
    """The manifest and what is in the way, beside the rights that doing it takes."""
    async with Universe() as universe:
        if way == "shift":
            await begin_deployment(universe)
        else:
            await stateful.begin(universe)
        if way == "out":
            await come_in(universe)
            await universe.settle()
        mine = handover(universe, Looking(universe), Consent())
        began = len(universe.server.writes)
        if way == "out":
            told = await export.preview(mine, "shop")
        else:
            kind, name = ("statefulset", NAME) if way == "in" else ("deployment", "shop-web")
            told = await IMPORTS[kind].preview(mine, name, "")
        assert not told.problems
        text = "\n".join(drawing.lines(told))
        made = "statefulsets" if way == "out" else "applications"
        assert "containers:" in text
        assert f"create {made}" in text.rpartition("# note: you may not")[2]
        assert len(universe.server.writes) == began


async def test_a_pod_that_its_set_let_go_of_is_in_the_way() -> None:
    """Somebody changed its label to look at it: it is not served again behind their back."""
    async with Universe() as universe:
        await stateful.begin(universe)
        await universe.merge(Resource.PODS, POD, ASIDE)
        await universe.settle()
        assert owners(universe) == {"StatefulSet", ""}
        began = len(universe.server.writes)
        with pytest.raises(Refusal, match=f"{POD} .*the label app is quarantine, not db"):
            await come_in(universe)
        assert len(universe.server.writes) == began
        await universe.merge(Resource.PODS, POD, {"metadata": {"labels": {"app": "db"}}})
        await universe.until(lambda: owners(universe) == {"StatefulSet"})
        before = stateful.kept(universe)
        await come_in(universe)
        assert stateful.kept(universe) == before


async def test_a_pod_that_no_stateful_set_would_know_is_in_the_way() -> None:
    """Once Argosy let go of it nobody would make another one: told before anything is touched."""
    async with Universe() as universe:
        await stateful.begin(universe)
        await come_in(universe)
        await universe.merge(Resource.PODS, POD, {"metadata": {"labels": {"app": None}}})
        await universe.settle()
        assert "app" not in universe.get(Resource.PODS, POD)["metadata"]["labels"]
        began = len(universe.server.writes)
        with pytest.raises(Refusal, match=f"{POD} would belong to nobody .no label app=db"):
            await go_out(universe)
        assert len(universe.server.writes) == began
        await universe.merge(Resource.PODS, POD, {"metadata": {"labels": {"app": "db"}}})
        await go_out(universe)
        assert owners(universe) == {"StatefulSet"}


@pytest.mark.parametrize("rollout", [{"partition": 3}, {"strategy": "OnDelete"}], ids=str)
async def test_a_revision_that_is_held_back_is_a_loss(rollout: dict[str, Any]) -> None:
    """The StatefulSet has the new template alone: pods that run the older one are named.

    Without consent nothing is written; with it the same pods run on.
    """
    async with Universe() as universe:
        await stateful.begin(universe)
        await come_in(universe)
        await universe.settle()
        assert not (await export.preview(handover(universe), "shop")).losses
        (part,) = universe.get(Resource.APPLICATIONS, "shop")["spec"]["components"]
        change = {"template": stateful.template("app:2"), "rollout": {**part["rollout"], **rollout}}
        part = {**part, **change}
        await universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"components": [part]}})
        await universe.settle()
        told = (await export.preview(handover(universe), "shop")).losses
        assert [each.split(": ")[:2] for each in told] == [
            [f"{NAME}-{number}", "revision"] for number in range(3)
        ]
        before = stateful.kept(universe)
        began = len(universe.server.writes)
        with pytest.raises(Refusal, match=f"{NAME}-0: revision"):
            await export.carry_out(handover(universe, consent=Consent()), "shop")
        assert len(universe.server.writes) == began
        await go_out(universe)
        await universe.settle()
        assert stateful.kept(universe) == before


async def test_an_export_ends_where_a_pod_was_replaced_meanwhile() -> None:
    """The command dies once Argosy let go, a pod is drained, and the same command is run again.

    A pod that the StatefulSet made is without the labels of Argosy: it counts, and is named.
    """

    def dies(line: str) -> None:
        if "let go of its servers" in line:
            raise Killed

    async with Universe() as universe:
        await stateful.begin(universe)
        await come_in(universe)
        await universe.settle()
        with pytest.raises(Killed):
            await export.carry_out(handover(universe, say=dies), "shop")
        await universe.settle()
        await universe.delete(Resource.PODS, POD)
        await universe.until(lambda: POD not in universe.names(Resource.PODS))
        await universe.until(lambda: stateful.are_up(universe, 3))
        said: list[str] = []
        await export.carry_out(handover(universe, say=said.append), "shop")
        assert f"note: {POD} is another pod" in said
        assert f"statefulset/{NAME} has its pods: 2 of 3 run on as they were" in said
        assert not universe.get(Resource.STATEFULSETS, NAME)["metadata"].get("annotations")
        assert not universe.names(Resource.DISRUPTION_BUDGETS)


async def test_a_stateful_set_that_cannot_be_made_is_told_before_anything_is_touched() -> None:
    """The first component could go out, the second's StatefulSet is somebody's: neither does.

    And once that one is out of the way, the same command exports both.
    """
    async with Universe() as universe:
        await stateful.begin(universe)
        await come_in(universe)
        await universe.settle()
        (part,) = universe.get(Resource.APPLICATIONS, "shop")["spec"]["components"]
        template = {**stateful.template(), "metadata": {"labels": {"app": "web"}}}
        web = {"name": "web", "replicas": 1, "template": template}
        await universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"components": [part, web]}})
        await universe.until(lambda: stateful.are_up(universe, 4))
        await universe.settle()
        theirs = stateful.stateful_set(0)
        theirs["metadata"]["name"] = "shop-web"
        await universe.apply(theirs)
        await universe.settle()
        began = len(universe.server.writes)
        with pytest.raises(Refusal, match="statefulset/shop-web exists"):
            await go_out(universe)
        assert len(universe.server.writes) == began
        assert not universe.get(Resource.APPLICATIONS, "shop")["spec"].get("paused")
        await universe.delete(Resource.STATEFULSETS, "shop-web")
        before = {name: each["metadata"]["uid"] for name, each in stateful.pods(universe).items()}
        await go_out(universe)
        after = {name: each["metadata"]["uid"] for name, each in stateful.pods(universe).items()}
        assert after == before
        assert owners(universe) == {"StatefulSet"}
