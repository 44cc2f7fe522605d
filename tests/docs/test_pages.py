"""The pages: links lead somewhere, manifests in them are valid, commands can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api import kinds

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)#\s]+)?(#[^)\s]+)?\)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HERE = re.compile(r"<<END\n(.*?)^END$", re.MULTILINE | re.DOTALL)


@pytest.fixture(params=PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def page(request: pytest.FixtureRequest) -> Path:
    """Each page."""
    path: Path = request.param
    return path


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def manifests(text: str) -> Iterator[dict[str, Any]]:
    """Yield the whole manifests of Argosy's kinds in a page, also those typed into a shell."""
    sources = [block for language, block in BLOCK.findall(text) if language == "yaml"]
    sources += HERE.findall(text)
    for source in sources:
        if "\nkind:" not in f"\n{source}":
            continue
        for document in yaml.safe_load_all(source):
            if str(document.get("apiVersion", "")).startswith("argosy.dev/"):
                yield document


def test_links_lead_somewhere(page: Path) -> None:
    """Every link within the repository finds its file and its heading."""
    text = page.read_text()
    for target, anchor in LINK.findall(text):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), f"{page.name} links to {target}"
        if anchor and found.suffix == ".md":
            assert anchor[1:] in anchors(found.read_text()), f"{page.name} links to {anchor}"


def test_manifests_are_valid(page: Path) -> None:
    """Every whole manifest of ours in a page is one that the models take."""
    for document in manifests(page.read_text()):
        if document["kind"] == "Operation" and "..." in str(document):
            continue
        kinds.parse(document)


def test_there_are_manifests_to_check() -> None:
    """The pages do have manifests: the test above looks at something."""
    assert sum(1 for path in PAGES for _ in manifests(path.read_text())) >= 3


def test_commands_can_be_typed(page: Path) -> None:
    """Every command of a console block is complete: its quotes close, and it continues or ends."""
    for language, block in BLOCK.findall(page.read_text()):
        if language != "console":
            continue
        plain = HERE.sub("", block)
        commands = re.findall(r"^\$ (.*(?:\\\n.*)*(?:\n {2,}.*)*)", plain, re.MULTILINE)
        for command in commands:
            assert shlex.split(command.replace("\\\n", " ")), command


def test_every_page_is_reachable() -> None:
    """Whoever starts at docs/README.md finds every page but the designs."""
    seen: set[Path] = set()
    waiting = [ROOT / "docs" / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in seen or path.suffix != ".md":
            continue
        seen.add(path)
        for target, _ in LINK.findall(path.read_text()):
            if target and not target.startswith("http"):
                waiting.append((path.parent / target).resolve())
    lost = {
        path for path in PAGES if path.is_relative_to(ROOT / "docs") and "design" not in path.parts
    } - seen
    assert lost == set()
