"""Builds under whose feet their application changes, and clocks that do not agree."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.api import clock
from controller.api.resources import Resource
from fakes.api_server.kubelet import Behaviour, Kubelet
from fakes.forge import Forge, digest_of
from fakes.universe import Json, Universe, application, component, operation
from tests.simulation.test_builds import (
    ONE,
    REPOSITORY,
    THREE,
    TWO,
    ask,
    built,
    ended,
    image,
    images,
    up,
    web,
)
from tests.simulation.test_builds_under_fire import jobs

pytestmark = pytest.mark.looptime


async def building(universe: Universe, forge: Forge, **more: Any) -> None:
    """Have an application run one commit, and its second Build look for another for good."""
    await up(universe, forge, **more)
    forge.stands_still = True
    forge.push(TWO)
    await ask(universe, "two")
    await universe.until(lambda: len(forge.ran) == 3)


async def test_a_component_that_is_renamed_takes_its_build_along() -> None:
    """The Job that runs is ended, no Build is left; the new name is built from its first number."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await building(universe, forge)
        (job,) = jobs(universe)
        await universe.apply(application("shop", {**web(), "name": "site"}))
        await universe.until(lambda: "shop-site-b1" in universe.names(Resource.BUILDS))
        await universe.settle()
        assert not images(universe)
        forge.finish()
        await universe.settle(quiet=30)
        assert universe.names(Resource.BUILDS) == ["shop-site-b1"]
        assert job not in universe.names(Resource.JOBS)
        assert images(universe) == {image(TWO)}
        assert built(universe) == ("True", "True")


async def test_a_component_that_gets_a_source_runs_on_until_it_is_built() -> None:
    """A commit that does not compile takes nothing from it; the image of the next one is used."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await universe.apply(application("shop", component("web", 2, image="prebuilt:1")))
        await universe.settle()
        forge.broken.add(ONE)
        forge.push(ONE)
        await universe.apply(application("shop", web()))
        await universe.settle(quiet=30)
        assert images(universe) == {"prebuilt:1"}
        assert built(universe) == ("False", "True")
        forge.push(TWO)
        await ask(universe, "two")
        await universe.settle(quiet=30)
        assert images(universe) == {image(TWO)}
        assert built(universe) == ("True", "True")


async def test_a_source_that_goes_while_it_is_built_ends_that() -> None:
    """Nothing of the Build is left; the same source, named again, is built again."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await building(universe, forge)
        await universe.apply(application("shop", component("web", 2, image="prebuilt:1")))
        await universe.settle(quiet=30)
        assert universe.names(Resource.BUILDS) == universe.names(Resource.JOBS) == []
        assert images(universe) == {"prebuilt:1"}
        forge.stands_still = False
        await universe.apply(application("shop", web()))
        await universe.settle(quiet=30)
        assert images(universe) == {image(TWO)}
        assert built(universe) == ("True", "True")


async def test_another_source_while_one_is_built_waits_and_is_the_one_that_counts() -> None:
    """What has begun comes to its end, and its image of the old source is not used."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await building(universe, forge)
        seen: list[set[str]] = []
        other = {"url": "https://git.example.com/shop.git", "ref": "next"}
        await universe.apply(application("shop", web(git=other)))
        await universe.settle()
        forge.push(THREE)
        forge.finish()

        def done() -> bool:
            seen.append(images(universe))
            return ended(universe, "shop-web-b3") == "Completed"

        await universe.until(done)
        assert universe.get(Resource.BUILDS, "shop-web-b2")["status"]["commit"] == TWO
        assert image(TWO) not in {each for found in seen for each in found}
        await universe.settle(quiet=30)
        assert images(universe) == {image(THREE)}


async def test_one_of_the_same_name_has_nothing_of_the_builds_before() -> None:
    """Deleted in mid-build and made again at once: its own Build, its own commit, its own Jobs."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await building(universe, forge)
        old = {each.job for each in forge.ran}
        first = universe.get(Resource.BUILDS, "shop-web-b2")["metadata"]["uid"]
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        forge.stands_still = False
        forge.push(THREE)
        await universe.apply(application("shop", web()))
        await universe.settle(quiet=30)
        found = universe.server.objects[Resource.BUILDS].values()
        assert first not in {each["metadata"]["uid"] for each in found}
        assert not old & set(universe.names(Resource.JOBS))
        assert images(universe) == {image(THREE)}


async def test_paused_in_mid_build_an_attempt_that_may_pass_is_tried_again() -> None:
    """One that runs comes to its end in as many attempts as it takes, and is not deployed."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await building(universe, forge)
        forge.errors["build"] = [{"class": "Transient", "reason": "Failed", "message": "away"}]
        await universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"paused": True}})
        forge.finish()
        await universe.settle(quiet=30)
        assert ended(universe, "shop-web-b2") == "Completed"
        assert forge.phases()[2:] == ["resolve", "build", "build"]
        assert images(universe) == {image(ONE)}


async def test_nothing_is_kept_but_what_is_needed() -> None:
    """With `keep` at nothing: the Build in use and the latest one, and a rollback still holds."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge, keep={"succeeded": 0, "failed": 0})
        for commit in (TWO, THREE):
            forge.push(commit)
            await ask(universe, commit[:3])
            await universe.settle(quiet=30)
        assert universe.names(Resource.BUILDS) == ["shop-web-b3"]
        bad = "4" * 40
        forge.broken.add(bad)
        forge.push(bad)
        await ask(universe, "bad")
        await universe.settle(quiet=30)
        assert universe.names(Resource.BUILDS) == ["shop-web-b3", "shop-web-b4"]
        back = operation("back", "shop", "RollBack")
        await universe.server.create(Resource.OPERATIONS, "default", back)
        await universe.settle(quiet=30)
        assert images(universe) == {image(TWO)}
        # The commit that was rejected, again: another digest of it is no other commit.
        forge.fresh = 100
        forge.push(THREE)
        await ask(universe, "three again")
        await universe.settle(quiet=30)
        assert ended(universe, "shop-web-b5") == "Completed"
        assert images(universe) == {image(TWO)}


