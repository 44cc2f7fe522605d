"""The dashboard in a real browser: used by keyboard, without JavaScript, on a phone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from controller.api.resources import Resource
from controller.dashboard import board
from fakes.universe import application, component
from tests.dashboard import browser as browsers
from tests.dashboard.people import FOCUSED
from tests.dashboard.stage import HOSTILE, Stage, is_ready, staged
from tests.dashboard.test_attacks import PAGES as ATTACKED
from tests.dashboard.test_attacks import hostile

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/applications/default/shop",
    "/applications/default/bank",
    "/applications/default/shop/revisions",
    "/applications/default/shop/timeline",
    "/applications/default/shop/events",
    "/applications/default/shop/logs?server=shop-web-0",
    "/operations/default/again",
    "/why/default/application/shop",
    "/fleets",
    "/preview?application=default/shop",
    "/applications/default/nope",
)
# The narrowest phone that is still sold; WCAG 2.2 asks for 320.
PHONE = {"width": 320, "height": 640}
MOST_TABS = 80
# The change of one server is told less often than that.
FAILURES = 8


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Lend the browser of all tests."""
    with browsers.opened() as found:
        yield found


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Lend the dashboard of all tests that change nothing."""
    with staged() as found:
        yield found


@pytest.fixture
def page(browser: Browser, stage: Stage) -> Iterator[Page]:
    """Lend a page that is signed in; fails where a page has run into an error."""
    context = browser.new_context()
    found = browsers.sign_in(context, stage)
    errors: list[object] = []
    found.on("pageerror", lambda each: errors.append(each))  # noqa: PLW0108 - playwright looks into it
    yield found
    context.close()
    assert not errors


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called `name` has the focus, as somebody without a mouse does."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        focused = page.locator(FOCUSED)
        if not focused.count():
            continue
        called = focused.inner_text() or focused.get_attribute("aria-label") or ""
        if name in " ".join(called.split()):
            return
    raise AssertionError(f"{name!r} cannot be reached by keyboard on {page.url}")


def follow(page: Page, name: str) -> None:
    """Go on to what is called `name`, by keyboard alone."""
    tab_to(page, name)
    page.keyboard.press("Enter")


def test_the_address_lets_in_once_and_leaves_no_token(browser: Browser) -> None:
    """The page opens by itself, the token leaves the address, and another browser stays outside."""
    with staged() as alone:
        context = browser.new_context()
        page = browsers.blank(context)
        page.goto(alone.running.address)
        expect(page.get_by_role("heading", name="Applications")).to_be_visible()
        assert alone.running.gate.token not in page.url
        other = browser.new_context()
        late = browsers.blank(other)
        late.goto(alone.running.address)
        expect(late.get_by_text("somebody has used it")).to_be_visible()
        context.close()
        other.close()


def test_the_token_is_pasted_where_there_is_no_javascript(browser: Browser) -> None:
    """The page that lets in is a form like any other."""
    with staged() as alone:
        context = browser.new_context(java_script_enabled=False)
        page = browsers.blank(context)
        page.goto(alone.url)
        page.get_by_label("The token").fill(alone.running.gate.token)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Applications")).to_be_visible()
        context.close()


def find_what_is_wrong(page: Page) -> None:
    """From the list of applications to the command that helps, by keyboard alone."""
    follow(page, "shop")
    expect(page.get_by_role("heading", name="default/shop")).to_be_visible()
    expect(page.locator("section:has(table)").first.locator("tbody th").first).to_have_text("web-1")
    follow(page, "Why is it so?")
    leaf = page.locator(".tree li li")
    expect(leaf).to_contain_text("Server/shop-web-1 ImagePullBackOff")
    expect(leaf.locator("code").first).to_contain_text("kubectl")


def test_what_is_wrong_is_found_by_keyboard(page: Page, stage: Stage) -> None:
    """Two steps from the list to the leaf, and the remedy is copied."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=stage.url)
    find_what_is_wrong(page)
    remedy = page.locator(".tree li li code").first.inner_text()
    follow(page, f"Copy {remedy}")
    expect(page.locator("#said")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == remedy


def test_what_is_wrong_is_found_without_javascript(browser: Browser, stage: Stage) -> None:
    """All that a page says stands in what the server sends."""
    context = browser.new_context(java_script_enabled=False)
    find_what_is_wrong(browsers.sign_in(context, stage))
    context.close()


COUNTED_AND_LISTED = """() => [
    document.body.innerText.match(/Only servers that are .*: (\\d+)\\./)[1],
    document.querySelectorAll("tbody th a[href*='/server/']").length,
]"""


def test_a_server_among_many_is_found_by_its_state_and_domain(page: Page) -> None:
    """Beyond 200 servers they are counted; each count leads to those that it counts."""
    follow(page, "bank")
    table = page.get_by_role("table", name="Servers by failure domain and state")
    count = table.get_by_role("link").first
    assert int(count.inner_text()) > 0
    count.click()
    expect(page.get_by_text("Only servers that are")).to_be_visible()
    # A restart is under way: both are read at one moment.
    counted, listed = page.evaluate(COUNTED_AND_LISTED)
    assert 0 < int(counted) == listed
    page.go_back()
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("Page 2 of 3")).to_be_visible()


