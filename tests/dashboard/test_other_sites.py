"""Other pages in the browser that shows the dashboard: all that they may try, and what they learn.

The browser is a real one, with its own rules of origins, cookies and frames: one page is of another
site altogether, one of another port of this machine, which browsers send the same cookies.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import yarl
from playwright.sync_api import Browser, BrowserContext, Page

from controller.api.resources import Resource
from tests.dashboard import browser as browsers
from tests.dashboard.stage import Stage, staged

pytestmark = pytest.mark.browser

NAME = "evil.test"
PAUSE = "/acts/pause/default/application/shop"
# Each returns what it got hold of; nothing, if the browser or the dashboard does as it must.
TRIES = """
async ({site, pause, seen}) => {
  const tried = {};
  const attempt = async (name, work) => {
    try { tried[name] = String((await work()) || ""); } catch { tried[name] = ""; }
  };
  const loaded = (element, where) => new Promise((done) => {
    element.onload = () => done("loaded");
    element.onerror = () => done("");
    Object.assign(element, where);
    document.body.append(element);
  });
  const form = () => new URLSearchParams({ seen, form: "0".repeat(64) });
  const cookies = { credentials: "include" };
  await attempt("read", async () => (await fetch(site + "/", cookies)).text());
  await attempt("read blindly", async () =>
    (await fetch(site + "/", { ...cookies, mode: "no-cors" })).text());
  await attempt("post", async () =>
    (await fetch(site + pause, { ...cookies, method: "POST", body: form() })).text());
  await attempt("post blindly", async () =>
    (await fetch(site + pause, {
      ...cookies, mode: "no-cors", method: "POST", body: form() })).text());
  await attempt("post json", async () =>
    (await fetch(site + pause, { ...cookies, method: "POST", body: "{}",
      headers: { "Content-Type": "application/json" } })).text());
  await attempt("script", () =>
    loaded(document.createElement("script"), { src: site + "/static/live.js" }));
  await attempt("image", () =>
    loaded(document.createElement("img"), { src: site + "/static/icon.svg" }));
  await attempt("frame", async () => {
    const frame = document.createElement("iframe");
    await loaded(frame, { src: site + "/" });
    return frame.contentDocument?.body.innerText;
  });
  await attempt("stream", () => new Promise((done) => {
    const stream = new EventSource(site + "/live", { withCredentials: true });
    stream.onopen = () => done("open");
    stream.onerror = () => (stream.close(), done(""));
  }));
  await attempt("form in a frame", async () => {
    const frame = document.createElement("iframe");
    frame.name = "into";
    document.body.append(frame);
    const made = document.createElement("form");
    Object.assign(made, { method: "post", action: site + pause, target: "into" });
    for (const [name, value] of form()) {
      const field = document.createElement("input");
      Object.assign(field, { name, value });
      made.append(field);
    }
    document.body.append(made);
    const over = new Promise((done) => (frame.onload = done));
    made.submit();
    await over;
    return frame.contentDocument?.body.innerText;
  });
  return tried;
}
"""


class _Empty(http.server.BaseHTTPRequestHandler):
    """A page of somebody else's, with nothing on it yet."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><body>")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where the other pages are, at whatever name."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Empty) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving.server_port
        serving.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Lend a browser to which somebody has given a name that leads to this machine."""
    with browsers.opened(f"MAP {NAME} 127.0.0.1, {browsers.CLOSED}") as found:
        yield found


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Lend a dashboard that may act."""
    with staged(writes=True) as found:
        yield found


@pytest.fixture
def context(browser: Browser, stage: Stage) -> Iterator[BrowserContext]:
    """Lend the browser of somebody who has the dashboard open."""
    made = browser.new_context()
    page = browsers.sign_in(made, stage)
    page.goto(stage.url + PAUSE)
    assert "Consequences" in page.content()
    yield made
    made.close()


def shop(stage: Stage) -> dict[str, Any]:
    """Return what the application is asked to be, and which version that is."""
    found = stage.universe.get(Resource.APPLICATIONS, "shop")
    return {"spec": found["spec"], "generation": found["metadata"]["generation"]}


@pytest.mark.parametrize("name", [NAME, "127.0.0.1", "localhost"])
def test_another_page_reads_nothing_and_changes_nothing(
    context: BrowserContext, stage: Stage, port: int, name: str
) -> None:
    """By fetch, form, frame, script, image and stream, with the cookies that the browser sends."""
    before = shop(stage)
    uid = stage.universe.get(Resource.APPLICATIONS, "shop")["metadata"]["uid"]
    other: Page = browsers.blank(context)
    other.goto(f"http://{name}:{port}/")
    given = {"site": stage.url, "pause": PAUSE, "seen": f"{uid}/{before['generation']}"}
    tried = other.evaluate(TRIES, given)
    assert len(tried) == 10
    assert {each: got for each, got in tried.items() if got} == {}
    assert shop(stage) == before


def test_a_page_that_opened_the_dashboard_has_no_hold_of_it(
    context: BrowserContext, stage: Stage, port: int
) -> None:
    """Its window is no longer the opener's: nothing is read from it, and it is sent nowhere."""
    other = browsers.blank(context)
    other.goto(f"http://127.0.0.1:{port}/")
    with context.expect_page() as opened:
        other.evaluate("site => { window.held = window.open(site + '/') }", stage.url)
    dashboard = opened.value
    dashboard.wait_for_load_state()
    other.wait_for_function("() => window.held.closed")
    assert dashboard.evaluate("window.opener") is None
    assert dashboard.url == stage.url + "/"


@pytest.mark.parametrize("path", ["/", "/applications/default/shop", "/static/live.js", "/live"])
def test_a_name_that_leads_here_is_told_nothing(
    context: BrowserContext, stage: Stage, path: str
) -> None:
    """DNS rebinding, as a browser does it: the page is of the other name's origin, and refused."""
    port = yarl.URL(stage.url).port
    page = browsers.blank(context)
    answer = page.goto(f"http://{NAME}:{port}{path}")
    assert answer is not None
    assert answer.status == 403
    assert page.inner_text("body") == (
        "This address is not the one that the dashboard was opened at."
    )
    read = "path => fetch(path, {credentials: 'include'}).then(each => each.status)"
    assert page.evaluate(read, path) == 403
