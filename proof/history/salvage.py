"""Reads JSON into records whatever it is: what cannot be read is as if it were not there.

An API server writes down what others sent, and that may be anything: null for a list, text for a
map, bytes that are no text, a line that is cut. `journal` decodes through this module, so that no
object can keep a history from being judged. What can be read of it is judged all the same.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

Kind = TypeVar("Kind")

# What JSON that is no record makes a decoder raise; the last where it is nested too deeply.
_ILL = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NOTHING = object()
# Larger ones stand for no version and no moment.
_LARGEST = 1 << 62


def reader(kind: type[Kind]) -> Callable[[bytes | msgspec.Raw], Kind | None]:
    """Return what reads JSON as records of a kind; None where there is nothing to read."""
    quick = msgspec.json.Decoder(kind)

    def read(text: bytes | msgspec.Raw) -> Kind | None:
        try:
            return quick.decode(text)
        except _ILL:
            return _saved(bytes(text), kind)

    return read


def number(text: str) -> int:
    """Return a resourceVersion as a number; 0 where it is none."""
    if not (text.isascii() and text.isdigit() and len(text) < len(str(_LARGEST))):
        return 0
    return int(text)


def seconds(moment: dt.datetime | None, otherwise: float) -> float:
    """Return a moment in seconds since the epoch, or something else where there is none."""
    if moment is None:
        return otherwise
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def moment(text: str | None) -> float | None:
    """Return a written moment in seconds since the epoch, or nothing where it is none."""
    try:
        return seconds(dt.datetime.fromisoformat(text or ""), 0.0)
    except ValueError:
        return None


def _saved(text: bytes, kind: type[Kind]) -> Kind | None:
    try:
        plain = msgspec.json.decode(text.decode(errors="replace"))
        found = _read(plain, kind)
    except _ILL:
        return None
    return None if found is _NOTHING else typing.cast("Kind", found)


def _read(value: Any, kind: Any) -> Any:
    """Return as much of a value as is of the kind, or nothing."""
    origin, of = typing.get_origin(kind), typing.get_args(kind)
    found: Any = _NOTHING
    if kind is msgspec.Raw:
        found = msgspec.Raw(msgspec.json.encode(value))
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        found = _record(value, kind)
    elif origin is tuple and isinstance(value, list):
        items = (_read(each, of[0]) for each in value)
        found = tuple(each for each in items if each is not _NOTHING)
    elif origin is dict and isinstance(value, dict):
        read = {key: _read(each, of[1]) for key, each in value.items()}
        found = {key: each for key, each in read.items() if each is not _NOTHING}
    elif isinstance(kind, types.UnionType):
        either = (_read(value, each) for each in of)
        found = next((each for each in either if each is not _NOTHING), _NOTHING)
    else:
        with contextlib.suppress(msgspec.ValidationError):
            found = msgspec.convert(value, kind)
    return found


def _record(value: Any, kind: type[msgspec.Struct]) -> Any:
    if not isinstance(value, dict):
        return _NOTHING
    found = {}
    for name, wire, wanted in _fields(kind):
        if wire in value and (read := _read(value[wire], wanted)) is not _NOTHING:
            found[name] = read
    return kind(**found)


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, Any], ...]:
    # The fields of all records have defaults: what is missing is as if it had not been written.
    return tuple((each.name, each.encode_name, each.type) for each in msgspec.structs.fields(kind))