def test_an_operation_is_followed_by_keyboard(page: Page) -> None:
    """From the list to its steps; how far they are stands in numbers beside the bars."""
    follow(page, "Restart")
    expect(page.get_by_role("heading", name="default/again")).to_be_visible()
    row = page.get_by_role("row", name="Restart")
    told = re.compile(r"^\d+ of 250 passed, \d+ at it, 0 failed$")
    expect(row.get_by_role("img")).to_have_attribute("aria-label", told)


def test_a_change_is_previewed_before_anybody_applies_it(page: Page) -> None:
    """The text of what is there is edited, and the rounds of the change are told."""
    page.goto(page.url + "preview?application=default/shop")
    text = page.get_by_label("Applications, as YAML")
    text.fill(text.input_value().replace("replicas: 2", "replicas: 4"))
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.get_by_role("heading", name="default/shop would change")).to_be_visible()
    expect(page.get_by_text("Servers: 2 to create, 0 to replace")).to_be_visible()


def test_two_revisions_are_compared(page: Page, stage: Stage) -> None:
    """The image of the one stands beside that of the other, and the way back as a command."""
    old = component("back", 1)
    stage.do(lambda: stage.universe.apply(application("two", old)))
    stage.do(lambda: stage.universe.until(lambda: is_ready(stage.universe, "two")))
    new = component("back", 1, image="app:2")
    stage.do(lambda: stage.universe.apply(application("two", new)))
    stage.do(lambda: stage.universe.until(lambda: is_ready(stage.universe, "two")))
    page.goto(stage.url + "/applications/default/two/revisions")
    follow(page, "Compare")
    expect(page).to_have_url(re.compile("compare="))
    expect(page.locator("pre.diff")).to_contain_text("+    - image: app:2")
    expect(page.locator("td code").last).to_contain_text("kubectl argosy rollback two")


def test_an_open_page_follows_and_keeps_the_focus(page: Page, stage: Stage) -> None:
    """What changes is put in its place and told once; whoever stands on a link stays on it."""
    page.goto(stage.url + "/applications/default/bank")
    tab_to(page, "again")
    stage.do(
        lambda: stage.universe.merge(Resource.APPLICATIONS, "bank", {"spec": {"paused": True}})
    )
    expect(page.locator("#part-head")).to_contain_text("paused")
    expect(page.locator(":focus")).to_have_text("again")


def test_whoever_stands_on_a_link_without_a_name_of_its_own_stays_there(
    page: Page, stage: Stage
) -> None:
    """In the list of applications, whose rows change all the time: Tab goes on from there."""
    page.goto(stage.url + "/")
    row = page.locator("tbody tr", has_text="shop").first
    link = row.get_by_role("link", name="Why")
    link.focus()
    where = link.get_attribute("href")
    assert not link.get_attribute("id")
    stage.do(
        lambda: stage.universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"paused": True}})
    )
    try:
        expect(row).to_contain_text("paused")
        assert page.locator(":focus").get_attribute("href") == where
    finally:
        stage.do(
            lambda: stage.universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"paused": False}})
        )


@pytest.mark.parametrize(
    "link", ['a[id="go-default/shop"]', 'a[href^="/why/default/application/shop"]']
)
def test_whoever_stands_on_a_link_that_goes_stands_in_its_place(
    page: Page, stage: Stage, link: str
) -> None:
    """With an id or without one: nobody has to begin anew at the top of the page."""
    page.goto(stage.url + "/")
    page.locator(link).first.focus()
    page.evaluate(
        """link => {
            const text = document.documentElement.outerHTML;
            const news = new DOMParser().parseFromString(text, "text/html");
            news.querySelector(link).remove();
            take(news);
        }""",
        link,
    )
    expect(page.locator(link)).to_have_count(0)
    assert page.locator(FOCUSED).count() == 1


