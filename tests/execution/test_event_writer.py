"""Events by themselves: what cannot be written at once is tried again, and in nobody's way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest
from structlog import testing

from controller import errors
from controller.api import objects
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.execution import event_writer
from controller.execution.event_writer import EventWriter
from controller.execution.pool import Pool
from controller.planning import keys, plan
from controller.reasons import ForeignReason
from controller.telemetry import metrics
from fakes.api_server import ApiServer, Faults, Verdict
from fakes.api_server.chaos import busy, lost
from fakes.api_server.refusal import namespace_terminating, refuse

pytestmark = pytest.mark.looptime

NOTE = "Three servers could not be made."
SHOP = objects.Application(
    metadata=objects.Meta(name="shop", namespace="default", uid="u1"),
    spec=objects.ApplicationSpec(components=()),
)
KEY = keys.of(Resource.APPLICATIONS, SHOP)
# Longer than all attempts at an Event take together.
LONG = 600.0
UNBOUND = 'User "argosy" cannot create resource "events" in API group "events.k8s.io" at all'


class Post:
    """An API server, and whoever has Events written to it."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.server = ApiServer(faults=self.faults)
        self.pool = Pool()
        self.leads = True
        # How often an Event was put in line.
        self.tried = 0
        self.writer = EventWriter(
            self.server, reporter="post", clock=self.server.now, may_write=lambda: self.leads
        )

    def say(self, note: str = NOTE, *, cause: str = "") -> None:
        """Ask for an Event."""
        told = plan.RecordEvent(
            reason=Reason.FAILED_CREATE, message=note, cause=cause, warning=True
        )
        self.writer.record(Resource.APPLICATIONS, SHOP, told, self.submit)

    def fail(self, error: errors.ArgosyError, *, times: int | None = None) -> None:
        """Have Events refused so many times; always, unless it is said."""
        verdict = Verdict(before=error)
        self.faults.on("create", Resource.EVENTS, verdict=verdict, times=times)

    def told(self) -> list[dict[str, Any]]:
        """Return the Events that there are."""
        return [dict(each) for each in self.server.objects[Resource.EVENTS].values()]

    def notes(self) -> list[str]:
        """Return what they say."""
        return [each["note"] for each in self.told()]

    def submit(self, write: Callable[[], Awaitable[None]]) -> None:
        """Have a write go out at once."""
        self.tried += 1
        self.pool.submit(KEY._replace(resource=Resource.EVENTS), write, flow="events")


def given_up() -> float:
    """Return how many Events were counted that nobody will read."""
    return metrics.REGISTRY.get_sample_value("argosy_events_lost_total") or 0.0


def answered(result: str) -> float:
    """Return how many writes of Events were answered so."""
    labels = {"resource": "events", "fleet": "", "result": result}
    return metrics.REGISTRY.get_sample_value("argosy_writes_total", labels) or 0.0


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """Lines that are logged meanwhile."""
    with testing.capture_logs() as lines:
        yield lines


@pytest.mark.parametrize(
    "error",
    [busy("full"), refuse(403, "Forbidden", UNBOUND), refuse(404, "NotFound", "no namespace")],
    ids=lambda error: type(error).__name__,
)
async def test_an_event_that_could_not_be_written_is_written_later(
    error: errors.ArgosyError, logged: list[Any]
) -> None:
    """It says what it would have said, at its own time, and is no loss."""
    post, before = Post(), (given_up(), answered("ok"), answered(error.reason))
    post.fail(error, times=3)
    began = post.server.now()
    post.say()
    await asyncio.sleep(LONG)
    (told,) = post.told()
    assert (told["note"], told["reason"], told["type"]) == (NOTE, "FailedCreate", "Warning")
    seconds = told["eventTime"].partition(".")[0].rpartition(":")[2]
    assert float(seconds) == pytest.approx(began % 60, abs=1.0)
    assert post.tried == 4
    assert (given_up(), answered("ok") - before[1]) == (before[0], 1)
    assert answered(error.reason) - before[2] == 3
    assert logged == []


@pytest.mark.parametrize("note", ["x" * 5000, "Сборка не удалась. " * 90, "😀" * 700, "short"])
@pytest.mark.parametrize("name", ["a" * 253, f"{'a' * 240}.b", f"{'a' * 241}-b", "shop"])
async def test_every_event_is_one_that_an_api_server_takes(note: str, name: str) -> None:
    """It counts bytes of a note, 1,024, and a name may be as long as the object's, 253 characters.

    Source: pkg/apis/core/validation/events.go of Kubernetes.
    """
    post, before = Post(), given_up()
    meta = msgspec.structs.replace(SHOP.metadata, name=name)
    about = msgspec.structs.replace(SHOP, metadata=meta)
    told = plan.RecordEvent(reason=ForeignReason("Ошибка" * 40), message=note)
    post.writer.record(Resource.APPLICATIONS, about, told, post.submit)
    await asyncio.sleep(LONG)
    (made,) = post.told()
    assert len(made["note"].encode()) <= 1024
    assert note.startswith(made["note"].removesuffix("…"))
    assert len(made["note"]) >= min(len(note), 250)
    assert 0 < len(made["reason"].encode()) <= 128
    called = made["metadata"]["name"]
    assert len(called) <= 253
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", called)
    assert called.startswith(name[:240].rstrip(".-"))
    assert given_up() == before


