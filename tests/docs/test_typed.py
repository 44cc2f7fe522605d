"""Each page that shows commands says in one list where they are run, and by which tests."""

from __future__ import annotations

import re

import pytest

from tests.docs import pages, typed
from tests.e2e import act_guides, chart_guides, door_guides, looking_guides
from tests.e2e.guides import Guide

GUIDES = (
    *door_guides.GUIDES,
    *act_guides.GUIDES,
    *looking_guides.GUIDES,
    *chart_guides.GUIDES,
    chart_guides.INSTALL,
)
DEVELOPERS = {"AGENTS.md", "CONTRIBUTING.md"}
TEST = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)


def shown() -> set[str]:
    """Return the pages that show commands, all but those for who changes the code."""
    return {
        name
        for each in pages.PAGES
        if (name := str(each.relative_to(pages.ROOT))) not in DEVELOPERS
        and any(pages.blocks(each.read_text(), shell) for shell in ("console", "sh", "shell"))
    }


def test_every_guide_with_commands_is_listed() -> None:
    """And none that shows no commands, or is not there any more."""
    assert set(typed.PAGES) == shown()


@pytest.mark.parametrize("page", typed.PAGES)
def test_a_guide_says_who_runs_its_commands(page: str) -> None:
    """Each names tests that there are, on a node those of that tier, or says why there are none."""
    found = typed.PAGES[page]
    assert found.read + found.like or found.left
    names: dict[str, list[str]] = {}
    for path in (pages.ROOT / "tests").rglob("test_*.py"):
        text = path.read_text()
        for each in TEST.findall(text):
            names.setdefault(each, []).append(text)
    for each in (*found.read, *found.like, *found.on_a_node):
        assert each in names, f"{page}: there is no {each}"
    for each in found.on_a_node:
        assert any("pytest.mark.realnode" in text for text in names[each]), each


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.page)
def test_a_guide_on_a_node_names_what_its_page_shows(guide: Guide) -> None:
    """Whatever is typed before, instead or not at all is about a command that stands there."""
    names = {name for name, _, _ in guide.commands()}
    assert guide.named() <= names
    assert all(f"`{each}`" in guide.text for each in guide.inline)
    assert set(guide.left) < names or not names
    read = typed.PAGES.get(guide.page)
    assert read is None or {*read.read} & {*read.on_a_node}
