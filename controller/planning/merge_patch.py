"""JSON merge patches (RFC 7386), as pure values: alternatives of a template are written so."""

from __future__ import annotations

from typing import Any

import msgspec


def merge(target: Any, patch: Any) -> Any:
    """Return `target` with `patch` merged in: null removes, an object merges, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    base = target if isinstance(target, dict) else {}
    merged = {key: value for key, value in base.items() if key not in patch}
    for key, value in patch.items():
        if value is not None:
            merged[key] = merge(base.get(key), value)
    return merged


def merge_json(target: bytes, patch: bytes) -> bytes:
    """Return the JSON `target` with the JSON `patch` merged in; an absent patch changes nothing."""
    if patch in (b"", b"null"):
        return target
    decoded = msgspec.json.decode(target or b"null")
    return msgspec.json.encode(merge(decoded, msgspec.json.decode(patch)))


def difference(before: Any, after: Any) -> Any:
    """Return the patch that makes `after` of `before`; a member that is null is as good as absent.

    Of two objects that differ in such members alone it is empty.
    """
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    patch = {key: None for key, old in before.items() if old is not None and key not in after}
    for key, value in after.items():
        old = before.get(key)
        if old == value:
            continue
        change = difference(old, value)
        if change != {} or not isinstance(old, dict):
            patch[key] = change
    return patch
