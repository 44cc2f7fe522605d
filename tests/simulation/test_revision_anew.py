"""A record of a revision that somebody deletes: it is made again, and no server is."""

from __future__ import annotations

from controller.api.resources import Resource
from fakes.universe import Universe, application, component


async def test_a_deleted_revision_is_recorded_anew() -> None:
    """The one that servers should run has its name and data again; the servers stay."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        (name,) = universe.names(Resource.REVISIONS)
        before = universe.get(Resource.REVISIONS, name)
        pods = _pods(universe)
        await universe.delete(Resource.REVISIONS, name)
        await universe.settle()
        after = universe.get(Resource.REVISIONS, name)
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
        assert after["data"] == before["data"]
        assert len(pods) == 2
        assert _pods(universe) == pods


def _pods(universe: Universe) -> dict[str, str]:
    names = universe.names(Resource.PODS)
    return {each: universe.get(Resource.PODS, each)["metadata"]["uid"] for each in names}
