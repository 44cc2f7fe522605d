"""How every call to a provider went reaches status and Events, whichever verb it was of.

`test_outcomes` answers in the API server's stead, so of providers only that of pods ever fails
there. Here each verb of a provider's own ends with an error: servers that are made, changed and
deleted, instances that are collected, claims that are discarded. What is done about an error is in
its policy alone, so there is one for each policy.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest

from controller import contract, errors
from controller.api import objects
from controller.api.resources import Resource
from controller.providers.memory import kind as memory
from controller.providers.openstack import kind as openstack
from controller.reasons import ForeignReason
from fakes.universe import Universe, application, component
from tests.simulation.test_cloud_volumes import claim, there
from tests.simulation.test_clouds import SPEC, Country
from tests.simulation.test_outcomes import every_error

pytestmark = pytest.mark.looptime

# By some reasons a planner finds another way; by this one none does.
REASON = ForeignReason("Answered")
WORDS = "the words of whoever answered"
FAILURES = ("FailedCreate", "FailedUpdate", "FailedDelete")
METAL = {"metadata": {"name": "metal"}, "spec": {"provider": "memory"}}


class Failing:
    """Has the calls of one verb to a provider end with an error; `over` ends that."""

    def __init__(self) -> None:
        self.verb = ""
        self.error: type[errors.ArgosyError] = errors.Stalled

    def begin(self, verb: str, error: type[errors.ArgosyError]) -> None:
        """Let each such call fail from now on, and change nothing."""
        self.verb, self.error = verb, error

    def over(self) -> None:
        """Let all calls through."""
        self.verb = ""

    def kind(self, known: contract.ProviderKind) -> contract.ProviderKind:
        """Return a provider whose calls fail."""

        @contextlib.asynccontextmanager
        async def opened(
            context: contract.Context, fleet: objects.Fleet
        ) -> AsyncIterator[contract.Provider]:
            async with known.open(context, fleet) as provider:
                yield cast("contract.Provider", _Calls(self, provider))

        return dataclasses.replace(known, open=opened)


class _Calls:
    """A provider, but for the calls of which `failing` says how they end."""

    def __init__(self, failing: Failing, provider: contract.Provider) -> None:
        self._failing = failing
        self._provider = provider

    def __getattr__(self, name: str) -> Any:
        if name == self._failing.verb:
            return self._fail
        return getattr(self._provider, name)

    async def _fail(self, *_: object) -> contract.Receipt:
        kind = self._failing.error
        raise kind(WORDS, reason=REASON)


def by_policy() -> list[type[errors.ArgosyError]]:
    """Return an error of each policy, as far as it decides what is told."""
    debug = errors.Level.DEBUG
    found = {
        dataclasses.replace(each.policy, level=debug, repeated=debug, longest_wait=60.0): each
        for each in reversed(every_error())
    }
    return sorted(found.values(), key=lambda each: (each.__module__, each.__name__))


class World(Country):
    """A cluster beside machines in memory and a cloud, of which some calls fail."""

    def __init__(self) -> None:
        super().__init__()
        self.failing = Failing()
        kinds = (memory.kind(lambda *_: self.universe.machines), openstack.kind(self._connect))
        self.universe = Universe(providers=[self.failing.kind(each) for each in kinds])

    async def machines(self, image: str = "app:1", **spec: Any) -> None:
        """Apply an application of one machine."""
        web = component("web", 1, image=image, rollout={"inPlace": "WhenPossible"} | spec)
        deletion = {"drainSeconds": 1, "timeoutSeconds": 30, "onTimeout": "Abandon"}
        await self.universe.apply(application("shop", web, fleet="metal", deletion=deletion))

    async def volumes(self, count: int) -> None:
        """Apply an application of servers of the cloud, whose volumes go with them."""
        held = claim(whenScaled="Delete", whenDeleted="Delete")
        await self.apply(count, SPEC, volumeClaims=[held])

    async def let_go(self) -> None:
        """Delete the application."""
        await self.universe.delete(Resource.APPLICATIONS, "shop")

    async def comes_up(self) -> None:
        """Return once the application is Ready, and rests."""
        await self.universe.until(self.universe.is_ready)
        await self.universe.settle()

    def is_gone(self) -> bool:
        """Whether nothing is left of the application, nor of what fleets had of it."""
        left = self.universe.names(Resource.APPLICATIONS) or self.universe.machines.machines
        return not left and not there(self)

    def notes(self, *reasons: str) -> list[str]:
        """Return what the Events of these reasons say."""
        events = self.universe.server.objects.get(Resource.EVENTS, {}).values()
        return [each["note"] for each in events if each["reason"] in reasons]


Act = Callable[[World], Awaitable[None]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How it comes to a call of `verb`, who tells that it fails, and how all ends well.

    `before` is what there is, and `asks` leads to the call. `teller` says that `thing` is in the
    way, and one Event names the `subject`; `always` where it is not asked whether the error is
    worth one, as a set tells of whatever keeps its servers from being made.
    """

    verb: str
    before: Act
    asks: Act
    teller: tuple[Resource, str, str]
    thing: str
    subject: str
    ends: Callable[[World], bool]
    always: bool = False


