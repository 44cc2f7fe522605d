"""Labels that are taken off a pod before anything of it is on record: nobody is stuck for that.

Argosy watches the pods that have its labels. One that lost them is not seen; that it is there is
known from the answer to a create.
"""

from __future__ import annotations

import asyncio

import pytest

from controller.api import names
from controller.api.resources import Resource
from fakes.universe import Universe, application, component
from tests.simulation.stripping import Stripping

pytestmark = pytest.mark.looptime

OURS = tuple(each for key, each in vars(names).items() if key.endswith("_LABEL"))


@pytest.mark.parametrize("label", [None, names.SERVER_LABEL, names.INCARNATION_LABEL])
async def test_labels_that_a_webhook_takes_off_are_put_back_at_once(label: str | None) -> None:
    """Where pods are changed as they are made alone, they get all their labels, and stay."""
    async with Universe() as universe:
        Stripping(lambda key: key == label if label else key in OURS).enter(universe)
        await universe.bring_up(application("shop", component("web", 2)))
        made = [
            each
            for each in universe.server.writes
            if each.resource is Resource.PODS
            and (each.cause.verb, each.cause.subresource) == ("create", "")
        ]
        assert len(made) == 2
        labels = universe.get(Resource.PODS, "shop-web-0")["metadata"]["labels"]
        assert labels[names.SERVER_LABEL] == "shop-web-0"
        assert labels[names.INCARNATION_LABEL] == "1"


@pytest.mark.parametrize("label", [None, names.INCARNATION_LABEL])
async def test_labels_that_are_taken_off_at_every_write_are_told(label: str | None) -> None:
    """The application names the pod and says why, and few pods are made; then all come up."""
    async with Universe() as universe:
        stripping = Stripping(lambda key: key == label if label else key in OURS, always=True)
        stripping.enter(universe)
        await universe.apply(application("shop", component("web", 2)))
        await asyncio.sleep(600)
        told = universe.get(Resource.APPLICATIONS, "shop")["status"]["blockedBy"]
        assert "LabelsRemoved" in {each["reason"] for each in told}
        assert len([e for e in universe.server.writes if e.resource is Resource.PODS]) < 200
        stripping.leave()
        await universe.until(universe.is_ready)
        await universe.settle()
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await universe.until(lambda: not universe.names(Resource.PODS))


async def test_servers_that_keep_no_labels_are_no_less_available() -> None:
    """Where a policy takes the labels of Servers off at every write, all is Ready nevertheless."""
    async with Universe() as universe:
        Stripping(lambda key: key in OURS, always=True, of=Resource.SERVERS).enter(universe)
        await universe.bring_up(application("shop", component("web", 2)))
        await asyncio.sleep(600)
        assert universe.is_ready()
        assert (
            not set(OURS)
            & universe.get(Resource.SERVERS, "shop-web-0")["metadata"]["labels"].keys()
        )
        told = [each for each in universe.server.writes if each.resource is Resource.SERVERS]
        assert len(told) < 20


@pytest.mark.parametrize("killed", [False, True])
async def test_a_pod_that_loses_its_labels_while_it_starts_is_replaced(*, killed: bool) -> None:
    """Nobody knows which incarnation it is: it is seen again, and another takes its place."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.until(lambda: "shop-web-0" in universe.names(Resource.PODS))
        if killed:
            await universe.process.kill()
        bare = {"metadata": {"labels": None}}
        await universe.merge(Resource.PODS, "shop-web-0", bare)
        if killed:
            universe.start()
        await universe.until(universe.is_ready, patience=300)
