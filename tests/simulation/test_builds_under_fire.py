"""Builds when things go wrong: crashes, deletes, pauses, strangers, and people's own hands."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from controller.api.resources import Resource
from controller.planning.builders import Builder, Daemon
from fakes.forge import Forge, digest_of
from fakes.universe import BUILDER, Json, Universe, application, component, operation
from tests.simulation.test_builds import (
    ONE,
    THREE,
    TWO,
    ask,
    built,
    ended,
    image,
    images,
    source,
    up,
    web,
)

pytestmark = pytest.mark.looptime

TESTED: dict[str, Any] = {"test": {"command": ["./test"]}}


def jobs(universe: Universe) -> list[str]:
    """Return the Jobs that run."""
    found = universe.server.objects.get(Resource.JOBS, {})
    return [name for (_, name), job in found.items() if not job.get("status", {}).get("conditions")]


def ours(universe: Universe) -> int:
    """Return how much the operator has written."""
    return sum(1 for each in universe.server.writes if each.cause.actor == "argosy")


def build(number: int, **spec: Any) -> Json:
    """Return a Build as a person makes one."""
    return {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Build",
        "metadata": {"name": f"shop-web-b{number}", "namespace": "default"},
        "spec": {
            "application": "shop",
            "component": "web",
            "number": number,
            "source": source(),
            **spec,
        },
    }


async def test_kill_9_at_every_write() -> None:
    """Whichever write is the last one: one Job an attempt, one commit a Build, the same digest."""
    at = 1
    while True:
        async with Universe() as universe:
            forge = Forge(universe.server, seconds=3)
            forge.push(ONE)
            await universe.apply(application("shop", web(1, **TESTED)))
            crashed = asyncio.Event()

            def watch(
                *_: object,
                world: Universe = universe,
                told: asyncio.Event = crashed,
                last: int = at,
            ) -> None:
                if ours(world) >= last:
                    told.set()

            universe.server.storage.listeners.append(watch)
            waiting = asyncio.create_task(crashed.wait())
            await asyncio.wait([waiting], timeout=120)
            done = not waiting.done()
            # What comes after is another commit: whoever asked again would build that.
            seen = {each.phase for each in forge.ran}
            forge.push(TWO if "build" in seen else ONE)
            await universe.crash()
            waiting.cancel()
            await universe.settle(quiet=30)
            assert Counter(forge.phases()) == {"resolve": 1, "build": 1, "test": 1}, at
            assert len({each.job for each in forge.ran}) == 3
            assert images(universe) == {image(ONE)}, at
            assert built(universe) == ("True", "True")
            assert universe.names(Resource.BUILDS) == ["shop-web-b1"]
        if done:
            break
        at += 1
    assert at > 15


@pytest.mark.parametrize("phase", ["resolve", "build", "test"])
async def test_a_delete_in_the_middle_leaves_no_job(phase: str) -> None:
    """The Builds end in the first plan of the teardown, and servers wait for none of them."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge, **TESTED)
        forge.push(TWO)
        await ask(universe, "again")
        await universe.until(lambda: forge.phases()[3:].count(phase) == 1)
        forge.stands_still = True
        await universe.settle(quiet=5)
        start = len(universe.server.writes)
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        deletes = [
            each.resource
            for each in universe.server.writes[start:]
            if each.cause.verb == "delete" and each.cause.actor == "argosy"
        ]
        assert {Resource.SERVERSETS, Resource.BUILDS} <= set(deletes[:4])
        await universe.settle()
        for resource in (Resource.JOBS, Resource.BUILDS, Resource.PODS, Resource.SERVERSETS):
            assert universe.names(resource) == []


