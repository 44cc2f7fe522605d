"""What the explanations say of the code is what the code says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from controller.planning import conflicts
from tests.docs import pages

EXPLANATION = pages.ROOT / "docs" / "explanation"


def table(path: Path, heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its first two lines."""
    text = path.read_text().partition(f"{heading}\n")[2]
    found = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert found, heading
    lines = found.group().splitlines()
    return [[cell.strip(" *`") for cell in line.strip("|").split("|")] for line in lines]


def test_every_dependency_has_its_reason() -> None:
    """The page lists what the operator runs on and what develops it, and nothing else."""
    page = EXPLANATION / "dependencies.md"
    project = tomllib.loads((pages.ROOT / "pyproject.toml").read_text())

    def named(requirements: list[str]) -> set[str]:
        return {re.split(r"[<>=~! ]", each)[0].lower() for each in requirements}

    for heading, wanted in (
        ("## What the operator runs on", project["project"]["dependencies"]),
        ("## What develops it", project["dependency-groups"]["dev"]),
    ):
        rows = table(page, heading)[2:]
        told = {name.lower() for row in rows for name in row[0].split(", ")}
        assert told == named(wanted)
        assert all(all(cell for cell in row[1:2]) for row in rows)


def test_the_matrix_of_conflicts_is_the_codes() -> None:
    """Who waits for whom is, cell by cell, the literal table of planning."""
    head, _, *rows = table(EXPLANATION / "turns.md", "## An operation and an operation")
    assert set(head[1:]) == set(conflicts.COMMUTES)
    told = {
        (row[0], verb): cell for row in rows for verb, cell in zip(head[1:], row[1:], strict=True)
    }
    assert told == {
        (one, other): "together" if other in conflicts.COMMUTES[one] else "wait"
        for one in conflicts.COMMUTES
        for other in conflicts.COMMUTES
    }
