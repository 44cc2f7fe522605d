"""The glossary: each word once, in order, with one meaning."""

from __future__ import annotations

import re

from tests.docs import pages

ENTRY = re.compile(r"^\| \*\*(.+?)\*\* \| (.+) \|$", re.MULTILINE)
# Words that users meet in status, commands and pages, and that mean something of their own here.
MET = {
    "act", "Build", "circuit", "claim", "drain", "eviction", "failure domain", "held", "orphan",
    "released object", "replica", "slot", "task start",
}  # fmt: skip


def entries() -> list[tuple[str, str]]:
    """Return the words with their meanings, in the order of the page."""
    return ENTRY.findall((pages.ROOT / "docs/reference/glossary.md").read_text())


def test_each_word_stands_once_and_in_order() -> None:
    """Whoever looks a word up finds it where the alphabet has it."""
    words = [word.casefold() for word, _ in entries()]
    assert words == sorted(set(words))
    assert words


def test_a_word_has_one_meaning() -> None:
    """A second meaning gets a word of its own: nobody has to guess which one a page means."""
    assert [word for word, meaning in entries() if re.match(r"(Two|Three) ", meaning)] == []


def test_words_that_users_meet_are_explained() -> None:
    """A reader of a status or of `why` finds the words that are no plain English."""
    assert MET - {word for word, _ in entries()} == set()