async def test_a_deleted_application_is_told_by_its_build() -> None:
    """Whoever watches the Build reads why it ended."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.stands_still = True
        await universe.apply(application("shop", web()))
        await universe.until(lambda: bool(forge.ran))
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.settle()
        told = [
            each["reason"]
            for write in universe.server.writes
            if write.resource is Resource.BUILDS and write.after is not None
            for each in write.after.get("status", {}).get("conditions", [])
            if each["type"] == "Succeeded"
        ]
        assert told[-1] == "ApplicationDeleted"


async def test_a_failure_that_may_pass_is_tried_again_with_the_same_commit() -> None:
    """The repository moves on meanwhile; the second attempt builds what the first one did."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.errors["build"] = [
            {"class": "Transient", "reason": "PushRefused", "message": "registry is down"}
        ]
        forge.push(ONE)
        await universe.apply(application("shop", web()))
        await universe.until(lambda: "build" in forge.phases())
        forge.push(TWO)
        await universe.settle(quiet=30)
        assert forge.phases() == ["resolve", "build", "build"]
        assert {each.commit for each in forge.ran} == {ONE}
        assert images(universe) == {image(ONE)}
        phase = universe.get(Resource.BUILDS, "shop-web-b1")["status"]["phases"][1]
        assert (phase["attempts"], phase["lastError"]["class"]) == (2, "Transient")


@pytest.mark.parametrize(
    ("phase", "message", "attempts", "reason"),
    [
        ("resolve", {"class": "Terminal", "reason": "SourceUnavailable"}, 1, "SourceUnavailable"),
        ("resolve", {"class": "Transient", "reason": "SourceUnavailable"}, 2, "SourceUnavailable"),
        ("build", {"class": "Terminal", "reason": "PushRefused"}, 1, "PushRefused"),
        ("build", {"class": "Transient", "reason": "PushRefused"}, 2, "PushRefused"),
        ("build", {"class": "Terminal", "reason": "Failed"}, 1, "Failed"),
        ("build", {"class": "Terminal", "reason": "RunAsRoot"}, 1, "Failed"),
    ],
)
async def test_attempts_are_for_what_may_pass(
    phase: str, message: Json, attempts: int, reason: str
) -> None:
    """A compile error or a wrong password is tried once; a registry that is down, more often.

    No credential that a message quotes is told anywhere.
    """
    async with Universe() as universe:
        forge = Forge(universe.server)
        said = {**message, "message": "no: https://bob:hunter2@git.example.com/x\x1b[31m is away"}
        forge.errors[phase] = [dict(said) for _ in range(5)]
        await universe.apply(application("shop", web()))
        await universe.settle(quiet=30)
        assert forge.phases().count(phase) == attempts
        assert ended(universe, "shop-web-b1") == reason
        everything = json.dumps(
            [
                each.after
                for each in universe.server.writes
                if each.after and each.cause.actor == "argosy"
            ]
        )
        assert "hunter2" not in everything
        assert "https://git.example.com/x" in everything


