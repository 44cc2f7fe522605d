"""What people come to the dashboard for, on a living cluster: API server, operator and browser.

The same tasks are played on a cluster in memory by `tests/dashboard/test_tasks.py`, which has ten
thousand servers; the line of a failed Build is found on a real node, in `test_real_builds.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from controller.api.resources import Resource
from devcluster import controlplane, operator
from tests.dashboard import browser as browsers
from tests.dashboard import people
from tests.dashboard.people import KEYBOARD, MOUSE, PLAIN, Person
from tests.e2e import conftest, sites
from tests.e2e.driving import App, Kube, Place, component
from tests.e2e.sites import Site

pytestmark = pytest.mark.browser

WAYS = (MOUSE, KEYBOARD, PLAIN)
SERVERS, ILL = 210, "fleet-web-77"
SETTINGS = controlplane.Settings(nodes=3, audit="full", local_exec=True)
# Commands run in a folder of the cluster's: what is there decides how they end.
LONG = ["sh", "-c", "while [ ! -e over ]; do sleep 1; done"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose fake pods run commands, and an operator."""
    with conftest.cluster_of_its_own(tmp_path_factory.mktemp("living"), SETTINGS) as one:
        operator.run(one)
        yield Place(api=one.client, cluster=one)
        (one.dir / "exec" / "over").touch()


@pytest.fixture(scope="module")
def kube(place: Place) -> Iterator[Kube]:
    """A namespace in which everybody has an application with two revisions and a failed upgrade.

    Beside them, one of many servers is ill.
    """
    for made in conftest.namespace_of(place):
        hooks = {"outcome": "fail", "only": ILL}
        made.app(component(replicas=SERVERS, hooks=hooks), name="fleet").apply()
        shops = [made.app(component(replicas=2), name=f"shop-{way}") for way in WAYS]
        for each in shops:
            each.apply()
        for each in shops:
            each.wait_ready()
            upgrade(each, "app:2")
        for each, way in zip(shops, WAYS, strict=True):
            each.wait_ready()
            submit(made, way, "upgrade", drain=["true"], migrate=["test", "-e", f"mended-{way}"])
        for way in WAYS:
            wait_end(made, f"upgrade-{way}")
        yield made


