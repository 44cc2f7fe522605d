"""The browser of the tests: Debian's Chromium, without a head.

Asks nothing of any network: what a page needs comes from the dashboard alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Protocol

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    Request,
    expect,
    sync_playwright,
)

PROGRAM = shutil.which("chromium") or ""
OPTIONS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
# No other name is known, so that what needs another place fails.
CLOSED = "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
# Chromium's own sandbox wants a user; containers of tests have none but root.
AS_ROOT = ("--no-sandbox",) if os.geteuid() == 0 else ()
# A machine that does much else takes its time, also to begin a browser.
PATIENCE_MS = 180_000.0


class Site(Protocol):
    """A dashboard that is up, and a session there: the name of its cookie, and what that is."""

    @property
    def url(self) -> str:
        """Where it is."""

    @property
    def cookie(self) -> str:
        """The name of the cookie."""

    @property
    def session(self) -> str:
        """The session."""


def start(playwright: Playwright, names: str = CLOSED) -> Browser:
    """Return a browser that knows these names; fails where there is none."""
    assert PROGRAM, "Chromium is missing: `make test-browser` as root installs it"
    options = [*OPTIONS, *AS_ROOT, f"--host-resolver-rules={names}"]
    return playwright.chromium.launch(executable_path=PROGRAM, args=options, timeout=PATIENCE_MS)


@contextlib.contextmanager
def opened(names: str = CLOSED) -> Iterator[Browser]:
    """Lend a browser that knows these names."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = start(playwright, names)
        try:
            yield browser
        finally:
            browser.close()


def overheard(page: Page) -> tuple[list[str], list[Request]]:
    """Return what the page says to the person or of errors, and all it asks for, as it happens."""
    noticed: list[str] = []
    asked: list[Request] = []
    page.on("dialog", lambda each: noticed.append(each.message))
    page.on("pageerror", lambda each: noticed.append(str(each)))
    page.on("console", lambda each: noticed.append(each.text) if each.type == "error" else None)
    page.on("request", lambda each: asked.append(each))  # noqa: PLW0108 - playwright looks into it
    return noticed, asked


def sign_in(context: BrowserContext, site: Site) -> Page:
    """Return the first page, once the dashboard has let this browser in."""
    context.add_cookies([{"name": site.cookie, "value": site.session, "url": site.url}])
    page = blank(context)
    page.goto(site.url)
    return page


def blank(context: BrowserContext) -> Page:
    """Return a page that shows nothing yet, and is as patient as all are."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page
