"""The cases that pages name are tests that are there, in the tier that is said."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "design" / "0011-replicas.md"
E2E = ROOT / "tests" / "e2e"
FAULTS = ROOT / "docs" / "explanation" / "cases.md"
SIMULATION = ROOT / "tests" / "simulation"
TIERS = ("unit", "simulation", "e2e")
# Faults that come from how code is divided, each with the test that catches its whole kind.
STRUCTURE = {f"F{number}" for number in range(15)}
KINDS = ("K1", "K2", "K3", "K4", "K5", "K6", "K7", "K8")
# How many ways of our own each kind of fault, and each case, is tried by at least.
OWN = 2
NAMED = re.compile(r"`(?:(test_\w+\.py)::)?(test_\w+)`")


def test_every_failure_of_g9_is_a_test_by_that_name() -> None:
    """Twelve rows, each with its tests in both tiers; each file of them says G9 in its first line.

    On a real API server each is played by replicas that watch everything, and by slot.
    """
    rows = [
        line for line in PAGE.read_text().splitlines() if re.match(r"\| .*`test_\w+\.py::", line)
    ]
    assert len(rows) == 12
    virtual = set().union(*(found for tier, found in known_tests().items() if tier != "e2e"))
    for row in rows:
        _, played, real = row.strip("| ").split(" | ")
        told = {test for _, test in NAMED.findall(played)}
        assert told, row
        assert told <= virtual, told - virtual
        file = ""
        for name, test in NAMED.findall(real):
            file = name or file
            text = (E2E / file).read_text()
            assert text.startswith('"""G9'), file
            assert f"\ndef {test}(" in text, test
            assert "params=crews.WATCHES" in text, file


def faults() -> Mapping[str, Mapping[str, set[str]]]:
    """Return the tests of each row of the page of faults, by tier."""
    found: dict[str, dict[str, set[str]]] = {}
    for line in FAULTS.read_text().splitlines():
        cells = [each.strip() for each in line.strip("|").split("|")]
        if re.fullmatch(r"(K\d(\.\w+)?|F\d\d?|\d\d)( own)?", cells[0]):
            assert cells[0] not in found, cells[0]
            tiers = zip(TIERS, cells[2:], strict=True)
            found[cells[0]] = {tier: set(re.findall(r"`(test_\w+)`", x)) for tier, x in tiers}
    return found


def known_tests() -> Mapping[str, set[str]]:
    """Return the names of all tests, by the tier that they are of."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "tests").rglob("test_*.py"):
        folder = path.relative_to(ROOT / "tests").parts[0]
        tier = folder if folder in TIERS else "unit"
        text = path.read_text()
        found[tier] |= set(re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE))
    return found


@pytest.mark.parametrize("row", faults())
def test_every_row_is_held_by_tests_that_there_are(row: str) -> None:
    """Each test that a row names is there, in the tier whose column names it."""
    named, there = faults()[row], known_tests()
    assert any(named.values())
    assert {tier: each - there[tier] for tier, each in named.items() if each - there[tier]} == {}


def test_every_case_and_every_kind_was_tried_by_other_ways() -> None:
    """Of each at least two that nobody had reported; none of them is a test of the report."""
    rows = {row: set().union(*named.values()) for row, named in faults().items()}
    cases = {row for row in rows if re.fullmatch(r"\d\d", row)}
    for row in cases:
        assert len(rows[f"{row} own"] - rows[row]) >= OWN, row
    for kind in KINDS:
        reported = set().union(*(x for row, x in rows.items() if _is_reported(row, kind)))
        own = [x for row, x in rows.items() if row.startswith(kind) and row.endswith("own")]
        assert len(set().union(*own) - reported) >= OWN, kind
    assert {row.removesuffix(" own") for row in rows if row[0] not in "FK"} == cases


def test_every_fault_of_structure_has_its_tests() -> None:
    """All fifteen are rows, and each is held by a test that needs no cluster."""
    rows = {row: named for row, named in faults().items() if row.startswith("F")}
    assert set(rows) == STRUCTURE
    assert [row for row, named in rows.items() if not named["unit"] | named["simulation"]] == []


def test_every_manifest_is_a_row() -> None:
    """Who adds one says there what holds it; of the rows, one has no file."""
    files = {each.name[:2] for folder in ("cases", "manifests")
             for each in (SIMULATION / folder).glob("*.yaml")}  # fmt: skip
    rows = {row for row in faults() if re.fullmatch(r"\d\d", row)}
    assert rows - files == {"14"}
    assert files <= rows


def test_a_test_of_a_case_is_in_the_row_of_its_number() -> None:
    """Whoever writes a variant finds it on the page, where its name says."""
    named: defaultdict[str, set[str]] = defaultdict(set)
    for row, tiers in faults().items():
        named[row] |= set().union(*tiers.values())
    for name in set().union(*known_tests().values()):
        if found := re.match(r"test_case_(\d\d)_", name):
            assert name in named[f"{found[1]} own"], name


def _is_reported(row: str, kind: str) -> bool:
    return row.startswith(kind) and not row.endswith("own")
