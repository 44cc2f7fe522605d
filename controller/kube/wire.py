"""Lists and watch events, decoded straight into views.

`informer` calls this once for each page and each line, so it decodes each text once; only what
does not fit its view is looked at a second time, to name it and to keep what can be read of it.
Whatever an object holds, it is one object that is Malformed, and never a decoder that fails.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from typing import Any, Generic, TypeVar, cast

import msgspec

from controller import errors
from controller.api import nesting, objects
from controller.api.conditions import Conditions
from controller.kube import faults
from controller.kube.reasons import KubeReason

T = TypeVar("T", bound=objects.Object)
E = TypeVar("E")


class WatchEventKind(enum.Enum):
    """The kind of a watch event."""

    PRESENT = enum.auto()
    DELETED = enum.auto()
    BOOKMARK = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class Malformed:
    """An object that does not fit its view: which, what is wrong with it, and what is left of it.

    `remains` is a view whose values are cut short: enough to know whose the object is, to say on
    it what is wrong and to tear it down, but not to make anything of; None if there is no such.
    """

    metadata: objects.Meta
    message: str
    remains: objects.Object | None = None
    # The conditions that its status has said so far, where those can be read.
    conditions: Conditions = ()


@dataclasses.dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    """One page of a list."""

    items: Sequence[T]
    malformed: Sequence[Malformed]
    resource_version: int
    continue_token: str


class Garbled(errors.Transient):
    """The answer is not what a watch or a list looks like: cut, or mixed with something else."""


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = "0"
    continue_token: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct, Generic[E]):
    metadata: _ListMeta
    items: list[E] | None = None


class _Line(msgspec.Struct, Generic[E], gc=False):
    type: str
    object: E


class _Mark(msgspec.Struct, rename="camel"):
    resource_version: str


class _Bookmark(msgspec.Struct):
    metadata: _Mark


class _Bare(msgspec.Struct):
    metadata: objects.Meta


class _Said(msgspec.Struct, frozen=True):
    conditions: Conditions = ()


class _Told(msgspec.Struct, frozen=True):
    status: _Said = _Said()


# The API server writes the type first, so that one byte tells which decoder fits.
_PREFIX = b'{"type":"'
_FIRST = len(_PREFIX)
_ADDED, _MODIFIED, _DELETED, _BOOKMARK = b"A"[0], b"M"[0], b"D"[0], b"B"[0]

# How a decoder says that it cannot go on: that JSON is none, does not fit, is too deep, no Unicode.
UNREADABLE = (msgspec.DecodeError, RecursionError, ValueError)

Event = tuple[WatchEventKind, T | Malformed | objects.Meta | None, int]


class Decoder(Generic[T]):
    """Decodes one resource's lists and events into `view`."""

    def __init__(self, view: type[T], what: str) -> None:
        self._what = what
        # The view is known at run time only, which a type checker cannot follow.
        generic_list, generic_line = cast("Any", _List), cast("Any", _Line)
        self._page = msgspec.json.Decoder(generic_list[view])
        self._item = msgspec.json.Decoder(view)
        self._present = msgspec.json.Decoder(generic_line[view])
        self._raw_page = msgspec.json.Decoder(_List[msgspec.Raw])
        self._raw_line = msgspec.json.Decoder(_Line[msgspec.Raw])
        self._bare_line = msgspec.json.Decoder(_Line[_Bare])
        self._bookmark = msgspec.json.Decoder(_Line[_Bookmark])
        self._bare = msgspec.json.Decoder(_Bare)
        self._told = msgspec.json.Decoder(_Told)
        self._checks = view.check is not objects.Object.check
        # A ControllerRevision is its data: without that nothing of use is left of it.
        self._leaves_remains = "spec" in view.__struct_fields__

    def page(self, text: bytes) -> ListPage[T]:
        """Return a page of a list; raises Garbled where it is not one."""
        malformed: list[Malformed] = []
        try:
            page = self._page.decode(text)
            items = page.items or []
            if self._checks:
                for each in items:
                    each.check()
        except UNREADABLE:
            page, items, malformed = self._piecewise(text)
        meta = page.metadata
        return ListPage(items, malformed, self._version(meta.resource_version), meta.continue_token)

    def event(self, line: bytes) -> Event[T]:
        """Return what an event says: its kind, the object (or its Meta), its resourceVersion.

        Raises Gone or another fault for an ERROR event, Garbled for what is not an event.
        """
        try:
            return self._event(line)
        except UNREADABLE:
            return self._unreadable(line)

    def one(self, text: bytes) -> T | Malformed:
        """Return the object that `text` is; raises Garbled where it is none."""
        try:
            return self._read(text)
        except UNREADABLE:
            pass
        readable = nesting.readable(text)
        try:
            return self._object(readable)
        except UNREADABLE as error:
            raise self._garbled(text) from error

    def _event(self, line: bytes) -> Event[T]:
        first = line[_FIRST] if line.startswith(_PREFIX) and len(line) > _FIRST else 0
        if first in (_ADDED, _MODIFIED):
            view = self._present.decode(line).object
            if self._checks:
                view.check()
            return WatchEventKind.PRESENT, view, int(view.metadata.resource_version)
        if first == _BOOKMARK:
            mark = self._bookmark.decode(line).object.metadata
            return WatchEventKind.BOOKMARK, None, int(mark.resource_version)
        if first == _DELETED:
            meta = self._bare_line.decode(line).object.metadata
            return WatchEventKind.DELETED, meta, int(meta.resource_version)
        return self._unusual(line)

    def _unreadable(self, line: bytes) -> Event[T]:
        """Read an event that does not fit: what it says of its object, one way or the other."""
        readable = nesting.readable(line)
        try:
            if readable.startswith((_PREFIX + b"A", _PREFIX + b"M")):
                found = self._object(self._raw_line.decode(readable).object)
                return WatchEventKind.PRESENT, found, int(found.metadata.resource_version)
            return self._event(readable)
        except UNREADABLE as error:
            raise self._garbled(line) from error

    def _unusual(self, line: bytes) -> Event[T]:
        """Read an ERROR, or an event whose fields come in another order."""
        event = self._raw_line.decode(line)
        if event.type == "ERROR":
            status = faults.read_status(bytes(event.object))
            raise faults.from_status(status.code or 500, status, what=self._what, writes=False)
        if event.type not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK"):
            raise self._garbled(line)
        ordered = _PREFIX + event.type.encode() + b'","object":' + bytes(event.object) + b"}"
        if ordered == line:
            raise self._garbled(line)
        return self.event(ordered)

    def _piecewise(self, text: bytes) -> tuple[_List[msgspec.Raw], list[T], list[Malformed]]:
        items: list[T] = []
        malformed: list[Malformed] = []
        readable = nesting.readable(text)
        try:
            page = self._raw_page.decode(readable)
            for raw in page.items or ():
                found = self._object(raw)
                if isinstance(found, Malformed):
                    malformed.append(found)
                else:
                    items.append(found)
        except UNREADABLE as error:
            raise self._garbled(text) from error
        return page, items, malformed

    def _object(self, raw: bytes) -> T | Malformed:
        """Return the view of readable JSON, or what is wrong with it."""
        try:
            return self._read(raw)
        except UNREADABLE as error:
            metadata = self._bare.decode(raw).metadata
            left = _cut(bytes(raw))
            return Malformed(metadata, str(error), self._remains(left), self._conditions(left))

    def _remains(self, cut: bytes) -> T | None:
        if not self._leaves_remains:
            return None
        try:
            return self._read(cut)
        except UNREADABLE:
            return None

    def _conditions(self, cut: bytes) -> Conditions:
        try:
            return self._told.decode(cut).status.conditions
        except UNREADABLE:
            return ()

    def _read(self, text: bytes) -> T:
        view = self._item.decode(text)
        if self._checks:
            view.check()
        return view

    def _version(self, text: str) -> int:
        try:
            return int(text)
        except ValueError as error:
            raise self._garbled(text.encode()) from error

    def _garbled(self, text: bytes) -> Garbled:
        start = text[:120].decode(errors="replace")
        return Garbled(f"{self._what}: not understood: {start}", reason=KubeReason.GARBLED)


def _cut(raw: bytes) -> bytes:
    """Return an object without its deep values; nothing where not even that can be done."""
    try:
        return nesting.cut(raw, nesting.NAMED)
    except UNREADABLE:
        return b""
