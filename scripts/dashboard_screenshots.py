"""Take the screenshots of the dashboard that the pages show: a living cluster in a real browser.

    python -m devcluster up --nodes 5 && python -m devcluster operator
    eval "$(python -m devcluster env)" && python -m scripts.dashboard_screenshots

The application is that of `screenshots`. Each page is taken in light and in dark.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys

from playwright.sync_api import Browser, Page, sync_playwright

from scripts import screenshots
from tests.dashboard import browser as browsers

SIZE = {"width": 960, "height": 760}
SCHEMES = ("light", "dark")
ADDRESS = re.compile(r"(?P<url>http://127\.0\.0\.1:\d+)/#token=\S+")
PAGES = {
    "application": "/applications/{0}/shop",
    "why": "/why/{0}/server/shop-web-13",
    "act": "/acts/scale/{0}/application/shop?component=web&replicas=24",
}


def main() -> None:
    """Start the dashboard on the application, and take every page of it."""
    words = ["dashboard", "--no-browser", "--writes", "-n", screenshots.NAMESPACE]
    argv = [sys.executable, "-m", "controller", *words]
    with (
        screenshots.living(),
        subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as running,
        sync_playwright() as playwright,
    ):
        try:
            said = "".join(itertools.islice(running.stdout or (), 2))
            found = ADDRESS.search(said)
            if found is None:
                raise RuntimeError(f"the dashboard did not say where it is: {said}")
            _take(browsers.start(playwright), found[0], found["url"])
        finally:
            running.terminate()


def _take(browser: Browser, address: str, url: str) -> None:
    page: Page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]  # two numbers
    page.goto(address)
    page.get_by_role("heading", name="Applications").wait_for()
    for name, path in PAGES.items():
        for scheme in SCHEMES:
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.goto(url + path.format(screenshots.NAMESPACE))
            file = screenshots.FOLDER / f"dashboard-{name}-{scheme}.png"
            page.screenshot(path=file)
            print(f"wrote {file.name}: {file.stat().st_size // 1024} KiB")
    browser.close()


if __name__ == "__main__":
    main()
