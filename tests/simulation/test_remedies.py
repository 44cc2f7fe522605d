"""Every remedy that acts is typed where its reason is given, and things are better afterwards.

The list of reasons is closed, so the walk is whole: a reason whose command changes something has a
story here; those that only show or open something have theirs in `test_shown_remedies`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import shlex
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from controller.api.resources import Resource
from controller.cli import session
from controller.kube import api as kube
from controller.presentation import problems, vocabulary
from fakes.api_server import ApiServer, Behaviour, Faults, Kubelet
from fakes.forge import Forge
from fakes.universe import Json, Universe, application, component, operation
from tests.cli import typing_in
from tests.simulation import clouded, stateful

pytestmark = pytest.mark.looptime

# What shows, and what a person does by hand: neither can make anything worse by itself.
SHOWS = {"get", "describe", "config", "auth"}
SHOWS_OF_OURS = {"why", "logs", "status", "history", "top", "events", "diff", "version", "report"}
EDITS = {"edit"}
# What OpenStack's own program shows; whatever else a remedy has it do is an act.
SHOWS_OF_CLOUDS = (
    "quota show", "console log show", "image list", "volume show", "floating ip list",
    "server event list",
)  # fmt: skip
GONE: Json = {}


class Door:
    """The API server as a command meets it, which asks it for Leases by their path."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    async def raw(self, path: str, _query: str = "") -> bytes:
        """Return no Leases: an operator of this universe leads without one."""
        if path == "/version":
            return b'{"gitVersion": "v1.34.0"}'
        assert path.endswith("/leases"), path
        return b'{"items": []}'


