"""From a commit to servers: Builds on a whole operator, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.api.resources import Resource
from fakes.forge import LAG_SECONDS, Forge, digest_of
from fakes.universe import Json, Universe, application, component

pytestmark = pytest.mark.looptime

REPOSITORY = "registry.example.com/shop/web"
ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40
BUILT = "argosy.dev/build-requested"


def source(**more: Any) -> Json:
    """Return a source."""
    return {
        "git": {"url": "https://git.example.com/shop.git"},
        "image": REPOSITORY,
        "recovery": {"attempts": 2, "backoff": {"initialSeconds": 5, "jitterPercent": 0}},
        **more,
    }


def web(replicas: int = 2, *, env: str = "", **more: Any) -> Json:
    """Return a component that is built."""
    body = component("web", replicas, source=source(**more))
    if env:
        body["template"]["spec"]["containers"][0]["env"] = [{"name": "X", "value": env}]
    return body


async def ask(universe: Universe, value: str) -> None:
    """Ask for a Build."""
    body = {"metadata": {"annotations": {BUILT: value}}}
    await universe.merge(Resource.APPLICATIONS, "shop", body)


def images(universe: Universe) -> set[str]:
    """Return the images that servers run."""
    found = universe.server.objects[Resource.PODS].values()
    return {
        each["spec"]["containers"][0]["image"]
        for each in found
        if "argosy.dev/server" in each["metadata"]["labels"]
    }


def ended(universe: Universe, name: str) -> str:
    """Return how a Build ended; empty where it has not."""
    told = universe.condition(Resource.BUILDS, name, "Succeeded")
    return told["reason"] if told.get("status") in {"True", "False"} else ""


def built(universe: Universe) -> tuple[str, str]:
    """Return the application's condition Built, and whether it is Ready."""
    told = universe.condition(Resource.APPLICATIONS, "shop", "Built")
    return told.get("status", ""), universe.condition(Resource.APPLICATIONS, "shop")["status"]


def image(commit: str) -> str:
    """Return the image of a commit."""
    return f"{REPOSITORY}@{digest_of(commit)}"


async def up(universe: Universe, forge: Forge, commit: str = ONE, **more: Any) -> None:
    """Have an application run the image of a commit."""
    forge.push(commit)
    await universe.apply(application("shop", web(**more)))
    await universe.settle()
    assert images(universe) == {image(commit)}
    assert built(universe) == ("True", "True")


async def test_a_commit_becomes_servers() -> None:
    """The source is built, and its servers run the image by digest; the Build says of which commit.

    Then nothing is written any more.
    """
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge, test={"command": ["./test"]})
        status = universe.get(Resource.BUILDS, "shop-web-b1")["status"]
        assert (status["commit"], status["digest"]) == (ONE, digest_of(ONE))
        assert [each["name"] for each in status["phases"]] == ["resolve", "build", "test"]
        assert forge.phases() == ["resolve", "build", "test"]
        assert ended(universe, "shop-web-b1") == "Completed"
        before = len(universe.server.writes)
        await asyncio.sleep(3600)
        assert len(universe.server.writes) == before


async def test_the_end_of_a_container_is_the_end_of_its_phase() -> None:
    """Servers are made while the Job of the last phase has yet to say that it ended.

    It is left to end, with its log, and not deleted.
    """
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.push(ONE)
        await universe.apply(application("shop", web()))
        await universe.until(lambda: bool(images(universe)))
        open_jobs = [
            each
            for each in universe.server.objects[Resource.JOBS].values()
            if not each.get("status", {}).get("conditions")
        ]
        assert len(open_jobs) == 1
        await asyncio.sleep(LAG_SECONDS)
        await universe.settle()
        assert images(universe) == {image(ONE)}
        assert len(universe.server.objects[Resource.JOBS]) == 2
        assert not universe.get(Resource.BUILDS, "shop-web-b1")["metadata"].get("finalizers")


async def test_a_build_that_runs_writes_nothing() -> None:
    """While a Job runs, for an hour, nothing is written: the Build told its phase before."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.stands_still = True
        await universe.apply(application("shop", web()))
        await universe.settle()
        before = len(universe.server.writes)
        await asyncio.sleep(3600)
        assert len(universe.server.writes) == before
        told = universe.condition(Resource.BUILDS, "shop-web-b1", "Succeeded")
        assert (told["status"], told["reason"]) == ("Unknown", "Resolving")
        told = universe.condition(Resource.APPLICATIONS, "shop", "Built")
        assert (told["status"], told["reason"]) == ("Unknown", "WaitingForImage")
        assert not images(universe)


async def test_each_phase_is_one_write_of_the_status() -> None:
    """A Build of three phases writes its status four times: as each begins, and at its end."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge, test={"command": ["./test"]})
        told = [
            each
            for each in universe.server.writes
            if each.resource is Resource.BUILDS and each.cause.subresource == "status"
        ]
        assert len(told) == 4


