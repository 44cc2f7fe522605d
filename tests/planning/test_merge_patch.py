"""What follows JSON level by level goes as deep as what is written may be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

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
