"""A list of decisions, or a key to order by, says beside each line what it means, and why there."""

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


def keys() -> Iterator[tuple[Path, str, ast.Tuple]]:
    """Yield each key that planners order by and in which flags come first, with its function."""
    for room in ("kinds", "planning"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.FunctionDef)
                    and node.returns is not None
                    and ast.unparse(node.returns).startswith("tuple[bool, ")
                    and isinstance(last := node.body[-1], ast.Return)
                    and isinstance(last.value, ast.Tuple)
                ):
                    yield path, node.name, last.value


@pytest.mark.parametrize(
    ("path", "key"),
    [(path, key) for path, _, key in keys()],
    ids=[f"{path.parent.name}.{path.stem}.{name}" for path, name, _ in keys()],
)
def test_each_element_of_a_key_has_its_reason(path: Path, key: ast.Tuple) -> None:
    """A key is a list of decisions, too: each element beats all that stand behind it."""
    lines = path.read_text().splitlines()
    bare = [
        ast.unparse(each)
        for each in key.elts
        if not lines[each.lineno - 2].lstrip().startswith("#")
    ]
    assert bare == []


def test_there_are_keys_to_look_at() -> None:
    """Who goes at a scale-down, with claims and without, and which domain gives a server up."""
    assert {name for _, name, _ in keys()} >= {"place", "rank", "burden"}
