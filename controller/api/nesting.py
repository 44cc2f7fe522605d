"""How deep JSON may be nested, and how text that is nested deeper is made readable.

A schema that keeps unknown fields cannot bound how deep they go, and the API server takes 10,000
levels; decoders give up near 1,000, and code that follows a value level by level earlier still. So
views refuse a value that is nested deeper than `MOST`, and everything behind them may recurse.
Called by the views, and by whoever decodes what the API server sends.
"""

from __future__ import annotations

import array
import itertools
import re
from typing import TypeVar

import msgspec

T = TypeVar("T")

# How many levels deep a value that somebody writes may be: far more than any pod template is.
MOST = 100
# And one that Argosy wraps such values in: a revision's data, a task's parameters.
WRAPPED = MOST + 10
# How deep text is cut off to be decoded at all: a value in it is then too deep still, and told so.
READABLE = 2 * MOST
# How deep the fields go that views know by name; below are values that pass through unread.
NAMED = 12

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(_STRING.pattern + rb"|[\[\]{}]", re.DOTALL)
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<lone>u[dD][89a-fA-F]..)|.)", re.DOTALL
)
# Each bracket as a signed byte: 1 goes a level deeper, -1 comes back.
_STEPS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_QUOTE, _OPENING = b'"'[0], b"[{"


class TooDeepError(ValueError):
    """A value is nested deeper than it may be."""

    def __init__(self, most: int) -> None:
        super().__init__(f"nested more than {most} levels deep")


def is_deeper(text: bytes, most: int) -> bool:
    """Return whether the JSON `text` is nested more than `most` levels deep."""
    if _brackets(text) < most:
        return False
    steps = array.array("b", _STRING.sub(b"", text).translate(_STEPS, _NO_BRACKETS))
    return max(itertools.accumulate(steps), default=0) > most


def cut(text: bytes, most: int) -> bytes:
    """Return the JSON `text` with null for whatever is nested more than `most` levels deep."""
    pieces = []
    depth = start = 0
    for token in _TOKEN.finditer(text):
        byte = text[token.start()]
        if byte == _QUOTE:
            continue
        if byte in _OPENING:
            depth += 1
            if depth == most + 1:
                pieces.append(text[start : token.start()])
        else:
            if depth == most + 1:
                pieces.append(b"null")
                start = token.end()
            depth -= 1
    pieces.append(text[start:])
    return text if depth else b"".join(pieces)


def readable(text: bytes) -> bytes:
    """Return what JSON decoders read of `text`: not too deep, and all of it Unicode.

    For text that a decoder gave up on; what is no JSON stays none.
    """
    whole = text.decode(errors="replace").encode()
    return cut(_ESCAPE.sub(_unpaired, whole), READABLE)


def decode(decoder: msgspec.json.Decoder[T], text: bytes) -> T:
    """Return what `decoder` reads in an answer, however deep the rest of the answer is nested."""
    try:
        return decoder.decode(text)
    except RecursionError:
        return decoder.decode(readable(text))


def _brackets(text: bytes) -> int:
    """Return how many brackets open that hold anything: the text is one level deeper at most."""
    opening = text.count(b"{") + text.count(b"[")
    return opening - text.count(b"{}") - text.count(b"[]")


def _unpaired(escape: re.Match[bytes]) -> bytes:
    """Return half a surrogate pair as the replacement character, as Go's decoders do."""
    return rb"\ufffd" if escape["lone"] else escape[0]
