"""Each error class says itself what is done about it, and nobody else decides by its class."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import controller
from controller import contract, errors
from controller.execution.fleet_branch import _failed
from controller.execution.key_state import KeyState
from controller.planning import targets
from controller.reasons import ForeignReason

ROOT = Path(controller.__file__).parent
# Who answers to a person at the API's edge chooses words, and nothing else, by the class.
FRONT_ENDS = {"cli", "presentation", "admission"}
# What asks for another look at the world, and not for a policy: where to look is the caller's.
LOOKS = {"NotFound", "AlreadyExists", "Conflict", "Gone"}
# The class of all is how our own errors are told from bugs.
ROOT_CLASS = "ArgosyError"


def classes() -> list[type[errors.ArgosyError]]:
    """Return every class of errors that any module has."""
    for each in pkgutil.walk_packages([str(ROOT)], "controller."):
        if not each.name.endswith("__main__"):
            importlib.import_module(each.name)

    def below(known: type[errors.ArgosyError]) -> Iterator[type[errors.ArgosyError]]:
        for each in known.__subclasses__():
            yield each
            yield from below(each)

    ours = (each for each in below(errors.ArgosyError) if each.__module__.startswith("controller."))
    return sorted(dict.fromkeys(ours), key=lambda each: (each.__module__, each.__name__))


CLASSES = classes()
NAMES = {each.__name__ for each in CLASSES} | {ROOT_CLASS}


def asked(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each class of errors that code asks for, with the line: isinstance, match, type()."""
    for node in ast.walk(tree):
        found: ast.AST | None = None
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            found = node.args[1]
        elif isinstance(node, ast.MatchClass):
            found = node.cls
        elif isinstance(node, ast.Compare) and "type(" in ast.unparse(node):
            found = node
        for each in ast.walk(found) if found is not None else ():
            name = each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "")
            if name in NAMES:
                yield each.lineno, name  # type: ignore[attr-defined]  # names have lines


def reasons_asked(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each comparison of an error's reason with some reason, with the line.

    An error is what a handler caught, or what is annotated as one. Whether two errors have the
    same reason is another question.
    """
    known: set[str | None] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            known.add(node.name)
        elif isinstance(node, ast.arg) and node.annotation is not None:
            words = {getattr(each, "attr", "") for each in ast.walk(node.annotation)}
            known |= {node.arg} if words & NAMES else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [ast.unparse(each) for each in (node.left, *node.comparators)]
            ours = {f"{each}.reason" for each in known}
            if ours & set(sides) and not all(each.endswith(".reason") for each in sides):
                yield node.lineno, ast.unparse(node)


def test_there_are_classes_to_look_at() -> None:
    """The search finds the errors of all layers."""
    rooms = {each.__module__.split(".")[1] for each in CLASSES}
    assert {"errors", "kube", "presentation", "providers"} <= rooms


@pytest.mark.parametrize("kind", CLASSES, ids=lambda each: f"{each.__module__}.{each.__name__}")
def test_each_class_has_a_policy(kind: type[errors.ArgosyError]) -> None:
    """A class carries a policy of its own or of a class that it is a case of, never none."""
    assert isinstance(kind.policy, errors.Policy)
    assert "policy" not in vars(errors.ArgosyError)


def test_a_class_without_a_policy_cannot_be_written() -> None:
    """Whoever forgets it is told as the module is imported, and not when the error is raised."""
    with pytest.raises(TypeError, match="Careless has no policy"):
        type("Careless", (errors.ArgosyError,), {})


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("isinstance(error, errors.Stalled)", ["Stalled"]),
        ("isinstance(error, (errors.Outage, TimeoutError))", ["Outage"]),
        ("match error:\n    case faults.Denied():\n        pass", ["Denied"]),
        ("type(error) is errors.Waiting", ["Waiting"]),
        ("isinstance(item, objects.Server)", []),
    ],
)
def test_a_ladder_would_be_found(code: str, found: list[str]) -> None:
    """The search below sees each way of asking for a class."""
    assert [name for _, name in asked(ast.parse(code))] == found


def test_nobody_else_decides_by_the_class() -> None:
    """Below the front ends no code asks of which class an error is, to do one thing or another."""
    ladders = []
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT)
        # The API server's answers become errors there.
        if place.parts[0] in FRONT_ENDS or place == Path("kube/faults.py"):
            continue
        ladders += [
            f"{place}:{line}: {name}"
            for line, name in asked(ast.parse(path.read_text()))
            if name not in LOOKS | {ROOT_CLASS}
        ]
    assert ladders == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def f(error: errors.ArgosyError):\n    return error.reason == Reason.CIRCUIT_OPEN", 1),
        ("def f(it: errors.Outage | None):\n    return it.reason in (Reason.REFUSED,)", 1),
        ("try:\n    f()\nexcept errors.Stalled as no:\n    print(no.reason is Reason.REFUSED)", 1),
        ("def f(error: errors.ArgosyError, before):\n    return before.reason == error.reason", 0),
        ("def f(told: Condition):\n    return told.reason == Reason.CIRCUIT_OPEN", 0),
    ],
)
def test_a_reason_that_decides_would_be_found(code: str, found: int) -> None:
    """The search below sees an error's reason compared, and no condition's."""
    assert len(list(reasons_asked(ast.parse(code)))) == found


def test_execution_decides_by_no_reason_either() -> None:
    """A reason is for people: a second one of the same meaning would be treated otherwise."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {code}"
        for path in sorted((ROOT / "execution").rglob("*.py"))
        for line, code in reasons_asked(ast.parse(path.read_text()))
    ]
    assert found == []


