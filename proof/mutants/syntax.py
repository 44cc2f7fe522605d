"""Finds a piece of code by its shape: by what it says, not by how it is spelled.

    syntax.Swap("ANY_api.delete(Resource.PODS, ANY_namespace, ANY_name, uid=ANY_uid)", "…")

Spaces, line breaks, quotes, brackets and comments do not matter. A name that begins with `ANY_`
stands for any expression, or as the last line of a body for all lines that are left. The same name
stands for the same code each time, also in what is put there instead. So a mutant survives whatever
leaves the meaning of its place alone. The copy that it breaks is read by nobody: `ast` writes it.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence
from typing import Any, cast

OPEN = "ANY_"

# What a placeholder stands for.
Meaning = ast.expr | list[ast.stmt]
Meanings = dict[str, Meaning]
Body = Sequence[ast.stmt]


def parse(text: str) -> list[ast.stmt]:
    """Return the lines of a piece of code."""
    return ast.parse(text).body


def scope(module: ast.Module, name: str) -> ast.AST | None:
    """Return the class or function of that qualified name; the whole module for an empty one."""
    found: ast.AST = module
    for part in filter(None, name.split(".")):
        inner = [
            each
            for each in ast.iter_child_nodes(found)
            if isinstance(each, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and each.name == part
        ]
        if len(inner) != 1:
            return None
        found = inner[0]
    return found


class Swap(ast.NodeTransformer):
    """Replaces what has the shape of `find` by `replace`, and counts how often."""

    def __init__(self, find: str, replace: str) -> None:
        self.count = 0
        self._find = parse(find)
        self._replace = parse(replace)
        # One expression for another is looked for anywhere, everything else as whole lines.
        match self._find, self._replace:
            case [ast.Expr(value=found)], [ast.Expr()]:
                self._expression: ast.expr | None = found
            case _:
                self._expression = None

    def visit(self, node: ast.AST) -> Any:
        """Replace an expression, or one of the lines of a body."""
        if self._expression is None:
            for name, value in ast.iter_fields(node):
                if _is_body(value):
                    setattr(node, name, list(self._lines(value)))
        elif isinstance(node, ast.expr):
            meanings: Meanings = {}
            if _fits(self._expression, node, meanings):
                self.count += 1
                (put,) = _filled(self._replace, meanings)
                return cast("ast.Expr", put).value
        return self.generic_visit(node)

    def _lines(self, body: Body) -> Iterator[ast.stmt]:
        at = 0
        while at < len(body):
            meanings: Meanings = {}
            piece = list(body[at : at + len(self._find)])
            if _fits(self._find, piece, meanings):
                self.count += 1
                yield from _filled(self._replace, meanings)
                at += len(piece)
            else:
                yield body[at]
                at += 1


def _is_body(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], ast.stmt)


def _fits(shape: object, found: object, meanings: Meanings) -> bool:
    """Return whether `found` has the shape, and note what its placeholders stand for."""
    if name := _open(shape):
        return isinstance(found, ast.expr) and _means(name, found, meanings)
    if isinstance(shape, list) and isinstance(found, list):
        if shape and (name := _open_line(shape[-1])):
            first = len(shape) - 1
            rest = found[first:]
            return _fits(shape[:-1], found[:first], meanings) and _means(name, rest, meanings)
        return len(shape) == len(found) and all(
            _fits(one, other, meanings) for one, other in zip(shape, found, strict=True)
        )
    if isinstance(shape, ast.AST):
        return type(shape) is type(found) and all(
            _fits(getattr(shape, field), getattr(found, field), meanings)
            for field in shape._fields
            if field not in ("ctx", "kind", "type_comment")
        )
    return type(shape) is type(found) and shape == found


def _open(shape: object) -> str:
    """Return the placeholder that an expression is, if it is one."""
    return shape.id if isinstance(shape, ast.Name) and shape.id.startswith(OPEN) else ""


def _open_line(shape: object) -> str:
    """Return the placeholder that a line is, if it is one."""
    return _open(shape.value) if isinstance(shape, ast.Expr) else ""


def _means(name: str, found: Meaning, meanings: Meanings) -> bool:
    """Return whether a placeholder stands for the same code wherever it stands."""
    return _fits(meanings.setdefault(name, found), found, {})


def _filled(lines: Body, meanings: Meanings) -> list[ast.stmt]:
    """Return the lines with what their placeholders stand for."""

    class Fill(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> Any:
            meaning = meanings.get(node.id)
            return copy.deepcopy(meaning) if isinstance(meaning, ast.expr) else node

        def visit_Expr(self, node: ast.Expr) -> Any:
            meaning = meanings.get(_open_line(node))
            return copy.deepcopy(meaning) if isinstance(meaning, list) else self.generic_visit(node)

    whole = ast.Module(body=copy.deepcopy(list(lines)), type_ignores=[])
    filled: ast.Module = Fill().visit(whole)
    return filled.body
