"""Servers, pods and claims bear the label of their part of the work, and it costs no write."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api import names
from controller.api.resources import PLACES, Resource
from fakes.api_server.storage import Write
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime
Json = dict[str, Any]

BUCKETED = tuple(each for each, place in PLACES.items() if place.bucketed)
CLAIM = {
    "name": "data",
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


def shop(image: str = "app:1", replicas: int = 3, **fields: Any) -> Json:
    """Return an application of servers with claims."""
    return application(
        "shop", component("web", replicas, image=image, volumeClaims=[CLAIM], **fields)
    )


def buckets(universe: Universe, *resources: Resource) -> set[str | None]:
    """Return what objects of these kinds say of their part of the work."""
    return {
        universe.get(each, name)["metadata"].get("labels", {}).get(names.BUCKET_LABEL)
        for each in resources
        for name in universe.names(each)
    }


def uids(universe: Universe, resource: Resource) -> dict[str, str]:
    """Return the UIDs of what is there of a kind."""
    return {
        name: universe.get(resource, name)["metadata"]["uid"] for name in universe.names(resource)
    }


async def label(universe: Universe, value: str | None) -> None:
    """Give all that bears the label that value, while no operator runs, as an older one would."""
    await universe.process.kill()
    for resource in BUCKETED:
        for name in universe.names(resource):
            await universe.merge(
                resource, name, {"metadata": {"labels": {names.BUCKET_LABEL: value}}}
            )


def ours(universe: Universe, since: int) -> list[Write]:
    """Return the operator's writes since then."""
    return [each for each in universe.server.writes[since:] if each.cause.actor == "argosy"]


def mine() -> str:
    """Return what the label should say."""
    return str(names.bucket("default", "shop"))


async def test_what_there_is_many_of_bears_it_from_the_first_write() -> None:
    """Servers, pods and claims, by their creates; what there is few of is watched whole."""
    assert set(BUCKETED) == {Resource.SERVERS, Resource.PODS, Resource.CLAIMS}
    async with Universe() as universe:
        await universe.bring_up(shop())
        assert buckets(universe, *BUCKETED) == {mine()}
        few = (Resource.SERVERSETS, Resource.REVISIONS, Resource.SERVICES)
        assert buckets(universe, *few) == {None}
        first: dict[tuple[str, str], Write] = {}
        for each in universe.server.writes:
            if each.resource in BUCKETED:
                first.setdefault((each.resource, each.name), each)
        assert len(first) == 9
        made = [each.after for each in first.values() if each.before is None and each.after]
        found = [each["metadata"]["labels"][names.BUCKET_LABEL] for each in made]
        assert found == [mine()] * 9


async def test_an_upgrade_with_a_thousand_servers_writes_nothing_and_restarts_nothing() -> None:
    """Objects from before there was the label are left as they are until they change anyway."""
    async with Universe() as universe:
        await universe.bring_up(shop(replicas=1000))
        pods = uids(universe, Resource.PODS)
        await label(universe, None)
        before = len(universe.server.writes)
        universe.start()
        await universe.settle(quiet=60.0)
        assert universe.is_ready()
        assert ours(universe, before) == []
        assert uids(universe, Resource.PODS) == pods
        assert buckets(universe, *BUCKETED) == {None}


@pytest.mark.parametrize("in_place", ["WhenPossible", "Never"])
@pytest.mark.parametrize("before", [None, "255"], ids=["none", "another's"])
async def test_an_older_object_gets_it_with_the_next_write(
    before: str | None, in_place: str
) -> None:
    """A rollout writes each server anyway: as often as where all had the label, or a wrong one."""
    counts, revisions = [], []
    for old in (False, True):
        async with Universe() as universe:
            await universe.bring_up(shop(rollout={"inPlace": in_place}))
            if old:
                await label(universe, before)
                universe.start()
                await universe.settle()
            since = len(universe.server.writes)
            await universe.bring_up(shop("app:2", rollout={"inPlace": in_place}))
            counts.append(len(ours(universe, since)))
            revisions.append(universe.names(Resource.REVISIONS))
            assert buckets(universe, Resource.SERVERS, Resource.PODS) == {mine()}
    assert counts[0] == counts[1]
    assert revisions[0] == revisions[1]


async def test_a_claim_gets_it_when_it_grows() -> None:
    """Rollouts write no claims: the next change of one does."""
    bigger = {**CLAIM, "spec": {**CLAIM["spec"], "resources": {"requests": {"storage": "2Gi"}}}}  # type: ignore[dict-item]
    async with Universe() as universe:
        await universe.bring_up(shop())
        await label(universe, None)
        universe.start()
        await universe.bring_up(application("shop", component("web", 3, volumeClaims=[bigger])))
        assert buckets(universe, Resource.CLAIMS) == {mine()}


async def test_whoever_edits_it_moves_nothing_and_has_nothing_written() -> None:
    """Which part of the work an application is in is known by its name alone."""
    async with Universe() as universe:
        await universe.bring_up(shop())
        before = len(universe.server.writes)
        for resource in BUCKETED:
            await universe.merge(
                resource,
                universe.names(resource)[0],
                {"metadata": {"labels": {names.BUCKET_LABEL: "255"}}},
            )
        await universe.settle(quiet=60.0)
        assert ours(universe, before) == []
        assert universe.is_ready()


async def test_lost_labels_are_put_back_together_with_it() -> None:
    """The write that mends the labels by which an object is known brings this one, too."""
    async with Universe() as universe:
        await universe.bring_up(shop())
        gone = {names.COMPONENT_LABEL: None, names.BUCKET_LABEL: None}
        for resource in (Resource.SERVERS, Resource.PODS):
            name = universe.names(resource)[0]
            await universe.merge(resource, name, {"metadata": {"labels": gone}})
        await universe.settle()
        assert buckets(universe, *BUCKETED) == {mine()}