async def test_a_branch_that_is_moved_by_force_changes_nothing_of_a_build() -> None:
    """Pushed over between two attempts and two phases: the commit that was found is built."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge, test={"command": ["./test"]})
        forge.errors["build"] = [{"class": "Transient", "reason": "Failed", "message": "away"}]
        forge.push(TWO)
        await ask(universe, "two")
        await universe.until(lambda: forge.phases().count("build") == 2)
        forge.push(ONE)
        await universe.until(lambda: forge.phases()[-1] == "test" and len(forge.ran) > 3)
        forge.push(THREE)
        await universe.settle(quiet=30)
        status = universe.get(Resource.BUILDS, "shop-web-b2")["status"]
        assert (status["commit"], status["digest"]) == (TWO, digest_of(TWO))
        assert images(universe) == {image(TWO)}


async def test_a_commit_that_there_is_not_is_tried_once_and_leaves_what_runs() -> None:
    """Asked for by `sha:`, nothing looks for it before; the next request builds."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        ran = len(forge.ran)
        said = "fatal: reference is not a tree: 9999"
        forge.errors["build"] = [
            {"class": "Terminal", "reason": "SourceUnavailable", "message": said}
        ]
        await ask(universe, f"sha:{'9' * 40}")
        await universe.settle(quiet=30)
        assert ended(universe, "shop-web-b2") == "SourceUnavailable"
        assert [each.phase for each in forge.ran[ran:]] == ["build"]
        assert said in universe.condition(Resource.APPLICATIONS, "shop", "Built")["message"]
        assert built(universe) == ("False", "True")
        forge.push(TWO)
        await ask(universe, "two")
        await universe.settle(quiet=30)
        assert images(universe) == {image(TWO)}


@pytest.mark.parametrize("skew", [-3600, 3600])
async def test_polls_are_as_far_apart_whatever_the_clock_of_the_api_server_says(skew: int) -> None:
    """An hour behind or ahead of the operator's, it has nobody look without end, or never."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        real = universe.server.storage.now
        universe.server.storage.now = lambda: real() + skew
        forge.push(ONE)
        await universe.apply(application("shop", web(pollSeconds=300)))
        await asyncio.sleep(30)
        made = universe.get(Resource.BUILDS, "shop-web-b1")["metadata"]["creationTimestamp"]
        assert abs(clock.parse(made) - real() - skew) < 60
        before = forge.phases().count("resolve")
        await asyncio.sleep(3600)
        assert 10 <= forge.phases().count("resolve") - before <= 13
        assert images(universe) == {f"{REPOSITORY}@{digest_of(ONE)}"}


async def test_a_build_that_somebody_deletes_while_it_runs_is_over() -> None:
    """Its Job is ended first; nothing is built in its place, and the next one has a new number."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await building(universe, forge)
        await universe.delete(Resource.BUILDS, "shop-web-b2")
        await universe.settle(quiet=30)
        assert universe.names(Resource.BUILDS) == ["shop-web-b1"]
        assert not jobs(universe)
        last = [
            each.resource
            for each in universe.server.writes
            if each.after is None and each.name in {"shop-web-b2", forge.ran[-1].job}
        ]
        assert last == [Resource.JOBS, Resource.BUILDS]
        assert built(universe) == ("True", "True")
        assert images(universe) == {image(ONE)}
        forge.stands_still = False
        await ask(universe, "two, again")
        await universe.settle(quiet=30)
        assert universe.names(Resource.BUILDS) == ["shop-web-b1", "shop-web-b3"]
        assert images(universe) == {image(TWO)}


async def test_a_rollback_to_an_image_that_is_lost_stops_at_the_first_servers() -> None:
    """No more servers go than a rollout may miss; why is told; the next commit is deployed."""
    lost: set[str] = set()

    def behave(pod: Json) -> Behaviour:
        bad = pod["spec"]["containers"][0]["image"] in lost
        return Behaviour(fate="ImagePullBackOff" if bad else "Ready")

    async with Universe(kubelet=Kubelet(behave=behave)) as universe:
        forge = Forge(universe.server)
        forge.push(ONE)
        shop = application("shop", {**web(4), "rollout": {"maxUnavailable": 1}})
        await universe.apply(shop)
        await universe.settle(quiet=30)
        forge.push(TWO)
        await ask(universe, "two")
        await universe.settle(quiet=30)
        assert images(universe) == {image(TWO)}
        lost.add(image(ONE))
        back = operation("back", "shop", "RollBack")
        await universe.server.create(Resource.OPERATIONS, "default", back)
        await asyncio.sleep(900)
        run = [
            each["spec"]["containers"][0]["image"]
            for each in universe.server.objects[Resource.PODS].values()
            if "argosy.dev/server" in each["metadata"]["labels"]
        ]
        assert sorted(run).count(image(TWO)) >= 3
        told = universe.get(Resource.APPLICATIONS, "shop")["status"]
        assert "ImagePullBackOff" in str(told)
        forge.push(THREE)
        await ask(universe, "three")
        await universe.until(lambda: images(universe) == {image(THREE)}, patience=3600)
        await universe.settle(quiet=30)
        assert built(universe) == ("True", "True")
