"""Many servers and many viewers: what a page weighs, what is drawn for it, what it asks for."""

from __future__ import annotations

import asyncio
import contextlib
import html
import math
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from controller.api.resources import Resource
from controller.dashboard import board, lists, live, part, rendering
from controller.presentation import pictures
from fakes.universe import Universe, application, component, operation
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


WORDS = "no such image " * 2000
PAGES = (
    "/",
    "/?page=4",
    "/applications/default/wide",
    "/applications/default/wide?component=part-7",
    "/applications/default/wide/revisions",
    "/applications/default/wide/timeline",
    "/applications/default/wide/events",
    "/applications/default/wide/logs",
    "/applications/default/narrow",
    "/why/default/application/wide",
    "/operations/default/act-7",
    "/fleets",
)


async def everything(universe: Universe) -> None:
    """Make too much of all there is: components, applications, operations, domains, words."""
    await universe.process.kill()
    create, put = universe.server.registry.create, universe.server.registry.set_status
    parts = [f"part-{each}" for each in range(64)]
    await universe.apply(application("wide", *(component(each, 20) for each in parts)))
    await universe.apply(application("narrow", component("web", 300), component("db", 300)))
    stamp = {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}
    failed = [
        {"type": kind, "status": status, "reason": "ImagePullBackOff", "message": WORDS, **stamp}
        for kind, status in (("Ready", "False"), ("Stalled", "True"))
    ]

    def serve(owner: str, within: str, number: int) -> None:
        name = f"{owner}-{within}-{number}"
        labels = {"argosy.dev/application": owner, "argosy.dev/component": within}
        meta = {"name": name, "namespace": "default", "labels": labels}
        spec = {"application": owner, "component": within, "ordinal": number, "revision": "r"}
        body = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Server", "metadata": meta}
        create(Resource.SERVERS, "default", {**body, "spec": spec})
        told = {"observedGeneration": 1, "conditions": failed, "provider": {"zone": f"node-{name}"}}
        put(Resource.SERVERS, ("default", name), told, actor="test")

    for each in parts:
        for number in range(20):
            serve("wide", each, number)
    for number in range(600):
        serve("narrow", ("web", "db")[number % 2], number)
        await universe.apply(operation(f"act-{number}", "wide", "Restart"))
    for number in range(450):
        await universe.apply(application(f"app-{number}", component("web", 1)))
        put(
            Resource.APPLICATIONS,
            ("default", f"app-{number}"),
            {"conditions": failed},
            actor="test",
        )
    orphans = [{"id": f"id-{each}", "server": f"server-{each}"} for each in range(1000)]
    domains = [{"name": f"domain-{each}"} for each in range(64)]
    for number in range(20):
        spec = {"provider": "pods", "failureDomains": domains}
        create(Resource.FLEETS, "", {"metadata": {"name": f"cloud-{number}"}, "spec": spec})
        put(Resource.FLEETS, ("", f"cloud-{number}"), {"orphans": orphans}, actor="test")


async def test_no_page_is_heavy_however_much_there_is_of_anything() -> None:
    """Servers in one component or in hundreds, applications, operations, domains, long messages."""
    async with visited(everything) as (visitor, _):
        for path in PAGES:
            status, text, _ = await visitor.get(path)
            assert status == 200, path
            assert len(text.encode()) <= MOST_BYTES, (path, len(text.encode()))


async def test_a_long_list_is_walked_through_page_by_page() -> None:
    """Every application stands on one page; what was filtered by stays in the address."""
    async with visited(everything) as (visitor, _):
        found: list[str] = []
        path, seen = "/?q=app-&namespace=default", 0
        while path:
            _, text, _ = await visitor.get(path)
            found += re.findall(r'href="/applications/default/(app-\d+)"', text)
            following = re.search(r'rel="next" href="([^"]+)"', text)
            path = "/" + html.unescape(following[1]) if following else ""
            seen += 1
        assert seen == math.ceil(450 / lists.PAGE)
        assert sorted(found) == sorted(f"app-{each}" for each in range(450))


