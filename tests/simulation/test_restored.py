"""An application that is brought from a backup into another cluster has its pods and its data.

A backup keeps names, labels, annotations and specs, as Velero's does: no UID, owner, finalizer or
status of before is the same, or there at all; nor are pods on a node yet.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from controller.api.resources import PLACES, Resource
from controller.kube import faults
from fakes.universe import Json, Universe
from tests.simulation import stateful

pytestmark = pytest.mark.looptime

# Claims and pods come first, as a backup's other objects may need them.
DATA = (Resource.CLAIMS, Resource.PODS)
OURS = (Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS, Resource.REVISIONS)
KEPT = ("name", "namespace", "labels", "annotations")


async def backup(image: str = "app:1") -> list[tuple[Resource, Json]]:
    """Return what a backup has of an application of three servers with a claim each."""
    async with Universe() as universe:
        body: dict[str, Any] = stateful.successor(image=image)
        del body["spec"]["components"][0]["adopt"]
        await universe.apply(body)
        await universe.until(universe.is_ready)
        await universe.settle()
        return [
            (each, bare(each, universe.get(each, name)))
            for each in (*DATA, *OURS)
            for name in universe.names(each)
        ]


def bare(resource: Resource, found: Json) -> Json:
    """Return an object as a backup has it."""
    place = PLACES[resource]
    meta = {key: each for key, each in found["metadata"].items() if key in KEPT}
    rest = {key: each for key, each in found.items() if key not in ("metadata", "status")}
    rest["spec"] = {key: each for key, each in rest.get("spec", {}).items() if key != "nodeName"}
    if resource is Resource.REVISIONS:
        del rest["spec"]
    return {**rest, "apiVersion": place.api_version, "kind": place.kind, "metadata": meta}


@pytest.mark.parametrize("without", [(), (Resource.SERVERSETS, Resource.SERVERS)])
async def test_what_is_restored_elsewhere_is_taken_up_as_it_is(
    without: tuple[Resource, ...],
) -> None:
    """With its sets and servers, or as the operator makes these before they are brought."""
    kept = [(each, body) for each, body in await backup() if each not in without]
    async with Universe() as universe:
        for resource, body in kept:
            if resource in DATA:
                await universe.server.create(resource, "default", body)
        await universe.until(lambda: stateful.are_up(universe, 3))
        before = stateful.kept(universe)
        for resource, body in kept:
            if resource not in DATA:
                with contextlib.suppress(faults.AlreadyExists):  # the operator was faster
                    await universe.server.create(resource, "default", body)
        await universe.until(universe.is_ready)
        await universe.settle()
        assert stateful.kept(universe) == before
        assert len(universe.names(Resource.SERVERS)) == 3
