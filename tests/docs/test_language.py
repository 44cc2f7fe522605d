"""The language in which Argosy speaks to people: sentences whose subject is named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

CONTROLLER = Path(__file__).parents[2] / "controller"
# A reader sees one sentence: nobody knows what "it" is, and "what" promises a question.
NAMELESS = re.compile(r"^(It|Its|They|That|Those|What) [a-z]")


def sentences() -> Iterator[tuple[str, str]]:
    """Yield each text in the code that is a sentence for people, with where it stands."""
    for path in sorted(CONTROLLER.rglob("*.py")):
        tree = ast.parse(path.read_text())
        docstrings = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            first: ast.AST | None
            if isinstance(node, ast.JoinedStr):
                first = node.values[0] if node.values else None
            else:
                first = node if id(node) not in docstrings else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value, f"{path.relative_to(CONTROLLER)}:{first.lineno}"


def test_sentences_name_their_subject() -> None:
    """No condition, Event, help or error begins with a pronoun, or with What without asking."""
    found = list(sentences())
    assert len(found) > 1000, "the search finds nothing"
    nameless = [
        f"{place} {text!r}" for text, place in found if NAMELESS.match(text) and "?" not in text
    ]
    assert nameless == []
