"""How a patch changes an object; nothing given is changed in place."""

from __future__ import annotations

from typing import Any

from controller.api import nulls

# The lists that a strategic patch of a pod merges by a key, and that key.
_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "conditions": "type",
    "ownerReferences": "uid",
    "imagePullSecrets": "name",
}


def json_merge(old: Any, patch: Any) -> Any:
    """Return `old` with `patch` merged in, as RFC 7386 says, and as the API server's library does.

    That takes nulls out of a list that is written, too, but for items of the list itself.
    """
    if not isinstance(patch, dict):
        return nulls.without_nulls(patch)
    merged = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = json_merge(merged.get(key), value)
    return merged


def strategic(old: Any, patch: Any, field: str = "") -> Any:
    """Return `old` with `patch` merged in; lists with a known key are merged by it."""
    if isinstance(patch, dict):
        merged = dict(old) if isinstance(old, dict) else {}
        for key, value in patch.items():
            if value is None:
                merged.pop(key, None)
            else:
                merged[key] = strategic(merged.get(key), value, key)
        return merged
    key = _MERGE_KEYS.get(field)
    if not isinstance(patch, list) or key is None or not isinstance(old, list):
        return patch
    entries = {each[key]: each for each in old}
    for each in patch:
        if each.get("$patch") == "delete":
            entries.pop(each[key], None)
        else:
            entries[each[key]] = strategic(entries.get(each[key]), each)
    return list(entries.values())
