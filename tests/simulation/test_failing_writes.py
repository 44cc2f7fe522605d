"""Writes that planners make alone fail, under the engine as it is: told, tried again, and over.

An operation's tasks and what it has sets and revisions remember; a finalizer; the end of a hold.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools

import pytest

from controller.api.resources import Resource
from controller.presentation import answers, inspection, requests
from controller.presentation.references import Reference
from fakes.api_server.refusal import refuse
from fakes.universe import Universe, application, component, operation
from tests.simulation.answers import WEBHOOK, Answer, blocked
from tests.simulation.test_outcomes import agree, events

pytestmark = pytest.mark.looptime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cause:
    """Who keeps a write from succeeding: the answer, and how people are told."""

    code: int
    words: str
    object: str
    reason: str

    def guard(self, universe: Universe, resource: Resource) -> Answer:
        """Answer so to every change of such an object, from now on."""
        answer = functools.partial(refuse, self.code, "Forbidden", self.words)
        return Answer(universe, "patch", resource, lambda _: answer())


DENIED = Cause(
    code=403,
    words='admission webhook "keep.example.com" denied the request: not now',
    object="Webhook/keep.example.com",
    reason="Denied",
)
AWAY = Cause(code=500, words=WEBHOOK, object="Webhook/gone.example.com", reason="WebhookFailed")
CAUSES = {"refused": DENIED, "for a while": AWAY}


async def told(universe: Universe, resource: Resource, name: str, cause: Cause) -> None:
    """See that one object tells the cause, in one Event, too, and that all is at rest then."""
    thing = (cause.object, cause.reason)
    await universe.until(lambda: thing in blocked(universe, resource, name), patience=30)
    await universe.settle(quiet=90)
    (event,) = events(universe, "FailedUpdate")
    assert event["regarding"]["name"] == name
    assert cause.words in event["note"]
    await agree(universe)
    async with inspection.look(universe.server, "default") as look:
        found = answers.walk(look, Reference(resource=resource, name=name), "default")
    assert found is not None
    assert cause.object in {each.object for each in found.waits}
    before = len(universe.server.writes)
    await asyncio.sleep(300)
    assert len(universe.server.writes) - before < 5, "no write a retry"
    assert thing in blocked(universe, resource, name)


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("Restart", Resource.SERVERS),
        ("Stop", Resource.SERVERSETS),
        ("RollBack", Resource.REVISIONS),
        ("Restart", Resource.OPERATIONS),
    ],
    ids=["tasks", "stopped servers", "rejections", "its finalizer"],
)
async def test_an_operation_tells_which_of_its_writes_fail(
    action: str, resource: Resource, cause: Cause
) -> None:
    """Its sentence says so, no server counts as failed for it, and in the end it is done."""
    async with Universe() as universe:
        await universe.bring_up(application("shop", component("web", 2)))
        if action == "RollBack":
            await universe.bring_up(application("shop", component("web", 2, image="app:2")))
        guard = cause.guard(universe, resource)
        await universe.apply(operation("go", "shop", action))
        await told(universe, Resource.OPERATIONS, "go", cause)
        said = functools.partial(universe.condition, Resource.OPERATIONS, "go", "Succeeded")
        assert said()["status"] == "Unknown"
        assert f"{cause.reason}: {cause.words}" in said()["message"]
        assert universe.get(Resource.OPERATIONS, "go")["status"].get("failed", 0) == 0
        assert guard.count < 60
        guard.over()
        await universe.until(lambda: said()["reason"] == "Completed", patience=700)
        await universe.settle()
        assert blocked(universe, Resource.OPERATIONS, "go") == []
        assert not universe.get(Resource.OPERATIONS, "go")["metadata"].get("finalizers")
        await agree(universe)


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
async def test_an_application_that_may_have_no_finalizer_says_so(cause: Cause) -> None:
    """Nothing is made without it; once it may be put on, all comes up."""
    async with Universe() as universe:
        guard = cause.guard(universe, Resource.APPLICATIONS)
        await universe.apply(application("shop", component("web", 2)))
        await told(universe, Resource.APPLICATIONS, "shop", cause)
        assert universe.condition(Resource.APPLICATIONS, "shop")["message"] == cause.words
        assert universe.names(Resource.SERVERSETS) == []
        guard.over()
        await universe.until(universe.is_ready, patience=150)
        assert blocked(universe, Resource.APPLICATIONS, "shop") == []


async def test_an_application_that_keeps_its_finalizer_says_so() -> None:
    """All of it is gone; whoever keeps the object itself is named, and it goes when they let it."""
    async with Universe() as universe:
        await universe.bring_up(application("shop", component("web", 1)))
        guard = DENIED.guard(universe, Resource.APPLICATIONS)
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.SERVERSETS), patience=120)
        await told(universe, Resource.APPLICATIONS, "shop", DENIED)
        message = universe.condition(Resource.APPLICATIONS, "shop")["message"]
        assert "The application keeps its finalizer" in message
        guard.over()
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS), patience=150)


async def test_a_set_that_keeps_its_finalizer_says_so() -> None:
    """The same of a set, and its application tells it, too."""
    async with Universe() as universe:
        await universe.bring_up(application("shop", component("web", 1)))
        guard = DENIED.guard(universe, Resource.SERVERSETS)
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.SERVERS), patience=120)
        await told(universe, Resource.SERVERSETS, "shop-web", DENIED)
        above = blocked(universe, Resource.APPLICATIONS, "shop")
        assert (DENIED.object, DENIED.reason) in above
        guard.over()
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS), patience=150)


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
async def test_a_hold_that_may_not_end_leaves_its_server_kept_up(cause: Cause) -> None:
    """A pod that goes meanwhile is made again, the reason is told, and the hold ends at last."""
    async with Universe() as universe:
        await universe.bring_up(application("shop", component("web", 2)))
        held = {"spec": requests.hold("anna", "core dump", universe.server.now() + 100)}
        await universe.merge(Resource.SERVERS, "shop-web-1", held)
        await universe.settle()
        guard = cause.guard(universe, Resource.SERVERS)
        await asyncio.sleep(100)
        await told(universe, Resource.SERVERS, "shop-web-1", cause)
        assert universe.condition(Resource.SERVERS, "shop-web-1")["status"] == "True"
        uid = universe.get(Resource.PODS, "shop-web-1")["metadata"]["uid"]
        await universe.delete(Resource.PODS, "shop-web-1", grace_seconds=0)

        def anew() -> bool:
            found = universe.server.objects[Resource.PODS].get(("default", "shop-web-1"))
            return found is not None and found["metadata"]["uid"] != uid

        await universe.until(anew, patience=30)
        guard.over()
        spec = functools.partial(universe.get, Resource.SERVERS, "shop-web-1")
        await universe.until(lambda: not spec()["spec"].get("held"), patience=150)
        await universe.settle()
        assert blocked(universe, Resource.SERVERS, "shop-web-1") == []
        assert universe.is_ready()
