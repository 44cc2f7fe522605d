"""A name by which objects are found is written out once: where two have it, one is left behind."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import controller
from controller.api import names

ROOT = Path(controller.__file__).parent
# Names of our own objects and programs; labels and annotations, whosever they are.
NAME = re.compile(r"argosy-[a-z0-9-]*|([a-z0-9-]+\.)+[a-z]+/[A-Za-z0-9._-]+")
# A group of APIs and its version look like a label.
VERSION = re.compile(r".*/v\d+((alpha|beta)\d+)?")
# Labels and annotations that are asked for in `names` alone, with a slash or without.
KNOWN = {names.STATEFUL_HASH} | {
    value
    for name, value in vars(names).items()
    if name.endswith(("_LABEL", "_ANNOTATION")) and isinstance(value, str)
}
# In several modules, each for its reason.
MEANT = {
    "argosy-dashboard-": "one begins the name of a cookie, the other that of a folder",
    "argosy-forge": "the program is alone in its image, and cannot import who starts it",
}


def written(tree: ast.AST) -> Iterator[str]:
    """Yield each such name that code writes out, by itself or as a part of an f-string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if text in KNOWN or (NAME.fullmatch(text) and not VERSION.fullmatch(text)):
                yield text


def places() -> Mapping[str, set[str]]:
    """Return the modules that write out each name."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        for text in written(ast.parse(path.read_text())):
            found[text].add(place)
    return found


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("LEASE = 'argosy-leader'", ["argosy-leader"]),
        ("f'argosy-slot-{slot}'", ["argosy-slot-"]),
        ("labels.get('topology.kubernetes.io/zone')", ["topology.kubernetes.io/zone"]),
        ("labels['controller-revision-hash']", ["controller-revision-hash"]),
        ("labels['argosy.dev/server']", ["argosy.dev/server"]),
        ("api = 'events.k8s.io/v1'", []),
        ("print('argosy-leader is held')", []),
    ],
)
def test_a_name_would_be_found(code: str, found: list[str]) -> None:
    """The search below sees each way of writing one out, and no sentence that has one."""
    assert list(written(ast.parse(code))) == found


def test_each_name_is_written_once() -> None:
    """Whoever means a Lease, a label or an annotation imports it: no second place could differ."""
    found = places()
    several = {text: where for text, where in found.items() if len(where) > 1}
    assert {text: where for text, where in several.items() if text not in MEANT} == {}
    assert several.keys() == MEANT.keys(), "no longer so"


def test_no_label_of_ours_is_written_out() -> None:
    """Labels and annotations are put together in `names`, and asked for there by all others."""
    found = {text: where for text, where in places().items() if text in KNOWN}
    assert {text: where for text, where in found.items() if where != {"api/names.py"}} == {}
