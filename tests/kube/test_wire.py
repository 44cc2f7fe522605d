"""What the decoder makes of whatever an object may hold."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from controller.api import nesting, objects, resources
from controller.api.resources import Resource
from controller.kube import wire

VIEWS = {name: place.view for name, place in resources.PLACES.items() if place.view is not None}
META = b'{"name":"odd","namespace":"default","uid":"u","resourceVersion":"7","generation":2%s}'
# All names that some view reads, so that values meet a field that wants another type.
FIELDS = tuple(
    b"spec status data template components application component ordinal metadata name action"
    b" parameters task steps exec job http replicas fleet memory conditions recovery volumeClaims"
    b" alternatives patch deletion phase containers revision selector unknown".split()
)
# Values as they may stand in JSON, some of which no decoder takes.
SCALARS = (
    b"null", b"true", b"0", b"-1", b"1e308", b"1e999", b"9" * 5000, b"1.5", b'""', b'"text"',
    b'"\\ud800"', b'"\\udc00\\ud800x"', b'"\\u0000\\u001b[31m"', b'"\xff"', b'"{[\\"}"',
)  # fmt: skip


def _object(members: list[tuple[bytes, bytes]]) -> bytes:
    return b"{" + b",".join(b'"%s":%s' % each for each in members) + b"}"


def _array(items: list[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"


def _nested(pair: tuple[int, bytes]) -> bytes:
    levels, inner = pair
    return b'{"a":[' * levels + inner + b"]}" * levels


TEXTS = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: (
        st.lists(st.tuples(st.sampled_from(FIELDS), inner), max_size=4).map(_object)
        | st.lists(inner, max_size=3).map(_array)
        | st.tuples(st.sampled_from((1, 40, 60, 400, 4000)), inner).map(_nested)
    ),
    max_leaves=12,
)


@hypothesis.given(
    resource=st.sampled_from(sorted(VIEWS)),
    members=st.lists(st.tuples(st.sampled_from(FIELDS[:3] + FIELDS[-1:]), TEXTS), max_size=4),
    managed=TEXTS,
    kind=st.sampled_from((b"ADDED", b"MODIFIED", b"DELETED")),
)
def test_whatever_an_object_holds_it_is_one_object(
    resource: Resource, members: list[tuple[bytes, bytes]], managed: bytes, kind: bytes
) -> None:
    """Listed, watched or read alone: an object is a view, or one Malformed that names it."""
    decoder: wire.Decoder[Any] = wire.Decoder(VIEWS[resource], "test")
    meta = META % (b',"managedFields":[{"fieldsV1":%s}]' % managed)
    odd = _object([(b"metadata", meta), *members])
    sane = b'{"metadata":{"name":"a-c-1"},"spec":{"application":"a","component":"c","ordinal":1,'
    sane += b'"action":"Restart","number":1,'
    sane += b'"source":{"git":{"url":"https://git.example.com/a"},"image":"example.com/a"}}}'
    page = decoder.page(b'{"metadata":{"resourceVersion":"9"},"items":[%s,%s]}' % (sane, odd))
    found = {each.metadata.name: each for each in page.items}
    found |= {each.metadata.name: each for each in page.malformed}
    assert set(found) == {"a-c-1", "odd"}
    assert len(page.items) + len(page.malformed) == 2
    assert isinstance(found["a-c-1"], VIEWS[resource])
    assert page.resource_version == 9
    what, seen, version = decoder.event(b'{"type":"%s","object":%s}' % (kind, odd))
    assert version == 7
    for each in (found["odd"], decoder.one(odd), *([] if kind == b"DELETED" else [seen])):
        assert each.metadata.uid == "u"
        assert isinstance(each, (VIEWS[resource], wire.Malformed))
        assert isinstance(each, wire.Malformed) == isinstance(found["odd"], wire.Malformed)
    if kind == b"DELETED":
        assert what is wire.WatchEventKind.DELETED
        assert isinstance(seen, objects.Meta)


@pytest.mark.parametrize("levels", [nesting.MOST + 1, 500, 1_200, 9_000, 100_000])
def test_a_deep_object_is_named_and_leaves_remains(levels: int) -> None:
    """What is nested too deep is told with its place; all but the deep values can still be read."""
    deep = b'{"a":' * levels + b"1" + b"}" * levels
    fields = b',"finalizers":["argosy.dev/teardown"],"managedFields":[{"fieldsV1":%s}]' % deep
    spec = b'{"deletion":{"protected":true},"components":[{"name":"c","template":%s}]}' % deep
    text = b'{"metadata":%s,"spec":%s,"status":{"ready":3}}' % (META % fields, spec)
    decoder = wire.Decoder(objects.Application, "test")
    _, found, version = decoder.event(b'{"type":"ADDED","object":%s}' % text)
    assert isinstance(found, wire.Malformed)
    assert found == decoder.one(text)
    assert version == 7
    assert found.message == (
        "template: nested more than 100 levels deep - at `$.spec.components[0]`"
    )
    left = found.remains
    assert isinstance(left, objects.Application)
    assert left.metadata.finalizers == ("argosy.dev/teardown",)
    assert left.spec.deletion.protected
    assert left.status.ready == 3


@pytest.mark.parametrize("name", ["a-c-01", "a-c-10", "c-1", "a-a-c-1", "x"])
def test_a_server_is_called_what_its_place_is(name: str) -> None:
    """One of another name is none, whichever way it is read: nothing remains to be counted."""
    text = (
        b'{"metadata":{"name":"%s","resourceVersion":"7"},'
        b'"spec":{"application":"a","component":"c","ordinal":1}}'
    )
    decoder = wire.Decoder(objects.Server, "test")
    odd, sane = text % name.encode(), text % b"a-c-1"
    page = decoder.page(b'{"metadata":{"resourceVersion":"9"},"items":[%s,%s]}' % (sane, odd))
    assert [each.metadata.name for each in page.items] == ["a-c-1"]
    seen = decoder.event(b'{"type":"ADDED","object":%s}' % odd)[1]
    assert [seen, decoder.one(odd)] == [*page.malformed, *page.malformed]
    assert page.malformed[0].remains is None
    assert "metadata.name must be a-c-1" in page.malformed[0].message
    assert isinstance(decoder.one(sane), objects.Server)


def test_deep_fields_that_nobody_reads_do_no_harm() -> None:
    """An object whose deep part no view reads is an object like any other."""
    deep = b"[" * 3000 + b"]" * 3000
    text = b'{"metadata":%s,"spec":{"unknown":%s,"fleet":"f"}}' % (META % b"", deep)
    found = wire.Decoder(objects.Application, "test").one(text)
    assert isinstance(found, objects.Application)
    assert found.spec.fleet == "f"


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"type":"ADDED"}', b"[" * 5000, b'{"type":"ADDED","object":{"a":', b"7"]
)
def test_what_is_no_event_is_garbled(text: bytes) -> None:
    """A text that is cut, or no event at all, is told as that and asked for again."""
    decoder = wire.Decoder(objects.Application, "test")
    for read in (decoder.event, decoder.page, decoder.one):
        with pytest.raises(wire.Garbled):
            read(text)