async def test_a_failed_build_leaves_what_runs() -> None:
    """A commit that does not compile: the old image runs on, Ready, and Built says why not."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        uids = {each["metadata"]["uid"] for each in universe.server.objects[Resource.PODS].values()}
        forge.broken.add(TWO)
        forge.push(TWO)
        await ask(universe, "push-2")
        await universe.settle()
        assert ended(universe, "shop-web-b2") == "Failed"
        assert built(universe) == ("False", "True")
        assert images(universe) == {image(ONE)}
        now = {each["metadata"]["uid"] for each in universe.server.objects[Resource.PODS].values()}
        assert uids <= now
        told = universe.condition(Resource.APPLICATIONS, "shop", "Built")
        assert "main.c:3: error" in told["message"]
        (blocked,) = universe.get(Resource.APPLICATIONS, "shop")["status"]["blockedBy"]
        assert blocked["object"] == "Build/shop-web-b2"
        assert blocked["remedy"] == "kubectl argosy logs build/shop-web-b2 -n default"
        # It is terminal: nothing is tried again.
        assert forge.phases().count("build") == 2


async def test_a_failing_test_leaves_what_runs() -> None:
    """An image whose test fails is never used."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge, test={"command": ["./test"]})
        forge.failing.add(TWO)
        forge.push(TWO)
        await ask(universe, "push-2")
        await universe.settle()
        assert ended(universe, "shop-web-b2") == "TestFailed"
        assert built(universe) == ("False", "True")
        assert images(universe) == {image(ONE)}
        told = universe.condition(Resource.APPLICATIONS, "shop", "Built")
        assert "assert 1 == 2" in told["message"]


async def test_without_any_image_the_component_is_not_made() -> None:
    """Who depends on it waits; others do not; and a commit that builds mends it."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.broken.add(ONE)
        forge.push(ONE)
        await universe.apply(
            application(
                "shop",
                web(),
                component("front", 1, dependsOn=["web"]),
                component("db", 1),
            )
        )
        await universe.settle()
        assert universe.names(Resource.SERVERSETS) == ["shop-db"]
        told = universe.condition(Resource.APPLICATIONS, "shop", "Stalled")
        assert (told["status"], told["reason"]) == ("True", "BuildFailed")
        forge.push(TWO)
        await ask(universe, "again")
        await universe.settle()
        assert built(universe) == ("True", "True")
        assert len(universe.names(Resource.SERVERSETS)) == 3


async def test_of_three_pushes_the_first_and_the_third_are_built() -> None:
    """Under SerialLatestOnly whoever has not begun makes way for a later one."""
    async with Universe() as universe:
        forge = Forge(universe.server, seconds=60)
        forge.push(ONE)
        await universe.apply(application("shop", web()))
        await universe.until(lambda: bool(forge.ran))
        for number, commit in enumerate((TWO, THREE), start=2):
            forge.push(commit)
            await ask(universe, f"push-{number}")
            await asyncio.sleep(1)
        await universe.settle(quiet=90)
        assert [ended(universe, f"shop-web-b{n}") for n in (1, 2, 3)] == [
            "Completed",
            "Superseded",
            "Completed",
        ]
        assert [each.build for each in forge.ran if each.phase == "build"] == [
            "shop-web-b1",
            "shop-web-b3",
        ]
        assert images(universe) == {image(THREE)}


@pytest.mark.parametrize(("policy", "most"), [("Serial", 1), ("Parallel", 3)])
async def test_other_policies_build_all(policy: str, most: int) -> None:
    """Serial builds one after the other, Parallel at once; the highest number is used."""
    async with Universe() as universe:
        forge = Forge(universe.server, seconds=60)
        forge.push(ONE)
        await universe.apply(application("shop", web(runPolicy=policy)))
        await universe.until(lambda: bool(forge.ran))
        for number, commit in enumerate((TWO, THREE), start=2):
            forge.push(commit)
            await ask(universe, f"push-{number}")
            await asyncio.sleep(1)
        assert len({each.build for each in forge.ran}) == most
        await universe.settle(quiet=90)
        assert {ended(universe, f"shop-web-b{n}") for n in (1, 2, 3)} == {"Completed"}
        assert images(universe) == {image(THREE)}
