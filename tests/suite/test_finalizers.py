"""Our finalizer is put on in one way and lifted in one, wherever that is done."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import controller
from controller.api import names

ROOT = Path(controller.__file__).parent
POLICY = ROOT.parent / "charts" / "argosy" / "templates" / "finalizers.yaml"
# Its name, and the one room that puts it on and lifts it.
HOME = {"api/names.py", "planning/finalizers.py"}


def named(tree: ast.AST) -> Iterator[int]:
    """Yield each line that names our finalizer, by its constant or by its text."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="FINALIZER") | ast.Name(id="FINALIZER"):
                yield node.lineno
            case ast.Constant(value=names.FINALIZER):
                yield node.lineno


@pytest.mark.parametrize(
    "code",
    [
        "{'finalizers': [names.FINALIZER]}",
        "[each for each in meta.finalizers if each != FINALIZER]",
        "body = {'finalizers': ['argosy.dev/finalizer']}",
    ],
)
def test_a_finalizer_put_on_by_hand_would_be_found(code: str) -> None:
    """The search below sees each way of naming it, and no question about it."""
    assert len(list(named(ast.parse(code)))) == 1
    assert not list(named(ast.parse("finalizers.with_ours(meta.finalizers)")))


def test_one_room_alone_names_our_finalizer() -> None:
    """Manifests, patches, the uninstall and the forecast ask it: none has a way of its own."""
    found = {
        path.relative_to(ROOT).as_posix(): lines
        for path in sorted(ROOT.rglob("*.py"))
        if (lines := list(named(ast.parse(path.read_text()))))
    }
    assert found.keys() == HOME, found


def test_the_admission_policy_puts_the_same_finalizer_on() -> None:
    """The chart has its name a second time: an object that it is put on needs no patch."""
    assert f'$finalizer := "{names.FINALIZER}"' in POLICY.read_text()
