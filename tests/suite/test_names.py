"""A public class of `controller/` has a name of its own: whoever reads one need not ask which."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import controller

ROOT = Path(controller.__file__).parent
# Models of what people write, and views that the same is decoded into, share their names.
MODELS = ("api/", "providers/openstack/template.py")
# In several places, each for its reason. No name is added here; one that is no longer so goes.
SEVERAL = {
    "Cache": "a protocol: as much of the other as planning may read",
    "Caches": "a protocol: as much of the other as planning may read",
    "Circuit": "what is asked for of a fleet's circuit, and that circuit",
    "Claim": "a claim of the cluster's, and what a provider says of one, whatever it is made of",
    "Credentials": "the forge is alone in its image",
    "Engine": "a protocol: as much of the other as the router calls",
    "Failure": "the forge is alone in its image",
    "Fleets": "a protocol: as much of the other as planning may read",
    "LeaseLost": "what the loser of a Lease is told, and what its calls fail with then",
    "Malformed": "a protocol: as much of the other as planning may read",
    "QuotaExceeded": "the same refusal by two APIs",
    "Reason": "the forge is alone in its image",
    "Unauthorized": "the same refusal by two APIs",
    "UnknownOutcome": "one is the other's base, which knows no API",
}


def public(tree: ast.Module) -> Iterator[str]:
    """Yield the public classes of a module."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def place(module: str) -> str:
    """Return where a module's classes are: models and their views are in one place."""
    return "models" if module.startswith(MODELS) else module


def several(modules: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """Return the names that classes of several places have, with these."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, tree in modules.items():
        for name in public(tree):
            found[name].add(place(module))
    return {name: places for name, places in found.items() if len(places) > 1}


def test_no_two_public_classes_share_a_name() -> None:
    """Whoever searches for a class by its name finds that one, but for those that are listed."""
    modules = {
        each.relative_to(ROOT).as_posix(): ast.parse(each.read_text())
        for each in sorted(ROOT.rglob("*.py"))
    }
    found = several(modules)
    assert {name: places for name, places in found.items() if name not in SEVERAL} == {}
    assert found.keys() == SEVERAL.keys(), "no longer so"
    assert {name: places for name, places in found.items() if len(places) > 2} == {}


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ("planning/one.py", {"Verb"}),
        ("api/one.py", {"Verb"}),
        ("contract/call.py", set()),
    ],
)
def test_two_of_a_name_would_be_found(other: str, found: set[str]) -> None:
    """The search above sees two in different modules, and none that is private or nested."""
    code = "class Verb: pass\nclass _Part: pass\nclass Whole:\n    class Part: pass"
    here = ast.parse(code)
    there = ast.parse("class Verb: pass\nclass _Part: pass\nclass Part: pass")
    assert several({"contract/call.py": here, other: there}).keys() == found


def test_a_model_and_its_view_may_share_a_name() -> None:
    """Both say the same of one field, for who writes and for who reads."""
    code = ast.parse("class Readiness: pass")
    modules = ("api/template.py", "api/views/server.py", "providers/openstack/template.py")
    assert several(dict.fromkeys(modules, code)) == {}
