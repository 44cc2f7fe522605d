"""Every end-to-end test that has an operator write is judged by the history checker at its end."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

END_TO_END = Path(__file__).parents[2] / "e2e"
# Fixtures that judge whatever was written when the test ends: see `namespace_of`.
JUDGES = frozenset({"kube", "calm_kube", "known", "place", "pair", "judged"})
# Whole modules that nothing could be judged of.
UNJUDGED = {
    "test_admission": "no operator runs: the API server alone answers",
    "test_chart": "the chart is installed without replicas",
    "test_costs": "an audit log of bodies would cost what is measured; it counts writes itself",
    "test_demo": "a person's demo has no audit log; it counts the pods' UIDs itself",
    "test_rights": "the chart is installed without replicas: policies alone answer",
    "test_unreadable": "a cluster of its own, whose deep objects would fill an audit log",
    "test_pod_provider": "no operator runs: a provider is called by the test",
    "test_uninstall": "no operator runs: the hook alone writes, and must write what others may not",
}
# Tests of which nothing could be judged.
OWN = {
    ("test_docs", "test_the_api_server_takes_every_manifest"): "dry runs alone",
    ("test_docs", "test_a_wrong_manifest_is_found"): "dry runs alone",
    ("test_install", "test_a_misspelt_field_is_an_error_at_apply"): "dry runs alone",
    ("test_install", "test_helm_test_sees_the_operator_act"): "an application without servers",
    ("test_install", "test_uninstall_refuses_while_applications_exist"): "about the hook",
    ("test_install", "test_release_leaves_pods_running"): "about the hook, which lets go early",
}


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
        known = path.stem in UNJUDGED or (path.stem, name) in OWN
        assert bool(used & JUDGES) != known, f"{path.stem}.{name} uses {sorted(used)}"


def test_lists_are_of_what_is_there() -> None:
    """Nothing is excused that does not exist."""
    there = {path.stem: {name for name, _ in cases(path)} for path in END_TO_END.glob("test_*")}
    assert set(UNJUDGED) <= set(there)
    assert all(name in there[module] for module, name in OWN)
