"""Many servers and many viewers: what a page weighs, what is drawn for it, what it asks for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from controller.api.resources import Resource
from controller.dashboard import board, lists, live, part
from controller.presentation import pictures
from fakes.universe import Universe, application, component
from tests.dashboard.crowd import Rights, crowd
from tests.dashboard.visitor import visited

MOST_BYTES = 200 * 1024
SMALL, LARGE = 1_000, 10_000
VIEWERS = 50
ADDRESS = "/applications/default/huge"


def huge(count: int) -> Callable[[Universe], Awaitable[None]]:
    """Return what makes an application of so many servers, which nobody works on."""

    async def fill(universe: Universe) -> None:
        await universe.process.kill()
        await universe.apply(application("huge", component("web", count)))
        labels = {"argosy.dev/application": "huge", "argosy.dev/component": "web"}
        for number in range(count):
            spec = {"application": "huge", "component": "web", "ordinal": number, "revision": "r"}
            meta = {"name": f"huge-web-{number}", "namespace": "default", "labels": labels}
            body = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Server", "metadata": meta}
            universe.server.registry.create(Resource.SERVERS, "default", {**body, "spec": spec})

    return fill


async def weigh(count: int) -> dict[str, int]:
    """Return how many bytes the pages of so many servers are."""
    found = {}
    async with visited(huge(count)) as (visitor, _):
        for path in ("/", ADDRESS):
            status, text, _ = await visitor.get(path)
            assert status == 200
            assert str(count) in text
            found[path] = len(text.encode())
    return found


async def test_ten_times_the_servers_are_no_longer_a_page() -> None:
    """Ten thousand are counted and a hundred listed: 200 KiB at most, as for a thousand."""
    small, large = await weigh(SMALL), await weigh(LARGE)
    for path, weight in large.items():
        assert weight <= MOST_BYTES, path
        assert weight <= 1.1 * small[path], path


async def test_a_page_is_drawn_once_however_often_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first byte waits for no drawing of servers where nothing has changed, for any viewer."""
    drawn: list[str] = []
    plain = pictures.server

    def noted(found: Any) -> pictures.ServerPicture:
        drawn.append(found.metadata.name)
        return plain(found)

    monkeypatch.setattr(pictures, "server", noted)
    monkeypatch.setattr(board, "AGING_SECONDS", float("inf"))
    async with visited(huge(SMALL)) as (visitor, universe):
        for _ in range(VIEWERS):
            assert (await visitor.get(ADDRESS))[0] == 200
        assert len(drawn) == SMALL
        await universe.apply(application("other", component("web", 1)))
        await universe.until(lambda: bool(universe.names(Resource.APPLICATIONS)))
        for _ in range(VIEWERS):
            assert (await visitor.get(ADDRESS))[0] == 200
        assert len(drawn) == SMALL


async def test_fifty_viewers_cost_one_set_of_watches() -> None:
    """Whoever opens the page next asks the API server for nothing, and each is told of a change."""
    async with visited(huge(3)) as (visitor, universe):
        asked: list[str] = []
        for verb in ("get", "list", "watch", "review_access"):
            plain = getattr(universe.server, verb)

            def noted(*given: Any, _verb: str = verb, _plain: Any = plain, **more: Any) -> Any:
                asked.append(_verb)
                return _plain(*given, **more)

            setattr(universe.server, verb, noted)
        url = visitor.running.url + "/live?of=default/huge"
        async with contextlib.AsyncExitStack() as stack:
            streams: list[aiohttp.ClientResponse] = []
            for _ in range(VIEWERS):
                assert (await visitor.get(ADDRESS))[0] == 200
                streams.append(await stack.enter_async_context(visitor.client.get(url)))
            for each in streams:
                assert await each.content.readline() == b"retry: 2000\n"
            await universe.merge(Resource.APPLICATIONS, "huge", {"spec": {"paused": True}})
            told = await asyncio.gather(*(_next_word(each) for each in streams))
        assert told == [b"data: changed\n"] * VIEWERS
        assert asked == []


async def _next_word(stream: aiohttp.ClientResponse) -> bytes:
    while not (line := await stream.content.readline()).startswith(b"data:"):
        assert line, "the stream has ended"
    return line