async def test_what_takes_too_long_is_told_so() -> None:
    """A build out of time is not tried again; a repository that hangs is."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.stands_still = True
        await universe.apply(application("shop", web()))
        await universe.until(lambda: len(forge.ran) == 1)
        forge.time_out(forge.ran[0].job)
        await universe.until(lambda: len(forge.ran) == 2)
        forge.finish()
        await universe.until(lambda: forge.phases()[-1] == "build")
        forge.stands_still = True
        forge.time_out(forge.ran[-1].job)
        await universe.settle(quiet=30)
        assert forge.phases() == ["resolve", "resolve", "build"]
        assert ended(universe, "shop-web-b1") == "TimedOut"


QUOTA = 'Error creating: pods "x-7" is forbidden: exceeded quota: few, requested: pods=1'
PULL = 'failed to pull image "r/x@sha256:0": not found'
UNFIT = "0/3 nodes are available: 3 Insufficient cpu."


def kept(reason: str, message: str) -> Json:
    """Return the status of a pod whose container waits."""
    waiting = {"reason": reason, "message": message}
    return {"containerStatuses": [{"name": "test", "state": {"waiting": waiting}}]}


@pytest.mark.parametrize("cause", ["quota", "pull", "node", "silence"])
async def test_a_pod_that_does_not_start_is_told_with_its_cause(cause: str) -> None:
    """In the cluster's words, while it waits and at the end, by the Build and its application.

    While nothing changes, nothing is written.
    """
    async with Universe() as universe:
        forge = Forge(universe.server)
        words = {"quota": QUOTA, "pull": PULL, "node": UNFIT, "silence": "no Event says why"}[cause]
        unfit = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        if cause == "quota":
            forge.refused["test"] = QUOTA
        else:
            forge.stuck["test"] = {
                "pull": kept("ErrImagePull", PULL),
                "node": {"conditions": [{**unfit, "message": UNFIT}]},
                "silence": kept("ContainerCreating", ""),
            }[cause]
        await universe.apply(application("shop", web(test={"command": ["./test"]})))
        await universe.until(lambda: "test" in forge.phases())
        await asyncio.sleep(120)
        job = forge.ran[-1].job
        build = universe.get(Resource.BUILDS, "shop-web-b1")["status"]
        (blocked,) = build["blockedBy"]
        assert words in blocked["message"]
        thing = f"job {job}" if cause == "quota" else f"pod {job}-pod"
        assert blocked["remedy"] == f"kubectl describe {thing} -n default"
        said = universe.condition(Resource.BUILDS, "shop-web-b1", "Succeeded")
        assert (said["status"], said["reason"]) == ("Unknown", "Testing")
        assert words in said["message"]
        assert words in universe.condition(Resource.APPLICATIONS, "shop", "Built")["message"]
        if cause == "pull":
            again = kept("ImagePullBackOff", "Back-off pulling image")
            universe.server.registry.set_status(
                Resource.PODS, ("default", f"{job}-pod"), again, actor="kubelet"
            )
        before = len(universe.server.writes)
        await asyncio.sleep(240)
        assert len(universe.server.writes) == before
        # Whoever takes over knows what was told before it has asked anybody.
        await universe.crash()
        universe.start()
        await asyncio.sleep(1)
        assert universe.get(Resource.BUILDS, "shop-web-b1")["status"]["blockedBy"]
        forge.time_out(job)
        await universe.settle(quiet=30)
        said = universe.condition(Resource.BUILDS, "shop-web-b1", "Succeeded")
        assert said["reason"] == "TimedOut"
        assert words in said["message"]
        assert words in universe.condition(Resource.APPLICATIONS, "shop", "Built")["message"]


async def test_a_pod_that_starts_late_is_told_no_longer() -> None:
    """What kept it is forgotten as soon as it runs."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.stuck["resolve"] = kept("ContainerCreating", "")
        await universe.apply(application("shop", web()))
        await universe.until(lambda: bool(forge.ran))
        await asyncio.sleep(60)
        (blocked,) = universe.get(Resource.BUILDS, "shop-web-b1")["status"]["blockedBy"]
        assert blocked["reason"] == "NotStarted"
        running = {"containerStatuses": [{"name": "resolve", "state": {"running": {}}}]}
        place = ("default", f"{forge.ran[0].job}-pod")
        universe.server.registry.set_status(Resource.PODS, place, running, actor="kubelet")
        await universe.settle()
        status = universe.get(Resource.BUILDS, "shop-web-b1")["status"]
        assert not status.get("blockedBy")
        assert "start" not in status["conditions"][0]["message"]
        forge.stuck.clear()
        forge.finish()
        await universe.settle(quiet=30)
        assert built(universe) == ("True", "True")