async def test_a_page_is_drawn_once_however_often_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first byte waits for no drawing of servers where nothing has changed, for any viewer."""
    drawn: list[str] = []
    whole: list[str] = []
    plain, picture = pictures.server, pictures.assembled

    def noted(found: Any) -> pictures.ServerPicture:
        drawn.append(found.metadata.name)
        return plain(found)

    def counted(found: Any, *given: Any, **more: Any) -> pictures.ApplicationPicture:
        whole.append(found.metadata.name)
        return picture(found, *given, **more)

    monkeypatch.setattr(pictures, "server", noted)
    monkeypatch.setattr(pictures, "assembled", counted)
    monkeypatch.setattr(board, "AGING_SECONDS", float("inf"))
    async with visited(huge(SMALL)) as (visitor, universe):
        # Before the first viewer comes, so that nobody waits for it.
        assert len(drawn) == SMALL
        for _ in range(VIEWERS):
            assert (await visitor.get("/"))[0] == 200
            assert (await visitor.get(ADDRESS))[0] == 200
        assert len(drawn) == SMALL
        assert whole == ["huge"]
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

    def sort(found: Any, wanted: lists.WantedServers) -> lists.ShownServers:
        sorted_anew.append(found.name)
        return counted(found, wanted)

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


async def test_what_changes_all_the_time_is_drawn_now_and_then_and_the_page_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A picture stands for newer ones for a while: its page is told at once that it is behind.

    Whoever has just changed something waits for nothing: they see what came of it.
    """
    monkeypatch.setattr(board, "AGING_SECONDS", float("inf"))
    monkeypatch.setattr(board, "STANDS", float("inf"))
    monkeypatch.setattr(board, "LONGEST_SECONDS", float("inf"))
    async with visited(huge(3)) as (visitor, universe):
        before = (await visitor.get(ADDRESS))[1]
        assert 'data-since="behind"' not in before
        await universe.merge(Resource.SERVERS, "huge-web-1", {"spec": {"held": True}})
        async with asyncio.timeout(60):
            # Each look is a page: the watch brings the change meanwhile.
            while 'data-since="behind"' not in (text := (await visitor.get(ADDRESS))[1]):
                pass
        assert "· held" not in text
        assert 'data-since="behind"' in (await visitor.get("/"))[1]
        newest = (await visitor.get(f"{ADDRESS}?did=pause"))[1]
        assert "· held" in newest
        assert 'data-since="behind"' not in newest
        async with visitor.client.get(
            f"{visitor.running.url}/live?of=default/huge&since=behind"
        ) as stream:
            assert await _next_word(stream) == b"data: changed\n"


async def test_a_picture_stands_no_longer_than_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it took to draw; and sixty times as long as that took, if that is less."""
    for took, stands in ((0.01, 0.6), (0.5, board.LONGEST_SECONDS)):
        monkeypatch.setattr(time, "perf_counter", lambda took=took: took)
        picture: Any = None
        drawn = board._drawing(picture, 1, 0.0, 0.0)
        assert drawn.until == pytest.approx(took + stands)
    assert board.LONGEST_SECONDS <= live.LIVE_SECONDS


async def test_rows_are_written_once_for_all_who_look_and_signs_out_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is dear is shared; what is somebody's own (their forms) is not."""
    written: list[str] = []
    plain = rendering.Renderer.part

    def note(self: rendering.Renderer, template: str, **values: Any) -> str:
        written.append(template)
        return plain(self, template, **values)

    monkeypatch.setattr(rendering.Renderer, "part", note)
    monkeypatch.setattr(board, "AGING_SECONDS", float("inf"))
    async with crowd(huge(SMALL)) as place:
        place.people.update({f"clerk-{each}": Rights({"default"}) for each in range(VIEWERS)})
        pages = [
            (await place.browser().get(ADDRESS, Authorization=f"Bearer clerk-{each}"))[1]
            for each in range(VIEWERS)
        ]
        assert written == ["component.html"]
        forms = {re.findall(r'name="form" value="(\w+)"', each)[0] for each in pages}
        assert len(forms) == VIEWERS
        assert len({re.sub(r'name="form" value="\w+"', "", each) for each in pages}) == 1


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


async def told(
    monkeypatch: pytest.MonkeyPatch, changes: Changes, since: str = "", share: float = 0.0
) -> list[bytes]:
    """Return what an open page is told in the end."""
    monkeypatch.setattr(asyncio, "sleep", changes.sleep)
    said: list[bytes] = []
    board_of_changes: Any = changes
    with contextlib.suppress(asyncio.CancelledError):
        async for each in live.lines(board_of_changes, "", since, share):
            said.append(each)  # noqa: PERF401 - what was said before the end is kept
    return said[1:]


async def test_open_pages_are_told_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand changes in a second are one word, and none are none."""
    changes = Changes(1000, 0, 1, 0, 0, 7)
    assert await told(monkeypatch, changes) == [b"data: changed\n\n"] * 3
    assert changes.slept == [live.LIVE_SECONDS] * 7
    assert live.LIVE_SECONDS >= 1


async def test_streams_that_began_together_come_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each by its share of a second, once: fifty people do not ask for the page at one moment."""
    changes = Changes(1, 1)
    assert await told(monkeypatch, changes, share=0.25) == [b"data: changed\n\n"] * 2
    assert changes.slept == [1.25 * live.LIVE_SECONDS, live.LIVE_SECONDS, live.LIVE_SECONDS]


async def test_a_quiet_stream_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in fifteen seconds, so that nobody between takes it for dead."""
    assert await told(monkeypatch, Changes(*[0] * 31)) == [b": still here\n\n"] * 2


async def test_what_changed_before_the_stream_began_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page that is behind from the start does not stay so until the next change."""
    assert await told(monkeypatch, Changes(0, 0), since="older") == [b"data: changed\n\n"]
    assert await told(monkeypatch, Changes(0, 0), since="0") == []
