"""A list of decisions says beside each line what the line means, and why it stands there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import controller

ROOT = Path(controller.__file__).parent
# What a list of decisions is called.
LISTS = {"RULES", "CHECKS"}


def lists() -> Iterator[tuple[Path, ast.Tuple]]:
    """Yield each list of decisions, with its file."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if (
                isinstance(node, ast.AnnAssign)
                and isinstance(node.target, ast.Name)
                and node.target.id in LISTS
                and isinstance(node.value, ast.Tuple)
            ):
                yield path, node.value


@pytest.mark.parametrize(
    ("path", "decisions"), [*lists()], ids=[path.parent.name + path.stem for path, _ in lists()]
)
def test_each_decision_has_its_reason(path: Path, decisions: ast.Tuple) -> None:
    """Whoever puts a line into the list says why just there; order is what such a list is about."""
    lines = path.read_text().splitlines()
    assert len(decisions.elts) > 3
    bare = [
        ast.unparse(each)
        for each in decisions.elts
        if not lines[each.lineno - 2].lstrip().startswith("#")
    ]
    assert bare == []
    # The order as a whole, above the list.
    assert lines[decisions.lineno - 2].startswith("#")


def test_there_are_lists_to_look_at() -> None:
    """The search finds them."""
    assert len(list(lists())) >= 4
