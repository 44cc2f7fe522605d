"""JSON as planning writes it: full renderings of views, and merge patches that really replace.

Views leave out defaults when encoded, which in a merge patch would keep the old value; and a merge
patch of a template would keep what the new one dropped. So patches are rendered here.
"""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from controller.api import nulls, remembered
from controller.planning import merge_patch


def full(value: Any) -> Any:
    """Return a view as JSON values with every field in it, defaults too."""
    if isinstance(value, msgspec.Struct):
        return {key: full(getattr(value, name)) for name, key in _fields(type(value))}
    if isinstance(value, tuple):
        return [full(each) for each in value]
    return value


def canonical(value: Any) -> bytes:
    """Return the one JSON text that stands for `value`: keys sorted, null members left out.

    A null member says nothing, and the API server drops it when it is patched in.
    """
    return _canonical(msgspec.json.encode(value))


def same(one: Any, other: Any) -> bool:
    """Return whether both say the same, however their JSON is written."""
    return bool(one is other or one == other or canonical(one) == canonical(other))


def replacement(before: msgspec.Raw, after: msgspec.Raw) -> Any:
    """Return the merge patch that turns the JSON object `before` into `after`."""
    return _replacement(bytes(before), bytes(after))


def decoded(raw: msgspec.Raw) -> Any:
    """Return the JSON values of `raw`, not to be changed by the caller."""
    return _decoded(bytes(raw))


@functools.cache
def _fields(view: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """Return the names of a view's fields, here and on the wire: found out once, as it is dear."""
    return tuple((each.name, each.encode_name) for each in msgspec.structs.fields(view))


@remembered.by_content(1024)
def _canonical(text: bytes) -> bytes:
    return msgspec.json.encode(nulls.without_nulls(msgspec.json.decode(text)), order="sorted")


@remembered.by_content(256)
def _decoded(text: bytes) -> Any:
    return msgspec.json.decode(text)


@remembered.by_content(256)
def _replacement(before: bytes, after: bytes) -> Any:
    return merge_patch.difference(
        msgspec.json.decode(_canonical(before)), msgspec.json.decode(_canonical(after))
    )