async def test_a_pod_that_is_lost_is_an_attempt() -> None:
    """A Job whose pod goes without a word is tried again."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.stands_still = True
        await universe.apply(application("shop", web()))
        await universe.until(lambda: len(forge.ran) == 1)
        lost = forge.ran[0].job
        await universe.delete(Resource.PODS, f"{lost}-pod")
        forge.conclude(lost, "Failed")
        await universe.until(lambda: len(forge.ran) == 2)
        forge.finish()
        await universe.settle(quiet=30)
        assert images(universe) == {image(forge.head)}


async def test_a_job_that_somebody_deletes_is_made_again() -> None:
    """It has the same name, for it is the same attempt."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.stands_still = True
        await universe.apply(application("shop", web()))
        await universe.until(lambda: len(forge.ran) == 1)
        await universe.delete(Resource.JOBS, forge.ran[0].job)
        await universe.until(lambda: len(forge.ran) == 2)
        assert forge.ran[0].job == forge.ran[1].job
        forge.finish()
        await universe.settle(quiet=30)
        assert built(universe) == ("True", "True")


async def test_labels_that_somebody_takes_off_come_back() -> None:
    """Without them the operator would not see its Job; no second one is made."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.stands_still = True
        await universe.apply(application("shop", web()))
        await universe.until(lambda: len(forge.ran) == 1)
        (job,) = jobs(universe)
        bare = {"metadata": {"labels": None}}
        await universe.merge(Resource.JOBS, job, bare)
        await universe.merge(Resource.BUILDS, "shop-web-b1", bare)
        await universe.settle()
        assert universe.get(Resource.JOBS, job)["metadata"]["labels"]
        assert len(forge.ran) == 1
        forge.finish()
        await universe.settle(quiet=30)
        assert built(universe) == ("True", "True")


async def test_a_rollback_holds_until_another_commit_is_built() -> None:
    """The same commit built again, to another digest, is not deployed; another commit is."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        forge.push(TWO)
        await ask(universe, "two")
        await universe.settle(quiet=30)
        assert images(universe) == {image(TWO)}
        await universe.server.create(
            Resource.OPERATIONS, "default", operation("back", "shop", "RollBack")
        )
        await universe.settle(quiet=30)
        assert images(universe) == {image(ONE)}
        forge.fresh = 100
        await ask(universe, "two again")
        await universe.settle(quiet=30)
        assert ended(universe, "shop-web-b3") == "Completed"
        assert images(universe) == {image(ONE)}
        forge.fresh = None
        forge.push(THREE)
        await ask(universe, "three")
        await universe.settle(quiet=30)
        assert images(universe) == {image(THREE)}
        assert built(universe) == ("True", "True")


async def test_paused_nothing_begins_and_nothing_is_deployed() -> None:
    """What runs comes to its end; its image waits for the end of the pause."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        forge.stands_still = True
        forge.push(TWO)
        await ask(universe, "two")
        await universe.until(lambda: len(forge.ran) == 3)
        await universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"paused": True}})
        await ask(universe, "three")
        forge.finish()
        await universe.settle(quiet=30)
        assert ended(universe, "shop-web-b2") == "Completed"
        assert universe.names(Resource.BUILDS) == ["shop-web-b1", "shop-web-b2"]
        assert images(universe) == {image(ONE)}
        forge.push(THREE)
        await universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"paused": False}})
        await universe.settle(quiet=30)
        assert images(universe) == {image(THREE)}


async def test_a_changed_source_and_template_come_together() -> None:
    """Until the new source is built nothing of the change is deployed; Ready stays True."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        forge.broken.add(TWO)
        forge.push(TWO)
        changed = web(env="new", git={"url": "https://git.example.com/shop.git", "ref": "next"})
        await universe.apply(application("shop", changed))
        await universe.settle(quiet=30)
        assert built(universe) == ("False", "True")
        pods = universe.server.objects[Resource.PODS].values()
        envs = [each["spec"]["containers"][0].get("env") for each in pods]
        assert "new" not in json.dumps(envs)
        forge.push(THREE)
        await ask(universe, "mended")
        await universe.settle(quiet=30)
        assert images(universe) == {image(THREE)}
        assert built(universe) == ("True", "True")


