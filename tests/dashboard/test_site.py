"""The site as programs see it: who is shown what, and what never leaves it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import html
import pathlib
import re
from typing import Any

import aiohttp
import pytest
import yaml
import yarl

from controller.api.resources import Resource
from controller.dashboard import entrance, server
from controller.presentation.problems import Refusal
from fakes.universe import Universe, application, component, operation
from tests.dashboard import stage
from tests.dashboard.stage import HOSTILE
from tests.dashboard.visitor import visited

PAGES = (
    "/",
    "/?q=shop&state=not+ready&label=team",
    "/applications/default/shop",
    "/applications/default/shop?component=web&state=ready&zone=node-0&page=7",
    "/applications/default/shop/revisions",
    "/applications/default/shop/timeline",
    "/applications/default/shop/events",
    "/applications/default/shop/logs",
    "/applications/default/shop/logs?server=shop-web-0&server=shop-web-1",
    "/operations/default/again",
    "/why/default/application/shop",
    "/why/default/server/shop-web-0",
    "/why/default/operation/again",
    "/fleets",
    "/preview",
    "/preview?application=default/shop",
)


async def test_without_a_session_every_page_is_the_one_that_lets_in() -> None:
    """No name, no count and no message is shown; what is no page is refused."""
    async with visited(signed_in=False) as (visitor, _):
        for path in PAGES:
            status, text, _ = await visitor.get(path)
            assert (status, "Sign in" in text, "shop" in text) == (401, True, False), path
        status, _, _ = await visitor.get("/live?of=default/shop")
        assert status == 403
        status, _ = await visitor.post("/preview", {}, manifest="x")
        assert status == 403
        status, _ = await visitor.post("/sign-in", {}, token="guess")  # noqa: S106 - it opens nothing
        assert status == 401


async def test_the_token_is_exchanged_once_for_a_cookie_that_scripts_cannot_read() -> None:
    """It goes to this site alone, and neither token nor session stands in any page or address."""
    async with visited(signed_in=False) as (visitor, _):
        url, token = visitor.running.url, visitor.running.gate.token
        async with visitor.client.post(
            url + "/sign-in", data={"token": token}, allow_redirects=False
        ) as answer:
            (cookie,) = answer.cookies.values()
            assert answer.headers["Location"] == "/"
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
        for path in PAGES:
            _, text, _ = await visitor.get(path)
            assert token not in text
            assert cookie.value not in text
        jar = aiohttp.DummyCookieJar()
        async with (
            aiohttp.ClientSession(cookie_jar=jar) as other,
            other.post(url + "/sign-in", data={"token": token}) as answer,
        ):
            assert answer.status == 401
            assert "somebody has used it" in await answer.text()


async def test_another_host_or_origin_is_refused_even_with_the_session() -> None:
    """DNS rebinding, and forms of other sites."""
    async with visited() as (visitor, _):
        status, text, _ = await visitor.get("/", Host="evil.example.com")
        assert (status, "shop" in text) == (403, False)
        status, _ = await visitor.post("/preview", {"Origin": "https://evil.example.com"})
        assert status == 403
        status, _, _ = await visitor.get("/live", **{"Sec-Fetch-Site": "cross-site"})
        assert status == 403


async def test_every_answer_forbids_what_the_site_does_not_need() -> None:
    """Also the ones that say that something is wrong, and the static files."""
    async with visited() as (visitor, _):
        for path in (*PAGES, "/nope", "/applications/default/nope", "/static/live.js"):
            _, text, headers = await visitor.get(path)
            assert {each: headers[each] for each in entrance.HEADERS} == entrance.HEADERS, path
            assert headers["Cache-Control"] == "no-store"
            assert " style=" not in text
            assert " onclick=" not in text


async def test_every_page_is_there_and_asks_for_reads_alone() -> None:
    """Nothing is written by looking, and no Secret is read."""
    async with visited() as (visitor, universe):
        asked: list[tuple[str, str]] = []
        for verb in ("get", "list", "create", "patch", "replace", "apply", "delete"):
            plain = getattr(universe.server, verb)

            def noted(resource: Resource, *given: Any, _verb: str = verb, _plain: Any = plain,
                      **more: Any) -> Any:  # fmt: skip
                asked.append((_verb, str(resource)))
                return _plain(resource, *given, **more)

            setattr(universe.server, verb, noted)
        await universe.process.kill()
        asked.clear()
        for path in PAGES:
            status, text, _ = await visitor.get(path)
            assert status == 200, (path, text)
        assert {verb for verb, _ in asked} <= {"get", "list"}
        assert "secrets" not in {resource for _, resource in asked}


async def test_pages_that_are_followed_cost_no_call() -> None:
    """The lists and the pages of applications and operations come from watches alone."""
    async with visited() as (visitor, universe):
        calls = universe.server
        plain_get, plain_list, asked = calls.get, calls.list, []

        async def get(*given: Any, **more: Any) -> bytes:
            asked.append(given)
            return await plain_get(*given, **more)

        async def many(*given: Any, **more: Any) -> bytes:
            asked.append(given)
            return await plain_list(*given, **more)

        await universe.process.kill()
        setattr(calls, "get", get)  # noqa: B010 - mypy holds methods for constant
        setattr(calls, "list", many)  # noqa: B010 - as above
        for path in (
            "/",
            "/applications/default/shop",
            "/applications/default/shop/timeline",
            "/operations/default/again",
        ):
            assert (await visitor.get(path))[0] == 200
    assert asked == []


async def test_what_is_missing_says_so() -> None:
    """An application, component, server, operation or kind that is not there is a 404 or a 400."""
    missing = (
        "/applications/default/nope", "/applications/other/shop", "/operations/default/nope",
        "/applications/default/shop?component=nope", "/why/default/server/nope",
        "/applications/default/shop/logs?server=nope", "/nope", "/applications/default",
    )  # fmt: skip
    async with visited() as (visitor, _):
        for path in missing:
            status, text, _ = await visitor.get(path)
            assert (status, "All applications" in text) == (404, True), path
        for path in ("/why/default/secret/x", "/applications/default/shop/revisions?compare=nope"):
            status, _, _ = await visitor.get(path)
            assert status == 400, path
        status, text = await visitor.post("/preview", {}, manifest="[")
        assert (status, "is not YAML" in text) == (400, True)


async def hostile(universe: Universe) -> None:
    """Write scripts and steering signs wherever somebody may write."""
    marks = {"metadata": {"annotations": {"note": HOSTILE}}}
    await universe.apply(application("shop", component("web", 2, image=HOSTILE)))
    await universe.merge(Resource.APPLICATIONS, "shop", marks)
    told = {"type": "Ready", "status": "False", "reason": "Bad", "message": HOSTILE}
    stamp = {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}
    await universe.process.kill()
    steps = [{"name": "one", "exec": {"command": [HOSTILE]}}]
    await universe.apply(operation("again", "shop", "Steps", steps=steps))
    failures = [{"server": HOSTILE, "step": HOSTILE, "class": "<b>", "message": HOSTILE}]
    blocked = [{"object": HOSTILE, "reason": HOSTILE, "message": HOSTILE, "remedy": HOSTILE}]
    for resource, name, more in (
        (Resource.APPLICATIONS, "shop", {}),
        (Resource.OPERATIONS, "again", {"failures": failures}),
    ):
        status = {"conditions": [{**told, **stamp}], "blockedBy": blocked, **more}
        await universe.server.patch(
            resource, "default", name, {"status": status}, subresource="status"
        )


async def test_what_others_wrote_is_shown_and_does_nothing() -> None:
    """Scripts stand there as text, and signs that steer or turn text around are made visible."""
    async with visited(hostile) as (visitor, _):
        for path in PAGES:
            if "server=" in path or "server/" in path or path.startswith("/fleets"):
                continue
            status, text, _ = await visitor.get(path)
            assert status == 200, (path, text)
            assert "<script>document" not in text, path
            assert "<img" not in text
            assert not {"\u202e", "\x1b"} & set(text), path
        _, text, _ = await visitor.get("/")
        assert "&lt;script&gt;document.title" in text
        status, text, _ = await visitor.get("/?q=%3Cscript%3Ealert(1)%3C/script%3E&label=%22%3E")
        assert (status, "<script>alert" in text) == (200, False)


async def test_a_port_that_is_taken_is_refused_with_a_way_on() -> None:
    """Whoever keeps to a port learns that it is not free, and how to get one that is."""
    async with visited(signed_in=False) as (visitor, universe):
        taken = yarl.URL(visitor.running.url).port or 0
        settings = dataclasses.replace(stage.settings(), port=taken)
        with pytest.raises(Refusal, match=f"port {taken} cannot be used.*--port 0"):
            async with server.run(stage.cluster(universe), settings):
                pass


def is_there(page: pathlib.Path) -> bool:
    """Return whether a page is still on the disk."""
    return page.exists()


def is_read_by_its_owner_alone(page: pathlib.Path, address: str) -> bool:
    """Return whether a page leads to the address, and nobody else may read it."""
    return address in page.read_text() and not page.stat().st_mode & 0o077


async def test_the_browser_is_led_in_without_the_token_on_its_command_line() -> None:
    """Everybody on the machine reads command lines; the page that leads in only its owner reads."""
    asked: list[str] = []

    def show(url: str) -> contextlib.nullcontext[None]:
        asked.append(url)
        return contextlib.nullcontext()

    async with visited(signed_in=False) as (visitor, _):
        serving = asyncio.ensure_future(server.serve(visitor.running, show))
        await asyncio.sleep(0)
        (given,) = asked
        page = pathlib.Path(yarl.URL(given).path)
        assert visitor.running.gate.token not in given
        assert is_read_by_its_owner_alone(page, visitor.running.address)
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    assert not is_there(page)


async def test_the_page_of_last_lines_shows_five_servers_at_most() -> None:
    """Whatever the address asks for."""

    async def fill_six(universe: Universe) -> None:
        await universe.apply(application("shop", component("web", 6)))
        await universe.until(lambda: len(universe.names(Resource.PODS)) == 6)

    asked = "&".join(f"server=shop-web-{each}" for each in range(6))
    async with visited(fill_six) as (visitor, _):
        _, text, _ = await visitor.get(f"/applications/default/shop/logs?{asked}")
    assert [f'aria-label="shop-web-{each} ' in text for each in range(6)] == [True] * 5 + [False]


async def test_a_manifest_is_shown_again_as_it_was_pasted() -> None:
    """Browsers end the lines of a form with two characters; a second look asks for the same."""
    manifest = yaml.safe_dump(application("shop", component("web", 2)))
    async with visited() as (visitor, _):
        sent = manifest.replace("\n", "\r\n")
        for _ in range(2):
            status, text = await visitor.post("/preview", {}, manifest=sent)
            assert status == 200
            found = re.search(r"<textarea[^>]*>(.*)</textarea>", text, re.DOTALL)
            assert found is not None
            assert html.unescape(found[1]) == manifest
            sent = found[1].replace("\n", "\r\n")
