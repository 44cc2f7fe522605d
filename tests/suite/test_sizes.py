"""What is read in one go stays small: modules, functions, and no room for whatever fits nowhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("controller", "bench", "devcluster", "fakes", "plugins", "proof", "scripts")
MODULE_LINES = 500
# Of a function, its docstring and signature apart.
FUNCTION_LINES = 40
# Whatever fits nowhere would go there.
NO_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
# Longer, each for its reason; none may grow, and one that shrank leaves the list.
LONG_FUNCTIONS = {
    "controller/cli/commands/run.py::run": (42, "each option of a step has its line"),
    "controller/execution/engine.py::__init__": (46, "its parts, as they need one another"),
    "controller/providers/openstack/opening.py::open_cloud": (
        57,
        "its parts, as they need one another",
    ),
    "controller/providers/pod/manifest.py::pod": (44, "a pod, field by field"),
    "controller/providers/pod/observation.py::observe": (54, "an observation, field by field"),
    "controller/wiring/operator.py::__init__": (81, "its parts, as they need one another"),
    "devcluster/__main__.py::_parser": (53, "each command has its lines"),
    "fakes/openstack/cloud.py::__init__": (48, "all that a cloud has, each with its default"),
}
# Lists, of which one line is as easy to find as in a short one.
LONG_MODULES = {
    "proof/mutants/content.py": (618, "a list of mutants"),
    "proof/mutants/definitions.py": (563, "a list of mutants"),
}


def modules() -> Iterator[Path]:
    """Yield the modules of what runs and of what tries it, but for tests."""
    for each in CODE:
        yield from sorted((ROOT / each).rglob("*.py"))


def long_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the functions of a module that are longer than others may be, with their lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        if lines > FUNCTION_LINES:
            yield f"{path.relative_to(ROOT)}::{node.name}", lines


def test_functions_are_short() -> None:
    """Whoever reads one sees it whole; the few that are longer are known, and do not grow."""
    found = {name: lines for path in modules() for name, lines in long_functions(path)}
    assert found.keys() == LONG_FUNCTIONS.keys()
    assert {name for name, lines in found.items() if lines > LONG_FUNCTIONS[name][0]} == set()


def test_modules_are_short() -> None:
    """A module is about one thing."""
    sizes = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules()}
    found = {name: lines for name, lines in sizes.items() if lines > MODULE_LINES}
    assert found.keys() == LONG_MODULES.keys()
    assert {name for name, lines in found.items() if lines > LONG_MODULES[name][0]} == set()


def test_no_module_is_for_whatever_fits_nowhere() -> None:
    """Names say what is inside."""
    found = {str(path) for path in modules() if {path.stem, path.parent.name} & NO_NAMES}
    assert found == set()
