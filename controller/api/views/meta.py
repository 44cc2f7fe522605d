"""What every view has: frozen, camelCase on the wire, unknown fields skipped."""

from __future__ import annotations

import functools

import msgspec

# A JSON value that passes through unread, kept as the bytes that arrived.
Json = msgspec.Raw
NULL = msgspec.Raw(b"null")


@functools.lru_cache(maxsize=4096)
def shared(raw: bytes) -> msgspec.Raw:
    """Return one Raw for equal bytes: a fleet's servers share one template in memory."""
    return msgspec.Raw(raw)


class View(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The base of all views: frozen, camelCase on the wire, unknown fields skipped."""


class OwnerReference(View, frozen=True, kw_only=True, gc=False):
    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False


class Meta(View, frozen=True, kw_only=True):
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that controls the object, if one does."""
        return next((each for each in self.owner_references if each.controller), None)


class Object(View, frozen=True, kw_only=True):
    """What every cached object has."""

    metadata: Meta
