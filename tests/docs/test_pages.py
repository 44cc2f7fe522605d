"""The pages: links lead somewhere, manifests in them are valid, commands can be typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from controller.kinds.operation import conflicts
from controller.providers import models
from tests.docs import pages

ROOT = pages.ROOT


@pytest.fixture(params=pages.PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def page(request: pytest.FixtureRequest) -> Path:
    """Each page."""
    path: Path = request.param
    return path


def test_links_lead_somewhere(page: Path) -> None:
    """Every link within the repository finds its file and its heading."""
    text = page.read_text()
    for target, anchor in pages.LINK.findall(text):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), f"{page.name} links to {target}"
        if anchor and found.suffix == ".md":
            assert anchor[1:] in pages.anchors(found.read_text()), f"{page.name} links to {anchor}"


def test_pictures_are_there(page: Path) -> None:
    """Every picture of the repository finds its file."""
    for target in pages.PICTURE.findall(page.read_text()):
        assert target.startswith("https:") or (page.parent / target).exists(), target


def test_manifests_are_valid(page: Path) -> None:
    """Every whole manifest of ours in a page is one that the models take."""
    for document in pages.manifests(page.read_text()):
        models.parse(document)


def test_there_are_manifests_to_check() -> None:
    """The page of each act has its manifest: the test above looks at something."""
    acts = sorted((ROOT / "docs" / "how-to" / "acts").glob("*.md"))
    shown = {each["spec"]["action"] for path in acts for each in pages.manifests(path.read_text())}
    assert shown == set(conflicts.COMMUTES)


def test_lines_are_shown_as_they_are_typed(page: Path) -> None:
    """What follows `$` in a console block is a command, whole and with its quotes closed."""
    for block in pages.blocks(page.read_text(), "console"):
        assert re.match(r"\$ ", block), block
    for words in pages.commands(page.read_text()):
        assert words, page.name


def test_every_page_is_reachable() -> None:
    """Whoever starts at docs/README.md finds every page but the designs."""
    seen: set[Path] = set()
    waiting = [ROOT / "docs" / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in seen or path.suffix != ".md":
            continue
        seen.add(path)
        for target, _ in pages.LINK.findall(path.read_text()):
            if target and not target.startswith("http"):
                waiting.append((path.parent / target).resolve())
    lost = {
        path
        for path in pages.PAGES
        if path.is_relative_to(ROOT / "docs") and "design" not in path.parts
    } - seen
    assert lost == set()


def test_the_index_lists_every_page() -> None:
    """docs/README.md links to every page of the four parts itself."""
    index = ROOT / "docs" / "README.md"
    listed = {
        (index.parent / target).resolve() for target, _ in pages.LINK.findall(index.read_text())
    }
    parts = ("tutorial", "how-to", "reference", "explanation")
    wanted = {path for part in parts for path in (ROOT / "docs" / part).rglob("*.md")}
    assert wanted - listed == set()
