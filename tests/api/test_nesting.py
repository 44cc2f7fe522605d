"""Whether JSON is bounded in depth, and what is deeper still made readable."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from controller.api import nesting, objects

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('ab{}[]"\\,:\ud800 \n')),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=20,
)


def _depth(value: Any) -> int:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(map(_depth, inner), default=0)
    return 0


def _cut(value: Any, most: int) -> Any:
    if isinstance(value, dict | list) and not most:
        return None
    if isinstance(value, dict):
        return {key: _cut(each, most - 1) for key, each in value.items()}
    if isinstance(value, list):
        return [_cut(each, most - 1) for each in value]
    return value


def nested(levels: int) -> bytes:
    """Return a JSON object nested so deep."""
    return b'{"a":' * levels + b"1" + b"}" * levels


@hypothesis.given(value=JSON, most=st.integers(1, 5), indent=st.none() | st.just(1))
def test_depth_is_that_of_the_decoded_value(value: Any, most: int, indent: int | None) -> None:
    """Brackets in strings, and how the text is laid out, change nothing of how deep it is."""
    text = json.dumps(value, indent=indent).encode()
    assert nesting.is_deeper(text, most) == (_depth(value) > most)
    assert json.loads(nesting.cut(text, most)) == _cut(value, most)


@pytest.mark.parametrize("levels", [1_200, 10_000, 100_000])
def test_deep_text_becomes_readable(levels: int) -> None:
    """However deep text is nested, what is left of it can be decoded and is too deep for a view."""
    readable = nesting.readable(nested(levels))
    assert _depth(msgspec.json.decode(readable)) == nesting.READABLE
    assert nesting.is_deeper(readable, nesting.WRAPPED)


def test_odd_characters_become_readable() -> None:
    """Half a surrogate pair and bytes that are no UTF-8 are replaced; whole pairs stay."""
    text = rb'["\ud800", "\udc00\ud800", "\ud83d\ude00", "\\ud800", "\u00e4", "' + b'\xff"]'
    read = msgspec.json.decode(nesting.readable(text))
    assert read == ["\ufffd", "\ufffd\ufffd", "\U0001f600", "\\ud800", "ä", "\ufffd"]


def test_broken_text_stays_broken() -> None:
    """Text that ends too early is not made whole."""
    for text in (nested(300)[:-1], b'{"a":"', b"", b"}" * 300):
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(nesting.readable(text))


def test_a_view_refuses_what_is_too_deep() -> None:
    """A template may be nested a hundred levels deep and no more; the fault names its place."""
    line = b'{"metadata":{"name":"a"},"spec":{"components":[{"name":"c","template":%s}]}}'
    msgspec.json.decode(line % nested(nesting.MOST), type=objects.Application)
    with pytest.raises(
        msgspec.ValidationError, match=r"template: .*100 levels.*spec\.components\[0\]"
    ):
        msgspec.json.decode(line % nested(nesting.MOST + 1), type=objects.Application)


class _Answer(msgspec.Struct):
    """Of an answer, what is read."""

    name: str = ""


def test_an_answer_is_read_however_deep_the_rest_of_it_is() -> None:
    """What the API server holds of somebody else's comes back with every write of ours."""
    deep = b"[" * 50_000 + b"]" * 50_000
    text = b'{"odd":' + deep + b',"name":"shop"}'
    decoder = msgspec.json.Decoder(_Answer)
    with pytest.raises(RecursionError):
        decoder.decode(text)
    assert nesting.decode(decoder, text) == _Answer(name="shop")
