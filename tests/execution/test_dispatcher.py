"""The dispatcher by itself: what it hands over, and what it makes of the answers."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import objects
from controller.api.conditions import Condition
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import Verb
from controller.execution import dispatcher, status_writer
from controller.execution.acts import Acts
from controller.execution.caches import Caches
from controller.execution.event_writer import EventWriter
from controller.execution.fleets import Fleets
from controller.execution.key_state import KeyState
from controller.execution.pool import Pool
from controller.execution.writer import Writer
from controller.planning import keys, plan, targets
from controller.planning.keys import Key
from controller.planning.plan import Plan
from controller.providers import registry
from controller.reasons import ForeignReason
from controller.telemetry import metrics
from fakes.api_server import ApiServer, Faults, Verdict
from fakes.api_server.chaos import busy, lost
from fakes.api_server.refusal import refuse

pytestmark = pytest.mark.looptime

NAMESPACE = "default"
MAP = Resource.REVISIONS


class Desk:
    """A dispatcher, an API server, and one application whose plans are made up."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.server = ApiServer(faults=self.faults)
        self.settled: list[Key] = []
        # What the application and its plan are once a status's turn has come; None: as before.
        self.latest: status_writer.Latest | None = None
        self.state = KeyState()
        pool = Pool()
        world = Caches(self.server)
        context = contract.Context(
            api=self.server, informers=world.informers, clock=self.server.now
        )
        self.dispatcher = dispatcher.Dispatcher(
            writer=Writer(self.server),
            pool=pool,
            fleets=Fleets(world, kinds=registry.kinds(), context=context, pool=pool),
            acts=Acts(finished=lambda _: None),
            event_writer=EventWriter(self.server, reporter="desk", clock=self.server.now),
            clock=self.server.now,
            settled=lambda key, _: self.settled.append(key),
            nudge=lambda _: None,
            latest=lambda *_: self.latest,
            kinds=world.kinds,
        )
        self._pool = pool
        body = {"metadata": {"name": "shop"}, "spec": {"components": []}}
        self.server.registry.create(Resource.APPLICATIONS, NAMESPACE, body, actor="user")
        self.key = keys.of(Resource.APPLICATIONS, self.item)

    @property
    def item(self) -> objects.Application:
        """The application as it is now."""
        body = self.server.objects[Resource.APPLICATIONS][NAMESPACE, "shop"]
        return msgspec.json.decode(msgspec.json.encode(body), type=objects.Application)

    async def carry_out(self, *actions: plan.Action, **more: Any) -> float | None:
        """Have a plan carried out, and wait until all is answered; return when to look again."""
        made = Plan(actions=actions, **more)
        wake = self.dispatcher.execute(self.key, self.state, self.item, made)
        await self.answers()
        return wake

    async def answers(self) -> None:
        """Wait until nothing is asked any more."""
        async with asyncio.timeout(60):
            while not self._pool.idle():  # noqa: ASYNC110 - in virtual time
                await asyncio.sleep(0.01)

    def names(self) -> list[str]:
        """Return the names of what plans have made."""
        return sorted(name for _, name in self.server.objects[MAP])

    def outcome(self, name: str, verb: targets.AnyVerb = Verb.CREATE) -> Any:
        """Return how the latest call about an object went, if it did not succeed."""
        return self.state.outcomes.get((targets.ObjectTarget(MAP, NAMESPACE, name), verb))


def create(name: str) -> plan.Create:
    """Return a wish for an object."""
    body = {"metadata": {"name": name, "namespace": NAMESPACE}, "revision": 1}
    return plan.Create(resource=MAP, body=body, why="it is missing")


async def test_a_key_settles_once_with_what_the_caches_must_show() -> None:
    """All writes of a plan are answered before; the floor is the highest of their versions."""
    desk = Desk()
    await desk.carry_out(create("one"), create("two"))
    assert desk.names() == ["one", "two"]
    assert desk.settled == [desk.key]
    assert desk.state.pending == 0
    assert desk.state.floors == {(MAP, NAMESPACE, None): desk.server.writes[-1].version}
    assert desk.state.outcomes == {}


