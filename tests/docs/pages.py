"""The pages, taken apart: what tests hold to the code, the chart and the API server."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)#\s]+)?(#[^)\s]+)?\)")
# Also those that are another in the dark.
PICTURE = re.compile(r"(?:!\[[^\]]+\]\(|(?:srcset|src)=\")([^)\s\"]+)[)\"]")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HERE = re.compile(r"<<END\n(.*?)^(?:END)$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*(?:\\\n.*)*(?:\n {2,}[^ ].*)*)", re.MULTILINE)
MENTION = re.compile(r"(?<!`)`((?:kubectl\s+argosy|argosy|helm|make|\.venv/bin/python -m)\s[^`]+)`")
BETWEEN = {"&&", "||", ";", "|"}
# Shells as people name them at the top of a block that shows commands alone.
SHELLS = ("sh", "shell", "bash")
JOINED = re.compile(r"\s*\\\n\s*")
GOES_ON = re.compile(r"(\||&&)\n\s*")
REMARK = re.compile(r"\s{2,}# .*")


def blocks(text: str, language: str) -> list[str]:
    """Return the blocks of a page in one language."""
    return [block for found, block in BLOCK.findall(text) if found == language]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def documents(text: str) -> Iterator[dict[str, Any]]:
    """Yield every YAML document of a page, also those typed into a shell."""
    for source in (*blocks(text, "yaml"), *HERE.findall(text)):
        for document in yaml.safe_load_all(source):
            assert isinstance(document, dict), source
            yield document


def manifests(text: str) -> Iterator[dict[str, Any]]:
    """Yield the whole manifests of Argosy's kinds in a page."""
    for document in documents(text):
        if str(document.get("apiVersion", "")).startswith("argosy.dev/"):
            yield document


def fragments(text: str) -> Iterator[dict[str, Any]]:
    """Yield the parts of manifests in a page: what names no kind."""
    return (each for each in documents(text) if "kind" not in each)


def typed(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command as it is typed, with all that is typed into it, and the lines it shows."""
    for language, block in BLOCK.findall(text):
        if language == "console":
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                yield _typed(part)
        elif language in SHELLS:
            for line in JOINED.sub(" ", block).splitlines():
                yield REMARK.sub("", line), []


def _typed(part: str) -> tuple[str, list[str]]:
    """Return a command of a console without what is remarked on it, and what it shows."""
    lines = JOINED.sub(" ", part).splitlines()
    here = re.search(r"<<(\w+)$", lines[0])
    end = lines.index(here[1]) + 1 if here else 1
    return "\n".join([REMARK.sub("", lines[0]), *lines[1:end]]), lines[end:]


def commands(text: str) -> Iterator[list[str]]:
    """Yield the simple commands in a page's consoles and shells, as lists of words."""
    for language, block in BLOCK.findall(text):
        for line in _lines(language, HERE.sub("", block)):
            for part in _split(line):
                yield from _nested(part)


def _lines(language: str, block: str) -> list[str]:
    """Return the command lines of a block, without what is remarked on them."""
    if language == "console":
        return [each.replace("\\\n", " ") for each in COMMAND.findall(block)]
    if language in SHELLS:
        lines = GOES_ON.sub(r"\1 ", JOINED.sub(" ", block)).splitlines()
        return [REMARK.sub("", each) for each in lines if each.strip() and each[0] != "#"]
    return []


def mentioned(text: str) -> Iterator[list[str]]:
    """Yield the commands of our own programs within the sentences of a page, as lists of words.

    Some lack an argument, as the sentence is about the command, or have one in capitals.
    """
    for code in MENTION.findall(BLOCK.sub("", text)):
        yield shlex.split(code)


def _split(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word in BETWEEN:
            yield words
            words = []
        else:
            words.append(word)
    yield words


def _nested(words: list[str]) -> Iterator[list[str]]:
    """Yield a command, and the one whose output it is given."""
    yield words
    for word in words:
        if inner := re.fullmatch(r"\$\((.*)\)", word, re.DOTALL):
            yield from _split(inner[1])