async def test_a_changed_policy_builds_nothing() -> None:
    """Only what decides the image asks for another one."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        await universe.apply(
            application("shop", web(runPolicy="Serial", keep={"succeeded": 5, "failed": 1}))
        )
        await universe.settle(quiet=30)
        assert universe.names(Resource.BUILDS) == ["shop-web-b1"]


async def test_polls_end_unchanged_until_there_is_a_commit() -> None:
    """A poll that finds the same commit builds nothing; its traces are bounded."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge, pollSeconds=300)
        await asyncio.sleep(3600)
        assert forge.phases().count("build") == 1
        assert forge.phases().count("resolve") >= 11
        assert len(universe.names(Resource.BUILDS)) <= 5
        forge.push(TWO)
        await asyncio.sleep(400)
        assert images(universe) == {image(TWO)}


async def test_builds_that_are_lost_change_nothing() -> None:
    """All Builds deleted by hand, and then the status, too: the servers run on."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        pods = {each["metadata"]["uid"] for each in universe.server.objects[Resource.PODS].values()}
        await universe.delete(Resource.BUILDS, "shop-web-b1")
        await universe.settle(quiet=30)
        assert universe.names(Resource.BUILDS) == []
        await universe.merge(
            Resource.APPLICATIONS, "shop", {"status": {"components": None}}, subresource="status"
        )
        await universe.settle(quiet=30)
        now = {
            each["metadata"]["uid"]
            for each in universe.server.objects[Resource.PODS].values()
            if "argosy.dev/server" in each["metadata"]["labels"]
        }
        assert now <= pods
        assert images(universe) == {image(ONE)}
        assert built(universe) == ("True", "True")


async def test_without_its_builds_a_component_changes_all_the_same() -> None:
    """The application remembers the image, so another template is deployed with it at once."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        await universe.delete(Resource.BUILDS, "shop-web-b1")
        await universe.settle()
        await universe.apply(application("shop", web(env="new")))
        await universe.settle(quiet=30)
        pods = universe.server.objects[Resource.PODS].values()
        servers = [each for each in pods if "argosy.dev/server" in each["metadata"]["labels"]]
        told = {json.dumps(each["spec"]["containers"][0].get("env")) for each in servers}
        assert told == {json.dumps([{"name": "X", "value": "new"}])}
        assert images(universe) == {image(ONE)}
        assert universe.names(Resource.BUILDS) == []


async def test_numbers_go_on_after_builds_are_gone() -> None:
    """A number is never given twice while the application remembers it."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        await universe.delete(Resource.BUILDS, "shop-web-b1")
        await universe.settle()
        forge.push(TWO)
        await ask(universe, "two")
        await universe.settle(quiet=30)
        assert universe.names(Resource.BUILDS) == ["shop-web-b2"]
        assert images(universe) == {image(TWO)}


async def test_old_builds_are_forgotten_but_not_the_one_in_use() -> None:
    """As many as `keep` says, the newest; and always the one whose image runs."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge, keep={"succeeded": 1, "failed": 1})
        forge.broken.add(TWO)
        forge.push(TWO)
        for number in range(4):
            await ask(universe, f"broken-{number}")
            await universe.settle(quiet=15)
        assert universe.names(Resource.BUILDS) == ["shop-web-b1", "shop-web-b5"]
        kept = {name.rpartition("-")[0] for name in universe.names(Resource.JOBS)}
        assert kept == {"argosy"}
        assert len(universe.names(Resource.JOBS)) == 4


async def test_a_source_that_goes_takes_its_builds_along() -> None:
    """A component that names its image again needs none; the Jobs go, too."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        await universe.apply(application("shop", component("web", 2, image="prebuilt:1")))
        await universe.settle(quiet=30)
        assert universe.names(Resource.BUILDS) == universe.names(Resource.JOBS) == []
        assert images(universe) == {"prebuilt:1"}
        assert not universe.condition(Resource.APPLICATIONS, "shop", "Built")


async def test_a_build_by_hand_runs_and_is_used() -> None:
    """The application takes it up; a later one has the next number."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        forge.push(TWO)
        await universe.apply(build(2))
        await universe.settle(quiet=30)
        assert ended(universe, "shop-web-b2") == "Completed"
        assert images(universe) == {image(TWO)}
        await ask(universe, "more")
        await universe.settle(quiet=30)
        assert ended(universe, "shop-web-b3") == "Completed"