async def test_an_event_whose_answer_was_lost_is_there_once(logged: list[Any]) -> None:
    """The second attempt finds the first, which is success."""
    post, before = Post(), given_up()
    verdict = Verdict(after=lost("gone"))
    post.faults.on("create", Resource.EVENTS, verdict=verdict)
    post.say()
    await asyncio.sleep(LONG)
    assert post.notes() == [NOTE]
    assert post.tried == 2
    assert given_up() == before
    assert logged == []


async def test_an_api_server_that_asks_for_time_gets_it() -> None:
    """Nothing goes out before the moment that it named."""
    post = Post()
    post.fail(busy("full", retry_after=30), times=1)
    post.say()
    await asyncio.sleep(29)
    assert (post.tried, post.notes()) == (1, [])
    await asyncio.sleep(2)
    assert post.notes() == [NOTE]


@pytest.mark.parametrize(
    ("error", "attempts", "level"),
    [
        (busy("full"), event_writer.ATTEMPTS, "warning"),
        (refuse(403, "Forbidden", UNBOUND), event_writer.ATTEMPTS, "warning"),
        (refuse(403, "Forbidden", "a policy says no"), 1, "warning"),
        (refuse(422, "Invalid", "a field is too long"), 1, "warning"),
        (namespace_terminating(Resource.EVENTS, "shop.1", "default"), 1, "debug"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
async def test_an_event_that_is_given_up_is_counted_and_logged(
    error: errors.ArgosyError, attempts: int, level: str, logged: list[Any]
) -> None:
    """Once, after the few attempts that the error's policy allows, where people see it."""
    post, before = Post(), given_up()
    post.fail(error)
    post.say()
    await asyncio.sleep(LONG)
    assert post.notes() == []
    assert post.tried == attempts
    assert given_up() - before == 1
    (line,) = logged
    assert (line["event"], line["log_level"]) == ("event not written", level)
    assert (line["object"], line["says"]) == ("applications/default/shop", "FailedCreate")
    assert line["reason"] == error.reason


async def test_an_event_that_was_given_up_may_be_asked_for_again() -> None:
    """Not at each visit, but in a minute; what was written then is not said once more."""
    post = Post()
    post.fail(refuse(403, "Forbidden", "a policy says no"), times=1)
    for _ in range(5):
        post.say()
        await asyncio.sleep(10)
    assert (post.tried, post.notes()) == (1, [])
    await asyncio.sleep(event_writer.GIVEN_UP)
    for _ in range(5):
        post.say()
        await asyncio.sleep(100)
    assert (post.tried, post.notes()) == (2, [NOTE])


async def test_an_event_that_waits_is_not_asked_for_a_second_time() -> None:
    """Who asks meanwhile is told by the one that is under way."""
    post = Post()
    post.fail(busy("full"), times=2)
    for _ in range(20):
        post.say()
        await asyncio.sleep(0.5)
    assert (post.tried, post.notes()) == (3, [NOTE])


async def test_a_cause_that_comes_back_is_told_again_after_a_while() -> None:
    """Whatever its words are: in between it is old news."""
    post = Post()
    for number in range(4):
        post.say(f"Once more, {number}.", cause="quota")
        await asyncio.sleep(event_writer.LATELY / 2 + 1)
    assert post.notes() == ["Once more, 0.", "Once more, 2."]


async def test_events_that_wait_stand_in_nobodys_way() -> None:
    """They have no place in the pool, and nothing else is later for them."""
    post = Post()
    post.fail(busy("full"))
    for number in range(50):
        post.say(f"Server {number} could not be made.")
    await asyncio.sleep(0.5)
    assert post.pool.idle()
    began, ended = post.server.now(), asyncio.Event()

    async def write() -> None:
        ended.set()

    post.pool.submit(KEY, write, flow="shop")
    await ended.wait()
    assert post.server.now() - began < 0.01
    await asyncio.sleep(LONG)


async def test_in_a_storm_few_wait_and_the_others_are_given_up(
    monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    """Memory is bounded, and whatever is not kept is counted as lost."""
    monkeypatch.setattr(event_writer, "MOST_WAITING", 3)
    post, before = Post(), given_up()
    post.fail(busy("full"), times=10)
    for number in range(10):
        post.say(f"Server {number} could not be made.")
    await asyncio.sleep(0.5)
    assert given_up() - before == len(logged) == 7
    await asyncio.sleep(LONG)
    assert len(post.notes()) == 3
    assert given_up() - before == 7


async def test_an_operator_that_ended_tries_nothing_again(logged: list[Any]) -> None:
    """An Event that waited is told of as lost, and so is one on its way."""
    post, before = Post(), given_up()
    post.fail(busy("full"), times=1)
    post.say("This one waits.")
    await asyncio.sleep(0.5)
    slow = Verdict(there=5.0, before=busy("full"))
    post.faults.on("create", Resource.EVENTS, verdict=slow)
    post.say("This one is on its way.")
    await asyncio.sleep(0)
    await post.writer.stop()
    await asyncio.sleep(LONG)
    assert (post.tried, post.notes()) == (2, [])
    assert given_up() - before == len(logged) == 2


async def test_no_event_goes_out_once_the_lease_is_lost(logged: list[Any]) -> None:
    """However willing the API server is by then."""
    post, before = Post(), given_up()
    post.fail(busy("full"), times=1)
    post.say()
    await asyncio.sleep(0.5)
    post.leads = False
    await asyncio.sleep(LONG)
    assert post.notes() == []
    assert given_up() - before == 1
    assert [each["reason"] for each in logged] == ["LeaseLost"]
