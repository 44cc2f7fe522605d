"""What people come to the dashboard for, each by mouse, by keyboard alone, without JavaScript."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from controller.api.resources import Resource
from controller.kube import api as kube
from fakes.universe import Universe, application, component, operation
from tests.dashboard import browser as browsers
from tests.dashboard import people
from tests.dashboard.built import BROKEN, building
from tests.dashboard.people import KEYBOARD, PLAIN, WAYS, Person
from tests.dashboard.stage import Stage, is_ready, staged

pytestmark = pytest.mark.browser

FLEET = 10_000
ILL = "fleet-web-7777"
REMEDY = "kubectl describe pod fleet-web-7777"
LONG = ["sleep"]


class Commands:
    """What commands in containers come to: some never end, some fail until they are mended."""

    def __init__(self) -> None:
        self.mended: set[str] = set()

    async def __call__(self, _: str, pod: str, command: Sequence[str]) -> kube.ExecResult:
        """Run a command of a step."""
        if [*command] == LONG:
            await asyncio.Event().wait()
        failed = [*command] == ["migrate"] and pod.split("-")[1] not in self.mended
        return kube.ExecResult(exit_code=1 if failed else 0, stderr=b"no such table")


COMMANDS = Commands()


async def busy(universe: Universe) -> None:
    """Make an application for each way, with two revisions, and operations on it."""
    universe.server.on_exec = COMMANDS
    for way in WAYS:
        await universe.apply(application(f"shop-{way}", component("web", 2)))
    for way in WAYS:
        await universe.until(lambda way=way: is_ready(universe, f"shop-{way}"))  # type: ignore[misc]  # mypy infers no default of a lambda
        await universe.apply(application(f"shop-{way}", component("web", 2, image="app:2")))
    for way in WAYS:
        await universe.until(lambda way=way: is_ready(universe, f"shop-{way}"))  # type: ignore[misc]  # as above
        await universe.apply(steps(way, "upgrade", "drain", "migrate"))
    for way in WAYS:
        await universe.until(lambda way=way: has_ended(universe, f"upgrade-{way}"))  # type: ignore[misc]  # as above


def steps(way: str, name: str, *commands: str) -> dict[str, Any]:
    """Return an operation of commands that are not tried twice."""
    return operation(
        f"{name}-{way}", f"shop-{way}", "Steps",
        steps=[{"name": each, "exec": {"command": [each]}} for each in commands],
        recovery={"attempts": 1}, cancelGraceSeconds=0,
    )  # fmt: skip


def has_ended(universe: Universe, name: str) -> bool:
    """Return whether an operation has."""
    return "completionTime" in universe.get(Resource.OPERATIONS, name).get("status", {})


async def huge(universe: Universe) -> None:
    """Make ten thousand servers of which one is ill, among applications that are well."""
    await universe.process.kill()
    for name in ("bank", "fleet", "mail"):
        await universe.apply(application(name, component("web", FLEET if name == "fleet" else 1)))
    create, put = universe.server.registry.create, universe.server.registry.set_status
    labels = {"argosy.dev/application": "fleet", "argosy.dev/component": "web"}
    for number in range(FLEET):
        name = f"fleet-web-{number}"
        spec = {"application": "fleet", "component": "web", "ordinal": number, "revision": "r1"}
        meta = {"name": name, "namespace": "default", "labels": labels}
        body = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Server", "metadata": meta}
        create(Resource.SERVERS, "default", {**body, "spec": {**spec, "fleet": "pods"}})
        put(Resource.SERVERS, ("default", name), status(well=name != ILL), actor="test")
    for name in ("bank", "fleet", "mail"):
        told = {"conditions": conditions(well=name != "fleet"), "observedGeneration": 1}
        put(Resource.APPLICATIONS, ("default", name), told, actor="test")


def conditions(*, well: bool) -> list[dict[str, Any]]:
    """Return how something stands that is well, or has failed."""
    stamp = {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}
    if well:
        return [{"type": "Ready", "status": "True", "reason": "Available", "message": "", **stamp}]
    why = {"reason": "ImagePullBackOff", "message": "the image app:9 does not exist", **stamp}
    return [
        {"type": "Ready", "status": "False", **why},
        {"type": "Stalled", "status": "True", **why},
    ]


def status(*, well: bool) -> dict[str, Any]:
    """Return the status of a server."""
    waits = {"object": f"Pod/{ILL}", "reason": "ImagePullBackOff", "message": "no such image"}
    return {
        "observedGeneration": 1, "conditions": conditions(well=well), "revision": "r1",
        "incarnation": 1, "power": "Running", "provider": {"zone": "a"},
        "blockedBy": [] if well else [{**waits, "remedy": REMEDY}],
    }  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Lend the browser of all tasks."""
    with browsers.opened() as found:
        yield found


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Lend a dashboard that may act, on a cluster at work."""
    with staged(busy, writes=True) as found:
        yield found


@pytest.fixture(scope="module")
def fleet() -> Iterator[Stage]:
    """Lend a dashboard that shows ten thousand servers."""
    with staged(huge) as found:
        yield found


@pytest.fixture(scope="module")
def yard() -> Iterator[Stage]:
    """Lend a dashboard that shows an application which is built."""
    with staged(building) as found:
        yield found


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Return how the person goes about it."""
    return str(request.param)


