"""Each promise of the pages about what may go wrong is held by tests, by name."""

from __future__ import annotations

import re

import pytest

from tests.docs import pages
from tests.docs.promises import POINTERS, PROMISES


def names_of_tests() -> set[str]:
    """Return the names of all tests."""
    found = (path.read_text() for path in (pages.ROOT / "tests").rglob("test_*.py"))
    pattern = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
    return {name for text in found for name in pattern.findall(text)}


def plain(text: str) -> str:
    """Return a text as one line."""
    return " ".join(text.split())


@pytest.mark.parametrize("page", PROMISES)
def test_promises_stand_on_their_page(page: str) -> None:
    """A sentence that was changed is looked at again, with the tests that held it."""
    text = plain((pages.ROOT / page).read_text())
    assert [each for each in PROMISES[page] if each not in text] == []


@pytest.mark.parametrize("page", PROMISES)
def test_promises_are_held_by_tests_that_there_are(page: str) -> None:
    """No promise goes without a test, and no test that is named is gone."""
    assert all(PROMISES[page].values())
    named = {name for each in PROMISES[page].values() for name in each}
    assert named - names_of_tests() == set()


@pytest.mark.parametrize("page", PROMISES)
def test_no_heading_goes_without_a_promise(page: str) -> None:
    """What was written about since has its promises here, too."""
    for part in (pages.ROOT / page).read_text().split("\n## ")[1:]:
        heading = part.partition("\n")[0]
        found = [each for each in PROMISES[page] if each in plain(part)]
        assert found or heading in POINTERS, heading
