"""The dashboard for many in a real browser: a pasted token, hostile fields, an API server gone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from controller.api.resources import Resource
from controller.dashboard import part
from tests.dashboard import browser as browsers
from tests.dashboard.crowd import Place, crowd
from tests.dashboard.stage import aside
from tests.dashboard.test_attacks import PAGES, hostile

pytestmark = pytest.mark.browser

TOKEN = "s3cr3t-of-the-owner"  # noqa: S105 - a word of this test


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Lend the browser of all tests."""
    with browsers.opened() as found:
        yield found


def signed_in(browser: Browser, place: Place, *, scripts: bool = True) -> Page:
    """Return the page of the owner, who has pasted their token at a forwarded port."""
    place.people[TOKEN] = place.people["owner"]
    # As `kubectl port-forward` offers it: without TLS, which browsers trust on this machine alone.
    address = place.url.replace("127.0.0.1", "localhost")
    page = browsers.blank(browser.new_context(base_url=address, java_script_enabled=scripts))
    page.goto(address)
    page.get_by_label("Your token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Applications")).to_be_visible()
    return page


@pytest.mark.parametrize("scripts", [True, False])
def test_a_token_is_pasted_once_and_the_way_out_ends_it(browser: Browser, *, scripts: bool) -> None:
    """With and without JavaScript; afterwards the way back shows nothing."""
    with aside(crowd) as place:
        page = signed_in(browser, place, scripts=scripts)
        page.get_by_role("link", name="shop", exact=True).click()
        expect(page.get_by_role("heading", name="default/shop")).to_be_visible()
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
        assert TOKEN not in cookie["value"]
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_at_the_entrance(browser: Browser, scheme: str) -> None:
    """Where a token is asked for, where it was wrong, and on a page with a way out."""
    with aside(crowd) as place:
        page = signed_in(browser, place)
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": 320, "height": 640})

        def look() -> None:
            told = Axe().run(page)
            assert told.violations_count == 0, told.generate_report()
            assert page.evaluate("document.documentElement.scrollWidth") <= 320

        look()
        page.get_by_role("button", name="Sign out").click()
        look()
        page.get_by_label("Your token").fill("guess")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("does not take this token")).to_be_visible()
        look()
        page.context.close()


def test_nothing_that_others_wrote_runs_or_learns_the_token(browser: Browser) -> None:
    """On every page: no dialog, no error, no request elsewhere, no token in a Referer."""
    with aside(lambda: crowd(hostile, writes=True)) as place:
        page = signed_in(browser, place)
        (cookie,) = page.context.cookies()
        secrets = TOKEN, cookie["value"]
        noticed, asked = browsers.overheard(page)
        for path in PAGES:
            page.goto(path)
            assert page.title().endswith("· Argosy"), path
            assert not any(each in page.content() for each in secrets), path
            link = page.locator("main a[href^='/']").first
            if link.count():
                # By a link, so that the browser says where it comes from.
                link.click()
        assert [each for each in noticed if "status of 4" not in each] == []
        referers = [each.headers.get("referer", "") for each in asked]
        assert any(referers)
        for each, referer in zip(asked, referers, strict=True):
            assert re.match(r"http://localhost:\d+/", each.url)
            assert not any(secret in each.url + referer for secret in secrets)
        page.context.close()


def test_an_open_page_outlives_the_api_server_and_its_reviews(browser: Browser) -> None:
    """While nobody's rights can be asked for it says that it may be behind; then it goes on."""
    with aside(crowd) as place:
        page = signed_in(browser, place)
        page.goto("/applications/default/shop")
        behind = page.locator("#part-behind")
        expect(behind).to_be_empty()
        place.moment[0] = part.FRESH_SECONDS + 1
        place.do(lambda: place.leave(away=True))
        expect(behind).to_contain_text("may be behind")
        expect(page.locator("#said")).to_contain_text("may be behind")
        assert page.locator("#part-head").inner_text()
        place.do(lambda: place.leave(away=False))
        expect(behind).to_be_empty()
        change = {"spec": {"paused": True}}
        place.do(lambda: place.universe.merge(Resource.APPLICATIONS, "shop", change))
        expect(page.locator("#part-head")).to_contain_text("paused")
        page.context.close()


def test_a_token_that_is_taken_back_under_an_open_page_asks_to_sign_in(browser: Browser) -> None:
    """When something changes there is the page that lets in, and what was shown is gone."""
    with aside(crowd) as place:
        page = signed_in(browser, place)
        page.goto("/applications/default/shop")
        del place.people[TOKEN]
        place.moment[0] = part.FRESH_SECONDS + 1
        change = {"spec": {"paused": True}}
        place.do(lambda: place.universe.merge(Resource.APPLICATIONS, "shop", change))
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert "shop" not in page.locator("main").inner_text()
        page.context.close()
