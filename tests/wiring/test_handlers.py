"""kopf apart from everything else: what it ends or cancels is its own, and it begins anew."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import kopf
import pytest

from controller.admission.answers import ReviewAnswer
from controller.admission.reviewer import FleetAnswer, Reviewer
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kube import faults
from controller.wiring import handlers, webhook

PATIENCE_SECONDS = 180.0


class FakeKopf:
    """Runs that end as kopf's do: with everything on its loop that it did not find there."""

    def __init__(self, error: Exception | None = None, ends: int = 0) -> None:
        self._error = error
        self._ends = ends
        self.runs = 0
        self.threads: set[int] = set()
        self.again = threading.Event()
        self.registry: kopf.OperatorRegistry

    async def run(
        self, *, registry: kopf.OperatorRegistry, stop_flag: asyncio.Event, **_: Any
    ) -> None:
        """End as often as was said by itself, then only when told to."""
        self.registry = registry
        found = asyncio.all_tasks()
        self.runs += 1
        self.threads.add(threading.get_ident())
        if self.runs > self._ends:
            self.again.set()
            await stop_flag.wait()
            return
        # Long enough for others to start tasks meanwhile.
        await asyncio.sleep(0.1)
        for task in asyncio.all_tasks() - found:
            task.cancel()
        if self._error is not None:
            raise self._error


class Kinds:
    """An API server that has our kinds, or does not have them yet."""

    def __init__(self, *missing: Resource) -> None:
        self.missing = set(missing)
        self._asked = 0
        self.asked_again = threading.Event()

    async def list(self, resource: Resource, **_: Any) -> bytes:
        """Return an empty list."""
        if resource in self.missing:
            self._asked += 1
            if self._asked > 1:
                self.asked_again.set()
            raise faults.NotFound("no such kind", reason=Reason.NOT_FOUND)
        return b"{}"


def no_problem(_namespace: str, _name: str) -> FleetAnswer:
    """Know any fleet."""
    return FleetAnswer()


@contextlib.asynccontextmanager
async def running(
    fake: FakeKopf,
    fleet_of: Callable[[str, str], FleetAnswer] = no_problem,
    kinds: Kinds | None = None,
) -> AsyncIterator[handlers.KopfThread]:
    """Run a thread of kopf's whose operator is `fake`, until it has begun for the last time."""

    @contextlib.asynccontextmanager
    async def connect() -> AsyncIterator[Any]:
        yield kinds or Kinds()

    settings = webhook.WebhookSettings(port=0, certificates=Path())
    made = handlers.KopfThread(settings, connect=connect, fleet_of=fleet_of, room_for=lambda *_: "")
    stop_flag = asyncio.Event()
    serving = asyncio.create_task(made.serve(stop_flag))
    if kinds is None:
        assert await asyncio.to_thread(fake.again.wait, PATIENCE_SECONDS)
    yield made
    assert not serving.done()
    stop_flag.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await serving


@pytest.mark.parametrize("error", [None, RuntimeError("a part of it failed")])
async def test_kopf_that_ends_by_itself_begins_anew_and_takes_nobody_along(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    """However kopf's run ends, tasks that began after it go on, nobody stops, and it runs again."""
    fake = FakeKopf(error, ends=2)
    monkeypatch.setattr(kopf, "operator", fake.run)
    monkeypatch.setattr(handlers, "AGAIN_SECONDS", 0.01)
    bystander = asyncio.create_task(asyncio.Event().wait())
    async with running(fake):
        assert not bystander.done()
    assert fake.runs == 3
    assert not bystander.done()
    assert threading.get_ident() not in fake.threads
    bystander.cancel()


async def test_kopf_watches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caches have their own watches: kopf is given reviews, and no other handler."""
    fake = FakeKopf()
    monkeypatch.setattr(kopf, "operator", fake.run)
    async with running(fake):
        registry = fake.registry
    assert not registry._watching.get_all_handlers()
    assert not registry._changing.get_all_handlers()
    assert not registry._indexing.get_all_handlers()
    assert {each.id for each in registry._webhooks.get_all_handlers()} == {
        "applications",
        "operations",
    }


async def test_kopf_begins_when_there_is_something_to_review(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kopf would not find kinds that come later; until they do, a replica is as ready as can be."""
    fake, kinds = FakeKopf(), Kinds(Resource.OPERATIONS)
    monkeypatch.setattr(kopf, "operator", fake.run)
    monkeypatch.setattr(handlers, "AGAIN_SECONDS", 0.01)
    async with running(fake, kinds=kinds) as thread:
        assert await asyncio.to_thread(kinds.asked_again.wait, PATIENCE_SECONDS)
        assert thread.ready
        assert fake.runs == 0
        kinds.missing.clear()
        assert await asyncio.to_thread(fake.again.wait, PATIENCE_SECONDS)
        assert not thread.ready


async def test_fleets_are_asked_on_the_loop_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches and fleets are touched by one thread, whoever wants to know."""
    asked: list[tuple[str, str, int]] = []

    def fleet_of(namespace: str, name: str) -> FleetAnswer:
        asked.append((namespace, name, threading.get_ident()))
        return FleetAnswer(problem="full")

    fake = FakeKopf()
    monkeypatch.setattr(kopf, "operator", fake.run)
    async with running(fake, fleet_of) as thread:
        answer = await asyncio.to_thread(lambda: asyncio.run(thread._ask_fleet("shops", "pods")))
    assert answer.problem == "full"
    assert asked == [("shops", "pods", threading.get_ident())]


@pytest.mark.parametrize("wrong", [(), ("spec.a: unknown field", "spec.b: unknown field")])
async def test_a_verdict_is_told_as_the_api_server_tells_its_own(wrong: tuple[str, ...]) -> None:
    """An error refuses what is applied as invalid content; a warning is only told."""

    class Judge(Reviewer):
        def __init__(self) -> None:
            pass

        async def application(self, before: Any, after: Any) -> ReviewAnswer:
            assert (before, after) == (None, {"kind": "Application"})
            return ReviewAnswer(errors=wrong, warnings=("take care",))

    registry = kopf.OperatorRegistry()
    handlers._register(registry, Judge())
    (handler,) = (
        each for each in registry._webhooks.get_all_handlers() if each.id == "applications"
    )
    validate: Any = handler.fn
    warnings: list[str] = []
    if wrong:
        with pytest.raises(kopf.AdmissionError, match="unknown field") as refused:
            await validate(old=None, new={"kind": "Application"}, warnings=warnings)
        assert refused.value.code == 422
        assert all(each in str(refused.value) for each in wrong)
    else:
        await validate(old=None, new={"kind": "Application"}, warnings=warnings)
    assert warnings == ["take care"]
