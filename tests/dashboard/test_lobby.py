"""A dashboard in a cluster: everybody sees what they may, by a token of their own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import random
import re
from typing import Any, cast

import pytest

from controller.api.resources import Resource
from controller.dashboard import lobby, origins, part
from controller.kube.api import Access
from fakes.universe import application, component
from tests.dashboard.crowd import OTHER, Rights, crowd
from tests.dashboard.test_attacks import PAGES as HOSTILE_PAGES
from tests.dashboard.test_attacks import harm, hostile

SEE_OTHER = 303
OWNER = {"token": "owner"}
REVIEWS = 1 + len(part.SHOWN)
FORM = re.compile(r'name="form" value="([0-9a-f]{64})"')
SINCE = re.compile(r'data-since="([^"]*)"')
SEEN = re.compile(r'name="seen" value="([^"]+)"')
SHOP, VAULT = 'href="/applications/default/shop"', f'href="/applications/{OTHER}/vault"'
PAGES = (
    "/",
    f"/?namespace={OTHER}",
    f"/applications/{OTHER}/vault",
    f"/applications/{OTHER}/vault/revisions",
    f"/applications/{OTHER}/vault/timeline",
    f"/applications/{OTHER}/vault/events",
    f"/applications/{OTHER}/vault/logs?server=vault-gold-0",
    f"/operations/{OTHER}/again",
    f"/why/{OTHER}/application/vault",
    f"/why/{OTHER}/server/vault-gold-0",
    f"/preview?application={OTHER}/vault",
    f"/acts/delete/{OTHER}/application/vault",
    "/fleets",
)


async def test_without_a_token_nothing_is_shown() -> None:
    """Every page is the one that takes a token; what is no page is refused; no guess is taken."""
    async with crowd() as place:
        alice = place.browser()
        for path in PAGES:
            status, text = await alice.get(path)
            assert (status, "Sign in" in text) == (401, True), path
            assert not any(each in text for each in ("vault", "gold", OTHER)), path
        assert (await alice.get("/live?of="))[0] == 403
        assert (await alice.post("/preview", manifest="x"))[0] == 403
        assert (await alice.post("/sign-out"))[0] == 403
        for guess in ("", "guess", "x" * 20_000, "a b", "ü", "clerk\r\nX: y"):
            assert await alice.sign_in(guess) == 401, guess
        assert all(each.closed for each in place.connected)


async def test_nothing_of_another_tenant_is_told() -> None:
    """Neither names nor counts, and what is there is answered as what is not."""
    async with crowd(writes=True) as place:
        clerk = place.browser()
        assert await clerk.sign_in("clerk") == SEE_OTHER
        status, text = await clerk.get("/")
        assert (status, SHOP in text) == (200, True)
        for path in PAGES:
            _, text = await clerk.get(path)
            said = text.replace(path, "").replace(path.replace("&", "&amp;"), "")
            told = re.sub(rf"application &#39;vault&#39;|namespace &#39;{OTHER}&#39;", "", said)
            assert "gold" not in told.replace("vault-gold-0", ""), path
            assert "7 servers" not in told, path
            there, _ = await clerk.get(path)
            missing, _ = await clerk.get(path.replace("vault", "nothing"))
            assert there == missing, path
        for path in ("/", "/applications/default/shop"):
            assert OTHER not in (await clerk.get(path))[1]


async def test_somebody_who_may_see_all_sees_all() -> None:
    """Both tenants' applications, with one review and none for each namespace."""
    async with crowd() as place:
        owner = place.browser()
        assert await owner.sign_in("owner") == SEE_OTHER
        _, text = await owner.get("/")
        assert SHOP in text
        assert VAULT in text
        assert (await owner.get(f"/applications/{OTHER}/vault"))[0] == 200
        assert {space for _, space in place.connected[-1].asked} == {""}


async def test_the_session_is_a_cookie_that_no_script_and_no_other_site_gets() -> None:
    """It is sent back over TLS alone, by this site's pages alone, and holds no token."""
    async with crowd() as place:
        clerk = place.browser()
        await clerk.sign_in("clerk")
        terms = clerk.terms.lower()
        assert all(each in terms for each in ("httponly", "secure", "samesite=strict", "path=/"))
        assert "domain" not in terms
        assert "clerk" not in clerk.terms


