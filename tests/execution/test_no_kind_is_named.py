"""The engine knows kinds by their descriptor alone: a new kind needs no word in `execution`."""

from __future__ import annotations

import ast
import pathlib

import pytest

from controller import execution
from controller.api import resources
from controller.kinds.registry import KINDS

ROOT = pathlib.Path(execution.__file__).parent
MODULES = sorted(ROOT.glob("*.py"))
OWN = {each.view.__name__ for each in KINDS}
# Fleets and what stands behind them speak of servers, as the contract with providers does.
CONTRACT = {
    "Server": {"acts", "dispatcher"},
    "Fleet": {"breaker", "fleet_branch", "fleet_waiters", "fleets", "provider_life"},
}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_module_of_execution_names_a_kind(module: pathlib.Path) -> None:
    """No resource but Events, no view of a kind but in the contract's terms, no kind's folder."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("controller.kinds"):
            assert node.module in {"controller.kinds", "controller.kinds.kind"}, ast.unparse(node)
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        if node.value.id == "Resource":
            assert node.attr == "EVENTS", f"line {node.lineno}: {ast.unparse(node)}"
        if node.value.id == "objects" and node.attr in OWN:
            allowed = CONTRACT.get(node.attr, set())
            assert module.stem in allowed, f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_module_of_execution_tells_kinds_apart(module: pathlib.Path) -> None:
    """No isinstance of a view: what differs between kinds, their descriptors say."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            asked = ast.unparse(node.args[1])
            assert "objects." not in asked, f"line {node.lineno}: {ast.unparse(node)}"


def test_every_kind_is_found_by_its_view() -> None:
    """Each kind has a resource of its own, and hears of its own objects."""
    assert len({each.resource for each in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert resources.PLACES[kind.resource].view is kind.view
        assert kind.view in kind.follows
