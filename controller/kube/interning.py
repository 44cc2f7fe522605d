"""One copy of what thousands of cached objects repeat.

Each event is decoded into fresh strings and structs, yet the servers of a set, and their pods, say
mostly the same: labels, policies, conditions of the same second, each other's names and UIDs.
`cache` passes every object through here before it keeps it, which more than halves its memory.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import msgspec

from controller.api import objects

# Parts that no two objects have alike, or that have no hash, though what is in them may be alike:
# the zone of an instance, the image of a container.
_OWN = frozenset({objects.ProviderStatus, objects.ContainerStatus, objects.Container})
# A text of more characters repeats nothing: somebody wrote it, and it would stay when they write
# another. Example: a pod whose condition has a message of 300 kB, another one each second.
_LARGEST = 2048
_set = msgspec.structs.force_setattr
_intern = sys.intern


def share(view: objects.Object) -> None:
    """Replace the parts of `view` by equal ones that are already there; it stays equal to itself.

    `view` must be fresh from its decoder: nobody else may hold it yet.
    """
    _share_meta(view.metadata)
    for name in ("spec", "status"):
        part = getattr(view, name, None)
        if isinstance(part, msgspec.Struct):
            _share_fields(part)


def _share_meta(meta: objects.Meta) -> None:
    _set(meta, "name", _intern(meta.name))
    _set(meta, "namespace", _intern(meta.namespace))
    _set(meta, "uid", _intern(meta.uid))
    if meta.creation_timestamp:
        _set(meta, "creation_timestamp", _intern(meta.creation_timestamp))
    labels = meta.labels
    for key, value in labels.items():
        labels[key] = _intern(value)
    if meta.finalizers:
        _set(meta, "finalizers", _shared(meta.finalizers))
    owners = meta.owner_references
    if len(owners) == 1 and owners[0].name == meta.name:
        # Nobody else has this one, as a pod its Server: it would take the place of what is shared.
        _share_fields(owners[0])
    elif owners:
        _set(meta, "owner_references", _shared(owners))


def _share_fields(part: msgspec.Struct) -> None:
    for name in part.__struct_fields__:
        value = getattr(part, name)
        kind = type(value)
        if kind is str:
            _set(part, name, _intern(value))
        elif kind in _OWN:
            _share_own(value)
        elif kind is tuple and value and type(value[0]) in _OWN:
            for each in value:
                _share_own(each)
        elif (kind is tuple and value) or isinstance(value, msgspec.Struct):
            _set(part, name, _shared(value))


def _share_own(part: msgspec.Struct) -> None:
    """Share what is in a part; itself would only take the place of what others have, too."""
    for name in part.__struct_fields__:
        value = getattr(part, name)
        if type(value) is str:
            _set(part, name, _intern(value))
        elif isinstance(value, msgspec.Struct):
            _set(part, name, _shared(value))


class _TooLarge(Exception):  # noqa: N818 - no error: it says that a value is not to be kept
    pass


def _shared(value: Any) -> Any:
    """Return an equal value that is there already; what has a dict or raw JSON in it has no hash.

    Called for several fields of each event, where a context manager would cost more than the rest.
    """
    try:
        return _known(value)
    except (TypeError, _TooLarge):
        return value


@functools.lru_cache(maxsize=16384)
def _known(value: Any) -> Any:
    """Return `value`, and keep it; no exception is remembered, so nothing that is large is."""
    if _size(value) > _LARGEST:
        raise _TooLarge
    return value


def _size(value: Any) -> int:
    """Return about how many characters there are in a value."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, tuple | frozenset):
        return sum(map(_size, value))
    if isinstance(value, msgspec.Struct):
        return sum(_size(getattr(value, name)) for name in value.__struct_fields__)
    return 1
