"""The walks through the layout name files that there are, or that are said to be to come."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.docs import pages

PAGE = pages.ROOT / "docs" / "design" / "0006-walks.md"
# A path in code, with the star of italics where it is to come.
NAMED = re.compile(r"(\*?)`([\w./-]+(?:/|\.(?:py|toml|yaml|md)))`")
Row = tuple[str, ...]


def rows() -> list[Row]:
    """Return the rows of all tables: part, room, files, lines elsewhere."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    cells = (tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines)
    return [row for row in cells if row[0].strip() != "Part"]


def room(row: Row) -> str:
    """Return the folder that a row is about."""
    found = NAMED.search(row[1])
    assert found, row
    return found[2]


def is_there(path: str) -> bool:
    """Return whether the checkout has it, or the operator's code."""
    return any((base / path).exists() for base in (pages.ROOT, pages.ROOT / "controller"))


def named(row: Row) -> Iterator[tuple[str, bool]]:
    """Yield each path of a row, and whether it is said to be to come."""
    yield room(row), "to come" in row[1]
    for star, path in NAMED.findall(row[2]):
        yield (path if "/" in path else room(row) + path), bool(star)
    for star, path in NAMED.findall(row[3]):
        yield path, bool(star)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_every_path_is_there_or_to_come(row: Row) -> None:
    """Who follows a walk finds each file, and is told of those that nobody has written."""
    assert len(row) == 4
    for path, to_come in named(row):
        assert is_there(path) or to_come, path


@pytest.mark.parametrize("place", ["providers/openstack/", "kinds/build/"])
def test_every_module_of_a_room_that_was_walked_is_named(place: str) -> None:
    """Who adds one to the room of a walk says there for which part of it."""
    files = {path for row in rows() if room(row) == place for path, _ in named(row)}
    there = {f"{place}{each.name}" for each in (pages.ROOT / "controller" / place).glob("*.py")}
    assert there - files == {f"{place}__init__.py"}


def test_what_has_come_is_no_longer_to_come() -> None:
    """A file that was written since the walk is said to be there."""
    come = {path for row in rows() for path, to_come in named(row) if to_come and is_there(path)}
    assert come == set()


def test_sentences_name_files_that_there_are() -> None:
    """What is said beside the tables is held to the code, too."""
    said = "\n".join(
        line for line in PAGE.read_text().splitlines() if not line.startswith(("| ", "|-"))
    )
    found = [path for star, path in NAMED.findall(said) if not star and "/" in path]
    assert len(found) > 5
    assert [path for path in found if not is_there(path)] == []


def test_each_walk_is_one_room_and_few_lines() -> None:
    """Four walks, each with its rows; a line elsewhere is a line, and no folder."""
    walks = re.findall(r"^## .+$", PAGE.read_text(), re.MULTILINE)
    assert len(walks) == 4
    assert len(rows()) > 25
    assert [row[3] for row in rows() if re.search(r"`[\w/]+/`", row[3])] == []