async def test_a_large_plan_is_handed_over_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond the bound is not asked, and the key is to be planned again."""
    monkeypatch.setattr(dispatcher, "MOST_ACTIONS", 3)
    desk = Desk()
    await desk.carry_out(*(create(f"item-{number}") for number in range(5)))
    assert desk.names() == ["item-0", "item-1", "item-2"]
    assert desk.state.dirty


async def test_what_is_refused_is_written_down_and_not_asked_again_at_once() -> None:
    """Its siblings go on; until it is due the same wish asks nobody; then a success ends it."""
    desk = Desk()
    no = Verdict(before=refuse(403, "Forbidden", "the policy says no"))
    desk.faults.on("create", MAP, name="one", verdict=no)
    await desk.carry_out(create("one"), create("two"))
    assert desk.names() == ["two"]
    told = desk.outcome("one")
    assert (told.kind, told.count) == (errors.FailureKind.REFUSED, 1)
    assert "the policy says no" in told.message
    # What is told in status is news for the planner.
    assert desk.state.dirty
    wake = await desk.carry_out(create("one"))
    assert desk.names() == ["two"]
    assert wake is not None
    assert 0 < wake <= told.again - told.time
    await asyncio.sleep(wake)
    await desk.carry_out(create("one"))
    assert desk.names() == ["one", "two"]
    assert desk.outcome("one") is None


async def test_what_nobody_asks_for_any_more_is_forgotten_when_it_is_due() -> None:
    """The outcome of a write that no plan repeats goes, and with it what was told of it."""
    desk = Desk()
    no = Verdict(before=refuse(403, "Forbidden", "the policy says no"))
    desk.faults.on("create", MAP, verdict=no)
    wake = await desk.carry_out(create("one")) or desk.outcome("one").again - desk.server.now()
    await desk.carry_out()
    assert desk.outcome("one") is not None
    await asyncio.sleep(wake)
    desk.state.dirty = False
    await desk.carry_out()
    assert desk.outcome("one") is None
    assert desk.state.dirty


async def test_a_lost_answer_is_read_before_anything_is_planned_again() -> None:
    """The object is in doubt; one read finds it, and the caches must reach what was found."""
    desk = Desk()
    desk.faults.on("create", MAP, verdict=Verdict(after=lost("gone")))
    await desk.carry_out(create("one"))
    assert desk.names() == ["one"]
    assert desk.state.uncertain == {(MAP, NAMESPACE, "one")}
    assert desk.state.floors == {}
    desk.dispatcher.resolve(desk.key, desk.state, desk.item)
    await desk.answers()
    assert desk.state.uncertain == set()
    assert desk.state.floors == {(MAP, NAMESPACE, None): desk.server.writes[-1].version}
    assert len(desk.settled) == 2


async def test_a_read_is_counted_as_no_write() -> None:
    """Not where it follows a lost answer, nor in how long writes take."""
    desk = Desk()
    desk.faults.on("create", MAP, verdict=Verdict(after=lost("gone")))
    await desk.carry_out(create("one"))
    before = counted(MAP)
    desk.dispatcher.resolve(desk.key, desk.state, desk.item)
    await desk.answers()
    assert desk.state.uncertain == set()
    assert counted(MAP) == before
    await desk.carry_out(create("two"))
    assert counted(MAP) == before + 1


def counted(resource: Resource) -> float:
    """Return how many writes of a resource were timed."""
    labels = {"resource": str(resource), "fleet": ""}
    name = "argosy_write_time_seconds_count"
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


async def test_an_api_server_that_asks_for_time_gets_it() -> None:
    """Nothing of the key is planned before the moment that it named."""
    desk = Desk()
    desk.faults.on("create", MAP, verdict=Verdict(before=busy("full", retry_after=30)))
    await desk.carry_out(create("one"))
    assert 29 < desk.state.not_before - desk.server.now() <= 30
    assert 29 < desk.outcome("one").again - desk.server.now() <= 30


async def test_a_bug_in_a_call_ends_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one more outcome, whose effect is in doubt; the key settles."""
    desk = Desk()
    asked = desk.server.create

    async def broken(resource: Resource, namespace: str, body: Any, **options: Any) -> bytes:
        if body["metadata"]["name"] == "one":
            raise ZeroDivisionError
        return await asked(resource, namespace, body, **options)

    monkeypatch.setattr(desk.server, "create", broken)
    await desk.carry_out(create("one"), create("two"))
    assert desk.names() == ["two"]
    assert desk.settled == [desk.key]
    told = desk.outcome("one")
    assert (told.kind, told.reason) == (errors.FailureKind.UNKNOWN, "InternalError")
    assert desk.state.uncertain == {(MAP, NAMESPACE, "one")}


def standing(message: str) -> objects.ApplicationStatus:
    """Return a status that says something."""
    ready = Condition(
        type="Ready", status="False", reason="Progressing", message=message,
        last_transition_time="2026-01-01T00:00:00Z", observed_generation=1,
    )  # fmt: skip
    return objects.ApplicationStatus(conditions=(ready,))


async def test_a_status_is_written_when_it_differs_and_not_too_often() -> None:
    """The same again asks nobody; another one within a second waits, unless it is urgent."""
    desk = Desk()
    await desk.carry_out(status=standing("one"), write_status_now=False)
    written = len(desk.server.writes)
    assert desk.item.status == standing("one")
    await desk.carry_out(status=standing("one"))
    assert len(desk.server.writes) == written
    held = await desk.carry_out(status=standing("two"), write_status_now=False)
    assert held is not None
    assert 0 < held <= 1
    assert desk.item.status == standing("one")
    assert await desk.carry_out(status=standing("three"), write_status_now=True) is None
    assert desk.item.status == standing("three")


