"""Each write of a planner is told in a status once it fails: no plan is without a way to do so.

A `Plan` with actions and without a status says nothing of how they went before. So such a plan is
handed to `outcomes.alone`, which adds what there is to tell. `tests/kinds/test_failing_writes.py`
tries each of these ways.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import controller

ROOT = Path(controller.__file__).parent / "kinds"
# Functions whose plans are told by another, or that make no write that could fail unseen.
TOLD = {
    "server/hold.py::release": "the planner hands it to `outcomes.alone`",
    "server/planner.py::_rest": "an act that is ended tells how it went in its task",
}
# All plans of the kind go through one function at the end, which tells of every write.
WHOLE = {"operation": "with_failures"}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Yield the functions of a module."""
    return (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    """Return the calls of a function or class by its last name."""
    found = (each for each in ast.walk(tree) if isinstance(each, ast.Call))
    return [each for each in found if ast.unparse(each.func).rpartition(".")[2] == name]


def silent(tree: ast.AST) -> Iterator[str]:
    """Yield the functions that make a plan of actions without a status, and add none."""
    for each in functions(tree):
        given = [{key.arg for key in made.keywords} for made in calls(each, "Plan")]
        bare = any("actions" in one and "status" not in one for one in given)
        if bare and not calls(each, "alone"):
            yield each.name


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def add():\n    return plans.Plan(actions=(patch,))", ["add"]),
        ("def add():\n    return Plan(actions=(patch,), status=told)", []),
        (
            "def add():\n    made = Plan(actions=(patch,))\n    return outcomes.alone(made, x, y)",
            [],
        ),
        ("def rest():\n    return Plan(notes=())", []),
    ],
)
def test_a_plan_that_tells_nothing_would_be_found(code: str, found: list[str]) -> None:
    """The search below sees each plan of a write that has no status."""
    assert list(silent(ast.parse(code))) == found


def test_every_write_can_be_told_of() -> None:
    """Whoever finds a way through a planner that writes alone finds what tells of it, too."""
    found = set()
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT)
        if place.parts[0] not in WHOLE:
            names = silent(ast.parse(path.read_text()))
            found |= {f"{place.as_posix()}::{name}" for name in names}
    assert found == TOLD.keys()


@pytest.mark.parametrize(("kind", "name"), WHOLE.items())
def test_what_tells_of_all_plans_is_where_all_plans_come_from(kind: str, name: str) -> None:
    """The planner itself does nothing but to tell of what another has planned."""
    tree = ast.parse((ROOT / kind / "planner.py").read_text())
    (planner,) = (each for each in functions(tree) if each.name == "plan")
    (answer,) = (each for each in ast.walk(planner) if isinstance(each, ast.Return))
    assert answer.value in calls(planner, name)