async def test_a_proxy_may_bring_the_token_of_each_request() -> None:
    """Then there is no session; the next request without it, or with another's, is another's."""
    async with crowd() as place:
        through = place.browser()
        status, text = await through.get("/", Authorization="Bearer clerk")
        assert (status, SHOP in text, VAULT in text) == (200, True, False)
        status, text = await through.get("/", Authorization="bearer owner")
        assert (status, VAULT in text) == (200, True)
        assert (await through.get("/"))[0] == 401
        assert (await through.get("/", Authorization="Bearer guess"))[0] == 401
        assert (await through.get("/", Authorization="Basic clerk"))[0] == 401


async def test_a_token_that_is_taken_back_ends_the_session() -> None:
    """With the next review nothing is shown, and the connections are let go."""
    async with crowd() as place:
        clerk = place.browser()
        await clerk.sign_in("clerk")
        del place.people["clerk"]
        place.moment[0] = part.FRESH_SECONDS + 1
        status, text = await clerk.get("/")
        assert (status, SHOP in text) == (401, False)
        assert place.connected[-1].closed


async def test_a_right_that_is_taken_back_hides_the_namespace() -> None:
    """On its own pages within fifteen seconds, in the list within a minute; one given shows it."""
    async with crowd() as place:
        clerk = place.browser()
        await clerk.sign_in("clerk")
        assert (await clerk.get("/applications/default/shop"))[0] == 200
        place.people["clerk"].namespaces = {OTHER}
        place.moment[0] = part.FRESH_SECONDS + 1
        assert (await clerk.get("/applications/default/shop"))[0] == 404
        place.moment[0] = part.LISTED_SECONDS + 2
        _, text = await clerk.get("/")
        assert (SHOP in text, VAULT in text) == (False, True)


async def test_who_lacks_one_of_the_lists_sees_nothing_of_the_namespace() -> None:
    """A page shows servers and operations, too: who may list applications alone is shown none."""
    async with crowd() as place:
        place.people["clerk"].lacks = {"list"}
        clerk = place.browser()
        await clerk.sign_in("clerk")
        assert SHOP not in (await clerk.get("/"))[1]


async def test_somebody_who_is_away_is_forgotten() -> None:
    """After half an hour without a visit, and after twelve hours in any case."""
    async with crowd() as place:
        clerk = place.browser()
        await clerk.sign_in("clerk")
        place.moment[0] = lobby.IDLE_SECONDS + 1
        assert (await clerk.get("/"))[0] == 401
        assert place.connected[-1].closed
        await clerk.sign_in("clerk")
        # Half of what is allowed: the machine may take its time, too.
        step = lobby.IDLE_SECONDS / 2
        for _ in range(int(lobby.LONGEST_SECONDS / step) - 1):
            assert (await clerk.get("/"))[0] == 200
            place.moment[0] += step
        place.moment[0] += step + 60
        assert (await clerk.get("/"))[0] == 401


