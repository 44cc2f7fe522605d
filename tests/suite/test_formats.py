"""What one place writes in a format of its own is read in one place: a second reader drifts."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import controller
from controller.api import names, resources
from controller.api.resources import Resource
from controller.kinds.operation import targets
from controller.planning import ordinals

ROOT = Path(controller.__file__).parent
# Marks of ours on objects: most have a format.
MARKS = {each for each in vars(names) if each.endswith("_ANNOTATION")}
# Who reads a text by the key that is handed in.
READERS = {"get", "text", "items"}
# What decides, and what people are shown: the texts that these take apart, each in one place.
ROOMS = ("planning", "kinds", "presentation", "execution")
FORMATS = {
    "kinds/build/jobs.py": "the path of a program",
    "kinds/operation/rollback.py": "component/revision, which an operation leaves",
    "kinds/revisions/rejection.py": "the mark of a rejection",
    "planning/builders.py": "a repository, and those that are allowed",
    "planning/ordinals.py": "component/ordinals, which an operation is about",
    "presentation/answers.py": "who holds a Lease",
    "presentation/references.py": "KIND/NAME, as people type it",
}


def read_marks(tree: ast.AST) -> Iterator[str]:
    """Yield each annotation whose value is read, by the name of its constant."""
    for node in ast.walk(tree):
        asked: list[ast.expr] = []
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            asked = [node.slice]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in READERS:
            asked = node.args
        for each in asked:
            name = ast.unparse(each).rpartition(".")[2]
            if name in MARKS:
                yield name


def takes_apart(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield each call that takes a text apart at its slashes."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"partition", "rpartition", "split", "rsplit"}
            and [ast.unparse(each) for each in node.args[:1]] == ["'/'"]
        ):
            yield node


def sources() -> Iterator[tuple[str, ast.AST]]:
    """Yield the modules of the operator, by their paths."""
    for path in sorted(ROOT.rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


@pytest.mark.parametrize(
    ("code", "marks", "parts"),
    [
        ("meta.annotations.get(names.REJECTED_ANNOTATION)", 1, 0),
        ("annotations[names.REJECTED_ANNOTATION]", 1, 0),
        ("tags.text(meta.annotations, names.REJECTED_ANNOTATION)", 1, 0),
        ("{names.REJECTED_ANNOTATION: 'x'}", 0, 0),
        ("annotations[names.REJECTED_ANNOTATION] = 'x'", 0, 0),
        ("names.REJECTED_ANNOTATION in annotations", 0, 0),
        ("kind, _, name = thing.partition('/')", 0, 1),
        ("kind, name = thing.split('/', 1)", 0, 1),
        ("words.split(',')", 0, 0),
    ],
)
def test_a_second_reader_would_be_found(code: str, marks: int, parts: int) -> None:
    """The searches below see each way of reading, and no way of writing."""
    tree = ast.parse(code)
    assert (len(list(read_marks(tree))), len(list(takes_apart(tree)))) == (marks, parts)


def test_each_mark_is_read_in_one_place() -> None:
    """The value of an annotation of ours is read by one module; the others ask that."""
    readers: defaultdict[str, set[str]] = defaultdict(set)
    for place, tree in sources():
        for mark in read_marks(tree):
            readers[mark].add(place)
    assert readers["REJECTED_ANNOTATION"] == {"api/tags.py"}
    assert {mark: places for mark, places in readers.items() if len(places) > 1} == {}


def test_each_text_is_taken_apart_in_one_place() -> None:
    """No two of those who decide or show read the same format; each that is listed is there."""
    found = {
        place
        for place, tree in sources()
        if place.startswith(tuple(f"{room}/" for room in ROOMS)) and list(takes_apart(tree))
    }
    assert found == set(FORMATS)
    assert len(set(FORMATS.values())) == len(FORMATS)


@given(resource=st.sampled_from(Resource), name=st.text("abz019.-", min_size=1, max_size=9))
def test_a_thing_is_read_as_it_is_written(resource: Resource, name: str) -> None:
    """Kind/name of any object: whoever is told what is in the way finds it."""
    kind = resources.PLACES[resource].kind
    assert resources.parts(resources.thing(resource, name)) == (kind, name)


@given(st.sets(st.tuples(st.sampled_from(["db", "web-1"]), st.integers(0, 99)), max_size=9))
def test_targets_are_read_as_they_are_written(keys: set[tuple[str, int]]) -> None:
    """By the operation itself, and component by component by the sets that heed it."""
    written = targets.record(sorted(keys))
    assert set(targets.recall(written)) == keys
    for component, text in map(ordinals.of_target, written):
        assert {number for name, number in keys if name == component} == {
            number for number in range(100) if ordinals.contains(text, number)
        }