class World:
    """A cluster whose pods come up unless they are `broken`, and a person who types."""

    def __init__(self, universe: Universe, sky: clouded.Sky | None = None) -> None:
        self.universe = universe
        # The cloud beside it; one that nobody knows the way to where none is given.
        self.sky = sky or clouded.Sky()
        self.broken: set[str] = set()
        self.fate = "CrashLoopBackOff"
        # What ends the trouble that a story made outside the pods.
        self.ends: list[Callable[[], None]] = []

    def behave(self, pod: Json) -> Behaviour:
        """Say what becomes of a pod: by its name, or by its image."""
        image = pod["spec"]["containers"][0]["image"]
        broken = {pod["metadata"]["name"], image} & self.broken
        return Behaviour(fate=self.fate if broken else "Ready", start_seconds=0.2)

    async def apply(self, *components: Json, **spec: Any) -> None:
        """Apply the application."""
        await self.universe.apply(application("shop", *components, **spec))

    async def up(self, *components: Json, **spec: Any) -> None:
        """Apply the application and see it Ready."""
        await self.apply(*components, **spec)
        await self.universe.until(self.ready)
        await self.universe.settle()

    def mend(self) -> None:
        """End what ailed the pods: those that are there come up, as containers that crash do."""
        self.broken = set()
        for namespace, name in list(self.universe.server.objects[Resource.PODS]):
            self.universe.kubelet.ready(namespace, name)

    def found(self, resource: Resource = Resource.APPLICATIONS, name: str = "shop") -> Json:
        """Return an object as it is; empty where there is none."""
        return dict(self.universe.server.objects.get(resource, {}).get(("default", name), GONE))

    def ready(self) -> bool:
        """Return whether the application is Ready, as it is now asked for."""
        body = self.found()
        said = self.universe.condition(Resource.APPLICATIONS, "shop")
        return (
            bool(body)
            and said.get("status") == "True"
            and (body["status"]["observedGeneration"] == body["metadata"]["generation"])
        )

    def told(self, reason: str) -> Json:
        """Return what any object says to be blocked by for that reason; empty where none does."""
        for resource in (
            Resource.SERVERS,
            Resource.OPERATIONS,
            Resource.SERVERSETS,
            Resource.APPLICATIONS,
            Resource.BUILDS,
        ):
            for body in self.universe.server.objects.get(resource, {}).values():
                for each in body.get("status", {}).get("blockedBy", []):
                    if each["reason"] == reason and each.get("remedy"):
                        return dict(each)
        return {}

    def says(self, reason: str) -> bool:
        """Return whether any condition of any object, or an Event, gives that reason."""
        events = self.universe.server.objects.get(Resource.EVENTS, {}).values()
        return any(each["reason"] == reason for each in events) or any(
            each["reason"] == reason
            for resource in (
                Resource.SERVERS, Resource.OPERATIONS, Resource.SERVERSETS, Resource.APPLICATIONS,
                Resource.BUILDS, Resource.FLEETS,
            )
            for body in self.universe.server.objects.get(resource, {}).values()
            for each in body.get("status", {}).get("conditions", [])
        )  # fmt: skip

    def ended(self, name: str, reason: str) -> bool:
        """Return whether an operation has ended so."""
        said = self.universe.condition(Resource.OPERATIONS, name, "Succeeded")
        return said.get("reason") == reason

    async def run(self, name: str, action: str, **spec: Any) -> None:
        """Begin an operation."""
        await self.universe.apply(operation(name, "shop", action, **spec))

    async def type_in(self, line: str) -> None:
        """Type a command as it stands."""
        words = shlex.split(line)
        if words[0] == "openstack":
            await self.sky.type_in(words)
            return
        if words[:3] == ["kubectl", "delete", "argop"]:
            await self.universe.delete(Resource.OPERATIONS, words[3])
            return
        if words[:3] == ["kubectl", "delete", "statefulset"]:
            assert "--cascade=orphan" in words, line
            await self.universe.delete(Resource.STATEFULSETS, words[3], propagation="Orphan")
            return
        work, target = typing_in.work(line)
        here = session.Session(
            api=Door(self.universe.server),  # type: ignore[arg-type]  # which answers as a client does
            namespace=target.namespace or "default",
            target=target,
            server="",
        )
        doing: Any = work(here)
        typed = asyncio.ensure_future(doing)
        done, _ = await asyncio.wait([typed], timeout=30)
        if not done:
            # It follows what it began until that ends, which is for the story to see.
            typed.cancel()
            await asyncio.gather(typed, return_exceptions=True)
        else:
            assert typed.result() in (0, None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Story:
    """How a reason comes about, with its cause mended where the remedy is to try again."""

    make: Callable[[World], Awaitable[None]]
    better: Callable[[World], bool]
    # Where the command is not told by the object itself: what stands in its place.
    name: str = ""
    # The reason that its condition gives, where the reason itself stands elsewhere.
    told_as: str = ""


WEB = component("web", 3)


async def _paused(world: World) -> None:
    await world.up(WEB)
    await world.apply(component("web", 4), paused=True)


async def _held(world: World) -> None:
    await world.up(WEB)
    await world.universe.merge(Resource.SERVERS, "shop-web-1", {"spec": {"held": True}})
    world.universe.kubelet.fail("default", "shop-web-1", reason="Error")


async def _failed_for_good(world: World, **recovery: Any) -> None:
    world.broken = {"shop-web-1"}
    rule = {"attempts": 1, "giveUp": True, "failureBudget": 1, **recovery}
    await world.apply(component("web", 3, recovery=rule))
    await world.universe.until(lambda: bool(world.says("AttemptsExhausted")))
    await world.universe.settle()
    world.broken = set()


async def _exhausted(world: World) -> None:
    world.fate = "Failed"
    await _failed_for_good(world)


async def _budget(world: World) -> None:
    world.fate = "Failed"
    await _failed_for_good(world, failureBudget=0)


async def _backing_off(world: World) -> None:
    world.fate, world.broken = "Failed", {"shop-web-1"}
    backoff = {"initialSeconds": 600, "maxSeconds": 600}
    await world.apply(component("web", 3, recovery={"attempts": 9, "backoff": backoff}))
    await world.universe.until(lambda: bool(world.says("BackingOff")))
    world.broken = set()


async def _deadline(world: World) -> None:
    rollout = {"progressDeadlineSeconds": 60, "maxUnavailable": 1, "inPlace": "Never"}
    await world.up(component("web", 3, rollout=rollout))
    world.broken = {"app:2"}
    await world.apply(component("web", 3, image="app:2", rollout=rollout))
    await world.universe.until(lambda: world.says("ProgressDeadlineExceeded"))
    world.mend()


async def _rolled_back(world: World) -> None:
    rollout = {
        "progressDeadlineSeconds": 60,
        "maxUnavailable": 1,
        "inPlace": "Never",
        "onDeadline": "RollBack",
    }
    await world.up(component("web", 3, rollout=rollout))
    world.broken = {"app:2"}
    await world.apply(component("web", 3, image="app:2", rollout=rollout))
    await world.universe.until(lambda: world.says("RolledBack"))
    await world.universe.settle()
    world.broken = set()


async def _asked_back(world: World) -> None:
    await world.up(WEB)
    await world.up(component("web", 3, image="app:2"))
    await world.run("back", "RollBack")
    await world.universe.until(lambda: world.ended("back", "Completed"))
    await world.universe.settle()
    assert "app:1" in str(world.found(Resource.PODS, "shop-web-0"))


async def _nothing_proven(world: World) -> None:
    rollout = {"progressDeadlineSeconds": 60, "onDeadline": "RollBack"}
    world.broken = {"app:1"}
    await world.apply(component("web", 3, rollout=rollout))
    await world.universe.until(lambda: world.says("NothingProven"))
    world.mend()


async def _teardown_blocked(world: World) -> None:
    await world.up(WEB)
    body = world.found(Resource.PODS, "shop-web-1")
    world.universe.kubelet.lost.add(body["spec"]["nodeName"])
    await world.universe.delete(Resource.SERVERS, "shop-web-1")
    await world.universe.until(lambda: bool(world.told("TeardownBlocked")))


async def _stopped(world: World) -> None:
    await world.up(WEB)
    await world.run("stop", "Stop")
    await world.universe.until(lambda: world.ended("stop", "Completed"))
    await world.universe.settle()


SLOW = [{"name": "drain", "exec": {"command": ["sleep", "600"]}, "timeoutSeconds": 900}]


async def _waiting(world: World) -> None:
    await world.up(WEB)
    await world.run("first", "Restart", paused=True)
    await world.universe.settle()
    world.broken = {"shop-web-2"}
    world.fate = "Unschedulable"
    await world.universe.merge(Resource.OPERATIONS, "first", {"spec": {"paused": False}})
    await world.universe.until(lambda: world.universe.condition(
        Resource.OPERATIONS, "first", "Succeeded").get("reason") == "Running")  # fmt: skip
    await world.run("second", "Stop")
    await world.universe.until(lambda: bool(world.told("Conflict") or world.told("Waiting")))
    world.broken = set()


async def _failed_operation(world: World, *, cancel: bool = False, late: bool = False) -> None:
    await world.up(WEB)
    world.broken, world.fate = {"shop-web-2"}, "Failed"
    rule = {"attempts": 1, "backoff": {"initialSeconds": 1, "maxSeconds": 1}}
    more: dict[str, Any] = {"timeoutSeconds": 60} if late else {}
    if cancel or late:
        world.fate = "Unschedulable"
    await world.run("again", "Restart", recovery=rule, concurrency=1, **more)
    if cancel:
        await asyncio.sleep(30)
        await world.universe.merge(Resource.OPERATIONS, "again", {"spec": {"cancelled": True}})
    await world.universe.until(lambda: bool(world.found(Resource.OPERATIONS, "again")["status"].get(
        "completionTime")), patience=3000)  # fmt: skip
    world.broken = set()
    await world.universe.settle()


async def _cancelled_operation(world: World) -> None:
    await _failed_operation(world, cancel=True)
    assert world.ended("again", "Cancelled")


async def _late_operation(world: World) -> None:
    await _failed_operation(world, late=True)
    assert world.ended("again", "TimedOut")


async def _remembering(world: World) -> None:
    """Have one server remember the steps of as many failed operations as it has room for."""

    async def fail(*_: object) -> kube.ExecResult:
        return kube.ExecResult(exit_code=1)

    await world.up(component("web", 1))
    world.universe.server.on_exec = fail
    rule = {"attempts": 1, "backoff": {"initialSeconds": 1, "maxSeconds": 1}}
    steps = [{"name": f"s{number}", "exec": {"command": ["x"]}} for number in range(32)]
    for number in range(4):
        name = f"failed-{number}"
        await world.run(name, "Steps", steps=steps, recovery=rule)
        await world.universe.until(functools.partial(world.ended, name, "Failed"))
    await world.run("more", "Restart")


def _whole(world: World) -> bool:
    return world.ready() and len(world.universe.names(Resource.PODS)) >= 3


def _grown(world: World) -> bool:
    return world.ready() and bool(world.found(Resource.PODS, "shop-web-3"))


def _completed(world: World) -> bool:
    return world.ended("again", "Completed")


# By the reason that is given: how that comes about, and when it is better.
SOURCE: Json = {
    "git": {"url": "https://git.example.com/shop.git"},
    "image": "registry.example.com/shop/web",
}


async def _failed_build(world: World, *, phase: str, reason: str) -> None:
    forge = Forge(world.universe.server)
    forge.errors[phase] = [{"class": "Terminal", "reason": reason, "message": "refused"}]
    await world.apply(component("web", 1, source=SOURCE))
    await world.universe.until(lambda: world.says(reason))


async def _cancelled_build(world: World) -> None:
    forge = Forge(world.universe.server)
    forge.stands_still = True
    await world.apply(component("web", 1, source=SOURCE))
    await world.universe.until(lambda: bool(forge.ran))
    await world.type_in("kubectl argosy cancel build/shop-web-b1 -n default")
    await world.universe.until(lambda: world.says("Cancelled"))
    forge.stands_still = False


async def _late_build(world: World) -> None:
    forge = Forge(world.universe.server)
    await world.apply(component("web", 1, source=SOURCE))
    await world.universe.until(lambda: "build" in forge.phases())
    forge.stands_still = True
    forge.time_out(forge.ran[-1].job)
    await world.universe.until(lambda: world.says("TimedOut"))
    forge.stands_still = False


async def _builds_behind(world: World) -> None:
    forge = Forge(world.universe.server)
    forge.stands_still = True
    await world.apply(component("web", 1, source={**SOURCE, "runPolicy": "Serial"}))
    await world.universe.until(lambda: bool(forge.ran))
    await world.type_in("kubectl argosy build shop -n default")
    await world.universe.until(lambda: bool(world.told("WaitingForBuild")))
    forge.stands_still = False


async def _is_not_taken_up(world: World) -> None:
    Forge(world.universe.server)
    await world.up(component("web", 1, source=SOURCE))
    spec = {"application": "shop", "component": "web", "number": 900, "source": SOURCE}
    await world.universe.apply(
        {
            "apiVersion": "argosy.dev/v1alpha1",
            "kind": "Build",
            "metadata": {"name": "shop-web-b900", "namespace": "default"},
            "spec": spec,
        }
    )


async def _still_controlled(world: World) -> None:
    await stateful.begin(world.universe)
    await world.universe.apply(stateful.successor())


def _taken_up(world: World) -> bool:
    """Return whether the pods of the StatefulSet are servers."""
    owners = [
        owner["kind"]
        for pod in stateful.pods(world.universe).values()
        for owner in pod["metadata"].get("ownerReferences", ())
    ]
    return world.ready() and owners == ["Server"] * 3


def _built(name: str) -> Callable[[World], bool]:
    """Return what says that a Build has succeeded and its servers run."""

    def better(world: World) -> bool:
        said = world.universe.condition(Resource.BUILDS, name, "Succeeded")
        return said.get("status") == "True" and world.ready()

    return better


STORIES: Mapping[str, Story] = {
    "Paused": Story(make=_paused, better=_grown, name="shop"),
    "Held": Story(make=_held, better=_whole),
    "AttemptsExhausted": Story(make=_exhausted, better=_whole),
    "ServersFailed": Story(make=_exhausted, better=_whole, name="shop"),
    "FailureBudgetSpent": Story(make=_budget, better=_whole, name="shop"),
    "BackingOff": Story(make=_backing_off, better=_whole, name="shop-web-1"),
    "ProgressDeadlineExceeded": Story(make=_deadline, better=_whole, name="shop"),
    "RolledBack": Story(
        make=_rolled_back,
        better=lambda w: w.ready() and "app:2" in str(w.found(Resource.PODS, "shop-web-0")),
    ),
    "RollBack": Story(
        make=_asked_back,
        better=lambda w: w.ready() and "app:2" in str(w.found(Resource.PODS, "shop-web-0")),
        name="shop",
        # The record of the revision and the Event give it.
        told_as="RolledBack",
    ),
    "NothingProven": Story(make=_nothing_proven, better=_whole, name="shop"),
    "TeardownBlocked": Story(make=_teardown_blocked, better=_whole),
    "Stopped": Story(make=_stopped, better=_whole, name="shop"),
    "Stopped of a Server": Story(make=_stopped, better=_whole, name="shop"),
    "Conflict of an Operation": Story(
        make=_waiting, better=lambda w: w.ended("second", "Completed")
    ),
    "Waiting of an Operation": Story(
        make=_waiting, better=lambda w: w.ended("first", "Cancelled"), name="first"
    ),
    "Failed of an Operation": Story(make=_failed_operation, better=_completed, name="again"),
    "Cancelled of an Operation": Story(make=_cancelled_operation, better=_completed, name="again"),
    "Cancelled of a Build": Story(make=_cancelled_build, better=_built("shop-web-b2")),
    "CheckpointsFull": Story(make=_remembering, better=lambda w: w.ended("more", "Completed")),
    "TimedOut of an Operation": Story(make=_late_operation, better=_completed, name="again"),
    "TimedOut of a Build": Story(make=_late_build, better=_built("shop-web-b2")),
    "SourceUnavailable": Story(
        make=functools.partial(_failed_build, phase="resolve", reason="SourceUnavailable"),
        better=_built("shop-web-b2"),
    ),
    "PushRefused": Story(
        make=functools.partial(_failed_build, phase="build", reason="PushRefused"),
        better=_built("shop-web-b2"),
    ),
    "WaitingForBuild": Story(make=_builds_behind, better=_built("shop-web-b2")),
    "NotTakenUp": Story(make=_is_not_taken_up, better=_built("shop-web-b2")),
    "StillControlled": Story(make=_still_controlled, better=_taken_up, name=stateful.NAME),
    "ServerLocked": Story(make=clouded.is_locked, better=clouded.has_one, name="shop-web-1"),
}


def acts(command: str) -> bool:
    """Return whether a command changes something, and is not a person's own edit."""
    words = command.split()
    if words[0] == "openstack":
        return not command.startswith(tuple(f"openstack {each}" for each in SHOWS_OF_CLOUDS))
    if words[1] != "argosy":
        return words[1] not in SHOWS | EDITS
    return words[2] not in SHOWS_OF_OURS


def word(explained: str) -> str:
    """Return the reason of an explanation, which may be that of one kind of object alone."""
    return explained.partition(" of ")[0]


def filled(command: str, name: str) -> str:
    """Return a reason's command with the names of a story."""
    named = command.replace("NAME", name).replace("APPLICATION", "shop")
    # A cloud has no namespaces.
    return named if named.startswith("openstack ") else f"{named} -n default"


def test_every_remedy_that_acts_has_a_story() -> None:
    """The list is closed, and so is this one: a new reason that acts fails until it has one."""
    acting = {
        each for each, told in vocabulary.EXPLAINED.items() if told.command and acts(told.command)
    }
    assert acting == set(STORIES)


def test_no_remedy_deletes_what_runs_or_holds_data() -> None:
    """In no command of any reason, nor in its words."""
    for each, told in vocabulary.EXPLAINED.items():
        for gone in ("delete pvc", "delete pod", "delete argsrv", "delete argset", "delete argapp"):
            assert gone not in told.command, each
        assert "elete the other" not in told.remedy, each


@pytest.mark.parametrize("explained", sorted(STORIES))
async def test_the_remedy_makes_it_better(explained: str) -> None:
    """The situation is made, the command is typed as it is told, and it is over."""
    story, sky = STORIES[explained], clouded.Sky()
    reason = word(explained)
    universe = Universe(faults=Faults(), kubelet=Kubelet(), providers=[sky.kind()])
    world = World(universe, sky)
    universe.kubelet.behave = world.behave
    async with universe:
        await story.make(world)
        said = story.told_as or reason
        await universe.until(lambda: world.says(said) or bool(world.told(said)))
        told = world.told(reason)
        known = filled(vocabulary.EXPLAINED[explained].command, story.name)
        line = told["remedy"] if told and acts(told["remedy"]) else known
        assert "NAME" not in line, f"{reason} is not told with a command: {told}"
        assert not story.better(world)
        await world.type_in(line)
        await universe.until(lambda: story.better(world))


async def test_force_is_an_act_on_what_is_going_now() -> None:
    """Of an application too: what hangs goes at once, and its policy is what it was."""
    universe = Universe(kubelet=Kubelet())
    world = World(universe)
    async with universe:
        await world.up(component("web", 3), deletion={"timeoutSeconds": 3600})
        spec = world.found()["spec"]
        for name in universe.names(Resource.PODS):
            body = universe.get(Resource.PODS, name)
            universe.kubelet.lost.add(body["spec"]["nodeName"])
        await universe.delete(Resource.APPLICATIONS, "shop")
        await asyncio.sleep(60)
        assert len(universe.names(Resource.PODS)) == 3
        assert world.found()["spec"] == spec
        await world.type_in("kubectl argosy force application/shop -n default")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS), patience=60)


async def test_force_leaves_alone_what_is_not_going() -> None:
    """An application that nobody deleted is refused; no server is marked for a later day."""
    universe = Universe(kubelet=Kubelet())
    world = World(universe)
    async with universe:
        await world.up(component("web", 2))
        before = len(universe.server.writes)
        with pytest.raises(problems.Refusal, match="nothing of application/shop"):
            await world.type_in("kubectl argosy force application/shop -n default")
        assert len(universe.server.writes) == before
