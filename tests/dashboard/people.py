"""The ways in which people use a page: mouse, keyboard alone, a finger, without JavaScript."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator

from playwright.sync_api import Browser, Locator, Page, expect

from tests.dashboard import browser as browsers
from tests.dashboard.stage import PATIENCE_SECONDS

MOUSE, KEYBOARD, PLAIN, PHONE = "mouse", "keyboard", "plain", "phone"
WAYS = (MOUSE, KEYBOARD, PLAIN, PHONE)
# The narrowest phone that is still sold; WCAG 2.2 asks for 320.
NARROW = 320
MOST_TABS = 120
# What can be followed or written into: what only scrolls has the focus at times, too.
FOCUSED = ":focus:is(a, button, input, select, textarea)"
_CALLED = """el => [el.innerText, el.getAttribute('aria-label'), el.labels?.[0]?.innerText]
    .filter(Boolean).join(' ').replace(/\\s+/g, ' ')"""


class Person:
    """Somebody in front of a page."""

    def __init__(self, page: Page, way: str) -> None:
        self.page = page
        self.way = way

    def open(self, path: str) -> None:
        """Go to an address of the site."""
        self.page.goto(path)

    def follow(self, name: str, *, whole: bool = False) -> None:
        """Go on by the link or the button whose name has this text, or is the whole of it."""
        if self.way == KEYBOARD:
            self._tab_to(name, whole=whole)
            self.page.keyboard.press("Enter")
            return
        # The slash would end the pattern for the browser.
        part = re.escape(name).replace("/", r"\/")
        wanted = re.compile(f"^{part}$" if whole else part)
        link = self.page.get_by_role("link", name=wanted)
        found = link.or_(self.page.get_by_role("button", name=wanted)).first
        if self.way != PHONE:
            found.click()
            return
        # Nothing but a table has to be moved sideways.
        expect(self.page.locator("html")).to_have_js_property("scrollWidth", NARROW)
        found.tap()

    def write(self, label: str, text: str) -> None:
        """Put a text into the field with this label."""
        if self.way == KEYBOARD:
            self._tab_to(label)
            self.page.keyboard.press("Control+A")
            self.page.keyboard.insert_text(text)
            return
        self.page.get_by_label(label).fill(text)

    def sees(self, where: str, text: str) -> None:
        """Wait until a part of the page has the text: it comes by itself, or by loading anew."""
        part = self.page.locator(where)
        if self.way != PLAIN:
            expect(part).to_contain_text(text, timeout=1000 * PATIENCE_SECONDS)
            return
        limit = time.monotonic() + PATIENCE_SECONDS
        while text not in self.text(part):
            assert time.monotonic() < limit, f"{text!r} is not in {self.text(part)!r}"
            self.page.reload()

    def text(self, part: Locator) -> str:
        """Return what a part of the page says."""
        return " ".join(" ".join(part.all_inner_texts()).split())

    def _tab_to(self, name: str, *, whole: bool = False) -> None:
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            focused = self.page.locator(FOCUSED)
            called = str(focused.evaluate(_CALLED)) if focused.count() else ""
            if name == called if whole else name in called:
                return
        raise AssertionError(f"{name!r} cannot be reached by keyboard on {self.page.url}")


@contextlib.contextmanager
def person(browser: Browser, site: browsers.Site, way: str) -> Iterator[Person]:
    """Lend somebody who has just signed in; fails where a page has run into an error.

    And where one has asked any other site for anything.
    """
    if way == PHONE:
        context = browser.new_context(
            base_url=site.url,
            has_touch=True,
            is_mobile=True,
            viewport={"width": NARROW, "height": 640},
        )
    else:
        context = browser.new_context(base_url=site.url, java_script_enabled=way != PLAIN)
    if way != PLAIN:
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
    errors: list[object] = []
    page = browsers.sign_in(context, site)
    page.on("pageerror", lambda each: errors.append(each))  # noqa: PLW0108 - playwright looks into it
    asked: list[str] = []
    page.on("request", lambda each: asked.append(each.url))
    yield Person(page, way)
    context.close()
    assert not errors
    assert [each for each in asked if not each.startswith(site.url + "/")] == []
