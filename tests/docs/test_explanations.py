"""What the explanations say of the code is what the code says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import prometheus_client.parser

from bench import libraries
from controller.api import names
from controller.dashboard import board
from controller.execution import newcomers, pool
from controller.kinds.operation import conflicts
from controller.telemetry import metrics
from controller.wiring import webhook
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
        ("## The operator's libraries", project["project"]["dependencies"]),
        ("## Tools of development", project["dependency-groups"]["dev"]),
    ):
        rows = table(page, heading)[2:]
        told = {name.lower() for row in rows for name in row[0].split(", ")}
        assert told == named(wanted)
        assert all(all(cell for cell in row[1:2]) for row in rows)


def test_the_import_of_each_library_is_one_that_the_bench_measures() -> None:
    """A figure that nobody can measure again is not on the page, and none is left out."""
    rows = table(EXPLANATION / "dependencies.md", "### Imports")[2:]
    assert sorted(row[0].partition("`")[0] for row in rows) == sorted(libraries.IMPORTS)


def test_the_matrix_of_conflicts_is_the_codes() -> None:
    """The page on concurrency has, cell by cell, the literal table of planning."""
    head, _, *rows = table(EXPLANATION / "concurrency.md", "## An operation and an operation")
    assert set(head[1:]) == set(conflicts.COMMUTES)
    told = {
        (row[0], verb): cell for row in rows for verb, cell in zip(head[1:], row[1:], strict=True)
    }
    assert told == {
        (one, other): "together" if other in conflicts.COMMUTES[one] else "wait"
        for one in conflicts.COMMUTES
        for other in conflicts.COMMUTES
    }


def test_bounds_that_explanations_name_are_the_codes() -> None:
    """Whoever changes one of these numbers changes its page as well."""
    in_words = {1: "one", 3: "three", 60: "sixty"}
    told = {
        "../design/0001-engine.md": (
            f"makes its first {newcomers.FEW} objects",
            f"have {in_words[pool.NARROWER]} call in flight beside it",
            f"or {in_words[pool.NARROW]} where newcomers are many",
        ),
        "performance.md": (f"{in_words[board.STANDS]} times as long as it took to draw",),
        "security.md": (f"have {webhook.MOST // 2**20} MiB together",),
    }
    for page, sentences in told.items():
        text = " ".join((EXPLANATION / page).read_text().split())
        assert [each for each in sentences if each not in text] == [], page


def test_pages_name_metrics_that_there_are() -> None:
    """Every metric that a page names is scraped under that name, or is a prefix of some."""
    scraped = metrics.render().decode()
    families = {
        each.name for each in prometheus_client.parser.text_string_to_metric_families(scraped)
    }
    known = families | {f"{each}_total" for each in families}
    for path in pages.PAGES:
        for word in re.findall(r"`(argosy_[a-z_]+)`", path.read_text()):
            assert word in known or word.endswith("_"), f"{path.name}: {word}"


def test_every_label_and_annotation_is_on_the_page() -> None:
    """What Argosy reads and writes under its own name is listed, and nothing else is."""
    page = (pages.ROOT / "docs" / "reference" / "labels.md").read_text()
    wanted = {
        value
        for name, value in vars(names).items()
        if name.isupper() and isinstance(value, str) and value.startswith(f"{names.GROUP}/")
    }
    assert len(wanted) > 8
    assert wanted - {f"{names.GROUP}/{names.VERSION}"} == set(
        re.findall(rf"`({re.escape(names.GROUP)}/[a-z-]+)`", page)
    )


def test_every_line_of_the_threat_model_is_held_by_a_test() -> None:
    """Each line of each table names tests, and each of them is there, by that name."""
    text = (EXPLANATION / "security.md").read_text()
    there = {
        name
        for path in (pages.ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    rows = [line for line in text.splitlines() if line.startswith("| ") and "Held by" not in line]
    assert len(rows) > 40
    for row in rows:
        *_, held, _ = row.split("|")
        named = re.findall(r"`(test_\w+)`", held)
        assert named, row
        assert set(named) - there == set(), row