async def test_signing_out_forgets_the_token() -> None:
    """The session is over at once, for whoever still has its cookie, too."""
    async with crowd() as place:
        clerk = place.browser()
        await clerk.sign_in("clerk")
        _, text = await clerk.get("/")
        found = FORM.search(text)
        assert found is not None
        kept = clerk.cookie
        assert (await clerk.post("/sign-out", form=found[1]))[0] == SEE_OTHER
        clerk.cookie = kept
        assert (await clerk.get("/"))[0] == 401
        assert place.connected[-1].closed


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example.com"},
        {"Host": "argosy.example.com.evil.example.com"},
        {"Host": "localhost.evil.example.com"},
        {"Host": "localhost:80x"},
        {"Host": "10.1.2.3:8443"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_site_gets_nothing_with_a_visitors_cookie(headers: dict[str, str]) -> None:
    """Rebound names, other origins, neighbours on the same domain: refused before anything else."""
    async with crowd(writes=True) as place:
        clerk = place.browser()
        await clerk.sign_in("clerk")
        status, text = await clerk.get("/", **headers)
        assert (status, SHOP in text) == (403, False)
        status, _ = await clerk.post("/acts/pause/default/application/shop", headers, form="x")
        assert status == 403


@pytest.mark.parametrize(
    "origin", ["http://localhost:9999", "http://127.0.0.1", "http://localhost"]
)
async def test_another_server_on_this_machine_is_another_site(origin: str) -> None:
    """At a forwarded port browsers send it the same cookies, and old ones say no more than this."""
    async with crowd(writes=True) as place:
        clerk = place.browser()
        assert await clerk.sign_in("clerk") == 303
        headers = {"Host": "localhost:8100", "Origin": origin}
        for path, sent in (
            ("/sign-in", OWNER),
            ("/sign-out", {"form": "x"}),
            ("/acts/pause/default/application/shop", {"form": "x"}),
        ):
            status, text = await clerk.post(path, headers, **sent)
            assert (status, text) == (403, "The request comes from another site."), path
        own = {"Host": "localhost:8100", "Origin": "http://localhost:8100"}
        assert (await clerk.post("/sign-in", own, **OWNER))[0] == 303
        proxied = {"Host": "127.0.0.1:8080", "Origin": "https://argosy.example.com"}
        assert (await clerk.post("/sign-in", proxied, **OWNER))[0] == 303


@pytest.mark.parametrize("host", ["argosy.example.com", "localhost:4711", "127.0.0.1:8443"])
async def test_the_site_is_opened_at_its_own_names_and_by_a_forwarded_port(host: str) -> None:
    """The names that it was given, and this machine's."""
    async with crowd() as place:
        clerk = place.browser()
        await clerk.sign_in("clerk")
        origin = {"Host": host, "Origin": f"https://{host}"}
        assert (await clerk.get("/", **origin))[0] == 200


async def test_the_form_of_one_person_is_no_form_of_another() -> None:
    """What a page of mine carries lets nobody write with somebody else's session."""
    async with crowd(writes=True) as place:
        clerk, owner = place.browser(), place.browser()
        await clerk.sign_in("clerk")
        await owner.sign_in("owner")
        path = "/acts/pause/default/application/shop"
        mine = FORM.search((await clerk.get(path))[1])
        theirs = FORM.search((await owner.get(path))[1])
        assert mine is not None
        assert theirs is not None
        assert mine[1] != theirs[1]
        assert (await owner.post(path, form=mine[1]))[0] == 403
        found = place.universe.get(Resource.APPLICATIONS, "shop")
        assert not found["spec"].get("paused")


async def test_somebody_acts_with_their_own_rights() -> None:
    """Who may, does; who lacks the right is not offered it, and a made-up request is refused."""
    async with crowd(writes=True) as place:
        owner, clerk = place.browser(), place.browser()
        place.people["clerk"].lacks = {"patch"}
        await clerk.sign_in("clerk")
        await owner.sign_in("owner")
        path = "/acts/pause/default/application/shop"
        assert f'href="{path}"' not in (await clerk.get("/applications/default/shop"))[1]
        _, text = await clerk.get(path)
        form, seen = FORM.search(text), SEEN.search(text)
        if form is not None and seen is not None:
            assert (await clerk.post(path, form=form[1], seen=seen[1]))[0] == 403
        assert not place.universe.get(Resource.APPLICATIONS, "shop")["spec"].get("paused")
        _, text = await owner.get(path)
        form, seen = FORM.search(text), SEEN.search(text)
        assert form is not None
        assert seen is not None
        assert (await owner.post(path, form=form[1], seen=seen[1]))[0] == SEE_OTHER
        assert place.universe.get(Resource.APPLICATIONS, "shop")["spec"]["paused"]


async def test_no_token_is_logged_or_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Not in a page, not in the terminal, not where a viewer is printed."""
    async with crowd() as place:
        place.people["s3cr3t-of-mine"] = place.people["clerk"]
        clerk = place.browser()
        await clerk.sign_in("s3cr3t-of-mine")
        for path in ("/", "/applications/default/shop", "/nope", "/why/default/application/shop"):
            assert "s3cr3t-of-mine" not in (await clerk.get(path))[1]
        await clerk.sign_in("s3cr3t-of-nobody")
    printed = capsys.readouterr()
    assert "s3cr3t" not in printed.out + printed.err


async def test_a_stream_tells_of_what_its_viewer_sees_and_of_nothing_else() -> None:
    """A change in another tenant's namespace is no word to the clerk, and one to the owner."""
    async with crowd() as place:
        marks: dict[str, list[str]] = {}
        for token in ("clerk", "owner"):
            browser = place.browser()
            await browser.sign_in(token)
            _, text = await browser.get("/")
            marks[token] = SINCE.findall(text)
        vault = application("vault", component("gold", 8))
        vault["metadata"]["namespace"] = OTHER
        await place.universe.apply(vault)
        owner = place.browser()
        await owner.sign_in("owner")
        async with asyncio.timeout(60):
            # Each look is a page: the watch brings the change meanwhile.
            while SINCE.findall((await owner.get("/"))[1]) == marks["owner"]:
                pass
        clerk = place.browser()
        await clerk.sign_in("clerk")
        assert SINCE.findall((await clerk.get("/"))[1]) == marks["clerk"]


async def test_an_open_page_asks_for_nothing_while_nothing_changes() -> None:
    """A stream of two seconds at rest costs the API server no review and no read."""
    async with crowd() as place:
        clerk = place.browser()
        await clerk.sign_in("clerk")
        await clerk.get("/")
        before = sum(len(each.asked) for each in place.connected)
        headers = {"Cookie": clerk.cookie}
        async with place.client.get(f"{place.url}/live?of=", headers=headers) as stream:
            assert stream.status == 200
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2.2):
                    told = [each async for each in stream.content]
                    assert b"changed" not in b"".join(told)
        assert sum(len(each.asked) for each in place.connected) == before


