"""Under OnDelete a server comes to the target once somebody deletes it, or only its pod."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api.resources import Resource
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime


def shop(image: str, **rollout: Any) -> dict[str, Any]:
    """Return an application of three servers that wait to be deleted."""
    strategy = {"strategy": "OnDelete", **rollout}
    return application("shop", component("web", 3, image=image, rollout=strategy))


def images(universe: Universe) -> dict[str, str]:
    """Return the image of each pod."""
    return {
        name: universe.get(Resource.PODS, name)["spec"]["containers"][0]["image"]
        for name in universe.names(Resource.PODS)
    }


async def begin(universe: Universe, **rollout: Any) -> None:
    """Bring the servers up, and ask for another image."""
    for image in ("app:1", "app:2"):
        await universe.apply(shop(image, **rollout))
        await universe.settle()
    assert set(images(universe).values()) == {"app:1"}


@pytest.mark.parametrize("resource", [Resource.PODS, Resource.SERVERS])
async def test_what_is_deleted_comes_back_at_the_target(resource: Resource) -> None:
    """A pod deleted by hand is enough, as everywhere in Kubernetes; the others stay."""
    async with Universe() as universe:
        await begin(universe)
        await universe.delete(resource, "shop-web-1")
        await universe.settle()
        assert images(universe) == {
            "shop-web-0": "app:1", "shop-web-1": "app:2", "shop-web-2": "app:1"
        }  # fmt: skip
        server = universe.get(Resource.SERVERS, "shop-web-1")
        assert server["status"]["revision"] == server["spec"]["revision"]
        counts = universe.get(Resource.SERVERSETS, "shop-web")["status"]
        assert (counts["updated"], counts["available"]) == (1, 3)
        rest = len(universe.server.writes)
        await universe.settle(quiet=600)
        assert len(universe.server.writes) == rest


async def test_a_pod_that_failed_comes_back_at_the_target() -> None:
    """Whoever ended it: a new pod is of the revision that is asked for."""
    async with Universe() as universe:
        await begin(universe)
        await universe.merge(
            Resource.PODS, "shop-web-2", {"status": {"phase": "Failed"}}, subresource="status"
        )
        await universe.settle()
        assert images(universe)["shop-web-2"] == "app:2"


@pytest.mark.parametrize("kept", ["held", "below the partition"])
async def test_what_is_kept_where_it_is_comes_back_as_it_was(kept: str) -> None:
    """A person who holds a server, and the partition, keep its revision, pod or no pod."""
    async with Universe() as universe:
        await begin(universe, **({"partition": 2} if kept != "held" else {}))
        if kept == "held":
            await universe.merge(Resource.SERVERS, "shop-web-1", {"spec": {"held": True}})
        await universe.delete(Resource.PODS, "shop-web-1")
        await universe.settle()
        assert images(universe)["shop-web-1"] == "app:1"
