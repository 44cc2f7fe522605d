"""A list of decisions says beside each line what the line means, and why it stands there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import controller

ROOT = Path(controller.__file__).parent
# What the elements of a list of decisions are.
DECISIONS = re.compile(r"tuple\[(obstacles\.)?(Check|Rule)\b|tuple\[Callable\[")


def lists() -> Iterator[tuple[Path, str, ast.Tuple]]:
    """Yield each list of decisions, with its file and its name."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if (
                isinstance(node, ast.AnnAssign)
                and isinstance(node.target, ast.Name)
                and DECISIONS.match(ast.unparse(node.annotation))
                and isinstance(node.value, ast.Tuple)
            ):
                yield path, node.target.id, node.value


@pytest.mark.parametrize(
    ("path", "decisions"),
    [(path, decisions) for path, _, decisions in lists()],
    ids=[f"{path.parent.name}.{path.stem}.{name}" for path, name, _ in lists()],
)
def test_each_decision_has_its_reason(path: Path, decisions: ast.Tuple) -> None:
    """Whoever puts a line into the list says why just there; order is what such a list is about."""
    lines = path.read_text().splitlines()
    assert len(decisions.elts) > 1
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
    assert len(list(lists())) >= 10