@pytest.mark.parametrize("why", ["left", "token", "away"])
async def test_a_stream_ends_with_the_session(why: str) -> None:
    """In another tab, too: it tells of no change that comes later, and nothing crashes."""
    async with crowd() as place:
        clerk = place.browser()
        await clerk.sign_in("clerk")
        _, text = await clerk.get("/")
        form = FORM.search(text)
        assert form is not None
        headers = {"Cookie": clerk.cookie}
        live = f"{place.url}/live?of=default/shop"
        async with place.client.get(live, headers=headers) as stream:
            assert await stream.content.readline() == b"retry: 2000\n"
            if why == "left":
                await clerk.post("/sign-out", form=form[1])
            else:
                if why == "token":
                    del place.people["clerk"]
                place.moment[0] = {"token": part.FRESH_SECONDS, "away": lobby.IDLE_SECONDS}[why] + 1
                assert (await clerk.get("/"))[0] == 401
            await place.universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"paused": True}})
            async with asyncio.timeout(60):
                told = b"".join([each async for each in stream.content])
            assert b"data:" not in told
        async with place.client.get(live, headers=headers) as again:
            assert again.status == 403


async def test_a_token_that_expired_under_an_open_stream_is_told_nothing() -> None:
    """Nobody asked for a page meanwhile: the change itself has the token looked at."""
    async with crowd() as place:
        clerk = place.browser()
        await clerk.sign_in("clerk")
        await clerk.get("/")
        headers = {"Cookie": clerk.cookie}
        live = f"{place.url}/live?of=default/shop"
        async with place.client.get(live, headers=headers) as stream:
            assert await stream.content.readline() == b"retry: 2000\n"
            del place.people["clerk"]
            place.moment[0] = part.FRESH_SECONDS + 1
            await place.universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"paused": True}})
            async with asyncio.timeout(60):
                assert b"data:" not in b"".join([each async for each in stream.content])


async def test_a_right_that_is_taken_back_silences_an_open_stream() -> None:
    """One word has the page loaded again, which is no longer there; later changes are none."""
    async with crowd() as place:
        clerk = place.browser()
        await clerk.sign_in("clerk")
        await clerk.get("/applications/default/shop")
        headers = {"Cookie": clerk.cookie}
        live = f"{place.url}/live?of=default/shop"
        async with place.client.get(live, headers=headers) as stream:
            assert await stream.content.readline() == b"retry: 2000\n"
            place.people["clerk"].namespaces = {OTHER}
            place.moment[0] = part.FRESH_SECONDS + 1
            await place.universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"paused": True}})
            async with asyncio.timeout(60):
                while not (await stream.content.readline()).startswith(b"data: changed"):
                    pass
            assert (await clerk.get("/applications/default/shop"))[0] == 404
            for paused in (False, True):
                change = {"spec": {"paused": paused}}
                await place.universe.merge(Resource.APPLICATIONS, "shop", change)
            told = b""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2.2):
                    while True:
                        told += await stream.content.readline()
            assert b"data:" not in told


