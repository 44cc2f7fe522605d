"""What follows JSON level by level goes as deep as what is written may be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.api import nesting, objects
from controller.kinds.revisions import contents
from controller.planning import merge_patch, rendering
from controller.providers.pod import changes


def _nested(leaf: str, levels: int = nesting.WRAPPED) -> bytes:
    return b'{"a":[{"b":null,"c":' * (levels // 3) + leaf.encode() + b"}]}" * (levels // 3)


def _objects(leaf: Any, levels: int = nesting.WRAPPED) -> Any:
    for _ in range(levels):
        leaf = {"a": leaf}
    return leaf


def test_the_deepest_values_are_merged_and_told_apart() -> None:
    """At the bound no recursion comes to its end, and a merge of the difference gives the other."""
    one, other = _objects(1), _objects({"b": 2}, nesting.WRAPPED - 1)
    assert merge_patch.merge(one, merge_patch.difference(one, other)) == other
    merged = merge_patch.merge_json(msgspec.json.encode(one), msgspec.json.encode(other))
    assert not nesting.is_deeper(merged, nesting.WRAPPED)
    assert b"null" not in rendering.canonical(msgspec.Raw(_nested("1")))
    patch = rendering.replacement(msgspec.Raw(_nested("1")), msgspec.Raw(_nested("2")))
    assert merge_patch.merge(msgspec.json.decode(_nested("1")), patch) == msgspec.json.decode(
        rendering.canonical(msgspec.Raw(_nested("2")))
    )


NAMES = st.sampled_from("abc")
SOLID = st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x"])


def trees(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects of JSON whose leaves are these."""
    value = st.recursive(
        leaf,
        lambda each: st.lists(each, max_size=2) | st.dictionaries(NAMES, each, max_size=3),
        max_leaves=6,
    )
    return st.dictionaries(NAMES, value, max_size=3)


@given(before=trees(SOLID), after=trees(SOLID))
def test_a_merge_of_the_difference_gives_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Of whatever two objects; and what is the same in both is not in it."""
    patch = merge_patch.difference(before, after)
    assert merge_patch.merge(before, patch) == after
    assert all(before.get(key) != after.get(key) for key in patch)
    assert (patch == {}) == (before == after)


def members(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object without members that are null, of objects in it, too; lists are values."""
    return {
        key: members(each) if isinstance(each, dict) else each
        for key, each in value.items()
        if each is not None
    }


@given(value=trees(SOLID | st.none()))
def test_a_member_that_is_null_is_no_difference(value: dict[str, Any]) -> None:
    """Status and API server spell absence in two ways: neither is worth a write by itself."""
    assert merge_patch.difference(value, members(value)) == {}
    assert merge_patch.difference(members(value), value) == {}


@given(before=trees(SOLID | st.none()), after=trees(SOLID | st.none()))
def test_a_merge_of_the_difference_says_the_same(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Of whatever two objects, however they spell what is absent."""
    patch = merge_patch.difference(before, after)
    assert members(merge_patch.merge(before, patch)) == members(after)


def test_the_deepest_content_is_kept_as_a_revision() -> None:
    """What fits an application fits the revision that is made of it."""
    deepest = msgspec.Raw(_nested("1", nesting.MOST))
    component = objects.Component(
        name="web",
        template=deepest,
        volume_claims=(objects.VolumeClaim(name="data", spec=deepest),),
    )
    kept = objects.ControllerRevision(
        metadata=objects.Meta(name="r"), data=msgspec.Raw(contents.data(component))
    )
    content = contents.of_revision(kept, "r", ())
    assert rendering.same(content.template, deepest)
    assert rendering.same(content.volume_claims[0].spec, deepest)


@pytest.mark.parametrize("containers", ['"app"', "[7]", "7", "null", '[{"name":"a"},null]', "[]"])
def test_odd_containers_are_no_change_of_images(containers: str) -> None:
    """A template whose containers are none is another template, whatever stands there."""
    odd = f'{{"spec":{{"containers":{containers}}}}}'.encode()
    sane = b'{"spec":{"containers":[{"name":"a"}]}}'
    assert not changes.can_become(odd, sane)
    assert not changes.can_become(sane, odd)
