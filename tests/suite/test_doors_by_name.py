"""The page of ways in and out names tests that are there, in the tier whose column names them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "doors.md"
TIERS = ("unit", "simulation", "e2e", "realnode")
NODE = re.compile(r"pytest\.mark\.realnode")


def rows() -> Mapping[str, Mapping[str, set[str]]]:
    """Return the tests of each promise on the page, by tier."""
    found: dict[str, dict[str, set[str]]] = {}
    for line in PAGE.read_text().splitlines():
        cells = [each.strip() for each in line.strip("|").split("|")]
        if len(cells) != len(TIERS) + 1 or cells[0] == "Promise" or cells[0].startswith("---"):
            continue
        assert cells[0] not in found, cells[0]
        tiers = zip(TIERS, cells[1:], strict=True)
        found[cells[0]] = {tier: set(re.findall(r"`(test_\w+)`", each)) for tier, each in tiers}
    return found


def tier_of(path: Path, text: str) -> str:
    """Return of which tier the tests of a file are."""
    folder = path.relative_to(ROOT / "tests").parts[0]
    if folder == "e2e" and NODE.search(text):
        return "realnode"
    return folder if folder in TIERS else "unit"


def known() -> Mapping[str, set[str]]:
    """Return the names of all tests, by the tier that they are of."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text()
        names = re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE)
        found[tier_of(path, text)] |= set(names)
    return found


@pytest.mark.parametrize("promise", rows())
def test_every_promise_is_held_by_tests_that_there_are(promise: str) -> None:
    """Each test that a row names is there, in the tier whose column names it."""
    named, there = rows()[promise], known()
    assert any(named.values())
    assert {tier: each - there[tier] for tier, each in named.items() if each - there[tier]} == {}


def test_there_are_rows_in_every_part() -> None:
    """The page has not been emptied, nor a table of it: the test above looks at something."""
    parts = PAGE.read_text().split("\n## ")[1:]
    assert len(parts) == 5
    assert all("| Promise |" in each for each in parts[:4])
    assert len(rows()) > 50


def test_what_nobody_holds_is_said() -> None:
    """The last part has what is not there, or was not seen: a sentence for each, and no test."""
    last = PAGE.read_text().rpartition("\n## ")[2]
    assert last.startswith("Not there, or not seen\n")
    assert "`test_" not in last