async def test_many_who_come_push_out_whoever_was_away_longest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory is bounded by people; those who are here stay."""
    monkeypatch.setattr(lobby, "MOST_VIEWERS", 2)
    async with crowd() as place:
        people = [place.browser() for _ in range(3)]
        for number, (each, token) in enumerate(
            zip(people, ("clerk", "owner", "nobody"), strict=True)
        ):
            place.moment[0] = float(number)
            await each.sign_in(token)
        assert [(await each.get("/"))[0] for each in people] == [401, 200, 200]


async def test_somebody_with_many_tokens_signs_out_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever may have tokens made of one account has as many as they like; each is them."""
    monkeypatch.setattr(lobby, "MOST_VIEWERS", 3)
    async with crowd() as place:
        owner, flood = place.browser(), [place.browser() for _ in range(9)]
        await owner.sign_in("owner")
        for number, each in enumerate(flood):
            place.moment[0] += 1.0
            place.people[f"clerk-{number}"] = Rights({"default"}, user="clerk")
            await each.sign_in(f"clerk-{number}")
        assert (await owner.get("/"))[0] == 200
        assert [(await each.get("/"))[0] for each in flood] == [401] * 7 + [200] * 2


async def test_what_one_person_asks_for_takes_bounded_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signing in again and again keeps the last browsers; namespaces that are not there pass."""
    monkeypatch.setattr(lobby, "MOST_SESSIONS", 2)
    monkeypatch.setattr(part, "MOST_KNOWN", 5)
    async with crowd() as place:
        browsers = [place.browser() for _ in range(4)]
        for each in browsers:
            await each.sign_in("clerk")
        assert [(await each.get("/"))[0] for each in browsers] == [401, 401, 200, 200]
        for number in range(20):
            await browsers[-1].get(f"/applications/space-{number}/shop")
        (known,) = {id(each): each for each in place.connected if not each.closed}.values()
        assert len(known.asked) > 20
        sights = [each for each in gc.get_objects() if isinstance(each, part.Sight)]
        assert all(len(each._known) <= 5 + 2 for each in sights)


async def test_an_api_server_that_is_away_lets_nobody_in_and_forgets_nobody() -> None:
    """Whoever signs in is told why; who is in sees an error, and the pages when it is back."""
    async with crowd() as place:
        clerk, owner = place.browser(), place.browser()
        await clerk.sign_in("clerk")
        place.people["clerk"].away = place.people["owner"].away = True
        status, text = await owner.post("/sign-in", token="owner")  # noqa: S106 - a name of this test
        assert (status, "cannot be asked" in text) == (401, True)
        place.moment[0] = part.FRESH_SECONDS + 1
        assert (await clerk.get("/"))[0] == 502
        assert (await clerk.get("/healthz"))[0] == 200
        place.people["clerk"].away = False
        assert (await clerk.get("/"))[0] == 200


async def test_no_field_of_any_object_is_more_than_text() -> None:
    """Every text that somebody else can write is hostile, for whoever may see it all."""
    async with crowd(hostile, writes=True) as place:
        owner = place.browser()
        await owner.sign_in("owner")
        for path in HOSTILE_PAGES:
            _, text = await owner.get(path)
            assert harm(text) == [], path
            if not path.startswith("/acts/"):
                # Else nothing is proved: what is not shown does no harm.
                assert "&lt;script&gt;document.title" in text, path


async def test_sessions_and_tokens_are_looked_up_by_their_digests() -> None:
    """How long a guess takes tells nothing of a secret, and no list of this process has one."""
    async with crowd() as place:
        place.people["s3cr3t"] = place.people["owner"]
        owner = place.browser()
        await owner.sign_in("s3cr3t")
        session = owner.cookie.partition("=")[2]
        every = [each for each in gc.get_objects() if isinstance(each, lobby.Lobby)]
        # That of another test knows nobody any more.
        (mine,) = (each for each in every if each._viewers)
        kept = {*mine._sessions, *mine._sessions.values(), *mine._viewers}
        assert origins.digest(session) in kept
        assert not {session, "s3cr3t"} & kept


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": f"{lobby.COOKIE}=\xff\xfe"},
        {"Cookie": "=;=;;;" + "x" * 4000},
        {"Authorization": "Bearer \xff"},
        {"Authorization": "Bearer"},
        {"Origin": "\xff"},
        {"Sec-Fetch-Site": "\xff"},
    ],
)
async def test_bytes_that_are_no_text_are_refused_as_anything_else(headers: dict[str, str]) -> None:
    """No answer is a fault of the dashboard, and none shows anything."""
    async with crowd() as place:
        for path in ("/", "/live?of=", "/static/live.js", "/sign-in"):
            status, text = await _raw(place.url, path, headers)
            assert 400 <= status < 500, path
            assert "shop" not in text


async def _raw(url: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Return what is answered to headers that no client would send."""
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"GET {path} HTTP/1.1", f"Host: localhost:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    async with asyncio.timeout(60):
        answer = (await reader.read()).decode(errors="replace")
    writer.close()
    return int(answer.split(" ")[1]), answer