def test_every_part_of_a_policy_is_read() -> None:
    """No field of a policy is declared and heeded by nobody."""
    read = {
        node.attr
        for path in ROOT.rglob("*.py")
        if path != ROOT / "errors.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("policy")
    }
    assert {each.name for each in dataclasses.fields(errors.Policy)} <= read


def odd(**policy: object) -> errors.ArgosyError:
    """Return an error of a class that nobody knows, with a policy of its own."""
    kind = errors.Policy(**{"kind": errors.FailureKind.WAITING, **policy})  # type: ignore[arg-type]  # any
    made: type[errors.ArgosyError] = type("Odd", (errors.ArgosyError,), {"policy": kind})
    return made("odd", reason=ForeignReason("Odd"))


@pytest.mark.parametrize("kind", list(errors.FailureKind))
@pytest.mark.parametrize("costs", [True, False])
@pytest.mark.parametrize("event", [True, False])
def test_planners_are_told_what_a_new_class_says(
    kind: errors.FailureKind,
    costs: bool,
    event: bool,
) -> None:
    """A class that no other line knows is counted, told and believed as its policy says."""
    state, target = KeyState(), targets.ServerTarget(fleet="attic", name="d/shop-web-0")
    error = odd(kind=kind, costs_attempt=costs, event=event, told_after=2, believed_after=3)
    seen = [state.fail(target, contract.Verb.CREATE, error, 0.0) for _ in range(3)]
    assert [each.told for each in seen] == [False, True, True]
    assert [each.kind for each in seen[:2]] == [errors.FailureKind.FAILED] * 2
    assert seen[2].kind is kind
    assert [each.costs_attempt for each in seen] == [False, False, costs]
    assert {each.event for each in seen} == {event}


@pytest.mark.parametrize(
    ("works", "verb", "counted"),
    [
        (True, contract.Verb.CREATE, False),
        (False, contract.Verb.CREATE, True),
        (None, contract.Verb.CREATE, None),
        (False, contract.Verb.ACT, True),
    ],
)
def test_breakers_count_what_a_new_class_says(
    works: bool | None,
    verb: contract.Verb,
    counted: bool | None,
) -> None:
    """Whether a fleet's provider is to be left alone for a while is the policy's word."""
    assert _failed(odd(works=works), verb) is counted


def test_an_act_whose_end_nobody_saw_tells_nothing_of_its_fleet() -> None:
    """A command's connection that breaks may be the command's doing."""
    unknown = odd(kind=errors.FailureKind.UNKNOWN, works=False)
    assert _failed(unknown, contract.Verb.ACT) is None
    assert _failed(unknown, contract.Verb.CREATE) is True