async def test_a_build_before_its_application_waits_for_it() -> None:
    """Applied in the wrong order: the Build says what it lacks, and is taken up then."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await universe.apply(build(1))
        await universe.settle(quiet=30)
        told = universe.condition(Resource.BUILDS, "shop-web-b1", "Succeeded")
        assert (told["status"], told["reason"]) == ("Unknown", "NoSource")
        await universe.apply(application("shop", web()))
        await universe.settle(quiet=30)
        assert images(universe) == {image(forge.head)}
        assert ended(universe, "shop-web-b1") == "Completed"


async def test_an_earlier_build_can_be_activated() -> None:
    """Its image is used again, with nothing built, until a later Build succeeds."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        forge.push(TWO)
        await ask(universe, "two")
        await universe.settle(quiet=30)
        ran = len(forge.ran)
        await universe.apply(build(3, activates="shop-web-b1"))
        await universe.settle(quiet=30)
        assert len(forge.ran) == ran
        assert images(universe) == {image(ONE)}
        forge.push(THREE)
        await ask(universe, "three")
        await universe.settle(quiet=30)
        assert images(universe) == {image(THREE)}


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        # Another source than the application says: nobody builds by a Build what it does not say.
        (build(2, source=source(git={"url": "https://evil.example.com/x.git"})), "Superseded"),
        (build(2, source=source(image="registry.example.com/other/web")), "Superseded"),
        # A number so high that no Build would ever come after it is not taken up.
        (build(2**31 - 1), ""),
        (build(2, activates="shop-db-b1"), "Failed"),
        (build(2, component="db"), ""),
    ],
)
async def test_a_build_by_hand_gets_nobody_further(made: Json, reason: str) -> None:
    """No Job is made for it, and the next Build of the application comes all the same."""
    made["metadata"]["name"] = f"shop-{made['spec']['component']}-b{made['spec']['number']}"
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        ran = len(forge.ran)
        await universe.apply(made)
        await universe.settle(quiet=30)
        assert len(forge.ran) == ran
        assert ended(universe, made["metadata"]["name"]) == reason
        forge.push(TWO)
        await ask(universe, "two")
        await universe.settle(quiet=30)
        assert images(universe) == {image(TWO)}
        assert max(len(name) for name in universe.names(Resource.BUILDS)) < 30


async def test_a_name_that_a_stranger_has_is_left_to_the_stranger() -> None:
    """A Build that something else controls keeps its name; the next one has another."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        taken = build(2)
        taken["metadata"]["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u", "controller": True}
        ]
        universe.server.registry.create(Resource.BUILDS, "default", taken, actor="user")
        forge.push(TWO)
        await ask(universe, "two")
        await universe.settle(quiet=30)
        assert ended(universe, "shop-web-b3") == "Completed"
        assert images(universe) == {image(TWO)}


async def test_a_name_that_belies_its_number_keeps_no_build_from_being_made() -> None:
    """A Build by hand under the name of the next one: the application's own has another name."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        belied = build(1)
        belied["metadata"]["name"] = "shop-web-b2"
        await universe.apply(belied)
        await universe.settle(quiet=30)
        forge.push(TWO)
        await ask(universe, "two")
        await universe.settle(quiet=30)
        assert ended(universe, "shop-web-b3") == "Completed"
        assert images(universe) == {image(TWO)}


