"""Every end-to-end test that has an operator write is judged by the history checker at its end."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import judges

END_TO_END = Path(__file__).parents[2] / "e2e"


def cases(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Yield the names of a module's tests, each with all fixtures that it uses."""
    module = ast.parse(path.read_text())
    functions = dict(_functions(module))
    # Fixtures may come from a module beside it.
    for each in module.body:
        if isinstance(each, ast.ImportFrom) and (each.module or "").startswith("tests.e2e."):
            beside = END_TO_END / f"{(each.module or '').rpartition('.')[2]}.py"
            shared = dict(_functions(ast.parse(beside.read_text())))
            functions |= {name.name: shared.get(name.name, set()) for name in each.names}
    for name, needed in functions.items():
        if name.startswith("test_"):
            used = set(needed)
            while more := {each for one in used for each in functions.get(one, ())} - used:
                used |= more
            yield name, used


def _functions(module: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """Yield the functions of a module, each with what it is given."""
    for each in module.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            given = {argument.arg for argument in each.args.args + each.args.kwonlyargs}
            yield each.name, given | set(_marked(each))


def _marked(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Yield the fixtures that a `usefixtures` mark names."""
    for each in function.decorator_list:
        if isinstance(each, ast.Call) and ast.unparse(each.func) == "pytest.mark.usefixtures":
            yield from (str(ast.literal_eval(argument)) for argument in each.args)


@pytest.mark.parametrize("path", sorted(END_TO_END.glob("test_*.py")), ids=lambda each: each.stem)
def test_whoever_writes_is_judged(path: Path) -> None:
    """Each test has a fixture that judges, or stands in a list with its reason."""
    for name, used in cases(path):
        own = (path.stem, name)
        known = path.stem in judges.UNJUDGED or own in judges.OWN or own in judges.THEMSELVES
        assert bool(used & judges.JUDGES) != known, f"{path.stem}.{name} uses {sorted(used)}"


def test_lists_are_of_what_is_there() -> None:
    """Nothing is excused that does not exist."""
    there = {path.stem: {name for name, _ in cases(path)} for path in END_TO_END.glob("test_*")}
    assert set(judges.UNJUDGED) <= set(there)
    assert all(name in there[module] for module, name in (*judges.OWN, *judges.THEMSELVES))


# What ends in a verdict that fails the test: of `conftest`, `shops` and the checker itself.
CHECKS = ("namespace_of(", "rooms_of(", "history.check(", "Rooms(")


def test_whoever_is_said_to_judge_does() -> None:
    """A fixture by which a test counts as judged makes namespaces that are, or asks the checker."""
    found = {
        f"{path.stem}.{each.name}": ast.unparse(each)
        for path in END_TO_END.glob("*.py")
        for each in ast.parse(path.read_text()).body
        if isinstance(each, ast.FunctionDef)
        and each.name in judges.JUDGES
        and "fixture" in " ".join(map(ast.unparse, each.decorator_list))
    }
    assert {each.partition(".")[2] for each in found} == judges.JUDGES
    assert [name for name, body in found.items() if not any(x in body for x in CHECKS)] == []


@pytest.mark.parametrize(("module", "test"), judges.THEMSELVES)
def test_whoever_judges_by_itself_does(module: str, test: str) -> None:
    """The test has the call that its list names."""
    tree = ast.parse((END_TO_END / f"{module}.py").read_text())
    (body,) = (
        ast.unparse(each)
        for each in tree.body
        if isinstance(each, ast.FunctionDef) and each.name == test
    )
    assert judges.THEMSELVES[module, test] in body


def test_a_cluster_alone_judges_nothing() -> None:
    """A test of a cluster of its own, and of no namespace that is judged, does not begin."""
    assert not judges.is_judged("test_new", "test_new", {"place", "pair", "tmp_path"})
    assert judges.is_judged("test_new", "test_new", {"place", "kube"})