@pytest.fixture
def visitor(browser: Browser, fleet: Stage, way: str) -> Iterator[Person]:
    """Lend somebody who looks at the fleet."""
    with people.person(browser, fleet, way) as found:
        yield found


@pytest.fixture
def someone(browser: Browser, stage: Stage, way: str) -> Iterator[Person]:
    """Lend somebody who may act."""
    with people.person(browser, stage, way) as found:
        yield found


def test_what_is_wrong_is_found_read_and_copied_in_a_fleet_of_ten_thousand(
    visitor: Person,
) -> None:
    """From the list, by one count, to the server, its reason, and the command that helps."""
    page = visitor.page
    expect(page.locator("tbody tr").first).to_contain_text("fleet")
    visitor.follow("fleet")
    expect(page.get_by_role("row", name="web-7777")).to_contain_text("ImagePullBackOff")
    visitor.follow("1 failed in a")
    expect(page.get_by_text("Only servers that are failed in a: 1.")).to_be_visible()
    visitor.follow("web-7777")
    expect(page.locator("main")).to_contain_text("the image app:9 does not exist")
    shown = page.locator("code", has_text=REMEDY).first
    expect(shown).to_be_visible()
    if visitor.way == PLAIN:
        # Whoever has no script selects the text: it stands there whole.
        assert shown.inner_text() == REMEDY
        return
    visitor.follow(f"Copy {REMEDY}")
    expect(page.locator("#said")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == REMEDY


def test_two_revisions_are_compared_and_one_is_rolled_back_to(someone: Person) -> None:
    """First the difference, then what would come of it, then one button; the way back is seen."""
    page, name = someone.page, f"shop-{someone.way}"
    someone.follow(name)
    someone.follow("Revisions")
    someone.follow("Compare")
    expect(page).to_have_url(re.compile("compare="))
    lines = someone.text(page.locator("pre.diff"))
    assert "- - image: app:1" in lines
    assert "+ - image: app:2" in lines
    someone.follow("Roll back…")
    expect(page.get_by_role("heading", name="Consequences")).to_be_visible()
    expect(page.get_by_text(f"Servers: 2: {name}-web-0, {name}-web-1.")).to_be_visible()
    expect(page.locator("pre.diff")).to_contain_text("action: RollBack")
    someone.follow(f"Roll back {name}")
    expect(page.locator(".done")).to_have_text("Roll back: it was asked for.")
    someone.sees("#part-operation", "Completed")


def test_a_rollout_is_seen_as_it_goes(someone: Person, stage: Stage) -> None:
    """Server by server the revision becomes another, and nobody loads the page anew for it."""
    name = f"shop-{someone.way}"
    someone.open(f"/applications/default/{name}")
    before = someone.page.locator("tbody tr td:last-child code").last.inner_text()
    number = next(_NUMBERS)
    made = application(name, component("web", 2, image=f"app:{number}"))
    stage.do(lambda: stage.universe.apply(made))
    stage.do(lambda: stage.universe.until(lambda: is_ready(stage.universe, name)))
    told = stage.universe.get(Resource.APPLICATIONS, name)["status"]["components"]
    after = told[0]["revision"]
    assert after != before
    for server in ("web-0", "web-1"):
        someone.sees(f"#row-{name}-{server}", after)
    someone.sees("#part-head", "2/2 available")


_NUMBERS = itertools.count(10)


def test_an_operation_is_followed_and_cancelled(someone: Person, stage: Stage) -> None:
    """Its step and its servers are seen; one link and one button end it."""
    page, way = someone.page, someone.way
    stage.do(lambda: stage.universe.apply(steps(way, "long", *LONG)))
    someone.open(f"/operations/default/long-{way}")
    someone.sees("#part-operation", "Running")
    row = page.get_by_role("row", name=LONG[0])
    expect(row).to_contain_text("0")
    someone.follow("Cancel…")
    expect(page.locator("pre.diff")).to_contain_text("+cancelled: true")
    someone.follow(f"Cancel long-{way}")
    expect(page.locator(".done")).to_have_text("Cancel: it was asked for.")
    someone.sees("#part-operation", "Cancelled")
    assert stage.universe.get(Resource.OPERATIONS, f"long-{way}")["spec"]["cancelled"] is True


def test_an_operation_that_failed_is_retried_from_a_step(someone: Person, stage: Stage) -> None:
    """The failure and its step are read, what it would go on with is told, and it succeeds."""
    page, name = someone.page, f"upgrade-{someone.way}"
    someone.open(f"/operations/default/{name}")
    expect(page.get_by_role("table", name="Servers on which")).to_contain_text("migrate")
    COMMANDS.mended.add(someone.way)
    someone.follow("Retry from here… migrate")
    expect(page.get_by_text("The operation goes on with")).to_be_visible()
    expect(page.locator("pre.diff")).to_contain_text("from: migrate")
    someone.follow(f"Retry {name}")
    expect(page.locator(".done")).to_have_text("Retry: it was asked for.")
    someone.sees("#part-operation", "Completed")
    spec = stage.universe.get(Resource.OPERATIONS, name)["spec"]
    assert spec["retry"] == {"id": "2", "from": "migrate"}


def test_a_change_is_previewed(someone: Person, stage: Stage) -> None:
    """The text of what is there is edited; the rounds are told, and nothing is changed."""
    page, name = someone.page, f"shop-{someone.way}"
    someone.open(f"/applications/default/{name}")
    someone.follow("Preview a change")
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()
    text = page.get_by_label("Applications, as YAML").input_value()
    before = stage.universe.get(Resource.APPLICATIONS, name)["spec"]
    someone.write("Applications, as YAML", text.replace("replicas: 2", "replicas: 4"))
    someone.follow("Show what would happen")
    expect(page.get_by_text("Servers: 2 to create, 0 to replace")).to_be_visible()
    assert stage.universe.get(Resource.APPLICATIONS, name)["spec"] == before


def test_an_application_is_scaled(someone: Person) -> None:
    """The number is written, the servers that come are named, and then they come."""
    page, name = someone.page, f"shop-{someone.way}"
    someone.open(f"/applications/default/{name}")
    someone.follow("Scale…")
    someone.write("Servers", "3")
    someone.follow("Show what would happen")
    expect(page.get_by_text(f"create {name}-web-2")).to_be_visible()
    someone.follow(f"Scale {name}")
    expect(page.locator(".done")).to_have_text("Scale: it was asked for.")
    someone.sees("#part-head", "3/3 available")


def test_the_line_of_a_build_that_failed_is_found(browser: Browser, yard: Stage, way: str) -> None:
    """From the application, which is Ready all the while, to the Build, its phase and its line."""
    with people.person(browser, yard, way) as someone:
        page = someone.page
        someone.follow("yard")
        expect(page.locator("#part-head")).to_contain_text("Ready")
        someone.follow("Revisions")
        row = page.get_by_role("row", name="yard-web-b2")
        expect(row).to_contain_text(BROKEN[:12])
        expect(row).to_contain_text("Failed")
        someone.follow("yard-web-b2")
        expect(page.get_by_role("table", name="Phases")).to_contain_text("main.c:3: error")
        expect(page.get_by_role("heading", name="Last lines")).to_be_visible()
        assert Axe().run(page).violations_count == 0 if way != PLAIN else True
        someone.follow("Why it is so")
        expect(page.locator("main")).to_contain_text("main.c:3: error")


def test_whoever_changes_their_mind_leaves_it(someone: Person, stage: Stage) -> None:
    """The way back stands beside the button, and nothing was done."""
    name = f"shop-{someone.way}"
    someone.open(f"/acts/delete/default/application/{name}")
    expect(someone.page.locator("main")).to_contain_text(f"delete {name}-web-0")
    someone.follow("Leave it")
    expect(someone.page.get_by_role("heading", name=f"default/{name}")).to_be_visible()
    assert "deletionTimestamp" not in stage.universe.get(Resource.APPLICATIONS, name)["metadata"]


def test_operations_stand_in_time_on_a_phone(browser: Browser, stage: Stage) -> None:
    """Bars for whoever sees them, a table for everybody, and no page wider than the screen."""
    with people.person(browser, stage, KEYBOARD) as found:
        found.page.set_viewport_size({"width": 320, "height": 640})
        found.open("/applications/default/shop-mouse/timeline")
        table = found.page.get_by_role("table", name="Operations, the latest first")
        expect(table).to_contain_text("upgrade-mouse")
        assert found.page.locator("svg.time").count() == table.locator("tbody tr").count()
        assert found.page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_that_act(
    browser: Browser, stage: Stage, scheme: str
) -> None:
    """Nor is any of them wider than a phone; buttons and diffs are read in light and in dark."""
    mine = "default/application/shop-mouse"
    with people.person(browser, stage, KEYBOARD) as found:
        found.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        found.page.set_viewport_size({"width": 320, "height": 640})
        for path in (
            "/applications/default/shop-mouse",
            "/applications/default/shop-mouse/revisions",
            "/applications/default/shop-mouse/timeline",
            "/operations/default/upgrade-mouse",
            "/why/default/server/shop-mouse-web-0",
            f"/acts/scale/{mine}",
            f"/acts/scale/{mine}?component=web&replicas=5",
            f"/acts/scale/{mine}?component=web&replicas=x",
            f"/acts/delete/{mine}",
            f"/acts/restart/{mine}",
        ):
            found.open(path)
            told = Axe().run(found.page)
            assert told.violations_count == 0, f"{path}\n{told.generate_report()}"
            assert found.page.evaluate("document.documentElement.scrollWidth") <= 320, path