async def test_status_that_somebody_writes_starts_no_second_job() -> None:
    """A forged status has the Build look at its Jobs again; a digest must look like one."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.stands_still = True
        await universe.apply(application("shop", web()))
        await universe.until(lambda: len(forge.ran) == 1)
        forged = {"status": {"phases": None, "commit": "", "startTime": None}}
        await universe.merge(Resource.BUILDS, "shop-web-b1", forged, subresource="status")
        await universe.settle()
        assert len(forge.ran) == 1
        forge.finish()
        await universe.settle(quiet=30)
        assert built(universe) == ("True", "True")


async def test_repositories_that_are_not_allowed_get_no_build() -> None:
    """Whole parts are compared, and each namespace may have its own."""
    allowed = ("registry.example.com/$(NAMESPACE)", "other.example.com")
    builder = Builder(image="f", address="tcp://d:1", allowed_repositories=allowed)
    assert builder.allows("registry.example.com/default/web", "default")
    assert builder.allows("other.example.com/x", "default")
    assert not builder.allows("registry.example.com/default-2/web", "default")
    assert not builder.allows("registry.example.com/other/web", "default")
    assert BUILDER.allows("anywhere.example.com/x", "default")
    async with Universe(builder=builder) as universe:
        forge = Forge(universe.server)
        await universe.apply(application("shop", web()))
        await universe.settle(quiet=30)
        assert not forge.ran
        assert ended(universe, "shop-web-b1") == "RepositoryNotAllowed"
        told = universe.condition(Resource.APPLICATIONS, "shop", "Stalled")
        assert told["reason"] == "BuildFailed"
        # No Job has printed anything: there is no log to be shown.
        (blocked,) = universe.get(Resource.APPLICATIONS, "shop")["status"]["blockedBy"]
        assert blocked["remedy"] == "kubectl argosy why build/shop-web-b1 -n default"


async def test_without_a_daemon_builds_wait_and_say_so() -> None:
    """An administrator's word has them go on, after a restart of the operator."""
    async with Universe(builder=Builder()) as universe:
        forge = Forge(universe.server)
        await universe.apply(application("shop", web()))
        await universe.settle(quiet=30)
        told = universe.condition(Resource.BUILDS, "shop-web-b1", "Succeeded")
        assert (told["status"], told["reason"]) == ("Unknown", "BuildsNotSetUp")
        universe.builder = BUILDER
        await universe.crash()
        await universe.settle(quiet=30)
        assert images(universe) == {image(forge.head)}


async def test_a_tenant_builds_with_the_daemon_of_its_namespace_alone() -> None:
    """The labels of the namespace decide; those of anything that a tenant writes do not.

    A namespace that is given to another tenant while a Build waits has it built by that one's.
    """
    own, other = (
        Daemon(address=f"tcp://{each}:1", client_secret=each, namespace_labels={"tenant": each})
        for each in "ab"
    )
    builder = Builder(image="f", address="", daemons=(own, other))
    async with Universe(builder=builder) as universe:
        forge = Forge(universe.server)
        shop = application("shop", web())
        shop["metadata"]["labels"] = {"tenant": "b"}
        await universe.apply(shop)
        await universe.settle(quiet=30)
        assert not forge.ran
        told = universe.condition(Resource.BUILDS, "shop-web-b1", "Succeeded")
        assert told["reason"] == "BuildsNotSetUp"
        labels = {"metadata": {"labels": {"tenant": "a"}}}
        await universe.merge(Resource.NAMESPACES, "default", labels)
        await universe.settle(quiet=30)
        assert built(universe) == ("True", "True")
        (job,) = (
            each
            for each in universe.server.objects[Resource.JOBS].values()
            if "--daemon=tcp://a:1" in each["spec"]["template"]["spec"]["containers"][0]["command"]
        )
        shown = str(universe.server.objects[Resource.JOBS])
        assert "tcp://b:1" not in shown
        volumes = job["spec"]["template"]["spec"]["volumes"]
        assert {"secretName": "a", "defaultMode": 0o440} in [each.get("secret") for each in volumes]