@pytest.fixture(scope="module")
def site(place: Place, kube: Kube) -> Iterator[Site]:
    """The dashboard of somebody who may do everything."""
    assert place.cluster is not None
    with sites.started(place.cluster.kubeconfig, kube.namespace, "--writes") as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Lend a browser."""
    with browsers.opened() as found:
        yield found


@pytest.fixture(params=WAYS)
def someone(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Person]:
    """Lend somebody who goes about it in one of the ways."""
    with people.person(browser, site, str(request.param)) as found:
        yield found


def upgrade(app: App, image: str) -> None:
    """Change the image of an application."""
    app.set_image(image)
    app.apply()


def submit(kube: Kube, way: str, name: str, **commands: list[str]) -> None:
    """Ask for an operation of commands that are not tried twice."""
    steps = [{"name": step, "exec": {"command": each}} for step, each in commands.items()]
    spec = {
        "application": f"shop-{way}", "action": "Steps", "steps": steps,
        "recovery": {"attempts": 1}, "cancelGraceSeconds": 0,
    }  # fmt: skip
    kube.create(Resource.OPERATIONS, {"metadata": {"name": f"{name}-{way}"}, "spec": spec})


def wait_end(kube: Kube, name: str) -> None:
    """Wait until an operation has ended."""

    def ended() -> bool:
        found = kube.get(Resource.OPERATIONS, name) or {}
        return "completionTime" in found.get("status", {})

    kube.wait_until(f"{name} has ended", ended)


def test_what_is_wrong_is_found_and_its_remedy_is_copied(someone: Person) -> None:
    """From the list, by one count, to the server, its reason, and the command that helps."""
    page = someone.page
    someone.sees("#part-list tbody tr:first-child", "fleet")
    someone.follow("fleet")
    someone.sees("main", "1 failed")
    someone.follow("1 failed in")
    expect(page.get_by_text("Only servers that are failed in")).to_be_visible()
    someone.follow("web-77", whole=True)
    main = page.locator("main")
    expect(page.get_by_role("heading", name=f"{ILL} is so")).to_be_visible()
    expect(main).to_contain_text("exited with 1")
    remedy = main.locator("code", has_text=ILL).first.inner_text()
    assert re.match(r"kubectl [a-z]+ ", remedy), remedy
    if someone.way == PLAIN:
        # Whoever has no script selects the text: it stands there whole.
        return
    someone.follow(f"Copy {remedy}")
    expect(page.locator("#said")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == remedy


def test_two_revisions_are_compared_and_one_is_rolled_back_to(someone: Person) -> None:
    """First the difference, then what would come of it, then one button; the way back is seen."""
    page, name = someone.page, f"shop-{someone.way}"
    someone.follow(name)
    someone.follow("Revisions")
    someone.follow("Compare")
    expect(page).to_have_url(re.compile("compare="))
    expect(page.locator("pre.diff")).to_contain_text("app:1")
    expect(page.locator("pre.diff")).to_contain_text("app:2")
    someone.follow("Roll back…")
    expect(page.get_by_role("heading", name="Consequences")).to_be_visible()
    expect(page.get_by_text(f"Servers: 2: {name}-web-0, {name}-web-1.")).to_be_visible()
    someone.follow(f"Roll back {name}")
    expect(page.locator(".done")).to_have_text("Roll back: it was asked for.")
    someone.sees("#part-operation", "Completed")


def test_a_rollout_is_seen_as_it_goes(someone: Person, kube: Kube) -> None:
    """Server by server the revision becomes another, and nobody loads the page anew for it."""
    name = f"shop-{someone.way}"
    someone.open(f"/applications/{kube.namespace}/{name}")
    app = kube.app(component(replicas=2, image="app:3"), name=name)
    before = app.counts()["revision"]
    app.apply()
    app.wait_ready()
    after = app.counts()["revision"]
    assert after != before
    for server in ("web-0", "web-1"):
        someone.sees(f"#row-{name}-{server}", after)
    someone.sees("#part-head", "2/2 available")


def test_an_operation_is_followed_and_cancelled(someone: Person, kube: Kube) -> None:
    """Its step and its servers are seen; one link and one button end it."""
    way = someone.way
    submit(kube, way, "long", wait=LONG)
    someone.open(f"/operations/{kube.namespace}/long-{way}")
    someone.sees("#part-operation", "Running")
    someone.follow("Cancel…")
    expect(someone.page.locator("pre.diff")).to_contain_text("+cancelled: true")
    someone.follow(f"Cancel long-{way}")
    expect(someone.page.locator(".done")).to_have_text("Cancel: it was asked for.")
    someone.sees("#part-operation", "Cancelled")


def test_an_operation_that_failed_is_retried_from_a_step(
    someone: Person, kube: Kube, place: Place
) -> None:
    """The failure and its step are read, what it would go on with is told, and it succeeds."""
    assert place.cluster is not None
    page, name = someone.page, f"upgrade-{someone.way}"
    someone.open(f"/operations/{kube.namespace}/{name}")
    expect(page.get_by_role("table", name="Servers on which")).to_contain_text("migrate")
    (place.cluster.dir / "exec" / f"mended-{someone.way}").touch()
    someone.follow("Retry from here… migrate")
    expect(page.get_by_text("The operation goes on with")).to_be_visible()
    someone.follow(f"Retry {name}")
    expect(page.locator(".done")).to_have_text("Retry: it was asked for.")
    someone.sees("#part-operation", "Completed")


def test_a_change_is_previewed(someone: Person, kube: Kube) -> None:
    """The text of what is there is edited; the rounds are told, and nothing is changed."""
    page, name = someone.page, f"shop-{someone.way}"
    someone.open(f"/applications/{kube.namespace}/{name}")
    someone.follow("Preview a change")
    text = page.get_by_label("Applications, as YAML").input_value()
    before = (kube.get(Resource.APPLICATIONS, name) or {})["spec"]
    someone.write("Applications, as YAML", text.replace("replicas: 2", "replicas: 4"))
    someone.follow("Show what would happen")
    expect(page.get_by_text("Servers: 2 to create, 0 to replace")).to_be_visible()
    assert (kube.get(Resource.APPLICATIONS, name) or {})["spec"] == before
