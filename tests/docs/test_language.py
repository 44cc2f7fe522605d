"""The language in which Argosy speaks to people: sentences whose subject is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.docs import sentences

# A reader sees one paragraph, cell or message: nobody knows what "it" is where it begins so.
NAMELESS = re.compile(r"^(?:It|Its|They|That|Those) [a-z]")
# A message that begins in lower case stands behind another one, and by itself in some other place.
ALONE = re.compile(r"^(?:it|its|they) [a-z]")
# "What" promises a question, wherever a sentence begins with it, in bold letters or not, and
# whatever comes next: "What Argosy observed." asks as little as "What runs is left."
PROMISES = re.compile(r"(?:^|(?<=[.:;!?] ))\**What \S[^.?!]*[.?!]?")
# Whoever reads "if none" of an option asks: none of what? "(default: all)" says it.
OF_WHAT = re.compile(r"\bif none\b(?! (?:of|is|are)\b)")
# A condition or a note stands alone, below some object's name: "it" at its end has no other noun.
ENDS_ALONE = re.compile(
    r"\b(?:(?:looked at|letting go of|nothing of|nothing below) it|how far it|Delete all that it)\b"
)

Source = Callable[[], Iterator[sentences.Told]]
# A cell of a page may go on in lower case: the first cell of its row has the noun.
PAGES = "pages"
SOURCES: dict[str, tuple[Source, int]] = {
    "code": (sentences.of_code, 3000),
    PAGES: (sentences.of_pages, 2000),
    "schemas": (sentences.of_schemas, 400),
    "chart": (sentences.of_chart, 100),
    "dashboard": (sentences.of_templates, 300),
}


def unclear(text: str, *, is_cell: bool = False) -> list[str]:
    """Return what is wrong with a text.

    A beginning without a subject, an end without its noun, a default without its noun, a question
    that is none.
    """
    nameless = NAMELESS.match(text) or (not is_cell and ALONE.match(text))
    found = [text] if nameless and not text.endswith("?") else []
    found += OF_WHAT.findall(text)
    found += [] if is_cell else ENDS_ALONE.findall(text)
    found += [each for each in PROMISES.findall(text) if not each.endswith("?")]
    return found


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("It runs.", 1),
        ("it runs", 1),
        ("its set is being deleted", 1),
        ("What runs is left.", 1),
        ("The server is gone. What runs is left.", 1),
        ("… is gone. What runs is left.", 1),
        ("Note: What is next", 1),
        ("What Argosy observed.", 1),
        ("What `observe` returns is of before.", 1),
        ("The plan was changed. **What Heat does better:** clouds.", 1),
        ("What Argosy made, is that gone?", 0),
        ("The server runs. It is ready.", 0),
        ("What became of it? Nothing.", 0),
        ("Whatever runs is left.", 0),
        ("Only this component; all if none.", 1),
        ("Left alone, if none is given.", 0),
        ("Argosy has not looked at it yet.", 1),
        ("nothing below it is left: letting go of it", 2),
        ("The act is cancelled, and how far it came is unknown.", 1),
        ("Argosy has not looked at the object yet.", 0),
        ("It", 0),
        ("items of a list", 0),
    ],
)
def test_an_unclear_sentence_would_be_found(text: str, faults: int) -> None:
    """The search below sees each way of leaving a reader alone, and no other sentence."""
    assert len(unclear(text)) == faults


def test_pages_are_taken_apart() -> None:
    """Items, cells and headings are looked at by themselves, code is not."""
    page = "# One\n\nTwo goes\non.\n- Three\n- Four\n  more\n\n| A | B |\n\n```sh\nIt runs\n```\n"
    found = [each for each in sentences.blocks(page) if each]
    assert found == ["One", "Two goes on.", "Three", "Four more", "A", "B"]


def test_templates_are_taken_apart() -> None:
    """Whatever a tag chooses begins anew: its reader saw nothing of the other choice."""
    notes = "One {{ .a }}.\n{{ if .b }}It reads.\n{{- else }}Its\n{{ .c }}.\n{{- end }}\n"
    found = [each for each in sentences.blocks(sentences.untagged(notes)) if each]
    assert found == ["One ….", "It reads.", "Its …."]


@pytest.mark.parametrize("source", SOURCES)
def test_sentences_name_their_subject(source: str) -> None:
    """Nothing that people read begins with a pronoun, or with What without asking."""
    read, least = SOURCES[source]
    told = [(text, place) for text, place in read() if text]
    assert len(told) > least, "the search finds nothing"
    found = [
        f"{place}: {each}"
        for text, place in told
        for each in unclear(text, is_cell=source == PAGES)
    ]
    assert found == []


def test_the_code_names_its_subjects() -> None:
    """No docstring or comment begins with a pronoun, or with What without asking."""
    told = [(text, place) for text, place in sentences.of_prose() if text]
    assert len(told) > 5000, "the search finds nothing"
    found = [
        f"{place}: {text}"
        for text, place in told
        if (NAMELESS.match(text) and not text.endswith("?"))
        or any(not each.endswith("?") for each in PROMISES.findall(text))
    ]
    assert found == []