def test_without_labels_nobody_guesses_whose_daemon_it_is() -> None:
    """A namespace that cannot be read has no daemon where they differ, not even the shared one."""
    own = Daemon(address="tcp://a:1", namespace_labels={"tenant": "a"})
    secret = "of-all"  # noqa: S105 - its name
    builder = Builder(image="f", address="tcp://all:1", client_secret=secret, daemons=(own,))
    assert not builder.of_namespace(None).is_set_up
    assert builder.of_namespace({}).address == "tcp://all:1"
    assert builder.of_namespace({"tenant": "a", "x": "y"}).address == "tcp://a:1"
    # The shared daemon's Secret is not shown to a tenant's.
    assert not builder.of_namespace({"tenant": "a"}).client_secret
    shared = Builder(image="f", address="tcp://all:1")
    assert shared.of_namespace(None).is_set_up


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"address": "tcp://a:1"}',
        '{"address": "tcp://a:1", "namespaceLabels": {}}',
        '{"address": "", "namespaceLabels": {"a": "b"}}',
        '{"address": "a:1", "namespaceLabels": {"a": "b"}}',
        '{"address": "tcp://a:1", "namespaceLabels": {"a": "b"}, "adress": "x"}',
    ],
)
def test_a_daemon_for_everybody_by_mistake_is_refused(text: str) -> None:
    """A daemon without labels would serve all; a misspelt field would be a wish that is ignored."""
    with pytest.raises(ValueError, match="daemon"):
        Daemon.read(text)


async def test_a_cancelled_build_ends_with_its_job() -> None:
    """What runs stays, and the next Build begins."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        await up(universe, forge)
        forge.stands_still = True
        await ask(universe, "two")
        await universe.until(lambda: len(forge.ran) == 3)
        await universe.merge(Resource.BUILDS, "shop-web-b2", {"spec": {"cancelled": True}})
        await universe.settle(quiet=30)
        assert ended(universe, "shop-web-b2") == "Cancelled"
        assert jobs(universe) == []
        assert built(universe) == ("False", "True")
        forge.stands_still = False
        forge.push(THREE)
        await ask(universe, "three")
        await universe.settle(quiet=30)
        assert images(universe) == {image(THREE)}


async def test_a_request_names_a_commit_and_a_component() -> None:
    """A commit that is named is not looked for; components that are not meant build nothing."""
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.push(ONE)
        other = {**web(1), "name": "api"}
        await universe.apply(application("shop", web(1), other))
        await universe.settle(quiet=30)
        ran = len(forge.ran)
        await ask(universe, f"component:web sha:{THREE} 1")
        await universe.settle(quiet=30)
        assert [(each.phase, each.commit) for each in forge.ran[ran:]] == [("build", THREE)]
        assert "shop-web-b2" in universe.names(Resource.BUILDS)
        assert "shop-api-b2" not in universe.names(Resource.BUILDS)
        assert f"{source()['image']}@{digest_of(THREE)}" in images(universe)


async def test_fifty_queued_builds_cost_another_application_nothing() -> None:
    """Its first server is as early as without them."""

    async def first(queued: int) -> float:
        async with Universe() as universe:
            forge = Forge(universe.server)
            forge.stands_still = True
            await universe.apply(application("shop", web(runPolicy="Serial")))
            await universe.until(lambda: bool(forge.ran))
            for number in range(2, 2 + queued):
                await universe.apply(build(number))
            await universe.settle()
            loop = asyncio.get_running_loop()
            began, start = loop.time(), len(universe.server.writes)
            await universe.apply(application("other", component("api", 1)))
            await universe.until(lambda: "other-api-0" in universe.names(Resource.PODS))
            took = loop.time() - began
            about = [
                each for each in universe.server.writes[start:] if each.resource is Resource.BUILDS
            ]
            assert not about
            return took

    assert await first(50) <= await first(0) + 0.1