async def test_a_status_that_was_overtaken_in_line_is_never_written() -> None:
    """What goes out is what is planned by then; nothing where that is what stands already.

    Nor is it counted as a write.
    """
    desk = Desk()

    def counted() -> float | None:
        labels = {"resource": str(Resource.APPLICATIONS), "fleet": "", "result": "ok"}
        return metrics.REGISTRY.get_sample_value("argosy_writes_total", labels)

    desk.latest = desk.item, Plan(status=standing("two"))
    await desk.carry_out(status=standing("one"))
    assert desk.item.status == standing("two")
    written, before = len(desk.server.writes), counted()
    assert before
    desk.latest = desk.item, Plan(status=standing("two"))
    await desk.carry_out(status=standing("three"))
    desk.latest = desk.item, Plan()
    await desk.carry_out(status=standing("three"))
    assert (len(desk.server.writes), counted()) == (written, before)
    assert desk.state.pending == 0
    assert len(desk.settled) == 3


async def test_words_of_others_are_no_labels_of_metrics() -> None:
    """Whoever may write Events chooses their reasons: a series of each would never be forgotten.

    To read what was said of an object is no write either.
    """
    desk = Desk()

    def series() -> set[str]:
        (family,) = (each for each in metrics.REGISTRY.collect() if each.name == "argosy_writes")
        return {each.labels["result"] for each in family.samples}

    asked = plan.Hear(
        resource=MAP, namespace=NAMESPACE, name="one", uid="u-1", otherwise="?", why="it waits"
    )
    odd = errors.Warned("strange", reason=ForeignReason("SomebodysOwnWord"))
    for action in (asked, create("one")):
        desk.faults.on("list", Resource.EVENTS, verdict=Verdict(before=odd))
        desk.faults.on("create", MAP, verdict=Verdict(before=odd))
        desk.state = KeyState()
        await desk.carry_out(action)
        assert desk.state.outcomes
    assert "SomebodysOwnWord" not in series()
    assert "other" in series()


async def test_what_overtook_a_status_in_line_is_told_in_events_as_well() -> None:
    """Once: whoever plans next finds the status as it is, and nothing that is news."""
    desk = Desk()
    event = plan.RecordEvent(reason=Reason.COMPLETED, message="Restart first has completed.")
    desk.latest = desk.item, Plan(status=standing("two"), actions=(event, create("one")))
    await desk.carry_out(status=standing("one"))
    desk.latest = desk.item, Plan(status=standing("two"), actions=(event,))
    await desk.carry_out(status=standing("one"))
    told = [each["note"] for each in desk.server.objects[Resource.EVENTS].values()]
    assert told == ["Restart first has completed."]
    assert desk.names() == []


async def test_an_event_that_could_not_be_written_delays_nothing_and_is_told_later() -> None:
    """Everything planned beside it is done at once, and the key settles."""
    desk = Desk()
    desk.faults.on("create", Resource.EVENTS, verdict=Verdict(before=busy("full")))
    event = plan.RecordEvent(reason=Reason.COMPLETED, message="Restart first has completed.")
    await desk.carry_out(event, create("one"))
    assert (desk.names(), desk.settled) == (["one"], [desk.key])
    assert not desk.state.outcomes
    await asyncio.sleep(10)
    told = [each["note"] for each in desk.server.objects[Resource.EVENTS].values()]
    assert told == ["Restart first has completed."]


async def test_a_status_that_stood_in_line_for_long_is_followed_by_as_long_a_pause() -> None:
    """The space to the next one is counted from the write, not from when it was handed over."""
    desk = Desk()
    slow = Verdict(there=5.0)
    desk.faults.on("patch", Resource.APPLICATIONS, subresource="status", verdict=slow)
    await desk.carry_out(status=standing("one"), write_status_now=False)
    assert desk.item.status == standing("one")
    held = await desk.carry_out(status=standing("two"), write_status_now=False)
    assert held is not None
    assert 0 < held <= 1


async def test_a_status_that_is_refused_is_replaced_by_one_that_says_so() -> None:
    """The one of before would stay, and might be anything but true."""
    desk = Desk()
    no = Verdict(before=refuse(422, "Invalid", "too long"))
    desk.faults.on("patch", Resource.APPLICATIONS, subresource="status", verdict=no)
    await desk.carry_out(status=standing("one"))
    (told,) = (each for each in desk.item.status.conditions if each.type == "Ready")
    assert told.status == "False"
    assert "too long" in told.message
    assert desk.state.failed