async def test_fifty_people_in_a_cluster_cost_reviews_when_they_come_and_nothing_at_rest() -> None:
    """One question of each everywhere, four of the namespace; nobody's page reads anything."""
    async with crowd(huge(3)) as place:
        place.people.update({f"clerk-{each}": Rights({"default"}) for each in range(VIEWERS)})
        people = [{"Authorization": f"Bearer clerk-{each}"} for each in range(VIEWERS)]
        read: list[str] = []
        for verb in ("get", "list", "watch", "raw"):
            plain = getattr(place.universe.server, verb)

            def noted(*given: Any, _verb: str = verb, _plain: Any = plain, **more: Any) -> Any:
                read.append(_verb)
                return _plain(*given, **more)

            setattr(place.universe.server, verb, noted)

        def asked() -> int:
            return sum(len(each.asked) for each in place.connected)

        for each in people:
            assert (await place.browser().get(ADDRESS, **each))[0] == 200
        # One is answered no for all namespaces; then each of the four lists is asked about.
        assert asked() == VIEWERS * (1 + len(part.SHOWN))
        url = f"{place.url}/live?of=default/huge"
        async with contextlib.AsyncExitStack() as stack:
            streams: list[aiohttp.ClientResponse] = []
            for each in people:
                streams.append(await stack.enter_async_context(place.client.get(url, headers=each)))
                assert await streams[-1].content.readline() == b"retry: 2000\n"
            before = asked()
            await asyncio.sleep(2 * live.LIVE_SECONDS)
            assert (asked(), read) == (before, [])
            await place.universe.merge(Resource.APPLICATIONS, "huge", {"spec": {"paused": True}})
            told = await asyncio.gather(*(_next_word(each) for each in streams))
        assert told == [b"data: changed\n"] * VIEWERS
        assert read == []


async def test_of_many_servers_the_one_that_changed_is_drawn_and_all_are_sorted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A change costs one picture of a server, and one sorting however many look."""
    drawn: list[str] = []
    sorted_anew: list[str] = []
    plain, counted = pictures.server, lists.servers

    def draw(found: Any) -> pictures.ServerPicture:
        drawn.append(found.metadata.name)
        return plain(found)

    def sort(found: Any, **more: Any) -> lists.Servers:
        sorted_anew.append(found.name)
        return counted(found, **more)

    monkeypatch.setattr(pictures, "server", draw)
    monkeypatch.setattr(lists, "servers", sort)
    monkeypatch.setattr(board, "AGING_SECONDS", float("inf"))
    async with visited(huge(SMALL)) as (visitor, universe):
        for _ in range(VIEWERS):
            assert (await visitor.get(ADDRESS))[0] == 200
        assert (len(drawn), len(sorted_anew)) == (SMALL, 1)
        await universe.merge(Resource.SERVERS, "huge-web-7", {"spec": {"held": True}})
        async with asyncio.timeout(60):
            # Each look is a page: the watch brings the change meanwhile.
            while not drawn[SMALL:]:
                await visitor.get(ADDRESS)
        for _ in range(VIEWERS):
            assert (await visitor.get(ADDRESS))[0] == 200
        assert drawn[SMALL:] == ["huge-web-7"]
        assert len(sorted_anew) == 2


class Changes:
    """A board on which something changes as often as a test says, while a stream sleeps."""

    trouble = ""
    is_over = False

    def __init__(self, *changes: int) -> None:
        self.number = 0
        self.slept: list[float] = []
        self._changes = iter(changes)

    def mark(self, _: str) -> str:
        """Return how often it has changed."""
        return str(self.number)

    async def look(self, _: str) -> None:
        """See all there is."""

    async def sleep(self, seconds: float) -> None:
        """Let the next changes happen; ends the stream when there are no more."""
        self.slept.append(seconds)
        try:
            self.number += next(self._changes)
        except StopIteration:
            raise asyncio.CancelledError from None


async def told(monkeypatch: pytest.MonkeyPatch, changes: Changes, since: str = "") -> list[bytes]:
    """Return what an open page is told in the end."""
    monkeypatch.setattr(asyncio, "sleep", changes.sleep)
    said: list[bytes] = []
    board_of_changes: Any = changes
    with contextlib.suppress(asyncio.CancelledError):
        async for each in live.lines(board_of_changes, "", since):
            said.append(each)  # noqa: PERF401 - what was said before the end is kept
    return said[1:]


async def test_open_pages_are_told_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand changes in a second are one word, and none are none."""
    changes = Changes(1000, 0, 1, 0, 0, 7)
    assert await told(monkeypatch, changes) == [b"data: changed\n\n"] * 3
    assert changes.slept == [live.LIVE_SECONDS] * 7
    assert live.LIVE_SECONDS >= 1


async def test_a_quiet_stream_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in fifteen seconds, so that nobody between takes it for dead."""
    assert await told(monkeypatch, Changes(*[0] * 31)) == [b": still here\n\n"] * 2


async def test_what_changed_before_the_stream_began_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page that is behind from the start does not stay so until the next change."""
    assert await told(monkeypatch, Changes(0, 0), since="older") == [b"data: changed\n\n"]
    assert await told(monkeypatch, Changes(0, 0), since="0") == []
