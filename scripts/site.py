"""Make the documentation's site: the pages of docs/ as they are, in the order of docs/README.md.

`make docs` runs it. Zensical draws the pages; the order, links that lead out of docs/, pictures in
the place of diagrams, and the looking through of all that was made are done here.
"""

from __future__ import annotations

import functools
import html.parser
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from scripts import diagrams

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
# What Zensical reads, and what it makes; both beside the checkout's own files, in no commit.
SOURCE = ROOT / "build" / "site"
SITE = ROOT / "site"
FIRST = "README.md"
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
# What a reader's browser fetches by itself; a link is followed by people only.
FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "srcset")}
IDLE_LINKS = ("canonical", "alternate", "next", "prev", "edit")


def main() -> int:
    """Make the site; return 1 if something in it leads nowhere."""
    config = (ROOT / "mkdocs.yml").read_text()
    shutil.rmtree(SOURCE, ignore_errors=True)
    prepare(DOCS, SOURCE / "docs", _setting(config, "repo_url"))
    (SOURCE / "mkdocs.yml").write_text(drawn_from(config, order(DOCS)))
    subprocess.run([Path(sys.executable).parent / "zensical", "build"], check=True, cwd=SOURCE)
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.move(SOURCE / "site", SITE)
    faults = look_through(SITE, urllib.parse.urlsplit(_setting(config, "site_url")).path)
    print("\n".join(faults) or f"made {len(list(SITE.rglob('*.html')))} pages in {SITE.name}/")
    return 1 if faults else 0


def drawn_from(config: str, pages: list[Any]) -> str:
    """Return the configuration with the order of the pages.

    Where the theme is told the repository, each reader's browser asks GitHub for its stars: its
    address stands in the footer instead.
    """
    repository = _setting(config, "repo_url")
    kept = config.replace(f"repo_url: {repository}\n", "")
    footer = {"icon": "fontawesome/brands/github", "link": repository, "name": "The repository"}
    return kept + yaml.safe_dump({"nav": pages, "extra": {"social": [footer]}})


def _setting(config: str, name: str) -> str:
    # Not parsed: it names Python functions, which only Zensical takes for what they are.
    (line,) = (each for each in config.splitlines() if each.startswith(f"{name}: "))
    return line.partition(": ")[2]


def order(docs: Path) -> list[Any]:
    """Return the pages as docs/README.md lists them.

    A heading begins a section, and a line that ends with a colon a group in it.
    """
    found: list[Any] = [FIRST]
    pages: list[Any] = []
    for block in re.split(r"\n\n+", (docs / FIRST).read_text()):
        if block.startswith("## "):
            pages = []
            found.append({block[3:].strip(): pages})
        elif block.endswith(":") and "](" not in block:
            group: list[Any] = []
            _section(found).append({block[:-1]: group})
            pages = group
        else:
            for name, target in LINK.findall(block):
                pages += _listed(docs, name, target)
    return found


def _section(found: list[Any]) -> list[Any]:
    (pages,) = found[-1].values()
    section: list[Any] = pages
    return section


def _listed(docs: Path, name: str, target: str) -> list[Any]:
    """Return a page under its name in the list; of a folder all its pages, under their titles."""
    if target.endswith(".md"):
        return [{name: target}]
    if not (docs / target).is_dir():
        return []
    return [{name: [str(each.relative_to(docs)) for each in sorted((docs / target).glob("*.md"))]}]


def prepare(docs: Path, target: Path, repository: str) -> None:
    """Copy the pages; what leads out of them leads to the repository, and diagrams are drawn."""
    shutil.copytree(docs, target)
    for page in target.rglob("*.md"):
        folder = docs / page.relative_to(target).parent
        text = diagrams.shown(page.read_text(), page, target)
        led = functools.partial(_led, folder=folder, docs=docs, repository=repository)
        page.write_text(LINK.sub(led, text))


def _led(found: re.Match[str], *, folder: Path, docs: Path, repository: str) -> str:
    path, _, anchor = found[2].partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return found[0]
    meant = Path(os.path.normpath(folder / path))
    if meant.is_relative_to(docs) and not meant.is_dir():
        return found[0]
    kind = "tree" if meant.is_dir() else "blob"
    there = f"{repository}/{kind}/main/{meant.relative_to(docs.parent)}"
    return f"[{found[1]}]({there}{'#' + anchor if anchor else ''})"


@dataclass
class _Page(html.parser.HTMLParser):
    """What a page has and where it leads."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    # Diagrams that a script would draw, and fetch what draws them.
    undrawn: int = 0
    # Links that a script would ask GitHub about.
    counted: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element."""
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.add(given["id"])
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        self.undrawn += "mermaid" in given.get("class", "").split()
        self.counted += given.get("data-md-component") == "source"
        idle = tag == "link" and given.get("rel") in IDLE_LINKS
        for name, value in given.items():
            if (tag, name) in FETCHED and not idle and not value.startswith("data:"):
                self.fetched.append(value)


def look_through(site: Path, below: str) -> list[str]:
    """Return what is wrong: what leads to no page or heading, and what others would serve."""
    pages: dict[Path, _Page] = {}
    for path in sorted(site.rglob("*.html")):
        pages[path] = _Page()
        pages[path].feed(path.read_text())
    faults = []
    for path, page in pages.items():
        # That one is served at any depth, and names what it fetches from the root of all.
        if path.name != "404.html":
            where = path.relative_to(site)
            if page.undrawn:
                faults.append(f"{where} leaves a diagram to the reader's browser")
            if page.counted:
                faults.append(f"{where} has the reader's browser ask GitHub for stars")
            for link in page.fetched:
                faults += [f"{where} {each}" for each in _fetches(path, link, site, below)]
            for link in page.links:
                faults += [f"{where} {each}" for each in _leads(path, link, site, below, pages)]
    return faults


def _fetches(page: Path, link: str, site: Path, below: str) -> Iterator[str]:
    if _is_elsewhere(link):
        yield f"fetches {link} from elsewhere"
    elif not _meant(page, link, site, below)[0].is_file():
        yield f"fetches {link}, which is not there"


def _leads(
    page: Path, link: str, site: Path, below: str, pages: Mapping[Path, _Page]
) -> Iterator[str]:
    if _is_elsewhere(link):
        return
    there, anchor = _meant(page, link, site, below)
    if not there.is_file():
        yield f"leads to {link}, which is not there"
    elif anchor and there in pages and anchor not in pages[there].ids:
        yield f"leads to {link}, which has no such heading"


def _is_elsewhere(link: str) -> bool:
    split = urllib.parse.urlsplit(link)
    return bool(split.scheme or split.netloc)


def _meant(page: Path, link: str, site: Path, below: str) -> tuple[Path, str]:
    """Return the file that a link leads to, and the heading in it."""
    split = urllib.parse.urlsplit(link)
    path = urllib.parse.unquote(split.path)
    if path.startswith("/"):
        there = site / path.removeprefix(below).lstrip("/")
    else:
        there = page.parent / path if path else page
    there = Path(os.path.normpath(there))
    return there / "index.html" if there.is_dir() else there, urllib.parse.unquote(split.fragment)


if __name__ == "__main__":
    sys.exit(main())
