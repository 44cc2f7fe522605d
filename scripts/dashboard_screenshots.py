"""Take the screenshots of the dashboard that the pages show: a living cluster in a real browser.

    python -m devcluster up --nodes 5 && python -m devcluster operator
    eval "$(python -m devcluster env)" && python -m scripts.dashboard_screenshots

The application is that of `screenshots`, with a second operation that waits and a fleet beside it.
Each page is taken in light and in dark, some on a phone as well. A Build needs a registry and real
containers: as root, its page is taken on a real node of its own, which comes up and goes again.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml
from playwright.sync_api import Browser, Page, sync_playwright

from controller.dashboard import part
from devcluster import forge
from scripts import screenshots
from tests.dashboard import browser as browsers
from tests.e2e import sites
from tests.e2e.shops import Shop, builders, rooms_of

SIZE = {"width": 960, "height": 760}
PHONE = {"width": 390, "height": 760}
SCHEMES = ("light", "dark")
LISTENING = re.compile(r"listens on port (\d+)")
PAGES = {
    "application": "/applications/{0}/shop",
    "why": "/why/{0}/server/shop-web-13",
    "act": "/acts/scale/{0}/application/shop?component=web&replicas=24",
    "timeline": "/applications/{0}/shop/timeline",
    "fleets": "/fleets",
}
ON_A_PHONE = ("application", "timeline")
NAME = "dashboard"
FLEET = {
    "apiVersion": "argosy.dev/v1alpha1",
    "kind": "Fleet",
    "metadata": {"name": "edge"},
    "spec": {
        "provider": "pod",
        "limits": {"concurrentCalls": 20, "callsPerSecond": 50},
        "failureDomains": [{"name": each} for each in ("north", "south", "west")],
    },
}


def main() -> None:
    """Start the dashboards on the application, and take every page of them."""
    words = ["dashboard", "--no-browser", "--writes", "-n", screenshots.NAMESPACE]
    with screenshots.living(), _fleet(), sync_playwright() as playwright:
        screenshots.argosy("restart", "shop", "-c", "db", "--name", "restart-again", "--detach")
        browser = browsers.start(playwright)
        with _started(words, sites.ADDRESS) as found:
            _take(browser, found[0], found["url"])
        with _account() as config:
            many = ["serve-dashboard", "--namespaces", screenshots.NAMESPACE, "--port", "0"]
            with _started([*many, "--kubeconfig", str(config)], LISTENING) as found:
                _entrance(browser, f"http://127.0.0.1:{found[1]}")
        browser.close()
    if os.geteuid() == 0:
        _build()


def _build() -> None:
    """Take the page of a Build whose commit does not compile, on a real node."""
    with tempfile.TemporaryDirectory() as folder, builders(Path(folder)) as place:
        cluster = place.cluster
        if cluster is None:
            raise RuntimeError("no cluster came up")
        for room in rooms_of(place):
            shop = Shop(place, forge.start(cluster), room)
            shop.commit("one")
            shop.app.apply()
            shop.wait_pages("one")
            shop.commit("broken")
            shop.ask()
            shop.wait_end(2, "Failed")
            with (
                sites.started(cluster.kubeconfig, room.namespace) as site,
                browsers.opened() as browser,
            ):
                page = browsers.sign_in(browser.new_context(viewport=SIZE), site)  # type: ignore[arg-type]  # two numbers
                _shoot(page, "build", f"{site.url}/builds/{room.namespace}/shop-web-b2")


@contextlib.contextmanager
def _account() -> Iterator[Path]:
    """Lend the kubeconfig of an account that may follow what a dashboard for many shows."""
    space = ("--namespace", screenshots.NAMESPACE)
    kinds = ",".join(f"{each}.argosy.dev" for each in part.SHOWN)
    screenshots.kubectl("create", "serviceaccount", NAME, *space)
    screenshots.kubectl(
        "create", "role", NAME, "--verb=get,list,watch", f"--resource={kinds}", *space
    )
    who = f"--serviceaccount={screenshots.NAMESPACE}:{NAME}"
    screenshots.kubectl("create", "rolebinding", NAME, f"--role={NAME}", who, *space)
    known = yaml.safe_load(_asked("config", "view", "--minify", "--raw", "--output=yaml"))
    token = _asked("create", "token", NAME, *space).strip()
    for each in known["users"]:
        each["user"] = {"token": token}
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "config"
        made.touch(mode=0o600)
        made.write_text(yaml.safe_dump(known))
        yield made


def _asked(*words: str) -> str:
    argv = ["kubectl", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@contextlib.contextmanager
def _fleet() -> Iterator[None]:
    given = yaml.safe_dump(FLEET)
    screenshots.kubectl("apply", "--server-side", "-f", "-", given=given)
    try:
        yield
    finally:
        screenshots.kubectl("delete", "-f", "-", given=given, check=False)


@contextlib.contextmanager
def _started(words: list[str], said: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Lend what a command of ours says in its first lines."""
    argv = [sys.executable, "-m", "controller", *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as running:
        try:
            for line in itertools.islice(running.stdout or (), 2):
                if found := said.search(line):
                    yield found
                    return
            raise RuntimeError(f"{words[0]} did not say where it is")
        finally:
            running.terminate()


def _take(browser: Browser, address: str, url: str) -> None:
    page: Page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]  # two numbers
    page.goto(address)
    page.get_by_role("heading", name="Applications").wait_for()
    for name, path in PAGES.items():
        _shoot(page, name, url + path.format(screenshots.NAMESPACE))
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # as above
    for name in ON_A_PHONE:
        _shoot(page, f"{name}-phone", url + PAGES[name].format(screenshots.NAMESPACE))
    page.set_viewport_size(SIZE)  # type: ignore[arg-type]  # as above
    page.goto(f"{url}/preview?application={screenshots.NAMESPACE}/shop")
    text = page.get_by_label("Applications, as YAML")
    text.fill(text.input_value().replace("web:1", "web:2").replace("replicas: 20", "replicas: 24"))
    page.get_by_role("button", name="Show what would happen").click()
    page.locator("#preview-1").evaluate("each => each.scrollIntoView()")
    _shoot(page, "preview")


def _entrance(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport={"width": SIZE["width"], "height": 300})
    _shoot(page, "entrance", url)


def _shoot(page: Page, name: str, address: str = "") -> None:
    """Take a page in light and in dark: one that is gone to, or the one that is shown."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        if address:
            page.goto(address)
        file = screenshots.FOLDER / f"dashboard-{name}-{scheme}.png"
        page.screenshot(path=file)
        print(f"wrote {file.name}: {file.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