def test_an_open_page_is_not_left_with_a_picture_that_stood_for_a_newer_one(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last change comes while the picture of the one before still stands: it is seen, too."""
    monkeypatch.setattr(board, "STANDS", 10**9)
    # Longer than it takes until the next change is told.
    monkeypatch.setattr(board, "LONGEST_SECONDS", 5.0)
    with staged() as stage:
        context = browser.new_context()
        page = browsers.sign_in(context, stage)
        page.goto(stage.url + "/applications/default/shop")
        row = page.locator("#row-shop-db-0")
        for held in (True, False):
            change = {"spec": {"held": held}}
            stage.do(
                lambda change=change: stage.universe.merge(Resource.SERVERS, "shop-db-0", change)  # type: ignore[misc]  # mypy infers no default of a lambda
            )
            words = expect(row, "the last change is seen")
            (words.to_contain_text if held else words.not_to_contain_text)("held")
        context.close()


@pytest.mark.parametrize("status", [429, 502, 503, 504, 0])
def test_an_open_page_asks_again_where_the_dashboard_could_not_answer(
    page: Page, stage: Stage, status: int
) -> None:
    """More often than changes are told: the last one is seen all the same; 0 is a cut."""
    address = stage.url + "/applications/default/shop"
    page.goto(address)
    row = page.locator("#row-shop-db-1")
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > FAILURES:
            route.continue_()
        elif status:
            route.fulfill(status=status, body="not now")
        else:
            route.abort()

    page.route(address, answer)

    def hold(*, held: bool) -> None:
        change = {"spec": {"held": held}}
        stage.do(lambda: stage.universe.merge(Resource.SERVERS, "shop-db-1", change))

    hold(held=True)
    expect(row).to_contain_text("held")
    assert len(asked) > FAILURES
    page.unroute(address)
    hold(held=False)
    expect(row).not_to_contain_text("held")


def test_a_table_that_was_moved_sideways_stays_so(page: Page, stage: Stage) -> None:
    """On a phone's width: what changes in the table takes away neither place nor focus."""
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # two numbers
    page.goto(stage.url + "/applications/default/shop")
    table = page.locator("#part-component-db .scroll")
    table.focus()
    table.evaluate("each => { each.scrollLeft = 60; }")

    def hold(*, held: bool) -> None:
        change = {"spec": {"held": held}}
        stage.do(lambda: stage.universe.merge(Resource.SERVERS, "shop-db-0", change))

    hold(held=True)
    expect(page.locator("#row-shop-db-0")).to_contain_text("held")
    expect(table).to_be_focused()
    assert table.evaluate("each => each.scrollLeft") == 60
    hold(held=False)


def test_a_new_application_appears_in_the_open_list(page: Page, stage: Stage) -> None:
    """Names that somebody chose to do harm are text, and the page keeps its title."""
    stage.do(lambda: stage.universe.apply(application("late", component("web", 1, image=HOSTILE))))
    expect(page.get_by_role("link", name="late", exact=True)).to_be_visible()
    page.goto(stage.url + "/applications/default/late/revisions")
    expect(page.get_by_text("onerror=alert")).not_to_have_count(0)
    assert page.title() == "Revisions of late · Argosy"


def test_on_a_phone_nothing_but_tables_is_wider_than_the_screen(
    browser: Browser, stage: Stage
) -> None:
    """Tables scroll within themselves; no page has to be moved sideways to be read."""
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]  # two numbers
    page = browsers.sign_in(context, stage)
    for path in PAGES:
        page.goto(stage.url + path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], path
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, stage: Stage, scheme: str) -> None:
    """No page breaks a rule of WCAG 2.2 AA that a program can check, in light and in dark."""
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = browsers.sign_in(context, stage)
    for path in PAGES:
        page.goto(stage.url + path)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}\n{found.generate_report()}"
    context.close()


def test_nothing_that_others_wrote_runs_or_sends_anything(browser: Browser) -> None:
    """On every page: no dialog, no error, no other title, no request that leaves the site."""
    with staged(hostile, writes=True) as taken:
        context = browser.new_context()
        page = browsers.sign_in(context, taken)
        noticed, asked = browsers.overheard(page)
        for path in ATTACKED:
            page.goto(taken.url + path)
            assert page.title().endswith("· Argosy"), path
        gate = taken.running.gate
        secrets = (gate.token, taken.session, gate.form_token())
        assert [each for each in noticed if "status of 4" not in each] == []
        assert len(asked) > len(ATTACKED)
        for each in asked:
            assert each.url.startswith(taken.url + "/")
            sent = each.url + each.headers.get("referer", "")
            assert not any(secret in sent for secret in secrets)
        context.close()