async def _nothing(_: World) -> None:
    """Leave all as it is."""


async def _runs(world: World) -> None:
    await world.machines()
    await world.comes_up()


async def _changes(world: World) -> None:
    await world.machines("app:2")


async def _is_replaced(world: World) -> None:
    await world.machines("app:2", inPlace="Never")


async def _is_abandoned(world: World) -> None:
    """Let an application go without its machine, which nobody reaches."""
    await _runs(world)
    world.universe.machines.silence(("default", "shop-web-0"))
    await world.let_go()
    await world.universe.until(lambda: not world.universe.names(Resource.APPLICATIONS))


async def _returns(world: World) -> None:
    world.universe.machines.silence(("default", "shop-web-0"), silent=False)


async def _has_volumes(world: World) -> None:
    await world.volumes(2)
    await world.comes_up()


async def _has_a_volume(world: World) -> None:
    await world.volumes(1)
    await world.comes_up()


async def _is_scaled_down(world: World) -> None:
    await world.volumes(1)


# How an Event says it.
_VERBS = {"collect": "delete", "discard": "delete"}
SERVER = (Resource.SERVERS, "default", "shop-web-0")
SET = (Resource.SERVERSETS, "default", "shop-web")
STORIES = {
    "create": Story(
        verb="create", before=_nothing, asks=World.machines, teller=SERVER, thing="Fleet/metal",
        subject="Server/shop-web-0", ends=lambda world: world.universe.is_ready(), always=True,
    ),
    "change": Story(
        verb="change", before=_runs, asks=_changes, teller=SERVER, thing="Fleet/metal",
        subject="Server/shop-web-0", ends=lambda world: world.universe.is_ready(),
    ),
    "delete": Story(
        verb="delete", before=_runs, asks=_is_replaced, teller=SERVER, thing="Fleet/metal",
        subject="Server/shop-web-0", ends=lambda world: world.universe.is_ready(),
    ),
    "delete for good": Story(
        verb="delete", before=_runs, asks=World.let_go, teller=SERVER, thing="Fleet/metal",
        subject="Server/shop-web-0", ends=World.is_gone,
    ),
    "collect": Story(
        verb="collect", before=_is_abandoned, asks=_returns, thing="Instance/memory-1",
        teller=(Resource.FLEETS, "", "metal"), subject="Instance/memory-1", ends=World.is_gone,
    ),
    "discard": Story(
        verb="discard", before=_has_volumes, asks=_is_scaled_down, teller=SET, thing="Fleet/west",
        subject="Claim/data-shop-web-1", ends=lambda world: len(there(world)) == 1,
    ),
    "discard for good": Story(
        verb="discard", before=_has_a_volume, asks=World.let_go, teller=SET, thing="Fleet/west",
        subject="Claim/data-shop-web-0", ends=World.is_gone,
    ),
}  # fmt: skip


def is_own(story: Story, policy: errors.Policy) -> bool:
    """Return whether what a server is made from is refused: that is the server's own trouble."""
    refused = policy.costs_attempt and policy.kind is errors.FailureKind.REFUSED
    return story.verb == "create" and refused


def in_the_way(story: Story, policy: errors.Policy) -> str:
    """Return what is told to be in the way: a fleet, unless it is known to have no part in it."""
    if policy.local and story.teller[1]:
        return "Namespace/default"
    return story.subject if is_own(story, policy) else story.thing


def told(world: World, story: Story, policy: errors.Policy) -> bool:
    """Return whether whoever asked says what is in the way, in the words of whoever answered."""
    resource, namespace, name = story.teller
    status = world.universe.server.objects[resource].get((namespace, name), {}).get("status", {})
    thing = in_the_way(story, policy)
    return any(
        each["object"] == thing and WORDS in each["message"] for each in status.get("blockedBy", ())
    )


@pytest.mark.parametrize("kind", by_policy(), ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", STORIES)
async def test_whatever_a_provider_answers_is_told(
    kind: type[errors.ArgosyError], name: str
) -> None:
    """By whoever asked, in blockedBy, and by one Event that names what the call was about.

    A server whose template is refused fails for good: the Event is that of its failure budget.
    """
    story, world = STORIES[name], World()
    async with world.universe:
        await world.universe.server.create(Resource.FLEETS, "", METAL)
        await world.found()
        await story.before(world)
        before = len(world.notes(*FAILURES))
        world.failing.begin(story.verb, kind)
        await story.asks(world)
        await world.until(lambda: told(world, story, kind.policy), seconds=180)
        await asyncio.sleep(60)
        warned = story.always or kind.policy.event
        if is_own(story, kind.policy):
            assert WORDS in world.notes("FailureBudgetSpent")[0]
        elif warned:
            asked = _VERBS.get(story.verb, story.verb)
            event = f"Failed to {asked} {story.subject}: {WORDS}"
            assert world.notes(*FAILURES)[before:] == [event]
        else:
            assert world.notes(*FAILURES)[before:] == []
        world.failing.over()
        await world.until(lambda: story.ends(world))
