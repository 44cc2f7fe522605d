"""Where Argosy speaks to people: every sentence that is written down for them, with its place."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from tests.docs import pages

ROOT = pages.ROOT
CHART = ROOT / "charts" / "argosy"
# Programs whose output people read.
PROGRAMS = ("controller", "scripts", "devcluster", "bench", "proof")
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_ITEM = re.compile(r"^([-*>]|#+|\d+\.)\s+")
# What a chart's objects say: alerts, policies, panels.
_SAID = re.compile(r"^\s*-?\s*(?:message|summary|description|title)\w*:\s*[\"'>|]*\s*(.+)$")

# The tags of Helm: those that choose what is printed, and those that print a value.
_CHOICE = re.compile(r"\{\{-?\s*(?:if|else|end|with|range)\b.*?\}\}", re.DOTALL)
_VALUE = re.compile(r"\{\{.*?\}\}", re.DOTALL)

# What parts two texts of a page of the dashboard: tags of HTML and of Jinja.
_BETWEEN = re.compile(r"<[^>]+>|\{%.*?%\}|\{#.*?#\}", re.DOTALL)

# A text, and where it stands.
Told = tuple[str, str]


def of_code(folders: Iterable[str] = PROGRAMS) -> Iterator[Told]:
    """Yield each text in the code that may be a sentence for people: no docstrings."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            place = path.relative_to(ROOT)
            yield from ((text, f"{place}:{line}") for text, line in _texts(path.read_text()))


def _texts(source: str) -> Iterator[tuple[str, int]]:
    tree = ast.parse(source)
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    # The parts of an f-string go on where a value ended: only its first one begins a sentence.
    later = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values[1:]
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) in later:
                # A sentence may begin in its middle all the same.
                yield f"… {node.value}", node.lineno
            elif id(node) not in docstrings:
                yield node.value, node.lineno


def of_prose() -> Iterator[Told]:
    """Yield each docstring of the operator's code, and each comment, its lines joined."""
    for path in sorted((ROOT / "controller").rglob("*.py")):
        place, source = path.relative_to(ROOT), path.read_text()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                yield " ".join(str(node.value.value).split()), f"{place}:{node.lineno}"
        block, last = "", 0
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type != tokenize.COMMENT:
                continue
            text, line = token.string.lstrip("# "), token.start[0]
            if line != last + 1:
                yield block, f"{place}:{last}"
                block = ""
            block, last = f"{block} {text}".strip(), line
        yield block, f"{place}:{last}"


def of_pages() -> Iterator[Told]:
    """Yield each paragraph, item and cell of the docs, the chart's page and the news."""
    for path in sorted([*pages.PAGES, *ROOT.glob("changelog.d/*.md"), *CHART.glob("*.md")]):
        for block in blocks(path.read_text()):
            yield block, str(path.relative_to(ROOT))


def blocks(page: str) -> Iterator[str]:
    """Yield the paragraphs, items, headings and cells of a page in Markdown."""
    for paragraph in re.split(r"\n\s*\n", _CODE.sub("", page)):
        current = ""
        for line in map(str.strip, paragraph.splitlines()):
            if line.startswith("|"):
                yield from (cell.strip() for cell in line.strip("|").split("|"))
            elif _ITEM.match(line):
                yield current
                current = _ITEM.sub("", line)
            else:
                current = f"{current} {line}".strip()
        yield current


def of_schemas() -> Iterator[Told]:
    """Yield what the schemas of kinds and of the chart's values say of each field."""
    for path in sorted([*ROOT.glob("crds/*.yaml"), CHART / "values.schema.json"]):
        for text in described(yaml.safe_load(path.read_text())):
            yield text, str(path.relative_to(ROOT))
    for path in sorted(ROOT.glob("docs/reference/schemas/*.json")):
        for text in described(json.loads(path.read_text())):
            yield text, str(path.relative_to(ROOT))


def described(schema: Any) -> Iterator[str]:
    """Yield every description in a schema."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key in ("description", "title") and isinstance(value, str):
                yield value
            else:
                yield from described(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from described(value)


def of_chart() -> Iterator[Told]:
    """Yield the comments of the chart's values, what its notes say, and what its objects say."""
    files = [CHART / "values.yaml", CHART / "Chart.yaml", *sorted(CHART.glob("templates/*.yaml"))]
    for path in [*files, *sorted((ROOT / "examples").glob("*.yaml"))]:
        place = str(path.relative_to(ROOT))
        yield from ((text, place) for text in comments(path.read_text()))
        said = (_SAID.match(line) for line in path.read_text().splitlines())
        yield from ((found[1], place) for found in said if found)
    notes = CHART / "templates" / "NOTES.txt"
    yield from ((block, "NOTES.txt") for block in blocks(untagged(notes.read_text())))


def untagged(template: str) -> str:
    """Return the text of a template: paragraphs end where its tags choose, and values are dots."""
    return _VALUE.sub("…", _CHOICE.sub("\n\n", template))


def of_templates() -> Iterator[Told]:
    """Yield each text on the pages of the dashboard."""
    for path in sorted((ROOT / "controller" / "dashboard" / "templates").glob("*.html")):
        for text in _BETWEEN.split(_VALUE.sub("…", path.read_text())):
            yield " ".join(text.split()), str(path.relative_to(ROOT))


def comments(source: str) -> Iterator[str]:
    """Yield each run of lines that are comments, as one text."""
    current = ""
    for line in [*map(str.strip, source.splitlines()), ""]:
        if line.startswith("#"):
            current = f"{current} {line.lstrip('#- ')}".strip()
        else:
            yield current
            current = ""