def test_an_open_page_outlives_the_api_server(browser: Browser) -> None:
    """While there is none the page says that it is behind; then it goes on by itself."""
    with staged() as alone:
        context = browser.new_context()
        page = browsers.sign_in(context, alone)
        page.goto(alone.url + "/applications/default/shop")
        expect(page.locator("#part-behind")).to_be_empty()

        async def go(*, down: bool) -> None:
            if down:
                alone.universe.faults.crash()
            else:
                alone.universe.faults.down = False

        alone.do(lambda: go(down=True))
        expect(page.locator("#part-behind")).to_contain_text("may be behind")
        alone.do(lambda: go(down=False))
        expect(page.locator("#part-behind")).to_be_empty()
        alone.do(
            lambda: alone.universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"paused": True}})
        )
        expect(page.locator("#part-head")).to_contain_text("paused")
        context.close()


def test_a_page_whose_session_is_over_says_so(browser: Browser) -> None:
    """When something changes there is the page that lets in, not one that grows old unnoticed."""
    with staged() as alone:
        context = browser.new_context()
        page = browsers.sign_in(context, alone)
        page.goto(alone.url + "/applications/default/shop")
        context.clear_cookies()
        alone.do(
            lambda: alone.universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"paused": True}})
        )
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        context.close()


def test_a_page_whose_dashboard_has_ended_says_so(browser: Browser) -> None:
    """Nobody takes what was shown an hour ago for what is."""
    with staged() as alone:
        context = browser.new_context()
        page = browsers.sign_in(context, alone)
        page.goto(alone.url + "/applications/default/shop")
        behind = page.locator("#part-behind")
        expect(page.locator("#part-head")).to_be_visible()
        # As if the process were gone: nothing is answered any more.
        context.set_offline(True)
        alone.do(cut)
        expect(behind).to_contain_text("the dashboard does not answer")
        expect(page.locator("#said")).to_contain_text("the dashboard does not answer")
        context.close()


async def cut() -> None:
    """End every connection to the dashboard, as its end would."""
    for each in asyncio.all_tasks():
        if "RequestHandler.start" in str(each.get_coro()):
            each.cancel()


VOICES = """() => [...document.querySelectorAll("[aria-live], [role=status], [role=log]")]
    .map((each) => [each.id, each.getAttribute("aria-live")])"""
# Of each table that is shown: its name, and how many of its columns and rows have a header.
TABLES = """() => [...document.querySelectorAll("main table")].map((table) => [
    table.caption?.textContent ?? "",
    table.querySelectorAll("thead th[scope=col]").length === table.tHead.rows[0].cells.length,
    [...table.tBodies[0].rows].every((row) => row.querySelector("th[scope=row]") ||
        row.querySelector("td[colspan]") || table.closest("[data-headless]")),
])"""


def test_every_page_has_one_polite_voice_and_every_table_its_headers(
    page: Page, stage: Stage
) -> None:
    """What changes is told by one live region; each column and each row is named."""
    tables = 0
    for path in PAGES:
        page.goto(stage.url + path)
        assert page.evaluate(VOICES) == [["said", "polite"]], path
        for caption, columns, rows in page.evaluate(TABLES):
            assert (bool(caption), columns, rows) == (True, True, True), f"{path}: {caption}"
            tables += 1
    assert tables >= len(PAGES) / 2


def test_no_state_is_told_by_colour_alone(page: Page, stage: Stage) -> None:
    """Each state and each verdict has its word and its own sign."""
    signs: dict[str, set[str]] = {}
    for path in PAGES[:4]:
        page.goto(stage.url + path)
        for each in page.locator("main .state, main .verdict").all():
            sign, _, word = each.inner_text().strip().partition(" ")
            assert sign in "●✗◐○□◌", path
            assert word.strip(), path
            signs.setdefault(sign, set()).add(word.strip())
    assert not {word for word in signs["●"] if "ot ready" in word or "failed" in word}
    assert {"failed", "unready"} & set(signs["✗"])


# How rows look in the moment in which they are marked, by their ids; `html` is told of each.
WATCHED = """
window.looks = {};
new MutationObserver(() => {
  for (const row of document.querySelectorAll("tr.changed")) {
    const style = getComputedStyle(row);
    window.looks[row.id] = [style.animationName, style.boxShadow];
  }
  document.documentElement.dataset.marked = Object.keys(window.looks).join(" ");
}).observe(document, { childList: true, subtree: true });
"""