async def test_reviews_wait_for_each_other_only_where_one_decides_about_the_next() -> None:
    """Whoever comes waits for three answers and not for five; whoever stays, for two."""
    api = Slow()
    sight = part.Sight(cast("Any", api), lambda: api.moment)
    await sight.look(at="default")
    assert (api.asked, api.rounds) == (REVIEWS, 3)
    assert sight.sees("default")
    api.moment += part.FRESH_SECONDS + 1
    await sight.look(at="default")
    assert (api.asked, api.rounds) == (2 * REVIEWS, 5)
    # A list asks about all namespaces once, and about the one that is known not again.
    await sight.look(["default"])
    assert api.asked == 2 * REVIEWS


async def test_an_answer_that_comes_after_somebody_left_shows_them_nothing() -> None:
    """What was asked before they went is answered afterwards, and forgotten."""
    api = Slow()
    sight = part.Sight(cast("Any", api), lambda: api.moment)
    looking = asyncio.create_task(sight.look(at="default"))
    await asyncio.sleep(0)
    sight.end()
    await looking
    assert not sight.sees("default")


async def test_reviews_of_all_who_came_together_come_apart_and_hold_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fifty who signed in at one moment are asked about at fifty moments, within the time."""
    chances = iter([each / 50 for each in range(50) for _ in range(2)])
    monkeypatch.setattr(random, "random", lambda: next(chances))
    apis = [Slow() for _ in range(50)]
    for api in apis:
        sight = part.Sight(cast("Any", api), lambda api=api: api.moment)  # type: ignore[misc]  # mypy infers no default of a lambda
        await sight.look(at="default")
        monkeypatch.setattr(api, "sight", sight)
    monkeypatch.setattr(random, "random", float)
    renewed = []
    for second in (9.9, 11.0, 12.0, 13.0, 14.0, 15.0):
        for api in apis:
            api.moment = second
            await api.sight.look(at="default")
        renewed.append(sum(api.asked > REVIEWS for api in apis))
    assert (renewed[0], renewed[-1]) == (0, 50)
    assert all(0 < after - before <= 12 for before, after in itertools.pairwise(renewed)), renewed


class Slow:
    """An API server that answers all that is asked at a moment together, as one round."""

    def __init__(self) -> None:
        self.moment = 0.0
        self.sight: Any = None
        self.asked = self.rounds = 0
        self._waiting: list[asyncio.Future[None]] = []

    async def review_access(self, verb: str, resource: Resource, namespace: str) -> Access:
        """Allow what is in a namespace, one round later."""
        assert verb == "list", (verb, resource)
        self.asked += 1
        if not self._waiting:
            asyncio.get_running_loop().call_later(0.01, self._answer)
        self._waiting.append(asyncio.get_running_loop().create_future())
        await self._waiting[-1]
        return Access(allowed=bool(namespace))

    def _answer(self) -> None:
        self.rounds += 1
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.set_result(None)
