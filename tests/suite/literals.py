"""Words of closed lists that code writes out by itself: found by what carries them.

    literals(tree, "task", Carriers(names=frozenset({"reason"})))

A carrier is a name under which such a word is given, kept or compared with. Reasons have some
(`tests.docs.test_reasons`), and so have the choices of `controller.api` (`test_choices`).
"""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

# The type of reasons that others give: a word of theirs is passed on, and never written out.
FOREIGN = "ForeignReason"
CONTROLLER = Path(__file__).parents[2] / "controller"


@dataclasses.dataclass(frozen=True, slots=True)
class Carriers:
    """The names that carry words of closed lists, as fields and keywords.

    Some do so as variables and parameters, too, and those that are `plain` wherever they stand:
    they mean nothing else, also as a function or a key of JSON.
    """

    names: frozenset[str]
    variables: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()


def modules() -> Iterator[Path]:
    """Yield the modules of the operator and its programs."""
    yield from sorted(CONTROLLER.rglob("*.py"))


def literals(tree: ast.AST, module: str, carriers: Carriers) -> Iterator[ast.expr]:
    """Yield each text that is written out for a carrier: given to it, or compared with it."""
    for node in ast.walk(tree):
        for each in _values(node, module, carriers):
            yield from texts(each)


def _values(node: ast.AST, module: str, carriers: Carriers) -> Iterator[ast.expr]:
    """Yield what a piece of code gives to carriers, or compares with them."""
    match node:
        case ast.Call():
            yield from _given(node, module, carriers)
        case ast.Compare() | ast.Match():
            yield from _compared(node, carriers)
        case ast.Assign() | ast.AnnAssign():
            yield from _kept(node, carriers)
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in carriers.plain:
                    yield value
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from _of_function(node, carriers)


def _compared(node: ast.Compare | ast.Match, carriers: Carriers) -> Iterator[ast.expr]:
    """Yield what is compared with a carrier; the carrier itself, too, which is no text."""
    if isinstance(node, ast.Compare):
        sides = (node.left, *node.comparators)
        if any(_carries(each, carriers) for each in sides):
            yield from sides
    elif _carries(node.subject, carriers):
        for each in (each for case in node.cases for each in ast.walk(case.pattern)):
            if isinstance(each, ast.MatchValue):
                yield each.value


def _kept(node: ast.Assign | ast.AnnAssign, carriers: Carriers) -> Iterator[ast.expr]:
    """Yield what a carrier is assigned, or what a field has by default."""
    targets: Sequence[ast.expr]
    if isinstance(node, ast.AnnAssign):
        known, targets = carriers.names, [node.target]
    else:
        known, targets = carriers.variables | carriers.plain, node.targets
    named = any(
        each.id in known if isinstance(each, ast.Name) else _carries(each, carriers)
        for each in targets
    )
    if named and node.value is not None:
        yield node.value


def texts(given: ast.expr) -> Iterator[ast.expr]:
    """Yield the texts that may be the value of an expression; the empty one is no word.

    Whoever calls a text a word of somebody else's has written it out all the same.
    """
    if (word := called_foreign(given)) is not None:
        yield from texts(word)
        return
    match given:
        case ast.JoinedStr():
            yield given
        case ast.Constant(value=str(text)) if text:
            yield given
        case ast.IfExp():
            yield from texts(given.body)
            yield from texts(given.orelse)
        case ast.BoolOp():
            for each in given.values:
                yield from texts(each)
        case ast.Tuple() | ast.Set() | ast.List():
            for each in given.elts:
                yield from texts(each)


def called_foreign(given: ast.AST) -> ast.expr | None:
    """Return what an expression passes off as a word that somebody else gave; None for others."""
    match given:
        case ast.Call(func=ast.Name(id=name), args=[word]) if name == FOREIGN:
            return word
        case ast.Call(func=ast.Attribute(attr=name), args=[word]) if name == FOREIGN:
            return word
        case ast.Call(func=ast.Name(id="cast"), args=[_, word]):
            return word
    return None


@functools.cache
def _takers(names: frozenset[str]) -> dict[tuple[str, str], dict[str, int]]:
    """Return the functions that take carriers by place: by module and name, and the places."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                taken = [each.arg for each in node.args.args if each.arg not in ("self", "cls")]
                for each in names & set(taken):
                    found.setdefault((path.stem, node.name), {})[each] = taken.index(each)
    return found


def _given(call: ast.Call, module: str, carriers: Carriers) -> Iterator[ast.expr]:
    """Yield what a call in `module` gives to carriers: by their names, or by their places."""
    yield from (each.value for each in call.keywords if each.arg in carriers.names)
    holder, _, name = ast.unparse(call.func).rpartition(".")
    takers = _takers(carriers.variables | carriers.plain)
    for place in takers.get((holder or module, name), {}).values():
        yield from call.args[place : place + 1]


def _carries(given: ast.expr, carriers: Carriers) -> bool:
    """Return whether an expression reads a carrier."""
    match given:
        case ast.Attribute(attr=name):
            return name in carriers.names
        case ast.Name(id=name):
            return name in carriers.plain
        case ast.Subscript(slice=ast.Constant(value=name)):
            return name in carriers.plain
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=name), *_]):
            return name in carriers.plain
    return False


def _of_function(
    function: ast.FunctionDef | ast.AsyncFunctionDef, carriers: Carriers
) -> Iterator[ast.expr]:
    """Yield what a function takes by default, or returns where it is itself a carrier."""
    arguments = function.args
    placed = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(placed) - len(arguments.defaults)) + [*arguments.defaults]
    for argument, default in (
        *zip(placed, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ):
        if argument.arg in carriers.names and default is not None:
            yield default
    if function.name.strip("_") in carriers.plain:
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and node.value is not None:
                yield node.value