def test_what_changed_is_marked_and_moves_nothing_for_whoever_asks_for_rest(
    browser: Browser, stage: Stage
) -> None:
    """A row that has changed is marked, by a fading ground, or a still bar where motion is off."""
    held = False
    for motion, still in (("no-preference", False), ("reduce", True)):
        context = browser.new_context(reduced_motion="reduce" if still else "no-preference")
        context.add_init_script(WATCHED)
        page = browsers.sign_in(context, stage)
        page.goto(stage.url + "/applications/default/shop")
        held = not held
        change = {"spec": {"held": held}}
        stage.do(lambda change=change: stage.universe.merge(Resource.SERVERS, "shop-db-0", change))  # type: ignore[misc]  # mypy infers no default of a lambda
        expect(page.locator("html[data-marked~='row-shop-db-0']")).to_be_attached()
        name, shadow = page.evaluate("window.looks['row-shop-db-0']")
        assert (name == "none", shadow != "none") == (still, still), motion
        moves = """() => [...document.querySelectorAll("*")].filter((each) => {
            const style = getComputedStyle(each);
            return style.animationName !== "none" || style.transitionDuration !== "0s";
        }).length"""
        assert not still or page.evaluate(moves) == 0
        context.close()


# Takes the page as it first was, but with a word more in each of these rows.
TAKEN = """async (rows) => {
  window.text ??= await (await fetch(location.href)).text();
  const page = new DOMParser().parseFromString(window.text, "text/html");
  for (const each of rows) page.getElementById("row-" + each).lastElementChild.append("!");
  take(page);
  return [...document.querySelectorAll("tr.changed")].map((row) => row.id.slice("row-".length));
}"""


def test_a_mark_stays_for_its_time_whatever_else_is_told(browser: Browser, stage: Stage) -> None:
    """It outlives a page with nothing new in it and another row's change, and is gone after that.

    Rows that stayed as they were are not marked.
    """
    context = browser.new_context()
    # Nothing is told but by the test, and no time passes.
    context.add_init_script("window.EventSource = class {};")
    page = browsers.sign_in(context, stage)
    page.clock.install(time=0)
    page.goto(stage.url + "/applications/default/shop")
    page.clock.pause_at(3_600)
    page.evaluate(TAKEN, [])
    page.clock.fast_forward(5_000)
    first, second, third = "shop-web-0", "shop-web-2", "shop-web-1"
    assert page.evaluate(TAKEN, [first]) == [first]
    node = page.locator(f"#row-{first}").element_handle()
    assert page.evaluate(TAKEN, [first]) == [first]
    assert node.evaluate("each => each.isConnected"), "what did not change was drawn anew"
    page.clock.fast_forward(1_500)
    assert page.evaluate(TAKEN, [first, second]) == [first, second]
    assert page.locator(f"#row-{first}").evaluate("each => each.style.animationDelay") == "-1500ms"
    page.clock.fast_forward(1_500)
    assert sorted(page.evaluate(TAKEN, [first, second, third])) == sorted([second, third])
    context.close()


def test_the_timeline_has_a_table_that_tells_what_its_bars_show(page: Page, stage: Stage) -> None:
    """Bars are hidden from whoever hears the page; the table has a row for each, and the times."""
    page.goto(stage.url + "/applications/default/bank/timeline")
    bars = page.locator("ol.times")
    expect(bars).to_have_attribute("aria-hidden", "true")
    table = page.get_by_role("table", name="Operations, the latest first")
    assert bars.locator("li").count() == table.locator("tbody tr").count() > 0
    for number, bar in enumerate(bars.locator("li").all()):
        row = table.locator("tbody tr").nth(number)
        name, _, action = bar.locator(".when").inner_text().partition(" · ")
        expect(row).to_contain_text(name)
        expect(row).to_contain_text(action)
        assert row.locator("time").count() > 0


def test_the_focus_is_seen_wherever_it_is(page: Page, stage: Stage) -> None:
    """Whoever goes by keyboard sees where they are, on every link, button and field of a page."""
    page.goto(stage.url + "/applications/default/shop")
    seen = 0
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if not focused.count():
            break
        shown = focused.evaluate(
            "each => [getComputedStyle(each).outlineStyle, each.getBoundingClientRect().width]"
        )
        assert shown[0] != "none", focused.evaluate("each => each.outerHTML")
        assert shown[1] > 1
        seen += 1
    assert seen > 10
